import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from aigreen.effects.effects import Effects
from aigreen.errors import ReportError, UnknownColumnError
from aigreen_study.figures import (
    WIDTH,
    cohort_trends_figure,
    event_study_figure,
    save_figure,
    style,
)
from aigreen_study.site.build import described
from aigreen_study.tables.formats import interval

from .drawn import BAND, group, legend

PAPER = Path(__file__).parents[3] / "paper"
MARKER = re.compile(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"')


@pytest.fixture
def effects():
    horizons = np.arange(-3, 3)
    psi = np.random.default_rng(0).standard_normal((30, 6)) / 100
    psi[:, 2] = 0
    return Effects(
        values=np.array([0.01, -0.01, 0.0, 0.02, 0.04, 0.05]),
        index=pd.Index(horizons, name="horizon"),
        psi=psi,
        clusters=pd.RangeIndex(30, name="city"),
        n_rows=300,
        n_units=30,
        n_clusters=30,
        method="GroupTimeATT",
        outcome="y",
        post=horizons >= 0,
    )


@pytest.fixture
def frame():
    years = np.arange(2015, 2024)
    units = pd.DataFrame({"unit": range(4), "cohort": [0.0, np.inf, 2019.0, np.nan], "level": [1.0, 2.0, 7.0, 6.0]})
    return units.merge(pd.DataFrame({"year": years}), how="cross").assign(y=lambda d: d["level"] + d["year"] - 2015)


def texts(figure):
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("ending", ["pdf", "svg"])
def test_same_bytes_twice(effects, frame, tmp_path, ending):
    for folder in ("a", "b"):
        save_figure(event_study_figure(effects, n_draws=99, simulated=True), tmp_path / folder / "event_study")
        trends = cohort_trends_figure(frame, outcome="y", time="year", cohort="cohort", ylabel="Patents")
        save_figure(trends, tmp_path / folder / "trends")
    for name in ("event_study", "trends"):
        first, second = ((tmp_path / folder / f"{name}.{ending}").read_bytes() for folder in ("a", "b"))
        assert first == second
        assert b"CreationDate" not in first
        assert b"<dc:date>" not in first


def test_event_study_draws_estimates_and_intervals(effects):
    figure = event_study_figure(effects, n_draws=99, ylabel="Effect on y")
    ax = figure.axes[0]
    points = next(line for line in ax.lines if line.get_marker() == "o")
    assert points.get_xdata().tolist() == [-3, -2, 0, 1, 2]
    own = [0, 1, 3, 4, 5]  # the reference is drawn apart
    assert points.get_ydata() == pytest.approx(np.asarray(effects.values)[own])
    narrow, wide = ([segment[:, 1] for segment in bars.get_segments()] for bars in ax.collections)
    assert np.array(narrow) == pytest.approx(effects.conf_int().to_numpy())
    assert np.array(wide) == pytest.approx(effects.conf_int(simultaneous=True, n_draws=99).to_numpy())
    assert ax.get_ylabel() == "Effect on y"
    assert figure.get_size_inches()[0] == WIDTH
    with pytest.raises(ReportError, match="by horizon"):
        event_study_figure(effects.aggregate(np.eye(6)))


def test_simulated_data_are_marked(effects):
    assert texts(event_study_figure(effects, n_draws=99)) == []
    assert texts(event_study_figure(effects, n_draws=99, simulated=True)) == ["SIMULATED DATA"]


def test_trends_are_raw_means_by_cohort(frame):
    figure = cohort_trends_figure(frame, outcome="y", time="year", cohort="cohort", ylabel="Patents")
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines if len(line.get_xdata()) == 9}
    assert lines["Never treated"] == pytest.approx(3 + np.arange(9))
    assert lines["Treated from 2019"] == pytest.approx(7 + np.arange(9))
    log = cohort_trends_figure(frame, outcome="y", time="year", cohort="cohort", ylabel="Patents", log_scale=True)
    assert log.axes[0].get_yscale() == "log"
    with pytest.raises(UnknownColumnError, match="did you mean 'cohort'"):
        cohort_trends_figure(frame, outcome="y", time="year", cohort="cohrt", ylabel="")


def test_cohorts_that_are_too_many_are_drawn_with_their_neighbours():
    cohorts = pd.DataFrame({"unit": range(11), "cohort": [0.0, *range(2001, 2011)], "y": np.arange(11.0)})
    frame = cohorts.merge(pd.DataFrame({"year": [2000, 2005]}), how="cross")
    figure = cohort_trends_figure(frame, outcome="y", time="year", cohort="cohort", ylabel="Patents")
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 2}
    lines = {label: values for label, values in lines.items() if not label.startswith("_")}
    # Ten cohorts in six groups, of 2, 2, 2, 2, 1 and 1, beside the never treated.
    assert lines["Never treated"] == [0.0, 0.0]
    assert lines["Treated 2001 to 2002"] == [1.5, 1.5]
    assert lines["Treated from 2010"] == [10.0, 10.0]
    assert len(lines) == 7


