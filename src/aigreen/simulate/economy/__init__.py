"""The synthetic economy: drawn, written as raw files, with its truth."""
