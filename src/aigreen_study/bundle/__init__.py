"""The replication package of a study: one archive that a data editor can check and a stranger can run."""
