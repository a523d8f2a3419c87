"""Raw tables to analysis panels, each with its sample flow and codebook."""
