"""What describes the project to people and machines agrees: citation, CodeMeta, workflows, image, the house."""

import json
import math
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def text(name):
    return (ROOT / name).read_text("utf-8")


def test_zenodo_says_what_the_citation_file_says():
    zenodo = json.loads(text(".zenodo.json"))
    assert zenodo == {
        "title": CITATION["title"],
        "description": PROJECT["description"],
        "version": PROJECT["version"],
        "publication_date": str(CITATION["date-released"]),
        "upload_type": CITATION["type"],
        "license": CITATION["license"],
        "creators": CITATION["authors"],
        "keywords": CITATION["keywords"],
    }


def test_codemeta_says_what_the_citation_file_says():
    codemeta = json.loads(text("codemeta.json"))
    assert codemeta["name"] == CITATION["title"]
    assert codemeta["identifier"] == PROJECT["name"]
    assert codemeta["description"] == PROJECT["description"]
    assert codemeta["version"] == PROJECT["version"] == CITATION["version"]
    assert codemeta["license"] == f"https://spdx.org/licenses/{PROJECT['license']}"
    assert [author["name"] for author in codemeta["author"]] == [author["name"] for author in CITATION["authors"]]
    assert CITATION["authors"] == PROJECT["authors"]
    assert codemeta["keywords"] == CITATION["keywords"]
    assert codemeta["runtimePlatform"] == f"Python {PROJECT['requires-python']}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_read_only_and_trust_nothing_of_a_pull_request(path):
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in path.read_text("utf-8")
    assert "pull_request_target" not in path.read_text("utf-8")
    for job in workflow["jobs"].values():
        assert "permissions" not in job and job["timeout-minutes"] <= 180
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/checkout@v4"))
            assert "${{" not in step.get("run", ""), "values go through env: a title or a branch can hold commands"
            assert step.get("with", {}).get("python-version", "3.11") == PROJECT["requires-python"].removeprefix(">=")


def test_continuous_integration_does_what_the_readme_says():
    steps = yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]["run"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0] == ".ci/run"
    assert 'aigreen diff "$BASE"' in commands[1]
    assert steps[0]["with"]["fetch-depth"] == 0
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_the_image_needs_python_and_pip_only():
    lines = [line for line in text(".devcontainer/Dockerfile").splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if line.startswith("FROM")] == ["FROM python:3.11-slim"]
    programs = {part.split()[0] for line in lines if line.startswith("RUN ") for part in line[4:].split("&&")}
    assert programs == {"useradd", "install", "python3"}
    setup = next(line for line in lines if line.startswith("RUN python3"))
    assert shlex.split(setup)[1:3] == ["python3", "run.py"]
    container = json.loads(text(".devcontainer/devcontainer.json"))
    folder = ROOT / ".devcontainer"
    assert (folder / container["build"]["dockerfile"]).is_file()
    assert (folder / container["build"]["context"]).resolve() == ROOT
    assert f"--create-home {container['remoteUser']}" in text(".devcontainer/Dockerfile")


def test_no_image_holds_licensed_data_or_results():
    left_out = set(text(".dockerignore").split())
    assert {".git", ".venv*", ".uv"} <= left_out
    made = text(".gitignore").split("# environments")[0].split("\n")
    assert {line.strip("/") for line in made if line.startswith(("/", "."))} <= left_out


def test_the_house_is_described_as_it_is_built():
    shown = text("docs/house.md")
    library, study = shown.partition("## The study")[::2]
    for package, described in (("aigreen", library), ("aigreen_study", study)):
        rooms = {path.parent.name for path in (ROOT / "src" / package).glob("*/__init__.py")}
        named = set(re.findall(r"^\| (?:\d \| )?`(\w+)/` \|", described, re.MULTILINE))
        assert named == rooms


def test_the_floors_are_those_of_the_test():
    rows = re.findall(r"^\| (\d) \| `(\w+)/` \|", text("docs/house.md"), re.MULTILINE)
    source = text("tests/test_house.py").partition("FLOORS = [")[2].partition("\n]")[0]
    floors = [set(re.findall(r'"(\w+)"', line)) for line in source.strip().splitlines()]
    assert {room: int(floor) for floor, room in rows} == {
        room: i for i, rooms in enumerate(floors) if i for room in rooms
    }


