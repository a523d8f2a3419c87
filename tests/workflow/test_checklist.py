"""What data editors check, point by point (docs/checklist.md): what can be seen without building a study."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from aigreen.data.registry.registry import registry
from aigreen_study.bundle.files import OPEN_LICENCES, project_files
from aigreen_study.run.workflow import exhibit_graph, load_workflow
from aigreen_study.trust.provenance import exhibit_jobs, source_rows

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / "analysis/config").glob("*.yaml")}
OPEN = sorted(name for name, config in CONFIGS.items() if config["source"] != "licensed")
SCRIPTS = sorted((ROOT / "analysis/scripts").glob("*.py"))
MODULES = sorted((ROOT / "src").rglob("*.py"))
RULES = sorted((ROOT / "analysis/rules").glob("*.smk"))
CODE = [
    *SCRIPTS,
    *MODULES,
    *RULES,
    ROOT / "Snakefile",
    *(ROOT / "tests").rglob("*.py"),
    ROOT / "src/aigreen/__init__.pyi",
]
POINTS = 23
OPEN_FORMATS = {
    "",
    ".bib",
    ".cff",
    ".css",
    ".csv",
    ".ipynb",
    ".js",
    ".json",
    ".lock",
    ".md",
    ".png",
    ".py",
    ".pyi",
    ".smk",
    ".svg",
}
OPEN_FORMATS |= {".toml", ".txt", ".typ", ".typed", ".yaml", ".yml", ".html", ".woff2"}
# Rules that begin with raw files, or, as the panel of us-facilities, with fact tables compiled from them.
RAW_RULES = {"fetch", "simulate", "replicate", "replicate_published", "panel"}


@pytest.fixture(scope="module")
def graphs():
    return {name: exhibit_graph(load_workflow(ROOT, name), ROOT, f"results/{name}") for name in OPEN}


def text(path):
    return (ROOT / path).read_text("utf-8")


def section(heading):
    """Rows of docs/checklist.md: number of the point, what it asks, how it is met, what shows it."""
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", text("docs/checklist.md"), re.MULTILINE)
    return [row[heading] for row in rows]


def test_the_table_has_every_point_and_names_tests_and_commands_that_exist():
    assert section(0) == [str(number) for number in range(1, POINTS + 1)]
    shown = " ".join(section(3))
    for path, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", shown):
        assert (ROOT / path).is_file(), path
        assert not name or f"def {name}(" in text(path), f"{path}::{name}"
    commands = set(re.findall(r"run\.py aigreen (\w+)", shown))
    assert commands >= {"bundle", "lint", "verify", "exhibits"}
    assert {name for name in commands if not (ROOT / f"src/aigreen_study/commands/{name}.py").is_file()} == set()


def test_point_2_every_source_says_where_how_and_at_what_cost():
    for row in registry().to_dict("records"):
        fetched = row["access"] in ("public", "converted")
        assert row["citation"], row["source"]
        assert row["licence"], row["source"]
        assert row["obtain"], row["source"]
        assert row["description"], row["source"]
        assert bool(re.fullmatch(r"[0-9a-f]{64}", row["sha256"])) is fetched
        # Of files that are bought or asked for, the date is that of the page that describes them.
        assert re.fullmatch(r"20\d\d-\d\d-\d\d" if fetched else r"(20\d\d-\d\d-\d\d)?", row["accessed"]), row["file"]
        assert bool(re.fullmatch(r"https?://\S+", row["url"])) or row["access"] in ("converted", "licensed")


@pytest.mark.parametrize("study", [name for name in OPEN if CONFIGS[name]["source"] != "simulated"])
def test_point_2_every_source_is_cited_in_the_paper(study):
    config = CONFIGS[study]
    bibliography = text("paper/references.bib") + "".join(
        path.read_text("utf-8") for path in (ROOT / "paper/sections").glob(f"{study}*.typ")
    )
    for row in source_rows(config["source"], config.get("file")):
        repository = re.search(r"github\w*\.com/([\w.-]+/[\w.-]+)/", row["url"])
        doi = re.search(r"10\.\d+/[\w.]+\w", row["citation"])
        author = re.split(r"[ ,]", row["citation"])[0]
        known = [part for part in (repository and repository[1], doi and doi[0], author) if part]
        assert any(part in bibliography for part in known), row["source"]


def test_point_3_restricted_data_can_be_had_and_every_exhibit_made_without_them(graphs):
    licensed = CONFIGS["listed-firms"]
    for row in registry().query("access == 'licensed'").to_dict("records"):
        assert "data/restricted/" in row["obtain"]
    different = {key for key in licensed if licensed[key] != CONFIGS["simulated-firms"].get(key)}
    assert different <= {"study", "title", "simulated", "source", "online_appendix"}
    assert "`listed-firms`" in text("README.md")
    assert len(exhibit_jobs(graphs["simulated-firms"])) > 20


def test_point_5_no_file_is_empty_twice_there_or_too_large():
    names = project_files(ROOT)
    sizes = {name: (ROOT / name).stat().st_size for name in names}
    assert [name for name in names if not sizes[name] and not name.endswith(("__init__.py", "py.typed"))] == []
    assert [name for name in names if sizes[name] > 100_000_000] == []
    contents = {}
    for name in names:
        if sizes[name]:
            contents.setdefault((ROOT / name).read_bytes(), []).append(name)
    assert [same for same in contents.values() if len(same) > 1] == []


def test_point_5_every_data_file_is_listed():
    listed = set(re.findall(r"^\| (\w+) \|", text("data/facts/README.md"), re.MULTILINE))
    assert {path.stem for path in (ROOT / "data/facts").glob("*.csv")} <= listed


def test_point_6_every_column_of_raw_tables_and_configuration_is_described():
    for name in ("facts", "sources.csv", "restricted"):
        assert name in text("data/README.md")
    header = text("data/sources.csv").splitlines()[0].split(",")
    assert [column for column in header if f"| {column}" not in text("data/README.md") and column != "bytes"] == []
    assert "sha256, bytes" in text("data/README.md")


def test_point_8_tracked_files_are_in_open_formats():
    assert {Path(name).suffix for name in project_files(ROOT) if not Path(name).name.startswith(".")} <= OPEN_FORMATS


def test_point_9_one_entry_point_of_two_commands_without_prompts():
    assert "python3 run.py paper" in text("README.md")
    for path in [ROOT / "run.py", *SCRIPTS, *MODULES]:
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        assert [call.lineno for call in calls if getattr(call.func, "id", "") == "input"] == [], path


def test_point_10_every_exhibit_starts_from_raw_files(graphs):
    for study, graph in graphs.items():
        made = {file for job in graph["jobs"] for files in job["outputs"].values() for file in files}
        first = {
            job["rule"] for job in graph["jobs"] if not any(f in made for fs in job["inputs"].values() for f in fs)
        }
        assert first & RAW_RULES, study
        read = {file for job in graph["jobs"] for files in job["inputs"].values() for file in files} - made
        tracked = set(project_files(ROOT))
        assert {file for file in read if not file.startswith("paper/expected/")} <= tracked, study


def test_point_11_no_backslash_paths_and_no_drives():
    for path in [*SCRIPTS, *RULES, ROOT / "Snakefile", *(ROOT / "analysis/config").glob("*.yaml")]:
        found = re.findall(r"\w+\\{1,2}\w+\\{1,2}\w+\.\w+|\b[A-Z]:[\\/]", path.read_text("utf-8"))
        assert found == [], path


def test_point_12_every_pin_is_asked_for():
    lock = text("requirements.lock")
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(blocks) > 100
    assert [block.split()[0] for block in blocks if "# via" not in block] == []


def test_point_13_every_random_draw_has_a_seed():
    legacy = {"seed", "rand", "randn", "normal", "uniform", "choice", "permutation", "shuffle", "randint", "poisson"}
    faults = []
    for path in [*SCRIPTS, *MODULES]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {getattr(node, "module", None), *(alias.name for alias in node.names)}
                faults += [f"{path.name}:{node.lineno}"] if {"random", "secrets"} & names else []
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                old = re.fullmatch(rf"(np|numpy)\.random\.({'|'.join(legacy)})", called)
                bare = called.endswith("random.default_rng") and not (node.args or node.keywords)
                faults += [f"{path.name}:{node.lineno}"] if old or bare else []
    assert faults == []


def test_point_14_every_picture_of_a_paper_is_an_exhibit():
    pictures = [
        path.name for path in (ROOT / "paper").rglob("*.typ") if re.search(r"\bimage\(", path.read_text("utf-8"))
    ]
    assert pictures == ["lib.typ"]


def test_point_14_every_exhibit_has_a_rule_and_a_script(graphs):
    for study, graph in graphs.items():
        for name, (job, _) in exhibit_jobs(graph).items():
            assert (ROOT / job["script"]).is_file(), (study, name)


def test_point_17_every_rule_with_a_script_keeps_a_log():
    for path in RULES:
        rules = re.split(r"^ *rule \w+:$", path.read_text("utf-8"), flags=re.MULTILINE)[1:]
        assert [rule for rule in rules if "script:" in rule and "log:" not in rule] == [], path
    # study_step logs by logged: tests/aigreen_study/run/test_step.py.
    kept = re.compile(r"^with (logged|study_step)\(snakemake\)", re.MULTILINE)
    assert [path.name for path in SCRIPTS if not kept.search(path.read_text("utf-8"))] == []


def test_every_step_of_a_study_is_given_the_codebook():
    """Columns that the configuration names are held to it before the script begins."""
    steps = [path.name for path in SCRIPTS if "with study_step(" in path.read_text("utf-8")]
    rules = [rule for path in RULES for rule in re.split(r"^ *rule (?=\w+:$)", text(path), flags=re.MULTILINE)[1:]]
    given = [rule for rule in rules for name in steps if f"scripts/{name}" in rule]
    assert len(given) == len(steps)
    assert [rule.partition(":")[0] for rule in given if "codebook=rules." not in rule] == []


def test_point_18_every_script_module_and_fact_is_used():
    rules = "".join(path.read_text("utf-8") for path in RULES)
    assert [path.name for path in SCRIPTS if f"scripts/{path.name}" not in rules] == []
    used = {name for path in CODE for name in imported(path)}
    commands = {f"aigreen_study.commands.{path.stem}" for path in (ROOT / "src/aigreen_study/commands").glob("*.py")}
    named = set(re.findall(r"aigreen_study[\w.]+", text("run.py")))
    modules = {".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in MODULES}
    assert {name for name in modules - used - commands - named if not name.endswith("__init__")} == set()
    code = "".join(path.read_text("utf-8") for path in [*MODULES, *SCRIPTS])
    facts = [path.stem for path in (ROOT / "data/facts").glob("*.csv")]
    assert [name for name in facts if f'"{name}"' not in code] == []


def imported(path):
    """Modules, and what may be modules, that a file imports from elsewhere."""
    code = path.read_text("utf-8")
    if path.suffix not in (".py", ".pyi"):
        yield from re.findall(r"^from (aigreen[\w.]+) import", code, re.MULTILINE)
        return
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_point_22_the_readme_says_what_the_set_up_takes():
    assert "about 1.4 GB on disk" in text("README.md")


def test_point_23_a_licence_covers_the_code_and_each_dataset():
    citation = yaml.safe_load(text("CITATION.cff"))
    assert citation["license"] == "BSD-3-Clause"
    assert text("LICENSE").startswith("BSD 3-Clause License")
    assert "data/sources.csv" in text("README.md").partition("## Licence and citation")[2]
    for path in (ROOT / "data/facts").glob("*.csv"):
        assert "source" in path.read_text("utf-8").splitlines()[0].split(","), path.name
    stated = set(registry()["licence"])
    assert set(OPEN_LICENCES) & stated == {"MIT", "GPL-2 or GPL-3", "GPL-3", "GPL>=2", "CC BY 4.0"}


def test_point_23_the_version_of_a_tag_is_that_of_the_citation_file():
    try:
        tags = subprocess.run(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    except OSError:
        tags = ""
    version = yaml.safe_load(text("CITATION.cff"))["version"]
    assert all(tag.removeprefix("v") == str(version) for tag in tags.split() if re.match(r"v?\d", tag))
