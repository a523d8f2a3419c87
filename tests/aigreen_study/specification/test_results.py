"""Exhibits of several specifications: contrasts, curves, columns and what could not be estimated."""

from dataclasses import replace

import numpy as np
import pytest

from aigreen.errors import FewClustersWarning, MissingRowsWarning, ReportError, SmallCellWarning
from aigreen_study.numbers.exhibits import add_exhibit, add_small_cells
from aigreen_study.numbers.prose import Ledger
from aigreen_study.specification.estimate import SMALL, fit
from aigreen_study.specification.results import Results, read_results, write_results
from aigreen_study.specification.specification import Exhibit
from aigreen_study.tables.exhibits import (
    choices,
    columns_table,
    contrast_table,
    estimates_table,
    not_estimated,
    range_table,
)

from .parts import LABELS, ROLES, estimate, same, specification


def results(frame, kind, *parts, failures=None):
    failures = failures or {}
    shown = Exhibit(exhibit="e", kind=kind, title="Title", specifications=parts)
    return Results(shown, {part.id: fit(part, frame, ROLES) for part in parts if part.id not in failures}, failures)


@pytest.fixture
def contrast(frame):
    parts = [
        specification(id=name, label=name.title(), group="By region", estimator="imputation", sample=sample)
        for name, sample in (("all", "year >= 2012"), ("east", "region == East"), ("west", "region == West"))
    ]
    parts += [
        specification(id=name, label=name.title(), group="OLS", estimator="ols", sample=sample)
        for name, sample in (("early", "year <= 2017"), ("late", "year >= 2012"))
    ]
    return results(frame, "contrast", *parts)


BOOTSTRAP = {"n_draws": 499, "seed": 1}


def test_a_contrast_tests_differences_to_the_first_and_all_together(contrast):
    table = contrast_table(contrast, LABELS, level=0.95, **BOOTSTRAP)
    assert [group.title for group in table.groups] == ["By region", "OLS"]
    rows = {row.label: row.cells for row in table.rows}
    assert list(rows) == [
        "All", "East", "West", "East − All", "West − All", "All equal", "Early", "Late", "Late − Early",
    ]  # fmt: skip
    single = contrast.single
    assert rows["East − All"][0].value == pytest.approx(single["east"].values[0] - single["all"].values[0])
    weights = np.array([[-1.0, 1, 0, 0, 0], [-1, 0, 1, 0, 0]])
    assert rows["All equal"][6].value == pytest.approx(contrast.stacked().test(weights).p_value)
    assert all(rows[name][7].value >= rows[name][6].value * 0.5 for name in ("All", "East", "West"))
    assert "clustered by city" in table.notes
    counts = [contrast.treated_clusters(part.id) for part in contrast.estimated]
    told = table.notes.split("Clusters with treated rows, of all: ")[1]
    assert all(f"{count} of {contrast.fitted[part.id].n_clusters}" in told
               for part, count in zip(contrast.estimated, counts, strict=True))  # fmt: skip


def test_a_difference_is_taken_once(contrast):
    gaps = contrast.differences("By region")
    assert list(gaps) == ["east", "west"]
    assert contrast.differences("By region")["west"] is gaps["west"]
    assert list(contrast.differences("OLS")) == ["late"]


def test_a_test_of_equality_names_the_groups_that_it_leaves_out(contrast, monkeypatch):
    assert contrast.left_out("By region") == []
    assert "All equal" not in contrast_table(contrast, LABELS, level=0.95, **BOOTSTRAP).notes
    gaps = contrast.differences("By region")
    bare = replace(gaps["west"], psi=None, cluster_shares=None, covariance=np.array([[np.nan]]))
    monkeypatch.setattr(Results, "differences", lambda self, group: gaps | {"west": bare})
    assert contrast.left_out("By region") == ["West"]
    monkeypatch.undo()
    monkeypatch.setattr(Results, "left_out", lambda self, group: ["West"] if group == "By region" else [])
    told = contrast_table(contrast, LABELS, level=0.95, **BOOTSTRAP).notes
    assert "All equal: without West, whose difference has no error of its own." in told


def test_an_average_of_the_others_has_no_joint_test(frame):
    parts = [
        specification(id=name, label=name, estimator="imputation", sample=sample)
        for name, sample in (("all", ""), ("east", "region == East"), ("west", "region == West"))
    ]
    fitted = results(frame, "contrast", *parts)
    assert fitted.equality("") is None
    table = contrast_table(fitted, LABELS, level=0.95, **BOOTSTRAP)
    assert table.rows[-1].cells[6].text == "no full rank"
    ledger = Ledger("numbers")
    add_exhibit(ledger, fitted, level=0.95, **BOOTSTRAP)
    assert ledger["e_diff_west"]["spec"] == "e/west - e/all"


