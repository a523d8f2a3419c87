"""Linear algebra on arrays: fixed effects, normal equations, sandwiches; nothing here knows a panel."""
