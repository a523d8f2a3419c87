"""The recipes of CONTRIBUTING.md, each carried out in a copy of the repository as it is written."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ESTIMATOR, SOURCE, EXHIBIT = "Add an estimator", "Add a raw source", "Add an exhibit"
FIGURE, COLUMN, STUDY = "Add a figure with a script of its own", "Add a robustness column", "Add a study"
TRADEMARKS = "code,year,filed\n110000,2018,3\n110000,2019,7\n540000,2018,0\n540000,2019,1\n"


class Step(NamedTuple):
    """What to write, and where: into a new file, a copy of `at`, below the line `at`, or at the end."""

    file: str
    how: str
    at: str
    text: str


_PLACES = {
    "copy": r"In `(?P<folder>[^`]+)`, a new file `(?P<file>[^`]+)`, which is `(?P<at>[^`]+)` with these lines",
    "new": r"In `(?P<folder>[^`]+)`, a new file `(?P<file>[^`]+)`",
    "below": r"`(?P<file>[^`]+)`, below the line `(?P<at>[^`]+)`",
    "end": r"`(?P<file>[^`]+)`, at the end",
}


def recipes(text: str) -> dict[str, list[Step]]:
    """Steps of each recipe that have a block of code, in order."""
    found = {}
    for part in text.partition("\n## Recipes\n")[2].split("\n### ")[1:]:
        title, _, body = part.partition("\n")
        steps = re.split(r"^(?=\d+\. )", body, flags=re.MULTILINE)[1:]
        assert [int(step.partition(".")[0]) for step in steps] == list(range(1, len(steps) + 1)), title
        found[title] = [_step(step) for step in steps if "```" in step]
    return found


def _step(step: str) -> Step:
    said, _, rest = step.partition(". ")[2].partition("```")
    code = rest.partition("\n")[2].partition("\n   ```")[0]
    assert rest.count("```") == 1, f"one block of code a step: {said}"
    text = "".join(f"{line.removeprefix('   ')}\n" for line in code.split("\n"))
    for how, place in _PLACES.items():
        if found := re.match(place, " ".join(said.split())):
            groups = found.groupdict()
            return Step(groups.get("folder", "") + groups["file"], how, groups.get("at", ""), text)
    raise AssertionError(f"no file and place: {said}")


def carry_out(step: Step, folder: Path) -> None:
    path = folder / step.file
    assert path.parent.is_dir(), path.parent
    assert path.exists() is (step.how in ("below", "end")), step.file
    if step.how == "new":
        content = step.text
    elif step.how == "copy":
        content = (folder / step.at).read_text("utf-8")
        for line in step.text.splitlines():
            content, count = re.subn(rf"^{re.escape(line.partition(':')[0])}:.*$", line, content, flags=re.MULTILINE)
            assert count == 1, line
    elif step.how == "end":
        content = path.read_text("utf-8") + step.text
    else:
        lines = path.read_text("utf-8").splitlines(keepends=True)
        at = [i for i, line in enumerate(lines) if line.strip() == step.at]
        assert len(at) == 1, f"{step.file}: {len(at)} lines {step.at!r}"
        content = "".join([*lines[: at[0] + 1], step.text, *lines[at[0] + 1 :]])
    path.write_text(content, "utf-8", newline="\n")


@pytest.fixture(scope="module")
def written():
    return recipes((ROOT / "CONTRIBUTING.md").read_text("utf-8"))


@pytest.fixture
def copy(tmp_path):
    """Copy what the recipes touch and what it needs."""
    for name in ["src", "analysis", "data/facts", "notebooks", "paper/sections", "paper/expected"]:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    files = [
        "data/sources.csv",
        "docs/reference.md",
        "pyproject.toml",
        "Snakefile",
        "requirements.lock",
        "CITATION.cff",
    ]
    for path in [*files, "README.md", *(path.relative_to(ROOT) for path in (ROOT / "paper").glob("*.*"))]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / path, tmp_path / path)
    for path in (ROOT / "tests").rglob("*"):
        if path.is_dir() and path.name != "__pycache__":
            (tmp_path / path.relative_to(ROOT)).mkdir(parents=True, exist_ok=True)
    return tmp_path


def follow(steps: list[Step], folder: Path) -> None:
    """Carry a recipe out, then hold what it wrote against the linters, the floors and its own tests."""
    for step in steps:
        carry_out(step, folder)
    code = sorted({step.file for step in steps if step.file.endswith(".py") or step.file.endswith(".pyi")})
    if code:
        run(folder, "-m", "ruff", "check", *code)
        run(folder, "-m", "ruff", "format", "--check", *code)
    if rules := sorted({step.file for step in steps if step.file.endswith(".smk")}):
        run(folder, "-m", "snakefmt", "--check", *rules)
    found = importlib.util.spec_from_file_location("house", ROOT / "tests/test_house.py")
    house = importlib.util.module_from_spec(found)
    found.loader.exec_module(house)
    assert house.broken(folder / "src") == []
    assert house.circles(folder / "src") == []
    if tests := [step.file for step in steps if step.file.startswith("tests/")]:
        run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests)


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """Run Python in the copy, with the copy's packages; return what it printed."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONHASHSEED": "0"} | environment
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{' '.join(arguments)[:80]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def exhibits(folder: Path, study: str) -> dict:
    """Exhibits of a study as the copy's registry reads them, with the ids of their specifications."""
    code = f"""
import json
from pathlib import Path
from aigreen_study.config import read_config
from aigreen_study.specification.registry import read_registry
folder = Path("analysis/config")
found = read_registry(folder, read_config({{"study": {study!r}}}, folder))
print(json.dumps({{name: [part.id for part in shown.specifications] for name, shown in found.items()}}))
"""
    return json.loads(run(folder, "-c", code))


def planned(folder: Path, *arguments: str) -> str:
    return run(folder, "-m", "snakemake", "--dry-run", *arguments)


def test_every_recipe_is_read(written):
    assert {name: len(steps) for name, steps in written.items()} == {
        ESTIMATOR: 8, SOURCE: 8, EXHIBIT: 3, FIGURE: 7, COLUMN: 1, STUDY: 5,
    }  # fmt: skip


def test_what_the_table_of_places_names_is_there():
    """Each name of the right column stands in the first file named after it."""
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("| to change |")[2].partition("\n## ")[0]
    seen = 0
    for row in table.splitlines():
        waiting = []
        for name in re.findall(r"`([^`]+)`", row.rpartition(" | ")[2]):
            if not (ROOT / name).exists():
                waiting.append(name)
            elif (ROOT / name).is_file():
                text = (ROOT / name).read_text("utf-8")
                assert [wanted for wanted in waiting if wanted not in text] == [], row
                seen, waiting = seen + len(waiting), []
    assert seen == 14


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (Step("data/sources.csv", "below", "no such line", "x\n"), "0 lines 'no such line'"),
        (Step("data/sources.csv", "new", "", "x\n"), "data/sources.csv"),
        (Step("src/aigreen/nowhere/x.py", "new", "", "x\n"), "nowhere"),
        (Step("analysis/config/x.yaml", "copy", "analysis/config/provinces.yaml", "sede: 1\n"), "sede: 1"),
    ],
)
def test_a_step_that_leads_nowhere_is_seen(copy, step, told):
    with pytest.raises(AssertionError, match=told):
        carry_out(step, copy)


