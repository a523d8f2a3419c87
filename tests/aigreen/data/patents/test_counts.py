"""Firm-year counts: by hand, and against pandas on random patents."""

from datetime import datetime

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigreen.data.patents import counts
from aigreen.data.patents.classify import classify_patents
from aigreen.data.patents.count_files import keyword_flags
from aigreen.data.patents.flags import MECHANISMS, bit, flag_names, symbol_flags
from aigreen.data.patents.truncation import lag_counts, visible_shares

# Solar heat (strict), a trading system (generic inventory class), neural networks (core AI), Y02, waste, neither.
IPC = ["F24S10/00", "G06Q50/06", "G06N3/02", "B09B3/00", "C02F1/00", "H01M10/0525", "A47B1/00", "F03D1/00", "G06T7/00"]
CPC = ["Y02E10/50", "G06N20/00", "A47B1/00", "Y02W30/62"]
SCHEMA = {
    "patent_id": "string",
    "office": "string",
    "patent_type": "string",
    "filing_date": "timestamp",
    "publication_date": "timestamp",
    "grant_date": "timestamp",
    "family_id": "string",
    "ipc": "string",
    "cpc": "string",
}
TABLES = {
    "patents": SCHEMA,
    "applicants": {"patent_id": "string", "position": "int64", "name": "string"},
    "matches": {"name": "string", "firm_id": "string", "year": "int64"},
    "ipc": {"symbol": "string", "mask": "int64", "mechanism": "int64"},
    "cpc": {"symbol": "string", "mask": "int64", "mechanism": "int64"},
    "citations": {"patent_id": "string", "cited_publication": "string", "cited_id": "string"},
}


def patent(number, year, ipc="A47B1/00", **other):
    row = {
        "patent_id": f"CN{number}",
        "office": "CN",
        "patent_type": "invention",
        "filing_date": datetime(year, 6, 1) if year else None,
        "publication_date": None,
        "grant_date": None,
        "family_id": None,
        "ipc": ipc,
        "cpc": None,
    }
    return row | other


def raw(patents, applicants, matches, citations=()):
    frames = {
        "patents": pd.DataFrame(patents, columns=list(SCHEMA)),
        "applicants": pd.DataFrame(applicants, columns=list(TABLES["applicants"])),
        "matches": pd.DataFrame(matches, columns=["name", "firm_id"]).assign(year=pd.Series(dtype="Int64")),
        "citations": pd.DataFrame(citations, columns=list(TABLES["citations"])),
        "ipc": symbol_flags(IPC, "ipc"),
        "cpc": symbol_flags(CPC, "cpc"),
    }
    for name in ("filing_date", "publication_date", "grant_date"):
        frames["patents"][name] = pd.to_datetime(frames["patents"][name]).astype("datetime64[us]")
    return frames


def filed(tables):
    owned = counts.owners(tables["applicants"], tables["matches"], tables["patents"])
    return counts.applications(tables["patents"], owned)


def expression(tables, **options):
    options.setdefault("citations", tables["citations"])
    return counts.firm_year_counts(
        tables["patents"], filed(tables), tables["ipc"], tables["cpc"], families=True, **options
    ).order_by("firm_id", "year")


def memory(frames):
    return {name: ibis.memtable(frame, schema=TABLES[name]) for name, frame in frames.items()}


def on_duckdb(frames, **options):
    return ibis.duckdb.connect().to_pandas(expression(memory(frames), **options))