def test_every_estimate_and_difference_is_in_the_ledger_with_its_source(contrast):
    ledger = Ledger("numbers")
    add_exhibit(ledger, contrast, level=0.95, **BOOTSTRAP)
    entry = ledger["e_east"]
    assert entry["value"] == contrast.single["east"].values[0]
    assert (entry["spec"], entry["n"], entry["exhibit"]) == ("e/east", 320, "tables/e")
    assert "city" in entry["errors"]
    for key in ("e_east_se", "e_east_low", "e_east_high", "e_east_p", "e_east_n", "e_east_verdict"):
        assert ledger[key]["spec"] == "e/east"
    assert ledger["e_east_n"]["text"] == "320"
    assert ledger["e_by_region_diff_west"]["spec"] == "e/west - e/all"
    assert ledger["e_ols_diff"]["value"] == pytest.approx(
        np.subtract(*[contrast.single[k].values[0] for k in ("late", "early")])
    )
    assert ledger["e_by_region_equal_verdict"]["value"] in {"rejects", "does not reject"}
    assert 0 < ledger["e_ols_diff_p_adjusted"]["value"] <= 1


def test_counts_are_in_percent_too(frame):
    parts = [
        specification(id="poisson", estimator="poisson", outcome="count"),
        specification(id="ratio", estimator="poisson_imputation", outcome="count"),
        specification(id="dose", estimator="poisson", outcome="count", treatment="dose"),
    ]
    fitted = results(frame, "estimates", *parts)
    ledger = Ledger("numbers")
    add_exhibit(ledger, fitted, level=0.95)
    assert ledger["e_poisson_percent"]["value"] == pytest.approx(100 * np.expm1(ledger["e_poisson"]["value"]))
    assert ledger["e_ratio_percent"]["value"] == pytest.approx(100 * ledger["e_ratio"]["value"])
    with pytest.raises(KeyError):
        ledger["e_dose_percent"]


def test_a_curve_enters_its_joint_tests(frame):
    parts = [
        specification(id=f"s{i}", estimator=estimator, covariates=covariates)
        for i, (estimator, covariates) in enumerate([("ols", ()), ("ols", ("x",)), ("imputation", ())])
    ]
    fitted = results(frame, "curve", *parts)
    ledger = Ledger("numbers")
    add_exhibit(ledger, fitted, level=0.95, **BOOTSTRAP)
    values = [fitted.single[part.id].values[0] for part in parts]
    assert ledger["e_count"]["value"] == 3
    assert ledger["e_median"]["value"] == pytest.approx(np.median(values))
    assert (ledger["e_lowest"]["value"], ledger["e_highest"]["value"]) == (min(values), max(values))
    assert ledger["e_mean_z_p"]["value"] <= 0.05
    table = choices(fitted, LABELS, ROLES)
    assert table["Controls"].tolist() == ["none", "Control", "none"]
    assert table["Estimator"].tolist() == ["OLS", "OLS", "Imputation"]
    assert "Options" not in table


def test_columns_show_treatment_controls_and_fixed_effects(frame):
    parts = [
        specification(id="a", label="OLS", estimator="ols"),
        specification(
            id="b", label="Lagged", estimator="ols", treatment="dose", options={"lag": "1"}, covariates=("x",)
        ),
        specification(id="c", label="OLS", estimator="ols", fixed_effects=("firm", "region^year")),
    ]
    with pytest.warns(MissingRowsWarning, match="80 rows left out: missing lag1_dose"):
        shown = results(frame, "columns", *parts)
    table = columns_table(shown, LABELS, ROLES, level=0.95)
    rows = {row.label: [cell.text for cell in row.cells] for row in table.rows if row.label}
    assert list(rows)[:3] == ["Treated", "Dose, lagged by 1", "Control"]
    assert rows["Firm effects"] == ["Yes", "Yes", "Yes"]
    assert rows["Year effects"] == ["Yes", "Yes", "No"]
    assert rows["Region × year effects"] == ["No", "No", "Yes"]
    assert rows["Observations"] == ["640", "560", "640"]


