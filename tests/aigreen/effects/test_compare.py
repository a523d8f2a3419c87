"""Results side by side."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import docx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from scipy import stats

from aigreen import TWFE, Effects, GroupTimeATT, Imputation, LocalProjections, Panel, SunAbraham, compare
from aigreen.errors import EffectsError, OptionError, WrongTypeError

CLUSTERS = pd.RangeIndex(40, name="city")


def make(index: pd.Index, seed: int = 0) -> Effects:
    rng = np.random.default_rng(seed)
    psi = rng.normal(size=(40, len(index))) / 6
    return Effects(rng.normal(size=len(index)), index, psi, CLUSTERS, 400, 80, 40, "m", "y", df=39)


def parts(*names: str, seed: int = 0) -> Effects:
    return make(pd.Index(names, name="part"), seed)


A, B = parts("total", "direct", "m"), parts("m", "spillover", "total", seed=1)


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(2)
    firm, year = np.repeat(np.arange(60), 8), np.tile(np.arange(2001, 2009), 60)
    first = np.array([0, 2004, 2006])[firm % 3]
    y = 0.5 * ((first > 0) & (year >= first)) + rng.normal(size=480)
    frame = pd.DataFrame({"firm": firm, "year": year, "first": first, "y": y})
    return Panel(frame, unit="firm", time="year", cohort="first")


def test_rows_are_aligned_and_numbers_are_those_of_numpy() -> None:
    table = compare({"A": A, "B": B}).to_frame(0.9)
    assert table.index.tolist() == ["total", "direct", "m", "spillover"]
    assert table.columns[:2].tolist() == [("A", "estimate"), ("A", "std_error")]
    for label, result in (("A", A), ("B", B)):
        for j, name in enumerate(result.index):
            error = np.sqrt((result.psi[:, j] ** 2).sum())
            reach = stats.t(39).ppf(0.95) * error
            row = table.loc[name, label]
            np.testing.assert_allclose(
                row[["estimate", "std_error", "conf_low", "conf_high"]].astype(float),
                [result.values[j], error, result.values[j] - reach, result.values[j] + reach],
                rtol=1e-10,
            )
    assert table.loc["spillover", "A"].isna().all()
    assert table.loc["direct", "B"].isna().all()


def test_averages_after_treatment_are_compared_and_share_one_row(panel: Panel) -> None:
    att, twfe = GroupTimeATT().fit(panel, "y"), TWFE().fit(panel, "y")
    frame = compare({"Group-time": att, "TWFE": twfe}).to_frame()
    assert frame.index.tolist() == ["effect"]
    cells = att.select(att.post)
    sizes = panel.frame.loc[panel.frame["first"] > 0].groupby("first")["firm"].nunique()
    mass = sizes[cells.index.get_level_values("cohort")].to_numpy()
    np.testing.assert_allclose(frame["Group-time", "estimate"].item(), mass @ cells.values / mass.sum(), rtol=1e-10)
    np.testing.assert_allclose(frame["TWFE", "estimate"].item(), twfe.values[0], rtol=1e-12)


def test_event_studies_stand_by_horizon_in_order(panel: Panel) -> None:
    results = {"Group-time": GroupTimeATT().fit(panel, "y"), "Sun": SunAbraham().fit(panel, "y")}
    table = compare(results).event_study(window=(-3, 2)).to_frame()
    assert table.index.tolist() == [-3, -2, -1, 0, 1, 2]
    assert table.index.name == "horizon"
    for label, result in results.items():
        expected = result.event_study(window=(-3, 2)).estimates
        np.testing.assert_array_equal(table[label, "estimate"][expected.index], expected)


def bars(ax: plt.Axes, width: float) -> np.ndarray:
    """Ends of the bars of one width, rows of position, low, high."""
    drawn = [c for c in ax.collections if isinstance(c, LineCollection) and c.get_linewidth()[0] == width]
    return np.array([[s[0, 0], s[0, 1], s[1, 1]] for c in drawn for s in c.get_segments()])


def test_the_overlay_shows_every_interval_and_the_reference(panel: Panel) -> None:
    study = compare({"a": SunAbraham().fit(panel, "y"), "b": TWFE(event_study=(-2, 2)).fit(panel, "y")}).event_study()
    figure, given = plt.subplots()
    ax = study.plot(given, simultaneous=True)
    assert ax is given
    table, thick, thin = study.to_frame(), bars(ax, 1.8), bars(ax, 0.7)
    drawn = np.sort(thick[:, 1])
    np.testing.assert_allclose(drawn, np.sort(table.xs("conf_low", axis=1, level=1).stack().dropna()), atol=1e-12)
    assert (thin[:, 1:] @ [-1, 1]).sum() > (thick[:, 1:] @ [-1, 1]).sum()
    assert len(np.unique(thick[:, 0])) == len(thick)  # dodged
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert [line.get_ydata().tolist() for line in hollow] == [[0.0], [0.0]]
    assert all(-1.5 < line.get_xdata()[0] < -0.5 for line in hollow)
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["a", "b", "95% pointwise", "95% simultaneous"]
    plt.close(figure)


def test_the_coefficient_plot_has_a_row_an_effect_and_a_colour_a_result() -> None:
    ax = compare({"A": A, "B": B}).plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["total", "direct", "m", "spillover"]
    points = {line.get_color(): line for line in ax.lines if line.get_marker() in "os" and len(line.get_xdata()) == 3}
    assert len(points) == 2
    (first, second) = points.values()
    np.testing.assert_array_equal(first.get_xdata(), A.values)
    np.testing.assert_array_equal(second.get_xdata(), B.values)
    np.testing.assert_array_equal(np.round(first.get_ydata()), [3, 2, 1])
    assert (first.get_ydata()[0] > 3) and (second.get_ydata()[2] < 3)
    plt.close(ax.figure)


def test_nine_results_differ_in_colour_or_marker() -> None:
    ax = compare({str(j): parts("total", seed=j) for j in range(9)}).plot()
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines if len(line.get_xdata()) == 1}
    assert len(looks) == 9
    plt.close(ax.figure)


def test_tables_hold_the_same_cells(tmp_path: Path) -> None:
    both = compare({"A": A, "B & C_1": B})
    both.to_word(tmp_path / "table.docx")
    word = docx.Document(str(tmp_path / "table.docx")).tables[0]
    texts = ["\n".join(cell.text for row in word.rows for cell in row.cells)]
    texts += [both.to_latex(), both.to_html(), both.to_markdown(), repr(both), both._repr_html_()]
    for text in texts:
        for result in (A, B):
            for value, error in zip(result.values, np.sqrt((result.psi**2).sum(axis=0)), strict=True):
                assert re.search(rf"(?<!\d){re.escape(f'{abs(value):.3f}')}", text)
                assert f"({error:.3f})" in text
        assert "400" in text
        assert "clusters" in text
    assert r"B \& C_1" not in texts[1]
    assert r"B \& C\_1" in texts[1]
    assert "B &amp; C_1" in texts[2]
    assert "&amp;amp;" not in texts[2]
    assert f"{A.values[0]:.1f} (" in both.to_markdown(digits=1)


def test_a_difference_of_samples_shows_the_sizes_of_each(tmp_path: Path) -> None:
    small = replace(B.select(B.index == "m"), n_rows=1176, n_units=16, n_clusters=16)
    large = A.select(A.index == "m")
    gap = large - small
    both = compare({"large": large, "small": small, "gap": gap})
    gap.to_word(tmp_path / "gap.docx")
    words = "".join(part.text for part in docx.Document(str(tmp_path / "gap.docx")).element.iter() if part.text)
    for text in (both.to_markdown(), both.to_latex(), both.to_html(), repr(both)):
        assert all(text.count(sizes) == 1 for sizes in ("400; 1,176", "80; 16", "40; 16"))
    assert "N = 400 rows, 80 units, 40 clusters; 1,176 rows, 16 units, 16 clusters." in words
    assert [gap.__maketables_stat__(key) for key in ("N", "units", "clusters")] == ["400; 1,176", "80; 16", "40; 16"]
    assert [large.__maketables_stat__(key) for key in ("N", "units", "clusters")] == [400, 80, 40]
    assert gap.glance()[["nobs", "n.units", "n.clusters"]].to_numpy().tolist() == [[400, 16, 16]]


def test_a_path_for_digits_is_named() -> None:
    for write in (compare({"a": A}).to_latex, compare({"a": A}).to_html, compare({"a": A}).to_markdown):
        with pytest.raises(WrongTypeError, match=r"digits='x\.tex': a whole number is expected"):
            write("x.tex")  # type: ignore[arg-type]


def test_what_cannot_be_compared_is_named(panel: Panel) -> None:
    with pytest.raises(EffectsError, match="there is no result"):
        compare({})
    with pytest.raises(WrongTypeError, match="results"):
        compare([A])
    with pytest.raises(EffectsError, match=r"^TWFE: "):
        compare({"TWFE": TWFE().fit(panel, "y")}).event_study()
    with pytest.raises(EffectsError, match=r"^A: 2 effects are called 'x'"):
        compare({"A": parts("x", "x")}).to_frame()
    projections = replace(LocalProjections().fit(panel, "y"))
    with pytest.raises(EffectsError, match=r"^LP: .*event_study\(\) compares by horizon"):
        compare({"LP": projections, "TWFE": TWFE().fit(panel, "y")}).to_frame()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([A, B], r"^results=\[.*\.\.\.: a mapping, as compare\({'Group-time': a, .*}\), is expected, got a list$"),
        (A, "as compare.*is expected, got an Effects$"),
        ({"A": 1.0}, r"^results\['A'\]=1.0: an Effects is expected, got a float$"),
    ],
)
def test_a_list_is_told_how_results_are_named(given: object, told: str) -> None:
    with pytest.raises(WrongTypeError, match=told):
        compare(given)  # type: ignore[arg-type]


def test_labels_become_text_and_empty_results_are_refused() -> None:
    assert "& 1 & 2" in " ".join(compare({1: A, 2: B}).to_latex().split())  # type: ignore[dict-item]
    with pytest.raises(EffectsError, match="A: there is no effect in it"):
        compare({"A": A.select(np.zeros(3, dtype=bool))})


def test_one_result_as_a_word_table(tmp_path: Path) -> None:
    A.to_word(tmp_path / "a.docx", digits=2, level=0.9)
    table = docx.Document(str(tmp_path / "a.docx")).tables[0]
    rows = [[cell.text for cell in row.cells] for row in table.rows]
    assert rows[0][1:] == ["Estimate", "Std. error", "p", "90% interval"]
    frame = A.to_frame(0.9).loc["direct"]
    ends = f"[{frame['conf_low']:.2f}, {frame['conf_high']:.2f}]"
    numbers = [f"{frame[name]:.2f}" for name in ("estimate", "std_error", "p_value")]
    assert ["direct", *numbers, ends] in rows


def test_long_results_print_their_ends_and_say_where_the_rest_is() -> None:
    index = pd.MultiIndex.from_product([range(2001, 2005), range(2000, 2020)], names=["cohort", "time"])
    long = make(index)
    text = repr(long)
    assert text.count("\n") == 27 and "20 of 80 effects shown: to_frame() and summary() have all\n" in text
    assert long._repr_html_().count("<tr>") == 22 and "20 of 80 effects shown" in long._repr_html_()
    assert long.summary().count("\n") == 85
    assert "effects shown" not in repr(make(index[:60])) + make(index[:60])._repr_html_()


ESTIMATORS = [
    "Group-time (not yet treated)",
    "Imputation",
    "Sun and Abraham",
    "Stacked",
    "Two-way",
    "Local projections",
]
LONG = "a name that says all about sample, controls, clusters and what else there is to a result"


@pytest.mark.parametrize("names", [ESTIMATORS, ["short", LONG], [LONG, f"{LONG} too", "short"]])
@pytest.mark.parametrize("index", [pd.Index(range(-3, 4), name="horizon"), pd.Index(["total", LONG], name="part")])
def test_long_names_and_many_results_stay_inside_the_figure(names: list[str], index: pd.Index) -> None:
    ax = compare({name: make(index, seed) for seed, name in enumerate(names)}).plot(simultaneous=True)
    figure: Any = ax.figure
    figure.canvas.draw()
    legend: Any = ax.get_legend()
    assert [text.get_text().replace("\n", " ") for text in legend.get_texts()[: len(names)]] == names
    inside, box = figure.bbox, legend.get_window_extent()
    assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and box.y1 <= inside.y1
    assert ax.bbox.width > 0.55 * inside.width and ax.bbox.height > 0.4 * inside.height
    plt.close(figure)


def test_one_horizon_has_one_tick_and_many_rows_do_not_overlap() -> None:
    ax = compare({"A": make(pd.Index([0], name="horizon")), "B": make(pd.Index([0], name="horizon"), 1)}).plot()
    ax.figure.canvas.draw()
    assert [tick for tick in ax.get_xticks() if -0.5 <= tick <= 0.5] == [0]
    rows = pd.Index([f"effect {i}" for i in range(45)], name="part")
    for drawn in (compare({"A": make(rows), "B": make(rows, 1)}).plot(), make(rows).plot()):
        drawn.figure.canvas.draw()
        boxes = [label.get_window_extent() for label in drawn.get_yticklabels()]
        assert all(above.y0 > below.y1 for above, below in pairwise(boxes))
    plt.close("all")


def test_a_word_table_is_written_into_a_new_folder_and_not_over_one(tmp_path: Path) -> None:
    for write in (A.to_word, compare({"a": A}).to_word):
        write(tmp_path / write.__self__.__class__.__name__ / "new" / "a.docx")
        for wrong in (tmp_path, ""):
            with pytest.raises(OptionError, match=r"the name of a \.docx file"):
                write(wrong)
    assert len(list(tmp_path.rglob("*.docx"))) == 2


def test_a_bar_or_a_break_in_a_name_makes_no_cell_of_markdown() -> None:
    head = compare({"C|D\nE": A, "b": A}).to_markdown().splitlines()[0]
    assert [cell.strip() for cell in re.split(r"(?<!\\)\|", head)[1:-1]] == ["effect", r"C\|D E", "b"]


def test_the_note_says_whose_intervals_do_not_follow_from_the_errors_shown():
    frame = pd.DataFrame({"unit": np.repeat(range(20), 4), "year": [1, 2, 3, 4] * 20})
    frame["first"] = np.where(frame["unit"] < 6, 3, 0)
    frame["y"] = np.random.default_rng(0).standard_normal(len(frame))
    panel = Panel(frame, unit="unit", time="year", cohort="first")
    imputed, ols = Imputation().fit(panel, "y").overall(), TWFE().fit(panel, "y")
    bare = replace(ols, cluster_shares=None)
    told = "Standard errors in parentheses. Intervals and p-values{} (to_frame, plot) use small-sample errors,"
    assert told.format("") in compare({"A": imputed}).to_markdown()
    assert told.format(" of A") in compare({"A": imputed, "B": bare}).to_markdown()
    assert compare({"B": bare}).to_markdown().endswith("\n\nStandard errors in parentheses.")
    without = replace(bare, psi=None, covariance=np.array([[np.nan]]))
    text = compare({"B": without}).to_markdown()
    assert "(none)" in text
    assert text.endswith("None: an effect without an error of its own.")
