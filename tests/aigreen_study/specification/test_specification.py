"""The specification registry: tables in, the estimators' own numbers out, and every mistake named with its line."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, GroupTimeATT, Imputation, Panel
from aigreen.did.balance import entropy_balance
from aigreen.errors import ConfigError, NoTreatedError, ReportError
from aigreen_study.config import read_config, studies
from aigreen_study.numbers.exhibits import add_exhibit
from aigreen_study.numbers.prose import Ledger
from aigreen_study.specification.calls import FITS
from aigreen_study.specification.estimate import fit, fit_all, one_effect
from aigreen_study.specification.menu import ESTIMATORS
from aigreen_study.specification.registry import check_columns, read_answers, read_registry
from aigreen_study.specification.results import Results, read_results, write_results
from aigreen_study.specification.specification import Exhibit, Specification
from aigreen_study.tables.exhibits import choices, columns_table, contrast_table, estimates_table

FOLDER = Path(__file__).parents[3] / "analysis/config"
ROLES = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}
CONFIG = {
    "study": "s",
    "outcomes": {"level": "count", "log": "y"},
    "decomposition": {"channels": ["m"], "exposure": "near"},
}
SHOWN = "study,exhibit,kind,title,notes,attack,section,quoted_as\n"
FITTED = (
    "study,exhibit,id,label,group,estimator,outcome,treatment,exposure,channels,covariates,fixed_effects,cluster,"
    "sample,options\n"
)
LABELS = {"y": "Outcome", "count": "Count", "treated": "Treated", "x": "Control", "dose": "Dose", "firm": "Firm"}
LABELS |= {"year": "Year", "city": "City", "region": "Region"}


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


def test_every_estimator_is_fitted_by_something():
    assert list(FITS) == list(ESTIMATORS)


def specification(**fields):
    return Specification(**({"exhibit": "e", "id": "one", "outcome": "y"} | fields))


def estimate(frame, **fields):
    spec = specification(**fields)
    return one_effect(spec, fit(spec, frame, ROLES))


def same(effect, expected):
    assert effect.values == pytest.approx(expected.values, abs=1e-12)
    assert effect.std_errors.to_numpy() == pytest.approx(expected.std_errors.to_numpy(), abs=1e-12)


# -- the tables of the repository ----------------------------------------------------------------------------------


PANELS = [name for name in studies(FOLDER) if "kind" not in read_config({"study": name}, FOLDER)]


@pytest.mark.parametrize("study", PANELS)
def test_the_registry_of_every_study_is_valid(study):
    exhibits = read_registry(FOLDER, read_config({"study": study}, FOLDER))
    assert {"baseline", "robust_estimators", "heterogeneity_size", "heterogeneity_region"} <= set(exhibits)
    for shown in exhibits.values():
        assert Exhibit.from_printed(json.loads(json.dumps(shown.printed()))).specifications == shown.specifications


def test_the_two_studies_of_firms_run_the_same_list():
    simulated, listed = (
        read_registry(FOLDER, read_config({"study": name}, FOLDER)) for name in ("simulated-firms", "listed-firms")
    )
    assert simulated == listed


# -- reading -------------------------------------------------------------------------------------------------------


def tables(folder, shown, fitted):
    (folder / "exhibits.csv").write_text(SHOWN + shown.replace("\n", ",\n"), encoding="utf-8")
    (folder / "objections.csv").write_bytes((FOLDER / "objections.csv").read_bytes())
    (folder / "specifications.csv").write_text(FITTED + fitted, encoding="utf-8")
    (folder / "other.yaml").touch()
    return folder


def test_a_row_belongs_to_the_studies_it_names_and_empty_fields_take_the_defaults(tmp_path):
    tables(
        tmp_path,
        "s other,e,estimates,Title,,logs fishing,results\nother,f,curve,Title,,,robustness\n",
        "s other,e,a,A,,ols,,,,,x,,,,\ns,e,b,B,,poisson,,dose,,,,,,year > 2012,lag=1 term=x\nother,f,c,,,ols,,,,,,,,,\n"
        "s,e,d,,,decomposition,,,,,,,,,\n",
    )
    exhibits = read_registry(tmp_path, CONFIG)
    assert list(exhibits) == ["e"]
    assert exhibits["e"].attack == ("logs", "fishing")
    a, b, d = exhibits["e"].specifications
    assert (a.outcome, a.covariates, a.line) == ("y", ("x",), 2)
    assert (b.outcome, b.dose, b.sample, b.options) == ("count", "dose", "year > 2012", {"lag": "1", "term": "x"})
    assert (d.channels, d.exposure) == (("m",), ("near",))
    assert set(b.columns) == {"count", "dose", "year"}


def test_what_is_estimated_says_nothing_of_labels_and_lines(tmp_path):
    fitted = "s,e,a,A,,ols,,,,,x,,,,\n"
    before = read_registry(tables(tmp_path, "s,e,estimates,Title,,,results\n", fitted), CONFIG)["e"]
    relabelled = "other,f,z,,,ols,,,,,,,,,\n" + fitted.replace(",A,", ",A new label,")
    shown = "other,f,curve,T,,,results\ns,e,estimates,A new title,,,results\n"
    after = read_registry(tables(tmp_path, shown, relabelled), CONFIG)["e"]
    assert before.estimated() == after.estimated()
    assert before.printed() != after.printed()


def test_all_problems_are_listed_at_once_with_lines_and_nearest_names(tmp_path):
    tables(
        tmp_path,
        "s,e,estimate,Title,,fishng,results\ns,g,curve,,,,middle\ns,empty,columns,T,,,results\n"
        "s,k,contrast,T,,,results\n",
        "s,e,a,A,,olss,,,,,,,,,\ns,k,b b,B,,ols,,,,,,,,year ~ 3,\ns,kk,c,,,group_time,,dose,m,,,firm,a b,,laag=1\n"
        "s,k,d,,,imputation,,,,,,,,,leads=-1 leads=2\n,k,e,,,ols,,,,,,,,,\ns,k,f,,,local_projection,,,,,,,,,\n"
        "s,k,f,,,imputation,,,,,,,,,\ns,k,short\n"
        "s,k,g,,,ols,,,,,,,a b,,\ns,k,h,,,ols,,,,,,,a,,\nohter,k,h,,,ols,,,,,,,a,,\n",
    )
    with pytest.raises(ConfigError) as caught:
        read_registry(tmp_path, CONFIG)
    text = str(caught.value)
    for message in (
        "exhibits.csv, line 2: no kind 'estimate' (did you mean 'estimates'?)",
        "exhibits.csv, line 2: no attack 'fishng' (did you mean 'fishing'?)",
        "exhibits.csv, line 3: no section 'middle'",
        "exhibits.csv, line 3: title is empty",
        "exhibits.csv, line 4: s has no specification of exhibit 'empty'",
        "specifications.csv, line 2: no estimator 'olss' (did you mean 'ols'?)",
        "specifications.csv, line 3: id 'b b': use lower-case letters, digits and _",
        "specifications.csv, line 3: sample: cannot read 'year ~ 3'",
        "specifications.csv, line 4: exposure: group_time takes none",
        "specifications.csv, line 4: fixed_effects: group_time takes none",
        "specifications.csv, line 4: treatment: group_time takes first treated periods, write since(dose)",
        "specifications.csv, line 4: cluster: group_time takes one column",
        "specifications.csv, line 4: option 'laag'",
        "specifications.csv, line 5: option 'leads' stands 2 times",
        "specifications.csv, line 6: study is empty",
        "specifications.csv, line 7: s k/f: local_projection has no influence functions",
        "specifications.csv, line 8: s has k/f in line 7 already",
        "specifications.csv, line 9: 3 cells, 15 are needed",
        "specifications.csv, line 10: s k/g: two-way clustering has no influence functions",
        "specifications.csv, line 11: s k/h: all rows of an exhibit of kind contrast need the same clusters",
        "specifications.csv, line 12: no study 'ohter' (did you mean 'other'?)",
    ):
        assert message in text, message


def test_an_attack_that_nothing_lists_is_told(tmp_path):
    assert read_answers(FOLDER)["figures/bacon"]["attack"] == "weights"
    tables(tmp_path, "", "")
    (tmp_path / "answers.csv").write_text("exhibit,title,attack\nfigures/bacon,Weights,wieghts\n")
    with pytest.raises(ConfigError, match=r"answers\.csv: no attack 'wieghts' \(did you mean 'weights'\?\)"):
        read_answers(tmp_path)


def test_a_second_name_holds_the_id_of_its_specification(tmp_path):
    fitted = "s,e,a,A,,ols,,,,,,,,,\n"
    tables(tmp_path, "", fitted)
    path = tmp_path / "exhibits.csv"
    path.write_text(SHOWN + "s,e,columns,T,,,results,first_{id}\n")
    assert read_registry(tmp_path, CONFIG)["e"].quoted_as == "first_{id}"
    path.write_text(SHOWN + "s,e,columns,T,,,results,first\n")
    with pytest.raises(ConfigError, match=r"line 2: quoted_as: write \{id\}"):
        read_registry(tmp_path, CONFIG)


def test_a_wrong_header_names_the_column(tmp_path):
    tables(tmp_path, "s,e,estimates,T,,,results\n", "")
    path = tmp_path / "specifications.csv"
    path.write_text(FITTED.replace("estimator", "estimatr"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"line 1: .*unknown 'estimatr' \(did you mean 'estimator'\?\)"):
        read_registry(tmp_path, CONFIG)


def test_unknown_columns_are_listed_with_role_and_line(frame):
    wrong = [
        specification(estimator="ols", covariates=("xx",), fixed_effects=("firm", "regoin^year"), line=7),
        specification(id="two", estimator="ols", sample="sise > 1", treatment="since(frist)"),
    ]
    with pytest.raises(ConfigError) as caught:
        check_columns(wrong, list(frame.columns))
    for message in (
        "specification e/one (line 7): covariates: no column 'xx'",
        "specification e/one (line 7): fixed_effects: no column 'regoin' (did you mean 'region'?)",
        "specification e/two: sample: no column 'sise'",
        "specification e/two: treatment: no column 'frist' (did you mean 'first'?)",
    ):
        assert message in str(caught.value)


# -- fitting -------------------------------------------------------------------------------------------------------


def test_regressions_are_those_of_twfe(frame, panel):
    same(estimate(frame, estimator="ols", covariates=("x",)), TWFE().fit(panel, "y", covariates=["x"])["treated"])
    poisson = TWFE(family="poisson", fixed_effects=["firm", "region^year"]).fit(panel, "count")["treated"]
    same(estimate(frame, estimator="poisson", outcome="count", fixed_effects=("firm", "region^year")), poisson)
    two_way = TWFE(vcov=("city", "year")).fit(panel, "y")["treated"]
    same(estimate(frame, estimator="ols", cluster=("city", "year")), two_way)
    by_region = TWFE().fit(Panel(frame, **ROLES | {"cluster": "region"}), "y")["treated"]
    same(estimate(frame, estimator="ols", cluster=("region",)), by_region)
    chosen = TWFE().fit(panel, "y", covariates=["x"])["x"]
    same(estimate(frame, estimator="ols", covariates=("x",), options={"term": "x"}), chosen)


def test_a_dose_may_be_lagged_and_has_no_value_where_the_unit_was_not_seen(frame):
    gap = frame[~((frame["firm"] == 3) & (frame["year"] == 2014))]
    spec = specification(estimator="ols", treatment="dose", options={"lag": "1"})
    result = fit(spec, gap, ROLES)
    lagged = gap.sort_values(["firm", "year"])
    before = lagged.groupby("firm")[["dose", "year"]].shift()
    lagged = lagged.assign(lag1_dose=before["dose"].where(before["year"] == lagged["year"] - 1))
    expected = TWFE().fit(Panel(lagged, **ROLES), "y", treatment="lag1_dose")
    same(one_effect(spec, result), expected)
    assert result.n_rows == 80 * 7 - 2


def test_averages_over_treated_rows_are_those_of_the_estimators(frame, panel):
    same(estimate(frame, estimator="imputation"), Imputation().fit(panel, "y").overall())
    never = GroupTimeATT(control_group="never_treated").fit(panel, "y").aggregate("group").overall()
    options = {"control_group": "never_treated", "average": "group"}
    same(estimate(frame, estimator="group_time", options=options), never)
    later = Imputation(anticipation=1).fit(Panel(frame, **ROLES | {"cohort": "later"}), "y").overall()
    same(estimate(frame, estimator="imputation", treatment="since(later)", options={"anticipation": "1"}), later)
    part = {"exposure": ("near",), "channels": ("m",)}
    parts = {
        name: estimate(frame, estimator="decomposition", options={"part": name}, **part).values[0]
        for name in ("total", "direct", "m", "spillover")
    }
    assert parts["total"] == pytest.approx(parts["direct"] + parts["m"] + parts["spillover"], abs=1e-12)


def test_samples_are_views_so_that_differences_have_the_right_error(frame, panel):
    east, west = (
        estimate(frame, estimator="imputation", id=name, sample=f"region == {name.title()}")
        for name in ("east", "west")
    )
    same(east, Imputation().fit(panel[(frame["region"] == "East").to_numpy()], "y").overall())
    gap = west - east
    covariance = float(east.influence.to_numpy()[:, 0] @ west.influence.to_numpy()[:, 0])
    variance = east.std_errors.iloc[0] ** 2 + west.std_errors.iloc[0] ** 2 - 2 * covariance
    assert gap.std_errors.iloc[0] == pytest.approx(np.sqrt(variance), abs=1e-12)
    assert covariance != 0


def test_one_cohort_keeps_the_never_treated_and_controls_may_be_all(frame, panel):
    only = panel[((frame["first"] == 2017) | frame["first"].isna()).to_numpy()]
    same(estimate(frame, estimator="imputation", options={"cohort": "2017"}), Imputation().fit(only, "y").overall())
    among = panel[((frame["region"] == "East") | frame["first"].isna()).to_numpy()]
    spec = {"sample": "region == East", "options": {"controls": "all"}}
    same(estimate(frame, estimator="imputation", **spec), Imputation().fit(among, "y").overall())


def test_balance_weighs_controls_as_entropy_balancing_does(frame, panel):
    weights = entropy_balance(panel, ["x"], period=2013).rows(panel)
    weighted = Panel(frame.assign(w=weights), **ROLES, weights="w")
    expected = GroupTimeATT().fit(weighted, "y").overall()
    same(estimate(frame, estimator="group_time", options={"balance": "x@2013"}), expected)
    matched = estimate(frame, estimator="group_time", options={"match": "x@2013"})
    assert matched.values[0] != pytest.approx(expected.values[0], abs=1e-6)


def test_balanced_keeps_units_seen_throughout(frame):
    gap = frame[~((frame["firm"] == 3) & (frame["year"] == 2014))]
    options = {"cohort": "2015", "balanced": "yes"}
    spec = specification(estimator="synthetic_did", options=options)
    result = fit(spec, gap, ROLES)
    assert (result.n_units, result.n_rows) == (67, 67 * 8)
    with pytest.raises(ConfigError, match="synthetic_did needs the option cohort=YEAR"):
        fit(specification(estimator="synthetic_did"), gap, ROLES)


def test_results_carry_their_specification_and_errors_their_name(frame):
    spec = specification(estimator="ols", sample="region == East")
    said = fit(spec, frame, ROLES).conventions
    assert (said["specification"], said["sample"]) == ("e/one", "region == East")
    with pytest.raises(NoTreatedError, match="specification e/one: "):
        fit(specification(estimator="imputation", sample="firm > 40"), frame, ROLES)
    wrong = specification(estimator="ols", options={"term": "treted"})
    with pytest.raises(ConfigError, match=r"no term 'treted' \(did you mean 'treated'\?\)"):
        one_effect(wrong, fit(wrong, frame, ROLES))


def test_what_the_data_cannot_identify_is_a_failure_and_a_mistake_stops(frame, caplog):
    good = specification(estimator="ols")
    lost = replace(specification(estimator="imputation", sample="firm > 40"), id="lost")
    fitted, failures = fit_all([good, lost], frame, ROLES, logging.getLogger("test"))
    assert (list(fitted), list(failures)) == (["one"], ["lost"])
    assert fitted["one"].values == pytest.approx(fit(good, frame, ROLES).values)
    assert not failures["lost"].startswith("specification")
    assert f"specification e/lost: {failures['lost']}" in caplog.text
    with pytest.raises(ConfigError, match="specification e/one: "):
        fit_all([specification(estimator="synthetic_did")], frame, ROLES, logging.getLogger("test"))


# -- exhibits ------------------------------------------------------------------------------------------------------


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
    table = columns_table(results(frame, "columns", *parts), LABELS, ROLES)
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
