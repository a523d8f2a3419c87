"""The decomposition of panels in files, from sums by cluster."""
