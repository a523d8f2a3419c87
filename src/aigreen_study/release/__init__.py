"""A release: versions that agree, archives of tracked files, what remains to be done by hand."""
