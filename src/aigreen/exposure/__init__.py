"""Exposure of a unit to the treatment of others: maps of who is linked to whom, and the basis of the response."""
