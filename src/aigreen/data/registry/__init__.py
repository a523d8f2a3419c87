"""Where public and licensed files come from, and how they are fetched."""
