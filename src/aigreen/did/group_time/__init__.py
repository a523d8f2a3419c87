"""Group-time average treatment effects (Callaway and Sant'Anna)."""
