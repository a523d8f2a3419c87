import numpy as np
import pandas as pd
import pytest

from aigreen import Panel

from .parts import ROLES


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"firm": np.repeat(np.arange(80), 8), "year": np.tile(np.arange(2011, 2019), 80)})
    frame["city"] = frame["firm"] // 4
    frame["region"] = np.where(frame["firm"] % 2, "East", "West")
    frame["first"] = frame["city"].map({0: 2015, 1: 2015, 2: 2015, 3: 2017, 4: 2017, 5: 2017})
    frame["later"] = frame["first"] + 1
    frame["treated"] = (frame["year"] >= frame["first"]).astype(int)
    frame["x"], frame["dose"] = rng.normal(size=len(frame)), rng.normal(size=len(frame))
    frame["m"] = rng.normal(size=len(frame)) + frame["treated"]
    frame["near"] = ((frame["city"] > 15) & (frame["year"] > 2014)).astype(int)
    frame["y"] = rng.normal(size=len(frame)) + 0.5 * frame["treated"] + frame["firm"] / 40
    frame["count"] = rng.poisson(np.exp(0.4 * frame["treated"]))
    return frame


@pytest.fixture(scope="module")
def panel(frame):
    return Panel(frame, **ROLES)
