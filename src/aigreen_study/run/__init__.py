"""Running the workflow: locks, threads, logs, terminal."""
