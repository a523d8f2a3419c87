"""Panels larger than memory: sorted once by unit, read in blocks of whole units."""
