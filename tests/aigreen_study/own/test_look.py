import re

import numpy as np
import pandas as pd
import pytest
import yaml

from aigreen.cli import main
from aigreen.errors import UnknownColumnError
from aigreen_study.numbers.checks import add_level
from aigreen_study.numbers.prose import Ledger
from aigreen_study.own.levels import Level, level_above
from aigreen_study.own.look import look
from aigreen_study.own.outline import outline
from aigreen_study.tables.inference_variants import level_note, middles_note

ROLES = {"unit": "id", "time": "t", "cohort": "g"}


def panel():
    """Six units in 2001 to 2006; unit 5 is treated throughout, unit 0 has a gap and a row without the outcome."""
    rng = np.random.default_rng(0)
    rows = [(i, t, [0, 2003, 2003, 2005, 0, 2001][i]) for i in range(6) for t in range(2001, 2007)]
    frame = pd.DataFrame(rows, columns=["id", "t", "g"])
    frame["y"] = rng.poisson(5, len(frame)).astype(float)
    frame["place"] = frame["id"].map("unit {}".format)
    frame["size"] = rng.normal(size=len(frame))
    frame["area"] = np.where(frame["id"] < 3, "north", "south")
    frame["ever"] = (frame["g"] > 0).astype(int)
    frame["lat"], frame["lon"] = frame["id"] * 1.0, frame["id"] * 2.0
    frame.loc[1, "y"] = np.nan
    return frame.drop(index=2)


def test_what_is_found():
    found = look(panel(), ROLES, "y")
    assert (found.rows, found.units, found.gaps, found.missing) == (35, 6, 1, 1)
    assert (found.cohorts, found.never, found.always) == ({"2001": 1, "2003": 2, "2005": 1}, 2, 1)
    assert found.horizons == (-3, 3)
    assert (found.name, found.coordinates, found.counts) == ("place", ("lat", "lon"), True)
    assert found.controls == ["size"]
    assert found.groups == {"area": ["north", "south"]}  # not `ever`, which is treatment itself


def test_coordinates_are_known_by_their_chinese_names():
    found = look(panel().rename(columns={"lat": "纬度", "lon": "经度"}), ROLES, "y")
    assert found.coordinates == ("纬度", "经度")


def test_an_outcome_of_one_value_is_like_no_control():
    assert look(panel().assign(y=1.0), ROLES, "y").controls == []


def test_the_outline_is_a_study_and_says_what_it_assumed():
    text = outline(look(panel(), ROLES, "y"), ROLES, "y", "a file.csv", "2026")
    plain = yaml.safe_load(text)
    assert plain["source"] == {"file": "a file.csv"}
    assert plain["panel"] == {"unit": "id", "time": "t", "cohort": "g", "name": "place", "unit_label": "Units"}
    assert plain["counts"] == "y"
    assert "# Left out: 1 unit treated from the first period on." in text
    assert "# Left out: 1 row without the outcome." in text
    assert text.count("# Assumed") == 3
    used = yaml.safe_load(
        text.replace("# covariates", "covariates").replace("# groups", "groups").replace("#   area", "  area")
    )
    assert (used["covariates"], used["groups"]) == (["size"], {"area": {"north": "north", "south": "south"}})


@pytest.fixture
def without_chinese(monkeypatch):
    monkeypatch.setattr("aigreen_study.own.letters.chinese_font", lambda: None)
    monkeypatch.setattr("aigreen_study.own.letters.chinese_letters", frozenset)


def test_names_in_other_letters_get_labels_that_papers_print(without_chinese):
    roles = {"unit": "省份", "time": "t", "cohort": "g"}
    found = look(panel().rename(columns={"id": "省份", "y": "排放"}), roles, "排放")
    plain = yaml.safe_load(outline(found, roles, "排放", "a.csv", "2026"))
    assert plain["labels"] == {"排放": "Outcome", "省份": "Unit"}
    assert plain["title"] == "The effect of treatment on the outcome"


def test_a_file_in_other_letters_is_to_be_renamed(tmp_path, monkeypatch, capsys, without_chinese):
    monkeypatch.chdir(tmp_path)
    panel().to_csv("面板.csv", index=False)
    assert main(["new-study", "面板.csv", "--unit", "id", "--time", "t", "--cohort", "g", "--outcome", "y"]) == 1
    assert capsys.readouterr().err.startswith("error: 面板.csv: rename the file: its name stands in the paper")


def test_a_column_that_is_not_there_is_told_with_its_role():
    with pytest.raises(UnknownColumnError, match="outcome: no column 'yy'"):
        look(panel(), ROLES, "yy")


def test_the_command_writes_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    panel().to_stata("Panel 1.dta", write_index=False)
    asked = ["new-study", "Panel 1.dta", "--unit", "id", "--time", "t", "--cohort", "g", "--outcome", "y"]
    assert main(asked) == 0
    assert "written: panel-1.yaml; read it, then run: aigreen run panel-1.yaml" in capsys.readouterr().out
    assert main(asked) == 1
    assert "panel-1.yaml: is there already" in capsys.readouterr().err


