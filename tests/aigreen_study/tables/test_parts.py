"""Tables, names and ledger entries of a decomposition."""

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Imputation, Panel
from aigreen.effects.effects import Effects
from aigreen.errors import ReportError, SmallCellWarning
from aigreen_study.figures import parts_figure, parts_horizon_figure
from aigreen_study.numbers import headline
from aigreen_study.numbers.prose import Ledger
from aigreen_study.specification.decomposed import on_scales, study_decomposition
from aigreen_study.specification.parts import Movement, against_truth, movement, shares, support
from aigreen_study.tables.parts import (
    Notes,
    decomposition_table,
    exposures_table,
    moves_table,
    named,
    part_labels,
    scales_table,
    truth_table,
)

BAND = {"n_draws": 199, "seed": 1}
CODEBOOK = {"m": "Industry structure (tertiary / secondary)", "RD": "R&D share"}


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(3)
    units = pd.DataFrame({"unit": range(60), "cohort": np.repeat([4.0, 5.0, np.nan], 20)})
    df = units.merge(pd.DataFrame({"year": range(1, 8)}), how="cross")
    treated = df["year"] >= df["cohort"]
    df["ring"] = ((df["unit"] % 4 == 0) & (df["year"] >= 4)).astype(float)
    df["m"] = 0.1 * df["unit"] + 0.5 * treated + rng.normal(0, 0.3, len(df))
    df["y"] = df["unit"] + 0.2 * df["year"] + 0.8 * df["m"] + treated + 0.3 * df["ring"] + rng.normal(0, 0.3, len(df))
    return Panel(df, unit="unit", time="year", cohort="cohort")


@pytest.fixture(scope="module")
def parts(panel):
    return Decomposition(channels=["m"], exposure="ring").fit(panel, "y")


@pytest.fixture(scope="module")
def labels():
    return part_labels(["m"], CODEBOOK)


@pytest.fixture(scope="module")
def overall(parts, labels):
    return named(parts.overall(), labels)


def test_parts_on_three_scales(panel, labels):
    """Counts beside logs beside the linear outcome; truth and whether it is covered where it is known."""
    df = panel.frame.assign(n=np.random.default_rng(0).poisson(np.exp(0.02 * panel.frame["unit"])))
    counted = Panel(df, unit="unit", time="year", cohort="cohort")
    options = {"outcome": "y", "counts": "n", "channels": ["m"], "exposure": "ring", "variance": "leave_one_out"}
    names = {"y": "Outcome", "n": "Counts"}
    found = {name: named(result, labels) for name, result in on_scales(options, counted).items()}
    assert found["count"].n_rows == found["log"].n_rows
    truth = {"log": pd.Series(0.0, index=found["log"].index), "linear": pd.Series(99.0, index=found["log"].index)}
    table = scales_table(found, truth, names, options, simulated=True)
    assert [spanner.label for spanner in table.spanners[0]] == ["Log of the mean", "Counts a firm and year", "Outcome"]
    total = table.groups[0].rows[0].cells
    assert [total[0].value, total[4].value, total[6].value] == [found[k].values[0] for k in ("log", "count", "linear")]
    assert total[-1].text == "No"
    bare = scales_table(found, {}, names, options)
    assert len(bare.columns) == 6 and "covered" not in bare.notes


def made(values, errors):
    """Effects by part with uncorrelated errors."""
    psi = np.diag(np.asarray(errors, dtype=float))
    index = pd.Index(["total", "direct", "m", "spillover"], name="part")
    facts = {"n_rows": 9, "n_units": 4, "n_clusters": 4, "method": "Decomposition", "outcome": "y"}
    return Effects(np.asarray(values, dtype=float), index, psi, pd.RangeIndex(4, name="city"), **facts)


def test_labels_leave_units_and_abbreviations_alone():
    assert part_labels(["m", "RD"], CODEBOOK) == {
        "total": "Total",
        "direct": "Direct",
        "m": "Through industry structure",
        "RD": "Through R&D share",
        "spillover": "Spillover",
    }


def test_pieces_of_parts_are_left_out(panel, labels):
    result = Decomposition(channels=["m"], exposure="ring", interaction=True).fit(panel, "y")
    assert any(": " in part for part in result.overall().index)
    assert list(named(result.overall(), labels).index) == list(labels.values())
    study = named(result.event_study(), labels)
    assert study.index.names == ["part", "horizon"]
    assert study.estimates.xs(2, level="horizon").iloc[1:].sum() == pytest.approx(study.estimates["Total", 2])


