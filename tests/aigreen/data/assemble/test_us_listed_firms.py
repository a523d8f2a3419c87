"""The panel of generated files against the same numbers made by pandas from the drawn patents."""

import numpy as np
import pandas as pd
import pytest

from aigreen.data.assemble.us_build import BuildOptions, build, from_config
from aigreen.data.assemble.us_listed_firms import Options
from aigreen.data.patents.flags import bit
from aigreen.data.patents.us_counts import CLEAN, FOSSIL, symbol_masks
from aigreen.errors import (
    AigreenError,
    MappingError,
    OptionError,
    OutsideFolderError,
    SourceError,
    WrongTypeError,
)
from aigreen.simulate.us_patent_files import permco, write, write_truth
from aigreen.simulate.us_patents import KINDS, OWN, draw, vocabulary

OPTIONS = Options(years=(2005, 2019), base=(1995, 2004), least=5, close=0.5, depreciation=0.15)
N = 150


@pytest.fixture(scope="module")
def drawn():
    return draw(seed=5, n_firms=N)


@pytest.fixture(scope="module")
def folder(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("us")
    write(drawn, folder / "files", seed=5)
    write_truth(drawn, folder / "truth")
    return folder


@pytest.fixture(scope="module")
def built(folder):
    return build(folder / "files")


@pytest.fixture(scope="module")
def known(folder):
    """Patents of companies as the match file gives them, read by pandas, with days, classes and values as drawn."""
    match = pd.read_csv(folder / "files/Match_patent_permco_permno_2022.csv.zip", dtype=str)
    return match.dropna().assign(patent=lambda t: t["patent_num"].astype(int))[["patent", "permco"]].drop_duplicates()


@pytest.fixture(scope="module")
def by_hand(drawn, known, folder):
    """Counts of every firm and year by pandas; symbols as g_cpc_current holds them."""
    cells = pd.read_csv(folder / "files/g_cpc_current.tsv.zip", sep="\t", dtype=str).dropna(subset="cpc_group")
    cells["patent"] = cells["patent_id"].astype(int)
    symbol = cells["cpc_group"]
    flags = pd.DataFrame(
        {
            "patent": cells["patent"],
            "green": symbol.str.match("Y02|Y04S"),
            "ai": symbol.str.match(r"G06N3/0[48]|G06N20/|G06N5/|G06N7/01|G10L15/16"),
            "clean": symbol.str.match("B60L5[038]/|B60K6/|H01M8/|F03D|F24S|H02S"),
            "fossil": symbol.str.match("F02[BDFMNPC]|F01K"),
        }
    )
    flags = flags.groupby("patent").any()
    rows = known.merge(drawn.patents, on="patent").merge(flags, on="patent", how="left")
    rows[["green", "ai", "clean", "fossil"]] = rows[["green", "ai", "clean", "fossil"]].fillna(False).astype(bool)
    rows["year"] = rows["filed"].dt.year
    return rows.assign(only=rows["green"] & ~rows["ai"], other=~rows["green"] & ~rows["ai"])


def test_counts_are_those_of_pandas(built, by_hand):
    frame = built[0].frame.set_index(["firm_id", "year"])
    counted = by_hand.groupby(["permco", "year"])[["only", "ai", "clean", "fossil", "other"]].sum()
    counted["patents"] = by_hand.groupby(["permco", "year"]).size()
    expected = counted.reindex(frame.index, fill_value=0).astype("int64")
    names = {"only": "green_patents", "ai": "ai_patents", "clean": "clean_patents", "fossil": "fossil_patents",
             "other": "other_patents", "patents": "patents"}  # fmt: skip
    for mine, theirs in names.items():
        # One or two patents have no day of filing in any file.
        assert (expected[mine] - frame[theirs]).abs().sum() <= 2, theirs
    assert frame["green_patents"].sum() > 1_000
    np.testing.assert_allclose(frame["green_patents_log"], np.log1p(frame["green_patents"]))


def test_first_years_stocks_and_odds_are_those_of_pandas(built, by_hand):
    frame = built[0].frame
    first = by_hand[by_hand["ai"]].groupby("permco")["year"].min()
    assert (frame["ai_year"].fillna(0) == frame["firm_id"].map(first).fillna(0)).all()
    third = by_hand[by_hand["ai"]].sort_values("year").groupby("permco")["year"].nth(2)
    third = pd.Series(third.to_numpy(), index=by_hand.loc[third.index, "permco"])
    assert (frame["ai_many_year"].fillna(0) == frame["firm_id"].map(third).fillna(0)).all()
    yearly = by_hand.groupby(["permco", "year"])[["clean", "fossil", "ai"]].sum()
    for row in frame.sample(40, random_state=1).itertuples():
        mine = yearly.loc[row.firm_id]
        age = row.year - mine.index.to_numpy()
        ago = 0.85**age
        stock = {name: float((mine[name] * ago)[age > 0].sum()) for name in ("clean", "fossil")}
        assert row.clean_odds == pytest.approx(np.log1p(stock["clean"]) - np.log1p(stock["fossil"]))
        assert row.ai_stock == pytest.approx(float((mine["ai"] * ago)[age >= 0].sum()))
        if sum(stock.values()) > 0:
            assert row.clean_share == pytest.approx(stock["clean"] / sum(stock.values()))


def test_exposures_are_those_of_a_dense_product(built, by_hand, folder):
    frame = built[0].frame
    cells = pd.read_csv(folder / "files/g_cpc_current.tsv.zip", sep="\t", dtype=str).dropna(subset="cpc_group")
    cells = cells[~cells["cpc_group"].str.startswith("Y")].assign(patent=cells["patent_id"].astype(int))
    base = by_hand[by_hand["year"].between(*OPTIONS.base)]
    enough = base.groupby("permco").size().loc[lambda n: n >= OPTIONS.least].index
    pairs = base.loc[base["permco"].isin(enough), ["patent", "permco"]].merge(
        cells[["patent", "cpc_subclass"]].drop_duplicates(), on="patent"
    )
    wide = pd.crosstab(pairs["permco"], pairs["cpc_subclass"])
    unit = wide.to_numpy() / np.linalg.norm(wide.to_numpy(), axis=1, keepdims=True)
    near = unit @ unit.T
    near[near < OPTIONS.close] = 0
    np.fill_diagonal(near, 0)
    first = by_hand[by_hand["ai"]].groupby("permco")["year"].min().reindex(wide.index).to_numpy()
    industry = pairs.assign(industry=pairs["cpc_subclass"].str[:3]).groupby(["permco", "industry"]).size().reset_index()
    industry = industry.sort_values(["permco", 0, "industry"], ascending=[True, False, True])
    industry = industry.drop_duplicates("permco").set_index("permco")["industry"].reindex(wide.index)
    same = (industry.to_numpy()[:, None] == industry.to_numpy()).astype(float)
    np.fill_diagonal(same, 0)
    for year in (2008, 2013, 2019):
        adopted = (first <= year).astype(float)
        rows = frame[frame["year"] == year].set_index("firm_id")
        for column, weights in (("near_technology", near), ("near_industry", same)):
            share = pd.Series(weights @ adopted / np.maximum(weights.sum(axis=1), 1e-12), index=wide.index)
            np.testing.assert_allclose(rows[column], share.reindex(rows.index), atol=1e-12)
        assert (rows["industry"] == industry.reindex(rows.index)).all()
    assert frame["near_technology"].max() > 0.3


def test_quality_is_that_of_pandas(built, by_hand, folder):
    values = pd.read_csv(folder / "files/KPSS_2022.csv.zip", dtype=str).drop_duplicates("patent_num")
    values = values.assign(patent=values["patent_num"].astype(int)).drop_duplicates("patent").set_index("patent")
    rows = by_hand[by_hand["only"]].assign(worth=lambda t: t["patent"].map(values["xi_real"].astype(float)))
    mean = rows.dropna(subset="worth").groupby(["permco", "year"])["worth"].mean()
    frame = built[0].frame.set_index(["firm_id", "year"])
    expected = mean.reindex(frame.index)
    both = frame["green_value_mean"].notna() & expected.notna()
    np.testing.assert_allclose(frame.loc[both, "green_value_mean"], expected[both], rtol=1e-9)
    assert (frame["green_value_mean"].notna() != expected.notna()).sum() <= 2
    assert (frame["green_cites"].sum() - rows[rows["year"].between(*OPTIONS.years) & rows["permco"].isin(
        built[0].frame["firm_id"])]["cites"].sum()) <= 10  # fmt: skip


def test_the_flow_adds_up_and_names_are_assignees(built):
    flow = built[0].flow
    assert (flow["n_rows"].to_numpy()[1:] == flow["n_rows"].to_numpy()[:-1] - flow["dropped"].to_numpy()[1:]).all()
    assert flow["n_rows"].iloc[-1] == len(built[0].frame)
    firm = built[0].frame["firm_id"].astype(int) - int(permco(np.array([0]))[0])
    assert (built[0].frame["firm_name"] == "FIRM " + firm.astype(str) + ", INC.").all()


def test_what_is_measured_is_what_was_drawn(built, drawn, folder):
    """The channel and exposure of the panel, from defective files, against those that the truth was made of."""
    truth = pd.read_parquet(folder / "truth/truth.parquet")
    both = built[0].frame.merge(truth, on=["firm_id", "year"], validate="one_to_one")
    assert len(both) == len(built[0].frame)
    share = both["spillover"] / 0.30
    assert np.corrcoef(both["near_technology"], share)[0, 1] > 0.995
    kinds = np.bincount(drawn.patents["kind"], minlength=len(KINDS))
    assert (kinds > 0).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_cores_memory_and_symbol_files_do_not_change_the_panel(built, folder, threads):
    again, flow = build(folder / "files", BuildOptions(threads=threads, memory_limit="500MB"))
    pd.testing.assert_frame_equal(again.frame, built[0].frame)
    pd.testing.assert_frame_equal(flow, built[1])


def test_other_matches_give_gvkeys(folder, built):
    for owners, last in (("discern", 2021), ("dyevre_seager", 2020)):
        other, _ = build(folder / "files", BuildOptions(owners=owners, symbols="kpss"))
        assert other.frame["firm_id"].str.fullmatch(r"\d{6}").all()
        firms = built[0].frame["firm_id"].nunique()
        assert abs(other.frame["firm_id"].nunique() - firms) <= 0.1 * firms
        assert other.frame["year"].max() == 2019 <= last


def test_without_the_optional_files(folder, built, tmp_path):
    for path in (folder / "files").iterdir():
        if path.name.startswith(("Match_patent_permco", "g_patent", "g_application", "g_cpc")):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    bare = build(tmp_path)[0].frame
    assert bare["green_cites"].isna().all() and bare["green_value_mean"].isna().all()
    assert (bare["firm_name"] == bare["firm_id"]).all()
    assert abs(bare["green_patents"].sum() / built[0].frame["green_patents"].sum() - 1) < 0.01
    (tmp_path / "g_application.tsv.zip").unlink()
    with pytest.raises(SourceError, match=r"days of filing: KPSS or g_patent and g_application$"):
        build(tmp_path)


def test_options():
    options = from_config({"us_build": {"owners": "discern", "years": [2006, 2018], "least": 3}})
    assert options.owners == "discern" and options.panel.years == (2006, 2018) and options.panel.least == 3
    with pytest.raises(OptionError, match="owners='nber'"):
        BuildOptions(owners="nber")
    with pytest.raises(MappingError, match=r"no table 'KPS' is read .*'KPSS'"):
        BuildOptions(mapping={"KPS": {"patent_num": "number"}})


@pytest.mark.parametrize(
    "given",
    [
        {"years": (2019, 2005)},
        {"years": (2005.5, 2019)},
        {"base": (2004, 1995)},
        {"base": (1995, 2005)},
        {"least": 0},
        {"close": 1.5},
        {"close": float("nan")},
        {"depreciation": 1},
    ],
)
def test_options_that_no_panel_can_have(given):
    with pytest.raises(WrongTypeError, match=f"^{next(iter(given))}="):
        Options(**given)


SMALL = Options(years=(2003, 2004), base=(2001, 2002), least=1)
FILES = {"KPSS": "patent_num,issue_date,filing_date,xi_real,cites", "Match_patent_permco_permno": "patent_num,permco",
         "Match_patent_cpc": "patent_num,cpc"}  # fmt: skip


def small(folder, **changed):
    """Build from files of three firms with a patent a year, and what is changed in them."""
    number = [(100 * firm + year - 2000, firm, year) for firm in (1, 2, 3) for year in range(2001, 2005)]
    rows = {
        "KPSS": [f"{n},{year + 2}-01-01,{year}-01-01,1.5,3" for n, _, year in number],
        "Match_patent_permco_permno": [f"{n},{firm}" for n, firm, _ in number],
        "Match_patent_cpc": [f"{n},{'G06N20/00' if n == 103 else 'Y02E10/50'}\n{n},H01L21/00" for n, _, _ in number],
    } | changed
    for table, header in FILES.items():
        (folder / f"{table}.csv").write_text("\n".join([header, *rows[table]]) + "\n", encoding="utf-8")
    return build(folder, BuildOptions(panel=SMALL, symbols="kpss"))


def test_firms_with_a_patent_in_every_year(tmp_path):
    frame = small(tmp_path)[0].frame
    assert frame["green_patents"].tolist() == [0, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(frame["ai_stock"], [1, 0.85, 0, 0, 0, 0], rtol=1e-12)


def test_a_wrong_day_of_filing_without_a_grant_does_not_make_a_firm_last(tmp_path):
    days = ["101,,2001-01-01,,", "102,2004-01-01,2002-01-01,,", "103,2005-01-01,2003-01-01,,", "104,,2099-01-01,,"]
    built, flow = small(tmp_path, KPSS=days)
    assert built.frame["year"].tolist() == [2003]
    assert flow.loc[flow["step"].str.startswith("days of filing after"), "dropped"].tolist() == [1]


@pytest.mark.parametrize(
    ("table", "rows", "message"),
    [
        ("KPSS", [], r"^KPSS\.csv: no rows below the header$"),
        ("KPSS", ["101,2003-01-01,,,"], "^of 12 patents of firms, none has a day of filing$"),
        ("Match_patent_permco_permno", ["101,"], "^of 0 patents of firms, none has a day of filing$"),
        (
            "Match_patent_cpc",
            ["101,Y02E10/50"],
            "^firms without CPC symbols in these years: left out: no rows are left",
        ),
        ("KPSS", ["101,2003-01-01,2001-01-01,,"], "^years outside 2003-2004: left out: no rows are left of 1$"),
    ],
)
def test_files_of_which_nothing_is_left(tmp_path, table, rows, message):
    with pytest.raises(AigreenError, match=message):
        small(tmp_path, **{table: rows})


def test_what_lacks_is_told_before_anything_is_read(tmp_path):
    (tmp_path / "KPSS.csv").write_text("", encoding="utf-8")
    with pytest.raises(SourceError, match=r"needs: match of patents to firms: .*permno; CPC symbols: g_cpc_current$"):
        build(tmp_path)


def test_an_optional_file_that_leads_out_is_no_absent_one(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    small(inside)
    (inside / "KPSS.csv").rename(tmp_path / "KPSS.csv")
    (inside / "KPSS.csv").symlink_to(tmp_path / "KPSS.csv")
    with pytest.raises(OutsideFolderError, match=r"KPSS\.csv: outside the data folder"):
        build(inside, BuildOptions(panel=SMALL, symbols="kpss"))


def test_the_vocabulary_is_of_the_kinds_it_says():
    wanted = {"green": bit("y02"), "clean": CLEAN, "fossil": FOSSIL, "ai": bit("ai")}
    symbols, begins = vocabulary()
    every = sum(wanted.values())
    for kind, listed in OWN.items():
        assert (symbol_masks(pd.Index(listed)) & every == wanted[kind]).all(), kind
    assert (symbol_masks(pd.Index(symbols[begins[0] :], dtype="str")) == 0).all()
