"""From raw files to the firm-year panel."""