def test_an_estimator(written, copy):
    follow(written[ESTIMATOR], copy)
    row = "provinces,robust_estimators,long,Long difference,Average effect on the treated,long_difference,,,,,,,,,\n"
    with (copy / "analysis/config/specifications.csv").open("a", encoding="utf-8") as lines:
        lines.write(row)
    assert exhibits(copy, "provinces")["robust_estimators"][-1] == "long"
    code = """
import pandas as pd
from aigreen_study.specification.estimate import fit, one_effect
from aigreen_study.specification.specification import Specification
frame = pd.DataFrame({"u": [1, 1, 2, 2, 3, 3, 4, 4], "t": [1, 2] * 4, "g": [2, 2, 2, 2, 0, 0, 0, 0]})
frame["y"] = [0, 5, 0, 3, 1, 2, 1, None]
part = Specification(exhibit="a", id="b", estimator="long_difference", outcome="y")
found = one_effect(part, fit(part, frame, {"unit": "u", "time": "t", "cohort": "g", "cluster": "u"}))
print(found.values.tolist(), found.n_units, found.dropped["count"].tolist())
"""
    assert run(copy, "-W", "ignore", "-c", code).strip() == "[3.0] 3 [1, 1]"


def test_a_raw_source(written, copy):
    follow(written[SOURCE], copy)
    folder = copy / "analysis/config"
    config = yaml.safe_load((folder / "provinces.yaml").read_text("utf-8"))
    config |= {"study": "trademarks", "source": "cn_province_trademarks", "describe": ["trademarks"]}
    config["outcomes"] = {"level": "trademarks", "log": "trademarks_log"}
    (folder / "trademarks.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    mirror = copy / "mirror/cn_province_trademarks/trademarks.csv"
    mirror.parent.mkdir(parents=True)
    mirror.write_text(TRADEMARKS, "utf-8", newline="\n")
    panel = "results/trademarks/panel.parquet"
    arguments = ["--cores", "1", "--config", "study=trademarks"]
    run(copy, "-m", "snakemake", panel, *arguments, AIGREEN_DATA_MIRROR=str(copy / "mirror"))
    columns = ["zone_year", "treated", "trademarks"]
    code = f"import pandas as pd; print(pd.read_parquet({panel!r})[{columns}].values.tolist())"
    assert run(copy, "-c", code).strip() == "[[2019.0, 0.0, 3.0], [2019.0, 1.0, 7.0], [nan, 0.0, 0.0], [nan, 0.0, 1.0]]"


def test_an_exhibit(written, copy):
    follow(written[EXHIBIT], copy)
    assert exhibits(copy, "provinces")["coal"] == ["low", "high"]
    assert "render_contrast" in planned(copy, "results/provinces/tables/coal.json", "--config", "study=provinces")
    listed = run(copy, "-m", "aigreen.cli", "exhibits", "--study", "provinces")
    assert "| `tables/coal` | provinces | `render_contrast` |" in listed


def test_a_figure_with_a_script_of_its_own(written, copy):
    follow(written[FIGURE], copy)
    plan = planned(copy, "results/provinces/paper.pdf", "--config", "study=provinces")
    assert "first_years" in plan
    listed = run(copy, "-m", "aigreen.cli", "exhibits", "--study", "provinces")
    assert "| `figures/first_years` | provinces | `first_years` | `analysis/scripts/first_years.py` |" in listed


def test_a_robustness_column(written, copy):
    before = exhibits(copy, "provinces")
    follow(written[COLUMN], copy)
    after = exhibits(copy, "provinces")
    assert after == before | {"baseline": [*before["baseline"], "ols_market"]}


def test_a_study(written, copy):
    follow(written[STUDY], copy)
    assert exhibits(copy, "provinces-late") == {"baseline": ["ols", "poisson"]}
    assert "paper: " in planned(copy, "--config", "study=provinces-late")


@pytest.mark.slow
def test_the_recipes_together_give_two_papers(written, copy, shared):
    for name in (ESTIMATOR, SOURCE, EXHIBIT, FIGURE, COLUMN, STUDY):
        for step in written[name]:
            carry_out(step, copy)
    for study in ("provinces", "provinces-late"):
        arguments = ["--cores", "1", "--config", f"study={study}", "notebooks=[]"]
        run(copy, "-m", "snakemake", *arguments, AIGREEN_DATA_MIRROR=str(shared / "data"))
        assert (copy / f"results/{study}/paper.pdf").read_bytes().startswith(b"%PDF")
    numbers = json.loads((copy / "results/provinces/numbers.json").read_text("utf-8"))
    assert {"baseline_ols_market", "coal_coal_share_diff"} <= set(numbers)
    assert (copy / "results/provinces/figures/first_years.pdf").stat().st_size > 1_000
