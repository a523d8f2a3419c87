"""The configuration of a study: nearest names for typos, nothing unknown let through."""

import json
from pathlib import Path

import pytest

from aigreen.errors import ConfigError
from aigreen_study.config import read_config, studies
from aigreen_study.schema_faults import PATTERNS, SENTENCES

FOLDER = Path(__file__).parents[2] / "analysis/config"


@pytest.mark.parametrize("name", studies(FOLDER))
def test_every_study_file_is_valid_and_named_after_its_study(name):
    assert read_config({"study": name}, FOLDER)["study"] == name


@pytest.mark.parametrize(
    ("name", "least"), [("schema.json", 6), ("schema-monte-carlo.json", 1), ("schema-replications.json", 1)]
)
def test_every_key_of_the_schema_has_a_description_and_nothing_else_is_allowed(name, least):
    def walk(node):
        for key, child in node.get("properties", {}).items():
            assert child.get("description"), key
            yield child
            yield from walk(child)

    schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    objects = [schema, *(node for node in walk(schema) if node.get("type") == "object")]
    assert len(objects) >= least
    assert all(node["additionalProperties"] is False for node in objects)


def test_every_rule_of_the_schemas_has_words():
    plain = {"$schema", "title", "description", "properties", "items", "patternProperties"}
    own = {"additionalProperties", "required", "enum", "propertyNames"}

    def walk(node):
        for key, child in node.items():
            assert key in plain | own | set(SENTENCES), key
            if key in ("properties", "patternProperties"):
                for schema in child.values():
                    walk(schema)
            elif key in ("items", "additionalProperties", "propertyNames") and isinstance(child, dict):
                walk(child)
            assert key != "pattern" or child in PATTERNS, child

    for path in FOLDER.glob("schema*.json"):
        walk(json.loads(path.read_text(encoding="utf-8")))


def test_a_word_is_a_list_of_one_and_a_year_is_a_date():
    given = {"describe": "labour", "date": 2026, "event_study": {"covariates": "size_log"}}
    config = read_config(given, FOLDER)
    assert (config["describe"], config["date"], config["event_study"]["covariates"]) == (
        ["labour"],
        "2026",
        ["size_log"],
    )


def test_a_command_line_value_overrides_one_key():
    config = read_config({"study": "simulated-firms", "simulation": {"first_year": 2010}}, FOLDER)
    default = read_config({"study": "simulated-firms"}, FOLDER)["simulation"]
    assert config["simulation"] == {**default, "first_year": 2010} != default


def test_nested_numbers_from_the_command_line_come_as_text():
    config = read_config({"simulation": {"n_firms": "99"}, "inference": {"level": "0.9"}}, FOLDER)
    assert (config["simulation"]["n_firms"], config["inference"]["level"]) == (99, 0.9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"study": "provnces"}, "no study 'provnces' (did you mean 'provinces'?)"),
        ({"sede": 1}, "unknown key sede (did you mean 'seed'?)"),
        ({"panel": {"clutser": "x"}}, "unknown key panel.clutser (did you mean 'cluster'?)"),
        ({"event_study": {"method": "doubly"}}, "event_study.method: 'doubly' is not one of dr, ipw, reg"),
        ({"seed": "three"}, "seed: found 'three', expected a whole number"),
        ({"event_study": {"horizons": ["4", "-10"]}}, "event_study.horizons: 4 comes after -10"),
        ({"study": "us-listed-firms", "us_build": {"years": [2019, 2005]}}, "us_build.years: 2019 comes after 2005"),
        ({"study": "us-listed-firms", "us_build": {"base": [1995, 2005]}}, "us_build.base: 2005 is not before 2005"),
        ({"simulated": "false"}, "simulated: false, but the source simulated is"),
        ({"study": "provinces", "simulated": True}, "simulated: true, but the source cn_province"),
        ({"study": "mine", "seed": 1}, "no key title and no key date"),
        ({"seed": -1}, "seed: found -1, expected 0 or more"),
        ({"title": ""}, "title: found '', expected text"),
        ({"title": None}, "title: found nothing, expected text"),
        ({"panel": ["x"]}, "panel: found a list, expected keys with values"),
        ({"simulated": 1}, "simulated: found 1, expected true or false"),
        ({"describe": {"a": 1}}, "describe: found keys with values, expected a list"),
        ({"describe": ["a", 3]}, "describe[1]: found 3, expected text"),
        ({"describe": ["a", "b", "a"]}, "describe: 'a' stands twice"),
        ({"event_study": {"horizons": [1]}}, "event_study.horizons: found 1 value, expected 2"),
        ({"inference": {"level": 1}}, "inference.level: found 1, expected less than 1"),
        ({"inference": {"level": 0}}, "inference.level: found 0, expected more than 0"),
        ({"quoted": {"A b": []}}, "unknown key quoted.A b"),
        ({"study": "monte-carlo", "source": "x"}, "source: found 'x', expected 'simulated'"),
        ({"date": True}, "date: found true, expected text"),
        ({"study": "monte-carlo", "replication": 4}, "unknown key replication (did you mean 'replications'?)"),
        ({"study": "mine", "kind": "monte-crlo"}, "no kind of study 'monte-crlo' (did you mean 'monte-carlo'?)"),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(given, message):
    with pytest.raises(ConfigError) as caught:
        read_config(given, FOLDER)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("study", "key"), [("listed-firms", "build"), ("us-listed-firms", "us_build")])
@pytest.mark.parametrize("name", ["../names.yaml", "a/../../names.yaml", "/etc/names.yaml", "link/names.yaml"])
def test_a_mapping_outside_the_project_is_refused_at_once(tmp_path, monkeypatch, name, study, key):
    (tmp_path / "project").mkdir()
    (tmp_path / "project/link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "project")
    with pytest.raises(ConfigError, match=rf" {key}\.mapping: .*names\.yaml is not below"):
        read_config({"study": study, key: {"mapping": name}}, FOLDER)
    kept = read_config({"study": study, key: {"mapping": "a/../names.yaml"}}, FOLDER)
    assert kept[key]["mapping"] == "a/../names.yaml"