def test_what_cannot_be_estimated_is_named_and_the_rest_is_shown(frame, tmp_path):
    parts = (specification(id="a", label="All", estimator="ols"), specification(id="b", label="None", estimator="ols"))
    shown = Exhibit(exhibit="e", kind="estimates", title="Title", specifications=parts)
    write_results(tmp_path / "e", {"a": fit(parts[0], frame, ROLES)}, {"b": "no row is treated"})
    read = read_results(tmp_path / "e", shown)
    same(read.single["a"], estimate(frame, estimator="ols"))
    table = estimates_table(read, LABELS, level=0.95)
    assert [row.label for row in table.rows] == ["All"]
    assert "Not estimated: None (no row is treated)." in table.notes
    write_results(tmp_path / "f", {}, {"a": "no row", "b": "no row"})
    with pytest.raises(ReportError, match="exhibit 'e': nothing could be estimated"):
        read_results(tmp_path / "f", shown)


def test_second_opinions_of_statsmodels_and_linearmodels_can_be_asked_for(frame):
    wide = frame.assign(count=np.random.default_rng(1).negative_binomial(2, 2 / (2 + np.exp(1 + 0.3 * frame["x"]))))
    parts = [
        specification(id="ols", estimator="ols", covariates=("x",)),
        specification(id="again", estimator="panel_ols", covariates=("x",)),
        specification(id="dose", estimator="panel_ols", treatment="dose", options={"lag": "1"}),
        specification(id="poisson", estimator="poisson", outcome="count"),
        specification(id="negative", estimator="negative_binomial", outcome="count"),
    ]
    with pytest.warns(MissingRowsWarning, match="lag1_dose"):
        fitted = results(wide, "estimates", *parts)
    found = {name: (one.values[0], one.std_errors.iloc[0]) for name, one in fitted.single.items()}
    np.testing.assert_allclose(found["again"], found["ols"], rtol=1e-9)
    assert fitted.single["dose"].index.tolist() == ["lag1_dose"]
    assert abs(found["negative"][0] - found["poisson"][0]) < found["poisson"][1]
    ledger = Ledger("numbers")
    add_exhibit(ledger, fitted, level=0.95)
    assert ledger["e_negative_percent"]["value"] == pytest.approx(100 * np.expm1(found["negative"][0]))


def test_a_range_counts_treated_clusters_and_enters_its_ends(frame):
    years = (2015, 2016, 2017)
    parts = [
        specification(id=f"to_{year}", label=f"To {year}", group="OLS", estimator="ols", sample=f"year <= {year}")
        for year in years
    ]
    shown = results(frame, "range", *parts)
    table = range_table(shown, LABELS, level=0.95)
    assert table.columns == ("Estimate", "Std. error", "low", "high", "Observations", "Clusters", "Treated")
    for row, part, year in zip(table.rows, parts, years, strict=True):
        kept = frame[(frame["year"] <= year) & frame[part.outcome].notna()]
        treated = kept[kept["year"] >= kept[ROLES["cohort"]]]
        assert row.cells[6].value == treated[ROLES["cluster"]].nunique()
        assert row.cells[5].value == shown.fitted[part.id].n_clusters
    ledger = Ledger(rule="numbers")
    add_exhibit(ledger, shown, level=0.95, **BOOTSTRAP)
    values = {part.id: shown.single[part.id].values[0] for part in parts}
    least, most = min(values, key=values.get), max(values, key=values.get)
    assert ledger["e_ols_lowest"]["value"] == values[least]
    assert ledger["e_ols_highest"]["value"] == values[most]
    assert ledger["e_ols_lowest_sample"]["text"] == f"To {least[3:]}"
    lows = [shown.single[part.id].conf_int(0.95)["low"].iloc[0] for part in parts]
    assert ledger["e_ols_reach_low"]["value"] == min(lows)
    assert ledger["e_to_2017_clusters"]["value"] == shown.fitted["to_2017"].n_clusters


KINDS = {
    "leave_one_out": "leave-one-out errors (treated rows are centred without their own cluster), larger than",
    "conservative": "conservative errors (treated rows are centred with their own cluster), smaller than",
}


