"""Raw files of the synthetic economy read back by the adapters: nothing is lost that was not lost by design."""

import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.assemble.words import word_counts
from aigreen.data.patents.classify import classify_patents
from aigreen.data.patents.match import match_names
from aigreen.data.sources import cities, cnrds, csmar, csmar_firm_years, csmar_records, extras, google_patents, reports
from aigreen.simulate.economy import economy
from aigreen.simulate.economy.patents import KINDS, MECHANISM_NAMES
from aigreen.simulate.economy.raw_google import publication_numbers

KEY = ["firm_id", "year"]


@pytest.fixture(scope="module")
def drawn():
    return economy.draw(seed=11, n_firms=300, patents_factor=0.15)


@pytest.fixture(scope="module")
def raw(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    economy.write(drawn, folder)
    return folder


@pytest.fixture(scope="module")
def read_patents(raw):
    return google_patents.publications(raw / "google", office="CN")


@pytest.fixture(scope="module")
def visible(drawn):
    rows = np.flatnonzero(drawn.patents.published <= drawn.drawn)
    return rows[np.argsort(drawn.patents.ids()[rows], kind="stable")]


def dropped(flow, step):
    return int(flow.loc[flow["step"] == step, "dropped"].sum())


def test_firm_years(drawn, raw):
    folder = raw / "csmar"
    names = ("balance_sheet", "income_statement", "cash_flow", "equity_nature", "rd")
    parts = [getattr(csmar, name)(folder) for name in names]
    parts += [csmar_records.patents(folder), cnrds.green_patents(raw / "cnrds")]
    whole = csmar_firm_years.combine(csmar.firm_file(folder), *parts)
    wanted = drawn.firm_years.merge(drawn.own_reports, on=KEY, how="left").merge(drawn.green_counts, on=KEY)
    assert set(wanted) == set(whole.table)
    wanted = wanted[list(whole.table)].sort_values(KEY, ignore_index=True)
    for column in whole.table:
        expected = wanted[column].astype(whole.table[column].dtype)
        pd.testing.assert_series_equal(whole.table[column], expected, rtol=1e-13, atol=0)
    lost = whole.flow.groupby("source")["dropped"].sum()
    assert dropped(parts[0].flow, "parent statement (Typrep B)") == len(wanted)
    assert dropped(parts[0].flow, "not 31 December") > 0
    assert dropped(parts[0].flow, "codes given their leading zeros back") > 0
    assert dropped(parts[0].flow, "B share") > 0
    assert dropped(parts[5].flow, "stock, not a flow (ApplyType)") == len(drawn.own_reports)
    assert lost["firm_years"] == 0  # no row of a part stands outside the firm file


def test_firms(drawn, raw):
    table = csmar.firms(raw / "csmar").table
    wanted = drawn.days.sort_values("firm_id", ignore_index=True)
    for column in ("firm_id", "credit_code", "founded", "listed"):
        pd.testing.assert_series_equal(table[column], wanted[column].astype(table[column].dtype))
    np.testing.assert_array_equal(table["first_year"], drawn.firms["entry"])


def test_staff(drawn, raw):
    table = csmar_records.staff(raw / "csmar").table
    word = {"学历": "education", "专业": "profession", "合计": "total"}
    wanted = drawn.staff.assign(structure=drawn.staff["structure"].map(word), persons=drawn.staff["persons"] * 1.0)
    order = [*KEY, "structure", "detail"]
    wanted = wanted.sort_values(order, ignore_index=True)
    for column in (*order, "persons"):
        pd.testing.assert_series_equal(table[column], wanted[column].astype(table[column].dtype))
    education = table[table["structure"] == "education"]
    assert education["category"].notna().all()
    degree = education[education["category"].isin(["doctor", "postgraduate", "bachelor", "bachelor_or_above"])]
    share = degree.groupby(KEY)["persons"].sum() / education.groupby(KEY)["persons"].sum()
    row, column = np.nonzero(drawn.outcomes.active)
    latent = pd.Series(drawn.outcomes.degree[row, column], pd.MultiIndex.from_frame(drawn.firm_years[KEY]))
    assert (share - latent.reindex(share.index)).abs().max() < 0.01  # whole persons


@pytest.mark.parametrize("direction", ["customer", "supplier"])
def test_links(drawn, raw, direction):
    read = csmar_records.links(raw / "csmar", direction)
    own = drawn.links[direction]
    own = own.assign(partner_name=own["partner_name"].where(~own["masked"]))
    order = [*KEY, "share", "partner_name", "partner_id"]
    found = read.table.sort_values(order, ignore_index=True)
    wanted = own.sort_values(order, ignore_index=True)
    for column in (*KEY, "share", "partner_name", "partner_id", "masked"):
        pd.testing.assert_series_equal(found[column], wanted[column].astype(found[column].dtype), rtol=1e-13)
    assert 0.2 < wanted["masked"].mean() < 0.7
    assert dropped(read.flow, "names masked") == wanted["masked"].sum()


def test_city_years(drawn, raw):
    table = cities.prefecture_panel(raw / "cities").table
    pd.testing.assert_frame_equal(table, drawn.city_years[list(table)].astype(table.dtypes.to_dict()))


def test_names_segments_robots_and_coefficients(drawn, raw):
    registry = drawn.names.registry.drop_duplicates()
    found = extras.company_names(raw / "names").table
    pd.testing.assert_frame_equal(found, registry.astype("str").reset_index(drop=True))
    for name, wanted in (
        ("segments", drawn.segments),
        ("robots", drawn.robots),
        ("input_output", drawn.coefficients),
    ):
        key = list(wanted.columns[:2]) if name != "segments" else list(wanted.columns[:3])
        wanted = wanted.sort_values(key, ignore_index=True)
        found = getattr(extras, name)(raw).table
        pd.testing.assert_frame_equal(found, wanted.astype(found.dtypes.to_dict()), rtol=1e-13, atol=0)


def test_segments_show_the_polluting_share(drawn, raw):
    table = extras.segments(raw).table
    heavy = facts.table("industries").set_index("code")["heavy_polluting"] == "1"
    dirty = table["revenue"].where(table["industry_code"].map(heavy), 0.0)
    sums = pd.DataFrame({"dirty": dirty, "all": table["revenue"]}).groupby([table["firm_id"], table["year"]]).sum()
    row, column = np.nonzero(drawn.outcomes.active)
    latent = pd.Series(drawn.outcomes.polluting[row, column], pd.MultiIndex.from_frame(drawn.firm_years[KEY]))
    np.testing.assert_allclose(sums["dirty"] / sums["all"], latent.reindex(sums.index), rtol=0, atol=1e-6)


def test_report_words(drawn, raw):
    table = reports.reports(raw / "reports" / "reports.parquet").table
    assert len(table) == len(drawn.reports) < len(drawn.firm_years)
    counts = word_counts(table["text"])
    place = pd.Series(range(len(drawn.firm_years)), pd.MultiIndex.from_frame(drawn.firm_years[KEY]))
    wanted = drawn.words[place.loc[pd.MultiIndex.from_frame(table[KEY])]]
    np.testing.assert_array_equal(counts.drop(columns="length").to_numpy(), wanted)


def test_patents(drawn, read_patents, visible):
    held, table = drawn.patents, read_patents.patents.table
    np.testing.assert_array_equal(table["patent_id"], held.ids()[visible])
    np.testing.assert_array_equal(table["patent_type"], np.array(KINDS)[held.kind[visible]])
    for column, days in (("filing_date", held.filed), ("publication_date", held.published)):
        np.testing.assert_array_equal(table[column].to_numpy().astype("datetime64[D]"), days[visible])
    granted = held.granted[visible]
    granted[granted > drawn.drawn] = np.datetime64("NaT")
    np.testing.assert_array_equal(table["grant_date"].to_numpy().astype("datetime64[D]"), granted)
    np.testing.assert_array_equal(table["family_id"], held.family[visible].astype(str))
    for column, symbols in (("ipc", held.ipc), ("cpc", held.cpc)):
        named = np.append(drawn.technology.symbols, "")[symbols[visible]]
        wanted = [";".join(filter(None, row)) for row in named]
        np.testing.assert_array_equal(table[column].fillna(""), wanted)


def test_applicants(drawn, read_patents, visible):
    held = drawn.patents
    table = read_patents.applicants.table.sort_values(["patent_id", "position"])
    names = held.applicants[visible]
    there = names >= 0
    ids = np.repeat(held.ids()[visible], there.sum(axis=1))
    np.testing.assert_array_equal(table["patent_id"], ids)
    np.testing.assert_array_equal(table["name"], np.char.strip(held.spelled[names[there]]))


def test_families(drawn, raw, visible):
    held = drawn.patents
    table = google_patents.publications(raw / "google").patents.table
    abroad = table[table["office"] == "US"]
    assert len(abroad) == held.abroad[visible].sum() > 100
    np.testing.assert_array_equal(
        np.sort(abroad["family_id"]), np.sort(held.family[visible][held.abroad[visible]].astype(str))
    )
    owners = pd.Series(held.firm).groupby(held.family).agg(["nunique", "size"])
    assert owners["nunique"].max() == 1
    assert (owners["size"] > 1).sum() > 50


def test_citations(drawn, read_patents, visible):
    held, table = drawn.patents, read_patents.citations.table
    pairs = held.cites[np.isin(held.cites[:, 0], visible)]
    assert len(table) == len(pairs) > 1000
    assert (table["cited_id"].isna().sum()) == (pairs[:, 1] < 0).sum()
    ours = pairs[pairs[:, 1] >= 0]
    wanted = pd.MultiIndex.from_arrays([held.ids()[ours[:, 0]], held.ids()[ours[:, 1]]]).sort_values()
    known = table.dropna(subset="cited_id")
    found = pd.MultiIndex.from_frame(known[["patent_id", "cited_id"]]).sort_values()
    assert list(found) == list(wanted)
    numbers = publication_numbers(held, ours[:, 1], np.zeros(len(ours), dtype=int)).to_pylist()
    assert set(known["cited_publication"]) == set(numbers)


def test_classification_finds_the_intended_flags(drawn, read_patents, visible):
    held, technology = drawn.patents, drawn.technology
    flags = classify_patents(read_patents.patents.table, "ipc", cpc="cpc", title="title").flags
    mechanism = held.mechanism[visible]
    np.testing.assert_array_equal(flags["green"], mechanism >= 0)
    np.testing.assert_array_equal(flags["green_strict"], held.strict[visible])
    np.testing.assert_array_equal(flags["mechanism"], np.array([*MECHANISM_NAMES, ""])[mechanism])
    np.testing.assert_array_equal(flags["ai"], held.ai[visible])
    symbols = held.ipc[visible]
    np.testing.assert_array_equal(flags["ai_core"], ((symbols >= 0) & technology.core[symbols]).any(axis=1))
    climate = np.isin(held.cpc[visible], np.concatenate(list(technology.y02.values()))).any(axis=1)
    np.testing.assert_array_equal(flags["y02"], climate)
    assert flags["green"].sum() > 3000
    assert (flags["green"] & flags["ai"]).sum() > 20
    assert set(flags.loc[flags["green"], "mechanism"]) == set(MECHANISM_NAMES)


def test_counts_of_visible_patents_are_those_of_cnrds(drawn, read_patents, raw, visible):
    held = drawn.patents
    flags = classify_patents(read_patents.patents.table).flags
    counts = pd.Series(1, drawn.firms["firm_id"].to_numpy()[held.firm[visible]])[flags["green"].to_numpy()]
    table = cnrds.green_patents(raw / "cnrds").table
    filed = table.filter(like="_filed_").sum(axis=1).groupby(table["firm_id"]).sum()
    np.testing.assert_array_equal(filed, counts.groupby(level=0).sum().reindex(filed.index, fill_value=0))


def test_names_are_matched(drawn, raw, read_patents):
    registry = pd.read_csv(raw / "names" / "company_names.csv", dtype=str, keep_default_na=False)
    held = drawn.patents
    owner = pd.Series(
        np.where(held.spelled_firm < 0, "", drawn.firms["firm_id"].to_numpy()[held.spelled_firm]),
        np.char.strip(held.spelled),
    )
    owner = owner[~owner.index.duplicated()]
    names = read_patents.applicants.table["name"]
    matches = match_names(names, registry).matches
    truth = owner.loc[matches.index].to_numpy()
    matched = (matches["status"] == "matched").to_numpy()
    right = matched & (matches["firm_id"] == truth).to_numpy()
    for weight in (np.ones(len(matches)), matches["count"].to_numpy()):
        assert weight[right].sum() / weight[matched].sum() >= 0.99
        assert weight[right].sum() / weight[truth != ""].sum() >= 0.95
