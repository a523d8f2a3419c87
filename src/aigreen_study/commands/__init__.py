"""The commands of `aigreen`, one a file: `add_arguments(parser)` and `run(given)`, which returns the exit code."""