def test_run_names_a_file_that_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "castle.yaml").write_text("title: x")
    assert main(["run", "castel.yaml"]) == 1
    assert capsys.readouterr().err == "error: castel.yaml: no such file (did you mean 'castle.yaml'?)\n"
    (tmp_path / "castle.csv").write_text("a,b\n")
    assert main(["run", "castle.csv"]) == 1
    assert capsys.readouterr().err.startswith("error: castle.csv is no study: aigreen new-study castle.csv --unit")


def test_commands_of_a_checkout_say_so_elsewhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for command in (["evidence"], ["release"], ["build", "--study", "castle"]):
        assert main(command) == 1
        assert f"error: aigreen {command[0]} works at the top of a checkout of aigreen" in capsys.readouterr().err
    assert main(["doctor"]) == 1
    assert "`aigreen new-study` writes one of your own data" in capsys.readouterr().err
    (tmp_path / "broken.yaml").write_text("title: x\nsource: {file: none.csv}\n")
    assert main(["doctor", "--study", "broken"]) == 1
    told = "broken: cannot run: study 'broken': no key panel and no key outcome, which a study needs"
    assert told in capsys.readouterr().out


def test_a_name_without_latin_letters_and_a_wrong_column_told_before_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("aigreen_study.own.letters.printable", lambda text: True)
    panel().to_csv("绿色.csv", index=False)
    asked = ["new-study", "绿色.csv", "--time", "t", "--cohort", "g", "--outcome", "y", "--unit"]
    assert main([*asked, "id"]) == 0
    assert [path.name for path in tmp_path.glob("*.yaml")] == ["study.yaml"]
    capsys.readouterr()
    assert main([*asked, "idd"]) == 1
    assert capsys.readouterr().err.startswith("error: unit: no column 'idd'")


