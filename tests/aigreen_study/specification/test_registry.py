"""Tables of specifications: what they read to, and every mistake named with its line."""

import json
from pathlib import Path

import pytest

from aigreen.errors import ConfigError
from aigreen_study.config import read_config, studies
from aigreen_study.specification.registry import check_columns, read_answers, read_registry
from aigreen_study.specification.specification import Exhibit

from .parts import specification

FOLDER = Path(__file__).parents[3] / "analysis/config"
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
PANELS = [name for name in studies(FOLDER) if "kind" not in read_config({"study": name}, FOLDER)]


@pytest.mark.parametrize("study", PANELS)
def test_the_registry_of_every_study_is_valid(study):
    exhibits = read_registry(FOLDER, read_config({"study": study}, FOLDER))
    assert {"baseline", "robust_estimators"} <= set(exhibits)
    for shown in exhibits.values():
        assert Exhibit.from_printed(json.loads(json.dumps(shown.printed()))).specifications == shown.specifications


def test_the_two_studies_of_firms_run_the_same_list():
    simulated, listed = (
        read_registry(FOLDER, read_config({"study": name}, FOLDER)) for name in ("simulated-firms", "listed-firms")
    )
    assert simulated == listed


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
        "s,k,g,,,ols,,,,,,,a b,,\ns,k,h,,,ols,,,,,,,a,,\nohter,k,h,,,ols,,,,,,,a,,\n"
        "s,k,i,,,imputation,,,,,,,,,factors=all\n",
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
        "specifications.csv, line 13: option factors=all: a whole number of zero or more is needed, or cv",
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
