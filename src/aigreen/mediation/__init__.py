"""Effects through channels under fixed effects."""