def test_the_only_study_of_a_folder_is_meant(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text("title: x\nsource: {file: a.csv}\n")
    for command in (["verify"], ["lint"], ["accept", "--reason", "x"]):
        assert main(command) == 1
        assert "no results of 'one': build it first (aigreen run one.yaml)" in capsys.readouterr().err
    (tmp_path / "two.yaml").write_text("title: x\nsource: {file: a.csv}\n")
    assert main(["verify"]) == 1
    assert "say which is meant by --study: one, two" in capsys.readouterr().err


def test_a_column_that_only_treated_units_have_is_no_covariate():
    frame = panel()
    frame["mass"] = frame["id"] ** 2
    frame["dose"] = np.where(frame["g"] > 0, 1 + frame["id"] * 0.1, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aigreen_study.own.look.FEW_VALUES", 2)
        assert look(frame, ROLES, "y").steady == ["mass"]


def provinces():
    """Twelve cities in four provinces of two regions and a third without treatment, treated by province."""
    rows = [(city, year) for city in range(12) for year in range(2001, 2007)]
    frame = pd.DataFrame(rows, columns=["city", "year"])
    frame["province"] = frame["city"].map(lambda city: ["Ahe", "Bin", "Cao", "Dai", "Er", "Fu"][city // 2])
    frame["area"] = frame["province"].map(dict.fromkeys(["Ahe", "Bin"], "East & sea") | {"Cao": "West", "Dai": "West"})
    frame["area"] = frame["area"].fillna("South")
    frame["first"] = frame["province"].map({"Ahe": 2003, "Cao": 2004}).fillna(0).astype(int)
    frame["law"] = frame["first"].map({0: "none", 2003: "old", 2004: "new"})
    frame["pair"] = frame["city"] % 6
    frame["y"] = np.random.default_rng(0).normal(size=len(frame))
    return frame


BY_CITY = {"unit": "city", "time": "year", "cohort": "first"}


def test_a_coarser_cluster_is_proposed_where_treatment_varies_there(tmp_path, monkeypatch, capsys):
    frame = provinces()
    found = look(frame, BY_CITY, "y")
    assert found.clusters == {"province": (6, 2)}  # not `law`, which is the date, nor `pair`, within which dates differ
    text = outline(found, BY_CITY, "y", "a.csv", "2026")
    assert (
        "# Assumed: errors are clustered by city (12, 4 of them treated). In each province (6, 2 of them treated) all "
        "units share their first treated period: errors by the level of treatment, of few groups, are those with "
        "cluster: province added to the braces of panel above.\n"
    ) in text
    # With the mark taken away from every line that is a key, no key stands twice.
    used = [
        line.removeprefix("# ") if re.match(r"# [a-z_]+: *[\[{.\"a-z]", line) else line for line in text.splitlines()
    ]
    keys = [line.partition(":")[0] for line in used if re.match("[a-z_]+:", line)]
    assert {"panel", "exposures", "channels", "dose"} <= set(keys) and len(keys) == len(set(keys))
    apart = frame.assign(first=np.where(frame["city"] == 5, 0, frame["first"]))  # one city of a treated province
    assert look(apart, BY_CITY, "y").clusters == {}
    assert look(frame[frame["city"] % 2 == 0], BY_CITY, "y").clusters == {}  # a city a province
    monkeypatch.chdir(tmp_path)
    frame.to_csv("a.csv", index=False)
    assert main(["new-study", "a.csv", "--unit", "city", "--time", "year", "--cohort", "first", "--outcome", "y"]) == 0
    assert "In each province (6, 2 of them treated)" in capsys.readouterr().out


def twenty():
    """Twenty cities in ten provinces, of which two are treated and one always is."""
    frame = pd.DataFrame([(city, year) for city in range(20) for year in range(2001, 2007)], columns=["city", "year"])
    frame["province"] = frame["city"] // 2 + 11
    frame["first"] = frame["province"].map({11: 2003, 12: 2004, 13: 2001}).fillna(0).astype(int)
    frame["wave"], frame["flag"] = frame["first"].rank(method="dense"), (frame["first"] > 0).astype(int)
    frame["moves"] = frame["province"] + 100 * frame["year"]
    return frame.assign(y=np.random.default_rng(0).normal(size=len(frame)))


def test_errors_are_clustered_by_the_level_of_treatment_where_its_groups_are_enough():
    found = look(twenty(), BY_CITY, "y")
    assert (found.clusters, found.treated) == ({"province": (9, 2)}, 4)  # no recoding of dates, nothing that moves
    text = outline(found, BY_CITY, "y", "a.csv", "2026")
    assert yaml.safe_load(text)["panel"]["cluster"] == "province"
    assert (
        "# Assumed: errors are clustered by province (9, 2 of them treated), in each of which all units share their "
        "first treated period. Without cluster in the braces of panel they are clustered by city (18, 4 of them "
        "treated), as if treatment fell on each by itself.\n"
    ) in text
    one = twenty().assign(first=lambda frame: frame["first"].where(frame["province"] != 12, 0))
    assert "cluster" not in yaml.safe_load(outline(look(one, BY_CITY, "y"), BY_CITY, "y", "a.csv", "2026"))["panel"]


def test_columns_of_names_are_proposed_as_groups_without_values_that_cannot_be_compared():
    frame = provinces()
    found = look(frame, BY_CITY, "y")
    assert (found.groups, found.alone) == ({"area": ["East & sea", "West"]}, {"area": ["South"]})
    text = outline(found, BY_CITY, "y", "a.csv", "2026")
    assert "# Assumed: groups of area are without South, where not both treated and untreated units are.\n" in text
    used = yaml.safe_load(text.replace("# groups", "groups").replace("#   area", "  area"))
    assert used["groups"] == {"area": {"East & sea": "East & sea", "West": "West"}}
    alone = frame.assign(area=np.where(frame["first"] > 0, "in", "out"))
    assert look(alone, BY_CITY, "y").groups == {}  # treatment itself


def test_clusters_below_the_level_of_treatment_are_told(tmp_path):
    frame = twenty().assign(
        first=lambda frame: frame["first"].replace(0, np.nan), half=lambda frame: frame["city"] // 4
    )
    columns = ["province", "half", "wave", "flag", "moves", "y"]
    for cluster, above in (("city", "province"), ("province", None)):
        column, sizes = level_above(frame, {"unit": "city", "cohort": "first", "cluster": cluster}, columns)
        assert (column, sizes) == ((above, (10, 3)) if above else (None, None))
    note = "Treatment varies by province (10 groups, of which 3 treated), above city: errors by city may be too small."
    assert level_note("Province", Level(10, 3), "City") == note
    assert middles_note("City").endswith("between centroids of city, the means of their rows.")
    ledger = Ledger("inference")
    add_level(ledger, "province", Level(10, 3))
    assert [ledger[f"treatment_level{end}"]["text"] for end in ("", "_groups", "_treated")] == ["province", "10", "3"]


def test_weights_are_no_covariates():
    sizes = {"popwt": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5], "w_old": range(8), "slow": range(8, 16)}
    frame = pd.DataFrame(
        [(i, t, 2003 * (i > 4)) for i in range(8) for t in range(2001, 2006)], columns=["id", "t", "g"]
    )
    frame = frame.assign(y=np.random.default_rng(0).normal(size=len(frame)), name_wt="text")
    frame = frame.assign(**{name: frame["id"].map(dict(enumerate(values))) for name, values in sizes.items()})
    frame["pop_wgt"] = frame["popwt"] + frame["t"]
    found = look(frame, ROLES, "y")
    assert (found.weights, found.steady, found.controls) == (["popwt", "pop_wgt"], ["w_old", "slow"], [])
    text = outline(found, ROLES, "y", "a.csv", "2026")
    assert "# with the option weights=popwt; also pop_wgt\n" in text


def test_labels_of_a_stata_file_are_those_of_the_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labels = {"y": "Homicides,  log", "id": "State", "area": "Area of the country", "ever": "Ever", "t": "t"}
    panel().to_stata("a.dta", write_index=False, variable_labels=labels)
    assert main(["new-study", "a.dta", "--unit", "id", "--time", "t", "--cohort", "g", "--outcome", "y"]) == 0
    written = yaml.safe_load((tmp_path / "a.yaml").read_text(encoding="utf-8"))
    assert written["labels"] == {"y": "Homicides, log", "id": "State", "area": "Area of the country"}