def test_by_hand():
    frames = raw(
        [
            patent(1, 2015, "F24S10/00;A47B1/00", grant_date=datetime(2017, 1, 1), family_id="f"),
            patent(2, 2015, "G06Q50/06", patent_type="utility_model"),
            patent(3, 2015, "G06N3/02;F24S10/00"),
            patent(4, 2016, None, cpc="Y02E10/50"),
            patent(5, None, "F24S10/00"),
            patent(6, 2021, "A47B1/00"),
            patent(7, 2015, "B09B3/00"),
            patent(8, 2015, "F24S10/00", office="US", family_id="f"),
        ],
        [
            *[(f"CN{n}", 1, "A Co") for n in range(1, 9)],
            ("CN1", 2, "A Sub"),
            ("CN1", 3, "B Co"),
            ("CN3", 2, "Somebody"),
        ],
        [("A Co", "000001"), ("A Sub", "000001"), ("B Co", "000002")],
        [("CN4", "x", "CN1"), ("CN6", "x", "CN1"), ("CN2", "x", "CN1"), ("CN2", "x", None)],
    )
    got = on_duckdb(frames, window=5).set_index(["firm_id", "year"])
    a = got.loc[("000001", 2015)]
    expected = {
        "patents": 4,
        "inventions": 3,
        "utility_models": 1,
        "patents_granted": 1,
        "green_patents": 4,
        "green_non_ai_patents": 3,
        "green_ai_patents": 1,
        "ai_patents": 1,
        "ai_core_patents": 1,
        "ai_ml_patents": 1,
        "green_inventions": 3,
        "green_utility_models": 1,
        "green_patents_granted": 1,
        "green_inventions_granted": 1,
        "green_joint_patents": 2,
        "tag_solar_patents": 2,
        "y02_patents": 0,
        "patent_citations": 2,
        "green_citations": 2,
        "green_international_patents": 1,
    }
    assert a[list(expected)].to_dict() == expected
    assert a["green_patents_fractional"] == pytest.approx(2 / 3 + 1 + 1 / 2 + 1, abs=0)
    assert sum(a[f"green_{m}_patents"] for m in MECHANISMS) == 4
    assert got.loc[("000001", 2016), "y02_patents"] == 1
    assert got.loc[("000001", 2016), "green_patents"] == 0
    b = got.loc[("000002", 2015)]
    assert (b["patents"], b["green_joint_patents"], b["green_patents_fractional"]) == (1, 1, 1 / 3)
    assert len(got) == 4  # the application without a day and the one at another office are not counted
    tables = memory(frames)
    left = ibis.duckdb.connect().to_pandas(counts.coverage(tables["patents"], filed(tables)))
    assert left.iloc[0].to_dict() == {"applications": 8, "of_office": 7, "dated": 6, "symbols": 5, "owned": 6}


def test_keywords_add_to_symbols():
    frames = raw([patent(1, 2015, "F24S10/00"), patent(2, 2015)], [("CN1", 1, "A"), ("CN2", 1, "A")], [("A", "000001")])
    words = pd.DataFrame(
        {"patent_id": ["CN1", "CN2", "CN9"], "mask": [bit("ai"), bit("ai") | bit("ai_core"), bit("ai")]}
    )
    got = on_duckdb(frames, keywords=ibis.memtable(words)).iloc[0]
    assert (got["ai_patents"], got["ai_core_patents"], got["green_ai_patents"], got["green_non_ai_patents"]) == (
        2,
        1,
        1,
        0,
    )


def test_keywords_are_found_in_titles_and_abstracts(tmp_path):
    frame = pd.DataFrame(
        {
            "patent_id": ["CN1", "CN2", "CN3"],
            "title": ["一种神经网络训练方法", None, "桌子"],
            "abstract": [None, "A method of machine learning for tables", None],
        }
    )
    frame.to_parquet(tmp_path / "patents.parquet")
    got = keyword_flags(tmp_path / "patents.parquet").set_index("patent_id")["mask"]
    flags = classify_patents(frame.assign(ipc=None), "ipc", title="title", abstract="abstract").flags
    assert list(got.index) == ["CN1", "CN2"]
    assert flags["ai"].tolist() == [True, True, False]
    for mask, row in zip(got, flags.itertuples(), strict=False):
        named = {name[3:] for name in flag_names() if name.startswith("ai_") and name != "ai_core" and mask & bit(name)}
        assert named == set(row.ai_categories.lower().split("|"))
        assert bool(mask & bit("ai_core")) == row.ai_core


def test_citations_of_the_last_year_of_the_window_count_and_earlier_or_later_ones_do_not():
    years = {1: 2015, 2: 2015, 3: 2020, 4: 2021, 5: 2014, 6: 2017}
    frames = raw(
        [patent(n, year, "F24S10/00") for n, year in years.items()],
        [("CN1", 1, "A Co")],
        [("A Co", "000001")],
        [(f"CN{n}", "x", "CN1") for n in range(2, 7)],
    )
    found = {window: int(on_duckdb(frames, window=window)["patent_citations"].iloc[0]) for window in (0, 1, 2, 4, 5, 6)}
    assert found == {0: 1, 1: 1, 2: 2, 4: 2, 5: 3, 6: 4}


