"""What is checked of a panel on disk: the same errors and warnings as in memory, files, cache, memory, options."""

from __future__ import annotations

import os
import platform
import re
import warnings

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Decomposition, Efficient, GroupTimeATT, Imputation, Panel
from aigreen.errors import (
    ClusterVariesError,
    DataError,
    EstimationError,
    MissingExtraError,
    MissingValueError,
    NonNumericError,
    NotAPanelError,
    OptionError,
    SourceError,
    UnknownColumnError,
)
from aigreen.panel.on_disk.sorted_file import in_words, memory_bytes

from .twins import KEYS, assert_same_outcome, outcome


def frame(n: int = 12, periods: int = 4) -> pd.DataFrame:
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(2001, 2001 + periods), n)
    df = pd.DataFrame({"firm": firm, "year": year, "first": np.where(firm % 2, 2003.0, np.nan), "city": firm // 2})
    return df.assign(w=1.0, y=np.sin(np.arange(len(df))), name="a", ind=firm % 3)


def scan(df: pd.DataFrame, folder, **roles):
    df.to_parquet(folder / "panel.parquet", index=False)
    return Panel.scan(folder / "panel.parquet", **(KEYS | roles))


def changed(**columns) -> pd.DataFrame:
    """Rows changed by position: ``y={3: np.inf}``."""
    df = frame()
    for name, values in columns.items():
        df[name] = df[name].astype(object if any(isinstance(v, str) for v in values.values()) else float)
        for row, value in values.items():
            df.loc[row, name] = value
    return df


SAME = {
    "duplicates": (pd.concat([frame(), frame()[5:8]]), {}),
    "cohort varies": (changed(first={5: 2002, 13: 2004}), {}),
    "a dummy of treatment": (frame().assign(first=lambda d: (d["year"] > 2002).astype(int)), {}),
    "zero is a period": (frame().assign(year=lambda d: d["year"] - 2002, first=lambda d: d["firm"] % 2), {}),
    "long after the end": (frame().assign(first=lambda d: d["first"].fillna(9999)), {}),
    "one period": (frame()[lambda d: d["year"] == 2001], {}),
    "negative weights": (changed(w={3: -1.0, 7: -2.0}), {"weights": "w"}),
    "missing weights": (changed(w={3: np.nan}), {"weights": "w"}),
    "no weights": (frame().assign(w=0.0), {"weights": "w"}),
    "infinite weights": (changed(w={3: np.inf}), {"weights": "w"}),
}


@pytest.mark.parametrize("case", SAME)
def test_what_is_wrong_is_said_in_the_words_of_panel(tmp_path, case):
    df, roles = SAME[case]
    memory, told = outcome(lambda: Panel(df, **(KEYS | roles)))
    disk, said = outcome(scan, df, tmp_path, **roles)
    assert isinstance(memory, DataError) or told
    assert said == told
    if isinstance(memory, DataError):
        assert (type(disk), str(disk)) == (type(memory), str(memory))
        assert (disk.column, disk.count, disk.first) == (memory.column, memory.count, memory.first)


def test_values_that_are_no_periods_are_counted_once_a_unit_or_once(tmp_path):
    with pytest.raises(DataError, match=r"^column 'first': 2 values are not periods .*; first: 2.5, 2.5$"):
        scan(frame().assign(first=lambda d: d["first"].where(d["firm"] > 1, 2.5)), tmp_path)
    with pytest.raises(DataError, match=r"^column 'first': 1 value is not a period .*; first: -5.0$"):
        scan(frame().assign(first=lambda d: d["first"].where(d["firm"] > 0, -5)), tmp_path)
    with pytest.raises(DataError, match=r"^column 'year': 1 values are not integers; first: 2001.5$"):
        scan(changed(year={3: 2001.5, 8: 2001.5}), tmp_path)
    with pytest.raises(DataError, match=r"^column 'year' holds YYYYMM, so that 200102 to 200201 would count"):
        scan(frame().assign(year=lambda d: d["year"] * 100 + d["firm"] % 2 + 1), tmp_path)


def test_outcomes_that_cannot_be_used(tmp_path):
    df = changed(y={3: np.inf, 30: -np.inf})
    for column, values in {
        "text": "a", "some": np.where(np.arange(48) % 7, "1.5", "x"), "huge": np.where(np.arange(48) % 9, 1.0, 1e80),
        "tiny": 1e-80, "none": np.nan,
    }.items():  # fmt: skip
        df[column] = values
    panel, scanned = Panel(df, **KEYS), scan(df, tmp_path)
    for column in ("y", "huge", "tiny", "none", "absent", "first_"):
        assert_same_outcome(Imputation().fit, panel, scanned, column)
    with pytest.raises(NonNumericError, match=r"^column 'some' .* 7 values cannot be used; first: 'x', 'x'"):
        Imputation().fit(scanned, "some")
    with pytest.raises(NonNumericError, match="48 values cannot be used; first: 'a'"):
        Imputation().fit(scanned, "text")


def test_missing_keys_name_count_and_rows(tmp_path):
    with pytest.raises(MissingValueError, match=r"^column 'firm': 1 missing values; first: \(None, 2004\)"):
        scan(changed(firm={3: np.nan}), tmp_path)
    with pytest.raises(MissingValueError, match=r"^column 'city': 2 missing values; first: \(0, 2004\), \(1, 2001\)"):
        scan(changed(city={3: np.nan, 4: np.nan}), tmp_path, cluster="city")
    scanned = scan(frame().assign(ind=lambda d: d["ind"].where(d["firm"] != 2)), tmp_path)
    with pytest.raises(MissingValueError, match=r"^column 'ind': 4 missing values; first: \(2, 2001\)"):
        TWFE(fixed_effects=["firm", "ind^year"]).fit(scanned, "y")


def test_units_that_move_between_clusters(tmp_path):
    with pytest.raises(ClusterVariesError, match=r"^column 'city': 2 units move between clusters; .* first: 0, 3$"):
        scan(changed(city={3: 9.0, 14: 0.0}), tmp_path, cluster="city")


def test_files(tmp_path):
    df = frame()
    for year, part in df.groupby("year"):
        part[list(part.columns[:: 1 if year % 2 else -1])].to_parquet(tmp_path / f"{year}.parquet")
    one, other = Panel.scan(tmp_path, **KEYS), Panel.scan([tmp_path / "200[12].*", str(tmp_path / "200[34].*")], **KEYS)
    assert one.n_rows == other.n_rows == 48
    assert repr(one) == (
        "ScannedPanel: 48 rows on disk, 12 units ('firm'), 4 periods (2001-2004), balanced; "
        "6 ever treated in 1 cohort; 12 clusters"
    )
    with pytest.raises(SourceError, match="no Parquet file at"):
        Panel.scan(tmp_path / "no*.parquet", **KEYS)
    with pytest.raises(UnknownColumnError, match=r"unit: no column 'firma' .did you mean 'firm'"):
        Panel.scan(tmp_path, **(KEYS | {"unit": "firma"}))
    (tmp_path / "2005.parquet").write_text("no parquet")
    with pytest.raises(SourceError, match=r"2005\.parquet is no Parquet file$"):
        Panel.scan(tmp_path, **KEYS)
    (tmp_path / "2005.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceError, match="cannot be read and sorted"):
        Panel.scan(tmp_path, **KEYS)
    frame().to_csv(tmp_path / "firms.csv")
    with pytest.raises(SourceError, match=r"firms\.csv is no Parquet file; duckdb\.sql\(\"copy 'firms\.csv' to"):
        Panel.scan(tmp_path / "firms.csv", **KEYS)
    pd.DataFrame(columns=["firm", "year", "first"]).astype(float).to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(DataError, match="no rows"):
        Panel.scan(tmp_path / "empty.parquet", **KEYS)


@pytest.mark.parametrize("name", ["year", "first"])
@pytest.mark.parametrize("kind", ["zone", "periods"])
def test_dates_that_would_be_read_as_others_are_refused(tmp_path, name, kind):
    df = frame()
    dates = pd.to_datetime(df[name].fillna(2003).astype(int).astype(str))
    df[name] = dates.dt.to_period("Y") if kind == "periods" else dates.dt.tz_localize("Asia/Shanghai")
    with pytest.raises(SourceError, match=rf"panel\.parquet: column '{name}' is of type .* write whole years"):
        scan(df, tmp_path)
    df[name] = dates
    other = "first" if name == "year" else "year"
    df[other] = pd.to_datetime(df[other].fillna(2003).astype(int).astype(str))
    assert scan(df, tmp_path, freq="Y").periods.astype(str).tolist() == ["2001", "2002", "2003", "2004"]


def test_only_named_columns_are_kept(tmp_path):
    frame().to_parquet(tmp_path / "panel.parquet")
    panel = Panel.scan(tmp_path, columns="name", **KEYS)
    assert panel.columns == ["firm", "year", "first", "name"]
    with pytest.raises(UnknownColumnError, match="'ind'"):
        TWFE(fixed_effects=["firm", "ind^year"]).fit(panel, "y")


def test_a_cache_keeps_the_sorted_file_of_these_files(tmp_path):
    source, cache = tmp_path / "panel.parquet", tmp_path / "cache"
    frame().to_parquet(source)
    Panel.scan(source, cache=cache, **KEYS)
    (first,) = cache.glob("*.parquet")
    stamp = first.stat().st_mtime_ns
    half = cache / f".{first.name}.999999999@{platform.node()}"  # of a process that was killed
    half.write_text("half a file")
    Panel.scan(source, cache=cache, **KEYS)
    assert [first.stat().st_mtime_ns] == [path.stat().st_mtime_ns for path in cache.glob("*.parquet")] == [stamp]
    frame(n=20).to_parquet(source)
    os.utime(source, ns=(1, 1))
    assert Panel.scan(source, cache=cache, **KEYS).n_units == 20
    assert len(list(cache.glob("*.parquet"))) == 2
    assert not half.exists()


def test_a_sort_that_stops_leaves_no_file(tmp_path, monkeypatch):
    source, cache = tmp_path / "panel.parquet", tmp_path / "cache"
    frame().to_parquet(source)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        Panel.scan(source, cache=cache, **KEYS)
    assert not list(cache.glob("*sorted*"))


def test_without_a_cache_the_sorted_file_goes_with_the_panel(tmp_path):
    panel = scan(frame(), tmp_path)
    path = panel.store.path
    assert path.exists()
    del panel
    assert not path.parent.exists()


def test_memory(tmp_path):
    assert [memory_bytes(text) for text in ("4GB", "1.5 gb", "500MB")] == [4_000_000_000, 1_500_000_000, 500_000_000]
    for text in ("4", "0GB", "many"):
        with pytest.raises(OptionError, match=f"memory='{text}'"):
            memory_bytes(text)
    assert [in_words(size) for size in (1, 1000, 1_550_001, 4 * 10**9)] == ["0.1KB", "1KB", "1.6MB", "4GB"]
    df = frame(n=4000, periods=8)
    df.to_parquet(tmp_path / "panel.parquet")
    panel = Panel.scan(tmp_path / "panel.parquet", memory="600KB", **KEYS)
    with pytest.raises(
        EstimationError, match=r"4,000 clusters.* would take .*MB, more than memory=600KB: at least memory=.*cluster="
    ) as told:
        Imputation().fit(panel, "y")
    least = re.search(r"at least memory=(\S+),", str(told.value))[1]
    assert memory_bytes(least) > 600_000
    Imputation().fit(Panel.scan(tmp_path / "panel.parquet", memory=least, **KEYS), "y")
    assert GroupTimeATT().fit(panel, "y").psi is None
    wide = Panel.scan(tmp_path / "panel.parquet", memory="600KB", **(KEYS | {"cluster": "city"}))
    assert len(GroupTimeATT().fit(wide, "y")) == 7


REFUSED = [
    (GroupTimeATT(), {"propensity_covariates": ["w"]}, "propensity_covariates=['w']"),
    (GroupTimeATT(sampling="balanced"), {}, "sampling='balanced'"),
    (GroupTimeATT(), {"current": "w"}, "current=['w']"),
    (Imputation(family="poisson", scale="percent", leads=1), {}, "leads=1"),
    (
        Imputation(factors=1),
        {},
        "factors=1: from disk (Panel.scan) Imputation takes factors=0, and all its other options; "
        "change factors=, or fit a Panel of the rows in memory",
    ),
    (Imputation(), {"covariates": "w + C(ind)"}, "covariates='w + C(ind)'"),
    (Imputation(fixed_effects=["ind", "year"]), {}, "fixed_effects=['ind', 'year']"),
    (Imputation(fixed_effects=["firm", "firm^year"]), {}, "fixed_effects='firm^year'"),
    (Imputation(fixed_effects=["firm[year]", "firm"]), {}, "fixed_effects='firm[year]'"),
    (Decomposition(channels=["w"], family="poisson", leads=2), {}, "leads=2"),
    (Decomposition(channels=["w"], interaction=True), {}, "interaction=True"),
    (Decomposition(channels=["w"], lags=1), {}, "lags=1"),
    (Decomposition(channels=["w"]), {"covariates": "w"}, "covariates='w'"),
    (TWFE(family="poisson", vcov="hetero"), {}, "vcov='hetero'"),
    (TWFE(vcov="hetero"), {}, "vcov='hetero'"),
    (TWFE(), {"instruments": "w", "treatment": "y"}, "instruments=['w']"),
    (TWFE(), {"covariates": "w + C(ind)"}, "covariates='w + C(ind)'"),
    (TWFE(), {"covariates": "y"}, "covariates='y'"),
]


@pytest.mark.parametrize(("model", "given", "told"), REFUSED, ids=[told for _, _, told in REFUSED])
def test_options_that_are_for_memory_alone(tmp_path, model, given, told):
    with pytest.raises(OptionError, match="^" + re.escape(told)):
        model.fit(scan(frame(), tmp_path), "y", **given)


def test_other_estimators_ask_for_a_panel_in_memory(tmp_path):
    scanned = scan(frame(), tmp_path)
    for fit in (Efficient(kind="roth_santanna").fit, Decomposition(channels=["w"]).sensitivity):
        with pytest.raises(NotAPanelError, match=r"ScannedPanel.*GroupTimeATT, Imputation, .* and Decomposition.fit$"):
            fit(scanned, "y")


def test_without_duckdb_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match=r"Panel.scan needs duckdb.*aigreen\[data\]"):
        scan(frame(), tmp_path)


def test_progress_is_shown_when_asked_for(tmp_path, capsys):
    frame().to_parquet(tmp_path / "panel.parquet")
    panel = Panel.scan(tmp_path / "panel.parquet", progress=True, **KEYS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        GroupTimeATT().fit(panel, "y")
    told = capsys.readouterr().err
    assert "check: 100%" in told and "group-time: 100%" in told


@pytest.mark.parametrize("value", [np.inf, 1e80])
def test_a_refused_column_is_refused_again(tmp_path, value):
    frame = pd.DataFrame({"firm": np.repeat(np.arange(6), 4), "year": np.tile(np.arange(4), 6), "y": 0.5})
    frame.loc[3, "y"] = value
    frame.to_parquet(tmp_path / "a.parquet")
    panel = Panel.scan(tmp_path / "a.parquet", unit="firm", time="year")
    said = []
    for _ in range(2):
        with pytest.raises(DataError, match="column 'y': 1 ") as told:
            panel.check_number("y")
        said.append(str(told.value))
    assert said[0] == said[1]


def test_views_are_refused_and_a_column_that_was_not_kept_points_to_columns(tmp_path) -> None:
    ours = scan(frame(), tmp_path, columns=["y"])
    with pytest.raises(OptionError, match=r"split='ind': .*views of a Panel in memory"):
        ours.split("ind")
    with pytest.raises(OptionError, match=r"mask='Series': .*files with the rows wanted"):
        ours[frame()["ind"] == 1]
    with pytest.raises(UnknownColumnError, match=r"columns= only: no column 'w'"):
        GroupTimeATT().fit(ours, "w")
    with pytest.raises(UnknownColumnError, match=r"^no column 'z'"):
        GroupTimeATT().fit(scan(frame(), tmp_path), "z")
