"""Names of groups in the keys of numbers."""

from __future__ import annotations

import re


def slug(text: str) -> str:
    """Lower-case words joined by underscores, for a key."""
    return re.sub(r"\W+", "_", text.lower()).strip("_")
