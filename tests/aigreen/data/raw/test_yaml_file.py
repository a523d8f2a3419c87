import pytest

from aigreen.data.raw.adapter import load_mapping
from aigreen.data.raw.yaml_file import read_yaml
from aigreen.errors import ConfigError, MappingError


def read(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text, "utf-8")
    return read_yaml(path, ConfigError)


def test_plain_values_and_shared_parts_are_read(tmp_path):
    shared = "one: &one {a: 1, b: 2}\ntwo: {<<: *one, b: 3}\nthree: {1: x, '1': y}\n"
    assert read(tmp_path, shared) == {"one": {"a": 1, "b": 2}, "two": {"a": 1, "b": 3}, "three": {1: "x", "1": "y"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\n\na: 3\n", "study.yaml: a stands twice, in lines 1 and 4; it can stand only once"),
        ("a:\n- {b: 1,\n   'b': 2}\n", "study.yaml: b stands twice, in lines 2 and 3; it can stand only once"),
        ("a: !!python/object:os.system {}\n", "study.yaml: not readable YAML (could not determine a constructor"),
        ("a: [1\n", "study.yaml: not readable YAML (while parsing"),
    ],
)
def test_what_is_refused_is_one_line(tmp_path, text, told):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_a_mapping_names_each_table_once(tmp_path):
    path = tmp_path / "names.yaml"
    path.write_text("FS_Combas: {Stkcd: a}\nFS_Comins: {Stkcd: b}\nFS_Combas: {Accper: c}\n")
    with pytest.raises(MappingError, match=r"^names\.yaml: FS_Combas stands twice, in lines 1 and 3"):
        load_mapping(path)
