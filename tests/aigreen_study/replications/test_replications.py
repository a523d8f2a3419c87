"""Published numbers beside recomputed ones: what agrees, what is absent, what does not match."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from aigreen.data.registry.registry import MIRROR, registry
from aigreen.errors import ConfigError
from aigreen_study.numbers.prose import Ledger
from aigreen_study.replications.exhibits import TITLES, add_replications, replications_table
from aigreen_study.replications.replications import (
    ABSENT,
    AGREES,
    COLUMNS,
    DIFFERS,
    REPLICATIONS,
    compare,
    read_published,
    recompute,
)

CONFIG = Path(__file__).parents[3] / "analysis/config"
PUBLISHED = [
    ("hgh", "lag0", 0.322, 3),
    ("hgh", "lag1", -0.087, 3),
    ("hgh", "lag2", 0.079, 3),
    ("castle", "twfe", 0.08, 4),
]


def published() -> pd.DataFrame:
    rows = [(name, number, number.upper(), value, digits, "a paper") for name, number, value, digits in PUBLISHED]
    return pd.DataFrame(rows, columns=COLUMNS)


def found(*, lag1: float = -0.0874) -> pd.DataFrame:
    values = {"lag0": 0.3225, "lag1": lag1, "lag2": 0.0785}
    rows = [("hgh", number, value, 1620, "") for number, value in values.items()]
    rows.append(("castle", "", np.nan, 0, "Ask for it."))
    return pd.DataFrame(rows, columns=["replication", "number", "ours", "n_rows", "reason"])


def test_a_number_agrees_within_half_a_unit_of_its_last_decimal():
    table = compare(published(), found()).set_index("number")
    assert table["verdict"].to_dict() == {"lag0": AGREES, "lag1": AGREES, "lag2": AGREES, "twfe": ABSENT}
    assert table.loc["lag1", "difference"] == pytest.approx(-0.0004)
    far = compare(published(), found(lag1=-0.0876)).set_index("number")
    assert far.loc["lag1", "verdict"] == DIFFERS
    assert np.isnan(far.loc["twfe", "ours"]) and far.loc["twfe", "reason"] == "Ask for it."


def test_numbers_without_a_counterpart_are_refused():
    with pytest.raises(ConfigError, match="1 numbers are not both published and recomputed; first: hgh lag2"):
        compare(published(), found().query("number != 'lag2'"))
    with pytest.raises(ConfigError, match="1 numbers are not both published and recomputed; first: hgh lag1"):
        compare(published().query("number != 'lag1'"), found())


def test_table_and_ledger_say_what_is_absent():
    comparison = compare(published(), found(lag1=-0.5))
    table = replications_table(comparison)
    assert [group.title for group in table.groups] == [TITLES["hgh"], TITLES["castle"]]
    assert [cell.text for cell in table.rows[1].cells] == ["−0.087", "−0.500", "−0.4130000", "1,620", "no"]
    assert [cell.text for cell in table.rows[3].cells] == ["0.0800", "", "", "", "data not here"]
    assert "Patents and R&D lags: a paper" in table.notes
    ledger = Ledger(rule="compare_published")
    add_replications(ledger, comparison)
    texts = {
        key: ledger[key]["text"] for key in ("hgh_state", "castle_state", "castle_twfe_ours", "n_agree", "n_absent")
    }
    assert texts == {
        "hgh_state": "One of three numbers differ: LAG1.",
        "castle_state": "The data are not here. Ask for it.",
        "castle_twfe_ours": "(data not here)",
        "n_agree": "2",
        "n_absent": "1",
    }


def test_the_list_of_published_numbers_is_checked(tmp_path):
    path = tmp_path / "replications.csv"
    published().assign(replication="hghh").to_csv(path, index=False)
    with pytest.raises(ConfigError, match="no replication 'hghh' \\(did you mean 'hgh'\\?\\)"):
        read_published(path)
    pd.concat([published(), published().tail(1)]).to_csv(path, index=False)
    with pytest.raises(ConfigError, match="1 numbers stand twice; first: twfe"):
        read_published(path)
    published().drop(columns="label").to_csv(path, index=False)
    with pytest.raises(ConfigError, match="columns must be replication, number, label"):
        read_published(path)


def test_every_replication_is_published_titled_configured_and_registered():
    names = list(REPLICATIONS)
    assert list(read_published(CONFIG / "replications.csv")["replication"].unique()) == names == list(TITLES)
    config = yaml.safe_load((CONFIG / "replications.yaml").read_text(encoding="utf-8"))
    assert list(dict.fromkeys(one.source for one in REPLICATIONS.values())) == config["source"]
    files = [f"{one.source}/{file}" for one in REPLICATIONS.values() for file in one.files]
    assert set(files) <= set(registry()["file"])


@pytest.mark.parametrize("name", REPLICATIONS)
@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SeparationWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")  # organ donation: one treated state
def test_every_published_number_is_recomputed(name, shared, tmp_path, monkeypatch):
    monkeypatch.setenv(MIRROR, str(shared / "data"))
    rows = read_published(CONFIG / "replications.csv").query("replication == @name")
    table = compare(rows, recompute(name, tmp_path))
    assert (table["verdict"] == AGREES).all(), table[["number", "published", "ours"]]


def test_absent_and_damaged_data_are_named_without_paths(tmp_path, monkeypatch):
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    rows = recompute("mpdta", tmp_path / "raw")
    assert rows["number"].tolist() == [""] and rows["ours"].isna().all()
    assert "data(mpdta, package = 'did')" in rows["reason"][0] and str(tmp_path) not in rows["reason"][0]
    damaged = tmp_path / "mirror/did_mpdta/mpdta.csv"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("year,lemp\n", encoding="utf-8")
    assert (
        recompute("mpdta", tmp_path / "raw")["reason"][0] == "A file of did_mpdta is not the registered one (sha256)."
    )