def test_table_shows_estimates_intervals_and_shares(overall):
    table = decomposition_table(overall, simulated=True, **BAND)
    assert [row.label for row in table.rows] == ["Total", "Direct", "Through industry structure", "Spillover"]
    values = np.array([[np.nan if cell.value is None else cell.value for cell in row.cells] for row in table.rows])
    frame = overall.to_frame()
    assert values[:, 0] == pytest.approx(overall.values)
    assert values[1:, 0].sum() == pytest.approx(values[0, 0])
    assert values[:, 2:4] == pytest.approx(frame[["conf_low", "conf_high"]].to_numpy())
    assert values[:, 4:6] == pytest.approx(overall.conf_int(simultaneous=True, **BAND).to_numpy())
    assert np.isnan(values[0, 6:]).all()
    assert values[1:, 6].sum() == pytest.approx(1)
    assert values[1:, 6:] == pytest.approx(shares(overall).to_numpy())
    assert table.caption == "The effect and its parts (simulated data)"
    with pytest.raises(ReportError, match="one effect for each part"):
        decomposition_table(overall.select(np.arange(4) < 1))


def test_shares_are_fieller_sets_and_unbounded_where_the_total_may_be_zero(overall, parts):
    sets = parts.overall().share_sets()
    assert shares(overall)["low"].to_numpy() == pytest.approx([found.intervals[0][0] for found in sets])
    weak = made([0.1, 0.2, -0.2, 0.1], [1.0] * 4)
    assert np.isinf(shares(weak)[["low", "high"]].to_numpy()).all()
    texts = {cell.text for row in decomposition_table(weak, **BAND).rows[1:] for cell in row.cells[7:]}
    assert texts == {"none"}
    ledger = Ledger("numbers")
    headline.add_decomposition(ledger, weak, part_labels(["m"], CODEBOOK), level=0.95, **BAND)
    assert ledger["dec_m_share_low"]["text"] == "none"


def test_a_share_without_bounds_has_its_reason(monkeypatch):
    """The total is clear; the channel rests on so few clusters that with its degrees of freedom the total is not."""

    def told(values, errors, few=()):
        parts = made(values, errors)
        found = parts.effective_clusters().assign(df=100.0)
        found.loc[list(few), "df"] = 1.0
        with monkeypatch.context() as patch:
            patch.setattr(Effects, "effective_clusters", lambda self: found)
            ledger = Ledger("numbers")
            headline.add_decomposition(ledger, parts, part_labels(["m"], CODEBOOK), level=0.95, **BAND)
            table = decomposition_table(parts, notes="A note.", **BAND)
        texts = {row.label: [cell.text for cell in row.cells[7:]] for row in table.rows[1:]}
        without = [part for part, ends in texts.items() if "none" in ends]
        return table.notes, ledger["dec_shares_verdict"]["text"], without

    clear = ([0.5, 0.2, 0.2, 0.1], [0.1] * 4)
    note, verdict, without = told(*clear)
    assert note.endswith("A note.") and verdict == "shares of it can be read, with their intervals" and not without
    note, verdict, without = told(*clear, few=["m"])
    assert without == ["m"]
    assert "Nothing bounds the share m (none): too few treated clusters tell the error of this part" in note
    assert verdict.endswith(
        "with their intervals, but for that of the part through industry structure, which too few clusters bear"
    )
    note, verdict, without = told([0.1, 0.2, -0.2, 0.1], [1.0] * 4)
    assert without == ["direct", "m", "spillover"]
    assert note.endswith("Where the total cannot be told from zero, nothing bounds a share (none).")
    assert "too few clusters" not in verdict


def test_the_ledger_calls_the_number_of_leads_so(panel):
    study = Imputation(leads=2).fit(panel, "y").event_study()
    ledger = Ledger("numbers")
    headline.add_averages(ledger, {}, study, level=0.95)
    assert ledger["pretrend_leads"]["value"] == study.pretrend_test().leads == 2