@pytest.mark.parametrize(
    ("study", "key"),
    [
        ("city-industries", "first_stage_poisson_industry"),
        ("provinces", "last_years_inventions_2023"),
        ("provinces", "last_years_inventions_2021"),
        ("cities", "dec_total"),
        ("us-facilities", "dec_total"),
        ("ets-firms", "precision_poisson"),
    ],
)
def test_the_readme_says_of_real_studies_what_is_accepted(study, key):
    numbers = json.loads(text(f"paper/expected/{study}/numbers.json"))
    effect, low, high = (
        str(round(100 * math.expm1(numbers[key + end]["value"]))).replace("-", "−") for end in ("", "_low", "_high")
    )
    (line,) = [line for line in text("README.md").splitlines() if line.startswith(f"| `{study}`")]
    assert f"{effect} % [{low}, {high}]" in line


def test_the_readme_is_one_page():
    assert len(text("README.md").splitlines()) <= 120


def test_the_conda_recipe_asks_for_what_the_project_asks_for():
    recipe = yaml.safe_load(text("conda/recipe.yaml"))
    names = {"matplotlib": "matplotlib-base"}  # as conda-forge calls them

    def asked(requirements):
        parts = (re.fullmatch(r"([\w.-]+) ?(.*)", line).groups() for line in requirements)
        return {names.get(name, name): bounds for name, bounds in parts}

    run = asked(recipe["requirements"]["run"])
    assert run.pop("python") == ">=${{ python_min }}"
    assert run == asked(PROJECT["dependencies"])
    build = tomllib.loads(text("pyproject.toml"))["build-system"]["requires"]
    host = asked(recipe["requirements"]["host"])
    assert {name: host[name] for name in asked(build)} == asked(build)
    assert recipe["context"] == {
        "version": PROJECT["version"],
        "python_min": PROJECT["requires-python"].removeprefix(">="),
    }
    assert recipe["build"]["python"]["entry_points"] == [f"{k} = {v}" for k, v in PROJECT["scripts"].items()]
    assert recipe["about"]["license"] == PROJECT["license"]


def test_binder_sets_up_what_run_py_does():
    assert text("binder/runtime.txt") == f"python-{PROJECT['requires-python'].removeprefix('>=')}\n"
    lines = text("binder/postBuild").splitlines()
    commands = [line for line in lines if not line.startswith(("#", "set "))]
    assert all(line.startswith("python3 run.py ") for line in commands)
    assert "ipykernel install" in commands[0] and "panel.parquet" in commands[1]
    assert (ROOT / "binder/postBuild").stat().st_mode & 0o111


def test_the_paper_on_the_software_cites_what_its_references_have():
    paper, references = text("paper/joss.md"), text("paper/joss.bib")
    keys = set(re.findall(r"^@\w+\{(\w+),", references, re.MULTILINE))
    assert set(re.findall(r"@([a-z]+\d*[a-z]*)\b", paper)) == keys
    shared = dict(re.findall(r"^@\w+\{(\w+),(.*?)^\}", text("paper/references.bib"), re.MULTILINE | re.DOTALL))
    ours = dict(re.findall(r"^@\w+\{(\w+),(.*?)^\}", references, re.MULTILINE | re.DOTALL))
    assert len(keys & set(shared)) == 9
    assert {key: ours[key] for key in keys & set(shared)} == {key: shared[key] for key in keys & set(shared)}
    front, body = paper.split("---\n")[1:3]
    assert yaml.safe_load(front)["bibliography"] == "joss.bib"
    assert 900 <= len(body.split()) <= 1250


def test_the_publication_date_is_that_of_the_changelog():
    (date, *_) = re.findall(r"^## \[\d\S*\] - (\d{4}-\d\d-\d\d)$", text("CHANGELOG.md"), re.MULTILINE)
    assert str(CITATION["date-released"]) == json.loads(text("codemeta.json"))["datePublished"] == date
