from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from aigreen.errors import ConfigError
from aigreen_study.specification.named import check_built, check_named

CONFIG = {
    "study": "s",
    "panel": {
        "unit": "firm",
        "time": "year",
        "cohort": "first",
        "cluster": "firm",
        "places": "none",
        "unit_label": "Firms",
    },
    "outcomes": {"level": "y", "log": "ln_y"},
    "describe": ["y", "size"],
    "decomposition": {"outcome": "ln_y", "channels": ["skills"], "exposure": None},
}
COLUMNS = dict.fromkeys(["firm", "year", "first", "y", "ln_y", "size", "skills"], "")


def test_columns_that_are_there_pass():
    check_named(CONFIG, COLUMNS)


def test_every_absent_column_is_named_with_its_key():
    wrong = CONFIG | {"decomposition": {"outcome": "ln_y", "channels": ["skills", "skils"], "exposure": "near"}}
    with pytest.raises(ConfigError) as told:
        check_named(wrong, COLUMNS)
    assert str(told.value) == (
        "study 's': decomposition.channels[1]: no column 'skils' (did you mean 'skills'?); "
        "decomposition.exposure: no column 'near' (did you mean 'year'?)"
    )


def test_the_column_of_a_check_is_looked_for():
    with pytest.raises(ConfigError, match=r"checks\.randomisation\.column: no column 'sise' \(did you mean 'size'\?\)"):
        check_named(CONFIG | {"checks": {"circles_km": [200], "randomisation": {"column": "sise"}}}, COLUMNS)


@pytest.mark.parametrize(("made", "refused"), [([], True), (["codebook.csv"], False)])
def test_before_the_first_step_where_the_panel_stays(tmp_path, made, refused):
    codebook = tmp_path / "codebook.csv"
    codebook.write_text("column,label,coding\n" + "".join(f"{name},,\n" for name in COLUMNS))
    dag = SimpleNamespace(needrun_jobs=lambda: [SimpleNamespace(output=[str(tmp_path / name) for name in made])])
    wrong = CONFIG | {"decomposition": {"channels": ["skils"]}}
    with pytest.raises(ConfigError, match="no column 'skils'") if refused else nullcontext():
        check_built(wrong, dag, codebook)
    check_built(CONFIG, dag, codebook)
    check_built(wrong, dag, tmp_path / "absent.csv")