def test_without_leads_or_with_one_treated_cluster_the_ledger_has_no_test_of_them(panel):
    alone = panel.reassign(np.where(np.arange(panel.n_units) == 0, 5.0, np.inf))
    with pytest.warns(SmallCellWarning):
        lone = Imputation(leads=2).fit(alone, "y").event_study()
    for study in (Imputation().fit(panel, "y"), lone):
        ledger = Ledger("numbers")
        headline.add_averages(ledger, {}, study, level=0.95)
        assert len(ledger) == 0


def test_support_counts_untreated_units_of_the_last_period(panel):
    found = support(panel, "ring")
    assert list(found["exposed"]) == [40, 44, 48, 52, 56]
    assert len(found["clean"]) == 15


def test_total_is_imputation_on_the_clean_view(panel, parts):
    clean = panel.clean("ring")
    assert clean.n_rows == panel.n_rows - 5 * 4 - 5
    result = Imputation(leads=2).fit(clean, "y")
    assert result.overall().values == pytest.approx(parts.overall().values[:1])
    table = moves_table({"Outcome": movement(result)})
    test = result.event_study().pretrend_test()
    assert [cell.value for cell in table.rows[0].cells[4:]] == pytest.approx(
        [2, test.p_value, test.trend.values[0], test.trend_p_value]
    )
    largest = result.event_study().pretrend_test(method="max_t")
    (row,) = moves_table({"Outcome": Movement(result.overall(), largest)}).rows
    assert (row.cells[4].text, largest.df) == ("2", 3)


def test_notes_of_moves_leave_the_number_of_leads_to_the_table():
    options = {"variance": "leave_one_out", "leads": 3, "exposure": None, "outcome": "y"}
    roles = {"unit": "unit", "time": "year", "cluster": "unit"}
    told = Notes(options, {"unit": "Unit", "year": "Year", "y": "Y"}, roles).moves
    assert "the test is joint for the years before treatment that the table counts." in told
    assert "3" not in told  # as asked for; data may have fewer


@pytest.mark.parametrize(
    ("response", "said"),
    [("bins", "the same for any exposure above zero (one bin)"), ("linear", "in proportion to exposure (linear)")],
)
def test_notes_say_how_the_response_grows_as_it_was_fitted(response, said, panel):
    options = {"variance": "leave_one_out", "exposure": "ring", "outcome": "y", "channels": ["m"], "response": response}
    names = {"unit": "Unit", "year": "Year", "y": "Y", "ring": "Ring"}
    told = Notes(options, names, {"unit": "unit", "time": "year", "cluster": "unit"})
    assert all(f" Response to exposure: {said}." in text for text in (told.parts, told.exposures))
    assert "Response" not in told.moves
    fitted = study_decomposition(options).fit(panel, "y").conventions["response"]
    assert fitted.startswith(f"{response} (ring), ")


def test_exposures_stand_side_by_side(overall, panel):
    table = exposures_table(
        {"Ring": overall, "Other": overall}, {"Ring": support(panel, "ring"), "Other": support(panel, "m")}
    )
    assert [cell.text for cell in table.rows[-2].cells] == ["15", "0"]
    assert [cell.text for cell in table.rows[-1].cells] == ["5", "20"]
    assert table.rows[0].cells[1].value == pytest.approx(overall.values[0])


def test_truth_is_covered_or_not():
    overall = made([0.5, 0.2, 0.2, 0.1], [0.1, 0.1, 0.01, 0.1])
    truth = pd.DataFrame({"truth": [0.6, 0.25, 0.3, 0.05]}, index=overall.index).assign(low=0.0, high=0.25)
    found = against_truth(overall, truth["truth"], **BAND)
    assert found["covered"].tolist() == [True, True, False, True]
    assert found["low"].to_numpy() == pytest.approx(overall.conf_int()["low"].to_numpy())
    wide = overall.conf_int(simultaneous=True, **BAND)
    assert found[["band_low", "band_high"]].to_numpy() == pytest.approx(wide.to_numpy())
    table = truth_table(overall, truth["truth"], **BAND)
    assert [row.cells[4].text for row in table.rows] == ["Yes", "Yes", "No", "Yes"]
    ledger = Ledger("numbers")
    headline.add_true_parts(ledger, overall, truth, part_labels(["m"], CODEBOOK), level=0.95, **BAND)
    assert ledger["dec_missed_pointwise"]["text"] == "the part through industry structure"
    assert ledger["dec_truth_order_gap"]["value"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("values", "errors", "found", "shares_read", "same_sign"),
    [
        ([0.5, 0.2, 0.2, 0.1], [0.01] * 4, "the total, the direct part, the part through industry structure and the "
         "spillover", True, True),
        ([-0.5, -0.2, -0.2, -0.1], [0.01, 0.01, 1, 1], "the total and the direct part", True, True),
        ([0.1, 0.2, -0.2, 0.1], [1.0] * 4, "none of them", False, False),
    ],
)  # fmt: skip
def test_words_follow_the_numbers(values, errors, found, shares_read, same_sign):
    ledger = Ledger("numbers")
    headline.add_decomposition(ledger, made(values, errors), part_labels(["m"], CODEBOOK), level=0.95, **BAND)
    assert ledger["dec_found"]["text"] == found
    assert ("can be read" in ledger["dec_shares_verdict"]["text"]) == shares_read
    assert ledger["dec_signs"]["text"].startswith("all parts have the sign") == same_sign
    assert ledger["dec_m_share"]["value"] == pytest.approx(values[2] / values[0])


