import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from aigreen.effects.fonts import chinese_font
from aigreen.errors import ConfigError, SourceError
from aigreen_study.config import read_config
from aigreen_study.own.panel import own_panel
from aigreen_study.own.paper import printed_facts
from aigreen_study.own.registry import own_registry
from aigreen_study.own.study import identifiers, own_studies
from aigreen_study.specification.mask import sample_mask

FOLDER = Path(__file__).parents[3] / "analysis/config"
STUDY = {
    "title": "Firms",
    "source": {"file": "firms.csv"},
    "panel": {"unit": "Firm", "time": "year", "cohort": "first.treat"},
    "outcome": "y",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four firms in three periods: a from 2, b never, c from the first on, d from 3; d has no outcome in 1."""
    rows = [(firm, year, first) for firm, first in (("a", 2), ("b", 0), ("c", 1), ("d", 3)) for year in (1, 2, 3)]
    frame = pd.DataFrame(rows, columns=["Firm", "year", "first.treat"])
    frame = frame.assign(y=np.arange(12.0), M=np.arange(12.0) % 5, lat=50.0, lon=np.repeat([7, 7.1, 7.2, 30], 3))
    frame.loc[(frame["Firm"] == "d") & (frame["year"] == 1), "y"] = np.nan
    frame.to_csv(tmp_path / "firms.csv", index=False)
    pd.DataFrame({"from": ["b", "b", "d"], "to": ["a", "c", "a"], "share": [0.5, 0.25, 2.0]}).to_csv(
        tmp_path / "links.csv", index=False
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(changes):
    Path("firms.yaml").write_text(yaml.safe_dump({**STUDY, **changes}), "utf-8")
    return read_config({"study": "firms"}, FOLDER)


def test_four_keys_are_a_whole_study(folder):
    config = written({})
    assert config["panel"]["unit"] == config["panel"]["cluster"] == "firm"
    assert (config["panel"]["cohort"], config["outcomes"]) == ("first_treat", {"level": "y", "log": "y"})
    assert (config["decomposition"]["channels"], config["decomposition"]["exposure"]) == ([], None)
    assert set(own_registry(FOLDER, config)) == {"baseline", "robust_estimators", "timing"}


def test_one_column_in_place_of_a_list_and_days_and_years_as_dates(folder):
    config = written({"channels": "M", "authors": "Li", "date": datetime.date(2026, 3, 1)})
    assert (config["decomposition"]["channels"], len(config["authors"]), config["date"]) == (["m"], 1, "2026-03-01")
    assert written({"date": 2026})["date"] == "2026"


def test_estimators_side_by_side_follow_the_horizons_of_the_study(folder):
    config = written({"event_study": {"horizons": [-7, 3]}, "covariates": ["M"]})
    exhibits = own_registry(FOLDER, config)
    windows = {
        part.id: part.options["window"]
        for name in ("robust_estimators", "specification_curve")
        for part in exhibits[name].specifications
        if "window" in part.options
    }
    assert windows == dict.fromkeys(("stacked", "local_projection_0", "stacked_controls"), "-7,3")
    assert "horizons from −7 to 3" in exhibits["robust_estimators"].notes


def test_what_is_imputed_has_one_kind_of_error_in_all_exhibits(folder):
    named = {"covariates": ["M"], "exposures": {"near": {"within_km": 20}}, "groups": {"lon": {"west": 7, "east": 30}}}
    named |= {"coordinates": {"latitude": "lat", "longitude": "lon"}}
    for asked in ({}, {"decomposition": {"variance": "conservative"}}):
        config = written(named | asked)
        kinds = {
            (name, part.options.get("variance"))
            for name, exhibit in own_registry(FOLDER, config).items()
            for part in exhibit.specifications
            if part.estimator == "imputation"
        }
        kind = "conservative" if asked else "leave_one_out"
        exhibits = ("robust_estimators", "timing", "contamination", "specification_curve", "heterogeneity_lon")
        assert kinds == {(name, kind) for name in exhibits}
        assert config["event_study"]["estimators_variance"] == config["decomposition"]["variance"] == kind


@pytest.fixture
def without_chinese(monkeypatch):
    monkeypatch.setattr("aigreen_study.own.letters.chinese_font", lambda: None)
    monkeypatch.setattr("aigreen_study.own.letters.chinese_letters", frozenset)


def chinese_study():
    """The firms with Chinese names of columns, groups, authors and of the file."""
    frame = pd.read_csv("firms.csv").rename(
        columns={"Firm": "企业", "M": "渠道", "y": "Å", "first.treat": "首次", "lat": "纬度"}
    )
    frame.to_csv("企业.csv", index=False)
    named = {
        "source": {"file": "企业.csv"},
        "panel": {"unit": "企业", "time": "year", "cohort": "首次"},
        "outcome": "Å",
        "channels": ["渠道"],
        "authors": ["Łukasz", "李四"],
    }
    return named | {"coordinates": {"latitude": "纬度", "longitude": "lon"}, "groups": {"lon": {"西": 7, "Восток": 30}}}


def test_what_papers_cannot_print_is_told_at_once(folder, without_chinese):
    named = chinese_study()
    with pytest.raises(ConfigError) as told:
        written(named)
    assert str(told.value) == (
        "firms.yaml: papers print Latin, Greek and Cyrillic letters only; Chinese ones need a font (pip install "
        "'aigreen[zh]' or, on Debian and Ubuntu, apt install fonts-noto-cjk); source.file: rename 企业.csv; "
        "authors[1]: '李四'; groups.lon: '西'; labels: none for '企业'; labels: none for '渠道'"
    )
    Path("企业.csv").rename("other.csv")
    mended = {"source": {"file": "other.csv"}, "authors": ["Łukasz"], "groups": {"lon": {"West": 7, "Восток": 30}}}
    config = written(named | mended | {"labels": {"企业": "Firm", "渠道": "Channel"}})
    assert config["own"]["labels"] == {"企业": "Firm", "渠道": "Channel"}


@pytest.mark.skipif(chinese_font() is None, reason="needs a Chinese font (pip install 'aigreen[zh]')")
def test_chinese_is_printed_with_a_font_and_other_scripts_are_told(folder):
    named = chinese_study()
    assert written(named | {"title": "企业（示例）：“绿色”"})["own"]["panel"]["unit"] == "企业"
    with pytest.raises(ConfigError, match=r"Latin, Greek, Cyrillic and Chinese letters only; title: 'שלום'$"):
        written(named | {"title": "שלום"})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("event_study: {horizons: [-2, 2]}\nseed: 3\nevent_study: {anticipation: 1}\n", "event_study.*lines 9 and 11"),
        ("groups:\n  line: {a: 1, b: 2}\n  line: {c: 1}\n", "line stands twice, in lines 10 and 11"),
        ("labels: {y: Y, y: Z}\n", "y stands twice, in line 9"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(folder, more, told):
    Path("firms.yaml").write_text(yaml.safe_dump(STUDY) + more, "utf-8")
    with pytest.raises(ConfigError, match=rf"^firms\.yaml: {told}"):
        read_config({"study": "firms"}, FOLDER)
    assert own_studies(folder) == ["firms"]


def test_a_file_whose_name_is_no_name_of_a_study_is_told_what_is(folder):
    Path("My_Firms.yaml").write_text(yaml.safe_dump(STUDY), "utf-8")
    with pytest.raises(ConfigError, match=r"study: found 'My_Firms', expected small Latin letters, digits and hyphens"):
        read_config({"study": "My_Firms"}, FOLDER)
    with pytest.raises(ConfigError, match=r"no study 'none'; there are none in .*, and no none.yaml in"):
        read_config({"study": "none"}, folder / "empty")


def test_exhibits_follow_from_what_the_file_names(folder):
    named = {"covariates": ["M"], "exposures": {"near": {"within_km": 20}}, "dose": "M", "counts": "y"}
    named |= {"coordinates": {"latitude": "lat", "longitude": "lon"}, "groups": {"lon": {"west": 7, "east": 30}}}
    shown = own_registry(FOLDER, written(named))
    more = {"contamination", "doses", "specification_curve", "heterogeneity_lon"}
    assert set(shown) == {"baseline", "robust_estimators", "timing"} | more
    assert [row.id for row in shown["baseline"].specifications] == [
        "ols", "ols_controls", "poisson", "poisson_controls",
    ]  # fmt: skip
    assert [row.exposure for row in shown["contamination"].specifications] == [(), ("near",), ("near",)]


def test_groups_may_be_called_by_what_joins_conditions(folder):
    frame = pd.read_csv("firms.csv")
    frame["line"] = np.where(frame["Firm"] < "c", "Oil & gas", "Steel")
    frame.to_csv("firms.csv", index=False)
    shown = own_registry(FOLDER, written({"groups": {"line": {"Oil & gas": "Oil & gas", "Steel": "Steel"}}}))
    rows = shown["heterogeneity_line"].specifications
    assert [sample_mask(row.sample, frame, unit="Firm", time="year").tolist() for row in rows] == [
        [True] * 6 + [False] * 6, [False] * 6 + [True] * 6,
    ]  # fmt: skip


@pytest.mark.parametrize("response", ["bins", "linear"])
def test_exhibits_and_text_have_the_response_of_the_parts(folder, response):
    config = written({"exposures": {"near": {"within_km": 20}}, "decomposition": {"response": response},
                      "coordinates": {"latitude": "lat", "longitude": "lon"}})  # fmt: skip
    exhibits = own_registry(FOLDER, config)
    shown = exhibits["contamination"]
    assert [row.options.get("response") for row in shown.specifications] == [None, response, response]
    said = {"bins": "the same for any exposure above zero (one bin)", "linear": "in proportion to exposure (linear)"}
    assert shown.notes.endswith(f"Response to exposure: {said[response]}.")
    assert printed_facts(config, exhibits)["own"]["response"] == said[response]


def test_rows_beside_the_study_add_to_its_exhibits_and_replace_them(folder):
    config = written({})
    head = (
        "study,exhibit,id,label,group,estimator,outcome,treatment,exposure,channels,covariates,fixed_effects,cluster,"
    )
    Path("specifications.csv").write_text(
        f"{head}sample,options\nfirms,baseline,late,OLS,,ols,,,,,m,,,year >= 2,\n"
        "firms,timing,own,Own,,imputation,,,,,,,,,\n"
    )
    Path("exhibits.csv").write_text(
        "study,exhibit,kind,title,notes,attack,section,quoted_as\nfirms,timing,estimates,Mine,,,robustness,\n"
    )
    shown = own_registry(FOLDER, config)
    assert [row.id for row in shown["baseline"].specifications] == ["ols", "late"]
    assert (shown["timing"].title, [row.id for row in shown["timing"].specifications]) == ("Mine", ["own"])
    Path("exhibits.csv").unlink()
    Path("specifications.csv").write_text(f"{head}sample,options\nfirms,baseline,late,OLS,,ols,,,,,mm,,,,\n")
    with pytest.raises(ConfigError, match=r"baseline/late \(line 2\): covariates: no column 'mm' \(did you mean 'm'"):
        own_registry(FOLDER, config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": ["MM"]}, r"^firms.yaml: channels\[0\]: no column 'MM' in firms.csv \(did you mean 'M'\?\)$"),
        ({"outcome": "yy"}, r"outcome: no column 'yy' in firms.csv \(did you mean 'y'"),
        ({"panel": {**STUDY["panel"], "cluster": "region"}}, r"panel.cluster: no column 'region' in firms.csv"),
        ({"exposures": {"near": {"within_km": 9}}}, "exposures.near: within_km needs coordinates"),
        ({"exposures": {"p": {"links": "pairs.csv"}}}, "exposures.p.links: no file pairs.csv"),
        ({"channels": ["M"], "covariates": ["M"]}, "channels: 'M' is among the covariates, too"),
        ({"channels": ["year"]}, "channels: 'year' is panel.time already"),
        ({"channels": ["y"]}, "channels: 'y' is outcome already"),
        (
            {"exposures": {"邻近": {"within_km": 9}}},
            "exposures: the name '邻近' is not of small Latin letters, digits and _, a letter first; "
            "in print it may be called anything by labels, as labels: {near: 邻近}$",
        ),
        ({"exposures": {"near": {}}}, "exposures.near: found nothing, expected one of column, within_km, links"),
        ({"groups": {"M": {"low": 0}}}, "groups.M: found low, expected at least 2 names with values"),
        ({"groups": {"M": {"low": [0], "b": 1}}}, "groups.M.low: found a list, expected text or a number"),
        ({"language": "zh-CN"}, "language: found 'zh-CN', expected two small Latin letters"),
        ({"chanels": ["M"]}, r"unknown key chanels \(did you mean 'channels'"),
    ],
)
def test_a_wrong_key_or_column_is_named_with_file_and_key(folder, changes, message):
    with pytest.raises(ConfigError, match=message):
        written(changes)


def test_an_absent_file_of_data_is_one_line(folder):
    with pytest.raises(SourceError, match=r"^nothing.csv: no such file below "):
        written({"source": {"file": "nothing.csv"}})


def test_the_panel_leaves_out_what_the_flow_says(folder):
    built = own_panel(written({"exposures": {"partners": {"links": "links.csv"}, "near": {"within_km": 20}},
                               "coordinates": {"latitude": "lat", "longitude": "lon"}}))  # fmt: skip
    assert built.flow["dropped"].tolist() == [0, 3, 1]
    assert built.flow["n_units"].tolist() == [4, 3, 3]
    frame = built.frame.set_index(["firm", "year"])
    assert frame["treated"].to_dict() == {
        ("a", 1): 0, ("a", 2): 1, ("a", 3): 1, ("b", 1): 0, ("b", 2): 0, ("b", 3): 0, ("d", 2): 0, ("d", 3): 1,
    }  # fmt: skip
    # b links to a (from 2) and to c (from 1), which is no row of the panel but is treated all the same.
    assert frame["partners"].loc["b"].tolist() == [0.25, 0.75, 0.75]
    assert frame["partners"].loc["d"].tolist() == [2.0, 2.0]
    # a, b and c lie about 7 km apart, d far away.
    assert frame["near"].loc["a"].tolist() == [1, 1, 1]
    assert frame["near"].loc["b"].tolist() == [1, 2, 2]
    assert frame["near"].loc["d"].tolist() == [0, 0]
    assert built.codebook.set_index("column").loc["first_treat", "label"] == "First treat"


def test_links_to_units_that_are_not_there_are_named(folder):
    pd.DataFrame({"from": ["b"], "to": ["z"]}).to_csv("links.csv", index=False)
    with pytest.raises(Exception, match=r"exposures.p.links: links.csv: 1 units are not in the panel.*z"):
        own_panel(written({"exposures": {"p": {"links": "links.csv"}}}))


def test_an_exposure_that_no_untreated_row_has_is_told(folder):
    places = {"coordinates": {"latitude": "lat", "longitude": "lon"}}
    with pytest.raises(ConfigError, match=r"exposures.near: no untreated row is exposed"):
        own_panel(written(places | {"exposures": {"near": {"within_km": 1}}}))


def test_a_group_that_no_row_has_is_named(folder):
    with pytest.raises(ConfigError, match=r"groups.m: no row has 9; there are 0.0, 1.0, 2.0, 3.0, 4.0"):
        own_panel(written({"groups": {"M": {"low": 0, "high": 9}}}))


def test_columns_get_names_that_numbers_can_be_called_by():
    assert identifiers(["first.treat", "Y", "y", "2020 sales", "人口"]) == {
        "first.treat": "first_treat", "Y": "y", "y": "y_2", "2020 sales": "c_2020_sales", "人口": "人口",
    }  # fmt: skip
