from __future__ import annotations

import pytest

from aigreen import Panel

from .economy import CITY, economy


@pytest.fixture
def panel() -> Panel:
    return Panel(economy(), **CITY)
