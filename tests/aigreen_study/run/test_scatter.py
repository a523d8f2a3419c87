"""Names of --set-scatter, and that a run looks at them before it imports anything heavy."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aigreen.errors import ConfigError
from aigreen_study.run.scatter import SCATTERED, check_scatter

ROOT = Path(__file__).parents[3]


def test_names_of_blocks_are_those_of_the_rules_and_others_are_refused():
    rules = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "analysis/rules").glob("*.smk")))
    assert sorted(re.findall(r"^scattergather:\n    (\w+)=", rules, re.MULTILINE)) == sorted(SCATTERED)
    check_scatter(SCATTERED)
    with pytest.raises(
        ConfigError, match=r"split by 'specification' \(did you mean 'specifications'\?\); names are blo"
    ):
        check_scatter(["blocks", "specification"])


def test_a_run_with_a_name_that_nothing_is_split_by_ends_with_one_line():
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "--set-scatter",
        "block=4",
        "--config",
        "study=provinces",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "--set-scatter: nothing is split by 'block' (did you mean 'blocks'?)" in run.stderr + run.stdout


def test_the_imports_of_a_run_load_no_library_of_numbers():
    """Those of the Snakefile and of the rules that studies of panels have."""
    apart = {"monte_carlo.smk", "replications.smk"}
    files = [ROOT / "Snakefile", *sorted((ROOT / "analysis/rules").glob("*.smk"))]
    text = "".join(file.read_text(encoding="utf-8") for file in files if file.name not in apart)
    lines = re.findall(r"^from aigreen.* import .*$", text, re.MULTILINE)
    told = (
        "import sys; print(sorted({'numpy', 'pandas', 'scipy', 'pyarrow', 'matplotlib', 'pyfixest'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", "\n".join([*lines, told])], capture_output=True, text=True, check=True)
    assert len(lines) > 18 and done.stdout.strip() == "[]"