def test_the_note_says_which_errors_imputation_has_and_why_others_differ(frame):
    ols = specification(id="ols", label="OLS", estimator="ols")
    kinds = {
        kind: specification(id=kind, label=kind, estimator="imputation", options={"variance": kind}) for kind in KINDS
    }
    told = {kind: results(frame, "estimates", part, ols) for kind, part in kinds.items()}
    errors = {kind: float(found.single[kind].std_errors.iloc[0]) for kind, found in told.items()}
    assert errors["leave_one_out"] > errors["conservative"]
    for kind, found in told.items():
        notes = estimates_table(found, LABELS, level=0.95).notes
        assert f"Imputation: {KINDS[kind]}" in notes
        assert notes.count("treated rows are centred") == 1
        alone = estimates_table(results(frame, "estimates", kinds[kind]), LABELS, level=0.95).notes
        assert f" {KINDS[kind][0].upper()}{KINDS[kind][1:]}" in alone
    assert "centred" not in estimates_table(results(frame, "estimates", ols), LABELS, level=0.95).notes
    more = specification(id="more", label="More", estimator="imputation", options={"variance": "leave_one_out"})
    both = estimates_table(results(frame, "estimates", *kinds.values(), more), LABELS, level=0.95).notes
    assert f"leave_one_out and More: {KINDS['leave_one_out']}" in both
    assert f"conservative: {KINDS['conservative']}" in both


def test_treated_rows_in_one_cluster_are_centred_with_it_and_the_note_says_so(frame):
    first = frame.loc[frame["first"].notna(), "city"].iloc[0]
    one = frame[frame["first"].isna() | (frame["city"] == first)]
    options = {"variance": "leave_one_out"}
    part = specification(id="one", label="One", estimator="imputation", options=options)
    with pytest.warns(SmallCellWarning):
        found = results(one, "estimates", part)
    with pytest.warns(SmallCellWarning):
        same(found.single["one"], estimate(one, estimator="imputation"))
    with pytest.warns(FewClustersWarning):
        table = estimates_table(found, LABELS, level=0.95)
    assert [cell.text for cell in table.rows[0].cells[2:4]] == ["none", "none"]
    assert "Conservative errors (treated rows are centred with their own cluster)" in table.notes


def test_errors_that_a_lone_cohort_makes_too_small_are_told_in_notes_and_text(frame):
    """City 3 is the only one treated from 2017: saturated regressions warn of it, imputation leaves clusters out."""
    lone = frame.assign(first=frame["first"].where(~frame["city"].isin([4, 5])))
    lines = {"ols": {}, "sun_abraham": {}, "stacked": {"window": "-3,1"}, "imputation": {"variance": "leave_one_out"}}
    parts = [specification(id=name, label=name.upper(), estimator=name, options=how) for name, how in lines.items()]
    with pytest.warns(SmallCellWarning, match="1 cohort stands in a single cluster") as given:
        found = results(lone, "estimates", *parts)
    assert len(given) == 2
    small = {id_: effects.conventions.get(SMALL, "") for id_, effects in found.fitted.items()}
    assert [id_ for id_, said in small.items() if "in a single cluster" in said] == ["sun_abraham", "stacked"]
    note = "SUN_ABRAHAM; STACKED: some cohorts stand in a single cluster, and their own sampling error is not in the "
    assert f"{note}standard errors." in estimates_table(found, LABELS, level=0.95).notes
    ledger = Ledger("numbers")
    add_small_cells(ledger, found)
    assert ledger["e_small_cells"]["text"] == "“SUN_ABRAHAM” and “STACKED”"
    assert "ome cohorts" not in estimates_table(results(lone, "estimates", parts[0]), LABELS, level=0.95).notes


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        ("no row is treated; name a treatment= column or a cohort; left out before: 2 rows: outcome always zero",
         "no row is treated; left out before: 2 rows: outcome always zero"),
        ("9 restrictions but 2 clusters; test fewer, as by event_study(window=...)", "9 restrictions but 2 clusters"),
        ("variance='leave_one_out' needs two clusters; with variance='conservative' nothing counts",
         "variance leave one out needs two clusters"),
    ],
)  # fmt: skip
def test_tables_print_reasons_without_advice_to_programmers(error, printed):
    assert not_estimated({"OLS": error}) == [f"Not estimated: OLS ({printed})."]


def test_counts_of_treated_clusters_that_all_differ_all_have_their_label(frame):
    """Cities 0 to 2 are treated from 2015, 3 to 5 from 2017, of 20; each line has its own sample."""
    samples = {"Few": "city >= 4", "Some": "city >= 2", "Some again": "city >= 2 & year >= 2012"}
    parts = [
        specification(id=label.lower().replace(" ", "_"), label=label, estimator="ols", sample=sample)
        for label, sample in samples.items()
    ]
    told = [
        estimates_table(results(frame, "estimates", *some), LABELS, level=0.95).notes.split("of all: ")[1].split(".")[0]
        for some in (parts, parts[:2], parts[:1])
    ]
    assert told == ["4 of 18; Few: 2 of 16", "Few: 2 of 16; Some: 4 of 18", "2 of 16"]
