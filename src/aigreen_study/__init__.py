"""What rebuilds the paper: specifications, exhibits, numbers, trust."""