def by_pandas(frames, window):
    """The same counts row by row, with the pandas classifier."""
    patents = frames["patents"].reset_index(drop=True)
    flags = classify_patents(patents, "ipc", cpc="cpc").flags
    table = pd.concat([patents, flags], axis=1)
    table["tags"] = table["tags"] + "|" + table["y02_tags"]
    firm = dict(frames["matches"][["name", "firm_id"]].itertuples(index=False))
    year = dict(zip(patents["patent_id"], patents["filing_date"].dt.year, strict=True))
    offices = patents.groupby("family_id")["office"].nunique()
    rows = []
    for row in table.itertuples():
        if row.office != "CN" or pd.isna(row.filing_date):
            continue
        names = frames["applicants"].query("patent_id == @row.patent_id")["name"].tolist()
        own = [firm[name] for name in names if name in firm]
        citing = frames["citations"].query("cited_id == @row.patent_id")["patent_id"]
        cited = sum(0 <= year.get(other, float("nan")) - row.filing_date.year <= window for other in citing)
        for one in set(own):
            new = {"firm_id": one, "year": row.filing_date.year, "patents": 1}
            new |= {"green_patents": row.green, "green_strict_patents": row.green_strict, "ai_patents": row.ai}
            new |= {"green_any_edition_patents": row.green_any_edition, "y02_patents": row.y02}
            new |= {"ai_core_patents": row.ai_core, "green_non_ai_patents": row.green_non_ai}
            new |= {"green_strict_non_ai_patents": row.green_strict_non_ai, "green_ai_patents": row.green_ai}
            new |= {"green_patents_granted": row.green and pd.notna(row.grant_date)}
            new |= {"green_inventions": row.green and row.patent_type == "invention"}
            new |= {"green_joint_patents": row.green and own.count(one) < len(names)}
            new |= {"green_patents_fractional": row.green * own.count(one) / len(names)}
            new |= {f"green_{m}_patents": row.green and row.mechanism == m for m in MECHANISMS}
            new |= {f"{f}_patents": f[4:] in row.tags.split("|") for f in flag_names() if f.startswith("tag_")}
            categories = row.ai_categories.lower().split("|")
            new |= {f"{f}_patents": f[3:] in categories for f in flag_names() if f.startswith("ai_") and f != "ai_core"}
            new |= {"patent_citations": cited, "green_citations": row.green * cited}
            new |= {"green_international_patents": row.green and offices.get(row.family_id, 0) > 1}
            rows.append(new)
    return pd.DataFrame(rows).groupby(["firm_id", "year"]).sum() if rows else None


