"""The imputation engine on panels in files: rows, equations and sums by cluster, block by block."""
