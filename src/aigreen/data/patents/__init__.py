"""Patents: symbols, classification, names of applicants, counts."""