def test_style_leaves_the_users_settings(effects):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 23, "svg.hashsalt": "other"}):
        with style():
            assert mpl.rcParams["font.size"] == pytest.approx(11)
        assert mpl.rcParams["font.size"] == 23
        assert mpl.rcParams["svg.hashsalt"] == "other"


def test_estimators_stand_beside_each_other(path):
    ax = event_study_figure({"A": path, "B": path * 2}, **BAND).axes[0]
    points = [line for line in ax.lines if line.get_marker() in "os" and len(line.get_xdata())]
    assert_allclose(points[1].get_xdata() - points[0].get_xdata(), 0.64)
    assert_allclose(points[1].get_ydata(), 2 * path.values)
    wide = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    assert_allclose(wide, path.conf_int(simultaneous=True, **BAND))
    assert legend(ax) == ["A", "B", "95% pointwise", "95% simultaneous"]


def test_result_without_influence_is_named_and_has_pointwise_intervals(path):
    bare = Effects(
        **{name: getattr(path, name) for name in ("values", "index", "clusters", "n_rows", "n_units", "n_clusters")},
        psi=None,
        covariance=np.diag(path.std_errors**2),
        method="m",
        outcome="y",
    )
    ax = event_study_figure({"A": path, "B": bare}, **BAND).axes[0]
    assert legend(ax)[1] == "B (pointwise only)"
    with pytest.raises(ReportError, match="8 estimators: at most 7"):
        event_study_figure({str(i): path for i in range(8)})
    with pytest.raises(ReportError, match="no estimators"):
        event_study_figure({})
    with pytest.raises(ReportError, match="by horizon, not by group"):
        event_study_figure({"A": path, "B": group([1.0], ["x"])})


def test_a_drawing_says_that_it_cuts_intervals_as_the_paper_asks_it(effects, tmp_path):
    wide = replace(effects, psi=effects.psi * [1, 1, 1, 1, 1, 50])
    save_figure(event_study_figure(wide, n_draws=99), tmp_path / "wide")
    asked = re.search(r'contains\("(.*?)(?<!\\)"\)', (PAPER / "lib.typ").read_text(encoding="utf-8"))[1]
    assert asked.replace("\\", "") in (tmp_path / "wide.svg").read_text(encoding="utf-8")
    assert described(tmp_path / "wide.svg")["cut"] is True


def test_an_event_study_notes_value_intervals_and_sample_of_every_point(effects, tmp_path):
    """Places are shares of the drawing from its upper left corner: those of the points that it draws."""
    figure = event_study_figure(effects, n_draws=99)
    save_figure(figure, tmp_path / "event_study")
    told = described(tmp_path / "event_study.svg")
    points = told["points"]
    assert "cut" not in told
    narrow, wide = effects.conf_int(), effects.conf_int(simultaneous=True, n_draws=99)
    assert [text.splitlines()[0] for *_, text in points] == [
        f"Horizon {at}" for at in ("−3", "−2", "−1", "0", "1", "2")
    ]
    assert points[2][2] == "Horizon −1\nReference: zero\n300 observations, 30 units, 30 clusters"
    assert points[5][2].splitlines()[1:] == [
        "Effect 0.050",
        f"95% interval {interval(*narrow.iloc[5])}",
        f"95% simultaneous {interval(*wide.iloc[5])}",
        "300 observations, 30 units, 30 clusters",
    ]
    drawing = (tmp_path / "event_study.svg").read_text("utf-8")
    width, height = (float(size) for size in re.search(r'viewBox="0 0 (\S+) (\S+)"', drawing).groups())
    drawn = [(float(x) / width, float(y) / height) for x, y in MARKER.findall(drawing)]
    for across, down, _ in points:
        assert min(abs(across - x) + abs(down - y) for x, y in drawn) < 0.003


def test_several_estimators_note_their_names(effects, tmp_path):
    save_figure(event_study_figure({"One": effects, "Two": effects}, n_draws=99), tmp_path / "both")
    told = described(tmp_path / "both.svg")
    points, chart = told["points"], told["chart"]
    assert [one["name"] for one in chart["series"]] == ["One", "Two"]
    place, value, low, high = chart["series"][1]["points"][-1]
    assert (place, value) == (2, pytest.approx(0.05, abs=1e-6))
    assert (low, high) == tuple(pytest.approx(end, rel=1e-5) for end in effects.conf_int().iloc[-1])
    assert chart["range"][0] < min(low for *_, low, _ in chart["series"][0]["points"] if low is not None)
    assert [text.splitlines()[0] for *_, text in points[5:7]] == ["One, horizon 2", "Two, horizon −3"]
    assert points[0][0] < points[6][0] < points[1][0]