def test_sample_facts_name_what_is_absent(panel):
    ledger = Ledger("numbers")
    names = pd.Series([f"U{unit}" for unit in range(60)], index=range(60))
    frame = panel.frame.assign(gap=panel.frame["y"].mask((panel.frame["unit"] == 7) & (panel.frame["year"] >= 4)))
    gappy = Panel(frame, unit="unit", time="year", cohort="cohort")
    headline.add_gaps(ledger, gappy, "gap", names)
    headline.add_gaps(ledger, gappy, "y", names)
    assert (ledger["gap_gap_rows"]["value"], ledger["gap_gap_treated"]["text"]) == (4, "U7")
    assert (ledger["gap_y_rows"]["value"], ledger["gap_y_treated"]["text"]) == (0, "none")
    headline.add_zones(ledger, ["110000", "310000"], "prefecture")
    assert (ledger["n_zones"]["value"], ledger["n_zones_absent"]["value"]) == (18, 16)
    assert ledger["zones_absent"]["text"].endswith("Xi'an and Zhengzhou")
    provinces = Ledger("numbers")
    headline.add_zones(provinces, [f"{code}0000" for code in (11, 31, 12, 44, 33, 34, 50, 51, 61, 37, 42)], "province")
    assert (provinces["n_zones"]["value"], provinces["n_zones_absent"]["value"]) == (16, 5)
    assert provinces["zones_absent"]["text"] == "Heilongjiang, Henan, Hunan, Jiangsu and Liaoning"
    headline.add_growth(ledger, frame.assign(z=frame["unit"] * frame["year"]), unit="unit", time="year", column="z")
    assert ledger["growth_spread"]["value"] == pytest.approx(29.5)


def test_single_horizons_enter_under_their_distance_from_treatment(panel):
    study = Imputation(leads=2).fit(panel, "y").event_study()
    ledger = Ledger("numbers")
    headline.add_horizons(ledger, study, [-1, 0], 0.95)
    assert ledger["event_study_before_1"]["value"] == study.estimates[-1]
    assert ledger["event_study_after_0_se"]["value"] == study.std_errors[0]


def test_figures_draw_every_part_with_both_intervals(overall, parts, labels):
    ax = parts_figure(overall, ylabel="Effect on y", **BAND).axes[0]
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(overall.values)
    wide, narrow = ([segment[:, 1] for segment in lines.get_segments()] for lines in ax.collections)
    assert np.array(wide) == pytest.approx(overall.conf_int(simultaneous=True, **BAND).to_numpy())
    assert np.array(narrow) == pytest.approx(overall.conf_int().to_numpy())
    figure = parts_horizon_figure(named(parts.event_study(), labels), simulated=True, **BAND)
    study = figure.axes[0]
    shown = [text.get_text() for text in study.get_legend().get_texts()]
    assert shown == ["Total, 95% simultaneous", "Spillover", "Direct", "Through industry structure"]  # by column
    assert [text.get_text() for text in figure.texts] == ["SIMULATED DATA"]
    with pytest.raises(ReportError, match="by horizon"):
        parts_horizon_figure(overall)
    with pytest.raises(ReportError, match="one effect a part"):
        parts_figure(named(parts.event_study(), labels))
