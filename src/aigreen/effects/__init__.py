"""The result of every estimator: estimates with their influence functions, and what follows from them."""