patents_drawn = st.lists(
    st.fixed_dictionaries(
        {
            "year": st.sampled_from([None, 2010, 2011, 2012]),
            "ipc": st.lists(st.sampled_from(IPC), max_size=3).map(";".join).map(lambda cell: cell or None),
            "cpc": st.lists(st.sampled_from(CPC), max_size=2).map(";".join).map(lambda cell: cell or None),
            "office": st.sampled_from(["CN", "CN", "US"]),
            "family_id": st.sampled_from([None, "f", "g"]),
            "patent_type": st.sampled_from(["invention", "utility_model", None]),
            "grant_date": st.sampled_from([None, datetime(2014, 1, 1)]),
            "names": st.lists(st.sampled_from(["A", "A sub", "B", "C", "D"]), min_size=1, max_size=4, unique=True),
            "cites": st.lists(st.integers(0, 7), max_size=3, unique=True),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(patents_drawn, st.integers(0, 2))
def test_equal_to_pandas_on_random_patents(drawn, window):
    patents = [
        patent(n, p["year"], **{k: p[k] for k in ("ipc", "cpc", "office", "family_id", "patent_type", "grant_date")})
        for n, p in enumerate(drawn)
    ]
    people = [(f"CN{n}", k + 1, name) for n, p in enumerate(drawn) for k, name in enumerate(p["names"])]
    cited = [(f"CN{n}", f"P{c}", f"CN{c}") for n, p in enumerate(drawn) for c in p["cites"] if c != n]
    frames = raw(patents, people, [("A", "000001"), ("A sub", "000001"), ("B", "000002"), ("C", "000003")], cited)
    got, expected = on_duckdb(frames, window=window).set_index(["firm_id", "year"]), by_pandas(frames, window)
    if expected is None:
        assert got.empty
        return
    pd.testing.assert_frame_equal(got[list(expected)].astype(float), expected.astype(float), check_names=False)


@pytest.mark.parametrize("dialect", ["duckdb", "pyspark", "bigquery"])
def test_compiles(dialect):
    if dialect == "pyspark":
        pytest.importorskip("pyspark")
        assert ibis.pyspark  # loading the backend sets its options
    tables = {name: ibis.table(schema, name=name) for name, schema in TABLES.items()}
    text = str(ibis.to_sql(expression(tables), dialect=dialect))
    assert "BIT_OR" in text.upper()
    for event in ("publication_date", "grant_date"):
        assert "filed" in str(ibis.to_sql(lag_counts(tables["patents"], event), dialect=dialect))


def test_truncation_from_lags():
    filed = pd.DataFrame({"filed": range(2000 * 12, 2020 * 12)})
    published = pd.concat([filed.assign(lag=6, n=1), filed.assign(lag=18, n=3)])
    published = published[published["filed"] + published["lag"] <= 2019 * 12 + 11]
    shares = visible_shares(published, published.iloc[:0])
    assert shares.loc[2017, "published_share"] == 1.0
    assert shares.loc[2018, "published_share"] == pytest.approx((6 + 6 * 0.25) / 12)
    assert shares.loc[2019, "published_share"] == pytest.approx(6 * 0.25 / 12)
    assert shares["truncated"].tolist() == [0] * 18 + [1, 1]
    assert shares["granted_share"].isna().all()


def test_lags_are_counted_in_months():
    rows = [patent(n, 2010, publication_date=datetime(2011, 12, 31)) for n in range(3)]
    got = ibis.duckdb.connect().to_pandas(lag_counts(memory(raw(rows, [], []))["patents"], "publication_date"))
    assert got.to_dict("records") == [{"filed": 2010 * 12 + 5, "lag": 18, "n": 3}]


def test_a_name_that_two_firms_carried_goes_by_the_year_of_filing():
    patents = [patent(k, year) for k, year in enumerate((2011, 2012, 2013, None))]
    applicants = [(f"CN{k}", 1, "Huatai") for k in range(4)] + [("CN0", 2, "Zhongyuan"), ("CN2", 2, "Zhongyuan")]
    frames = raw(patents, applicants, [("Huatai", "a"), ("Huatai", "b"), ("Zhongyuan", "c")])
    frames["matches"]["year"] = pd.array([2011, 2013, None], dtype="Int64")
    tables = memory(frames)
    owned = counts.owners(tables["applicants"], tables["matches"], tables["patents"])
    got = ibis.duckdb.connect().to_pandas(owned.order_by("patent_id", "firm_id"))
    half = counts.PARTS // 2
    assert got.to_numpy().tolist() == [
        ["CN0", "a", half, True], ["CN0", "c", half, True], ["CN2", "b", half, True], ["CN2", "c", half, True],
    ]  # fmt: skip


def test_names_by_year_do_not_meet_all_applications_of_that_year(tmp_path):
    count, names, dated = 20_000, 9_000, 5_000
    number = np.arange(count)
    patents = pd.DataFrame({"patent_id": number.astype("str"), "filing_date": _may_of_two_years(number)})
    people = pd.DataFrame({"patent_id": number.astype("str"), "position": 1, "name": (number % names).astype("str")})
    matches = pd.DataFrame({"name": np.arange(names).astype("str").astype(object), "firm_id": "a"})
    matches["year"] = pd.array([*(2005 + np.arange(dated) % 2), *[None] * (names - dated)], dtype="Int64")
    base = ibis.duckdb.connect(memory_limit="200MB", temp_directory="")  # 50 million pairs have no room in it
    made = []
    for name, table in {"patents": patents, "people": people}.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
        made.append(base.read_parquet(tmp_path / f"{name}.parquet"))
    owned = counts.owners(made[1], ibis.memtable(matches, schema=TABLES["matches"]), made[0])
    found = base.to_pandas(owned)
    assert len(found) == count and (found["part"] == counts.PARTS).all()


def _may_of_two_years(number):
    return (np.datetime64("2005-05-01") + 365 * (number % 2)).astype("datetime64[us]")
