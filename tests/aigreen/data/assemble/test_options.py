"""Options of a build from the configuration of a study: each key of the schema reaches its option."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from aigreen.data.assemble.adoption import Threshold
from aigreen.data.assemble.listed_firms import Options
from aigreen.data.assemble.options import BuildOptions, from_config
from aigreen.errors import ConfigError, MappingError
from aigreen_study.config import read_config

FOLDER = Path(__file__).parents[4] / "analysis/config"
KEYS = {
    "years": [2010, 2020],
    "finance": True,
    "special_treatment": True,
    "expand": True,
    "partial": True,
    "lag": 2,
    "window": 3,
    "robots_base": 2012,
    "adoption": {"column": "ai_words_core", "threshold": 10, "others": [5]},
    "winsorise": [{"column": "roa", "share": 0.01}],
    "office": "US",
    "keywords": True,
    "mapping": "names.yaml",
    "memory_limit": "900MB",
    "threads": 1,
}


def test_the_schema_has_every_option_and_no_other():
    schema = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    inner = {entry.name for entry in fields(Options)} - {"timing"}
    outer = {entry.name for entry in fields(BuildOptions)} - {"panel"}
    assert set(schema["properties"]["build"]["properties"]) == inner | outer == set(KEYS)


def test_every_key_reaches_its_option(tmp_path):
    (tmp_path / "names.yaml").write_text("FS_Combas: {Stkcd: code}\n", encoding="utf-8")
    config = read_config({"study": "simulated-firms", "build": KEYS, "panel": {"timing": "first_full_year"}}, FOLDER)
    assert from_config(config, top=tmp_path) == BuildOptions(
        panel=Options(
            timing="first_full_year",
            years=(2010, 2020),
            finance=True,
            special_treatment=True,
            expand=True,
            partial=True,
            lag=2,
            window=3,
            robots_base=2012,
            adoption=Threshold(column="ai_words_core", threshold=10, others=(5,)),
            winsorise={"roa": 0.01},
        ),
        mapping={"FS_Combas": {"Stkcd": "code"}},
        office="US",
        keywords=True,
        memory_limit="900MB",
        threads=1,
    )


def test_without_keys_the_defaults_hold():
    config = read_config({"study": "simulated-firms"}, FOLDER)
    assert from_config(config) == BuildOptions(panel=Options(years=(2007, 2023)))
    del config["build"]
    assert from_config(config) == BuildOptions()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        ({"winsorize": []}, "unknown key build.winsorize (did you mean 'winsorise'?)"),
        ({"winsorise": [{"column": "roa", "share": 0.5}]}, "build.winsorise[0].share: found 0.5, expected less"),
        ({"memory_limit": "lots"}, "build.memory_limit: found 'lots', expected a number with its unit"),
        ({"office": "China"}, "build.office: found 'China', expected two capital Latin letters"),
    ],
)
def test_wrong_keys_are_named(build, message):
    with pytest.raises(ConfigError) as error:
        read_config({"study": "simulated-firms", "build": build}, FOLDER)
    assert message in str(error.value)


def test_a_missing_file_of_names_is_named(tmp_path):
    with pytest.raises(MappingError, match=r"no file of column names .*names\.yaml"):
        from_config({"panel": {"timing": "batch_year"}, "build": {"mapping": "names.yaml"}}, top=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("FS_Comba: {Stkcd: code}", r"names\.yaml: no table 'FS_Comba' \(did you mean 'FS_Combas'\?\)"),
        (
            "FS_Combas: {Stkd: code}",
            r"table FS_Combas has no expected column 'Stkd' \(did you mean 'Stkcd'",
        ),
    ],
)
def test_names_that_no_adapter_reads_are_refused(tmp_path, content, message):
    (tmp_path / "names.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(MappingError, match=message):
        from_config({"panel": {"timing": "batch_year"}, "build": {"mapping": "names.yaml"}}, top=tmp_path)
