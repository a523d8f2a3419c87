"""The total effect split exactly into direct, restructuring and spillover parts, with one joint covariance."""
