"""Steps as jobs of a cluster: Slurm, one node of it here, and a scheduler by its own commands."""

import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

STUDY = "us-facilities"  # needs no file but the project's own
SHOWN = [
    f"results/{STUDY}/{name}"
    for name in ("tables/event_study.json", "tables/descriptives.json", "figures/specification_curve.pdf")
]
SOON = ("--seconds-between-status-checks", "1")  # Snakemake would ask every ten seconds
NEEDED = ["Snakefile", "analysis", "paper", "profiles", "src", "data/facts", "data/sources.csv", "notebooks"]


@pytest.fixture(scope="module")
def checkout(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    for name in NEEDED:
        if (repository / name).is_dir():
            shutil.copytree(repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(repository / name, folder / name)
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", *SHOWN, *arguments, "--config", f"study={STUDY}"]


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(folder / "src"), "PYTHONHASHSEED": "0"} | more


def run(folder: Path, *arguments: str, **more: str) -> str:
    done = subprocess.run(
        command(*arguments), cwd=folder, env=environment(folder, **more), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def sums(folder: Path) -> dict[str, str]:
    """Sums of all results by name, but for what depends on the number of blocks."""
    results = folder / f"results/{STUDY}"
    files = [path.relative_to(results).as_posix() for path in sorted(results.rglob("*")) if path.is_file()]
    kept = [name for name in files if not name.startswith("blocks/") and "/." not in f"/{name}"]
    return {name: hashlib.sha256((results / name).read_bytes()).hexdigest() for name in kept}


def blocks(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / f"results/{STUDY}/blocks/specification_curve").iterdir())


@pytest.fixture(scope="module")
def expected(checkout):
    """Results of a run on this machine, which are then taken away."""
    run(checkout, "--cores", "2")
    found = sums(checkout)
    assert {"panel.parquet", "tables/event_study.json"} <= found.keys()
    assert not (checkout / f"results/{STUDY}/blocks").exists()
    return found


@pytest.fixture
def empty(checkout, expected):
    shutil.rmtree(checkout / f"results/{STUDY}")
    return checkout


def test_profiles_hold_the_same_but_for_their_scheduler(repository):
    slurm, *others = (
        yaml.safe_load((repository / f"profiles/{name}/config.yaml").read_text())
        for name in ("slurm", "generic", "lsf", "kubernetes")
    )
    for other in others:
        names = {key for key in slurm.keys() & other.keys() if key != "executor"}
        assert names >= {"jobs", "retries", "default-resources", "group-components", "set-scatter"}
        assert {key: slurm[key] for key in names} == {key: other[key] for key in names}


def test_groups_of_the_profiles_are_groups_of_the_rules(repository):
    said = yaml.safe_load((repository / "profiles/slurm/config.yaml").read_text())["group-components"]
    rules = "".join(path.read_text() for path in (repository / "analysis/rules").glob("*.smk"))
    assert {part.split("=")[0] for part in said} <= set(re.findall(r'group:\s+"(\w+)"', rules))


# The commands of PBS, played by programs on this machine: a job is a process, its number the path of its files.
QSUB = """#!/bin/sh
printf '%s\\n' "$@" >> "$JOBS/asked"
for script; do :; done
id=$(mktemp "$JOBS/job.XXXXXX")
{ sh "$script"; echo $? > "$id.code"; } > "$id.log" 2>&1 &
echo "$id"
"""
QSTAT = """#!/bin/sh
for id; do :; done
if [ -s "$id.code" ]; then echo "job_state = F"; echo "Exit_status = $(cat "$id.code")"; else echo "job_state = R"; fi
"""


# Those of LSF, whose jobs have numbers.
BSUB = """#!/bin/sh
printf '%s\\n' "$@" >> "$JOBS/asked"
for script; do :; done
id=$(mktemp "$JOBS/job.XXXXXX")
number=$(stat -c %i "$id")
ln "$id" "$JOBS/$number"
{ sh "$script"; echo $? > "$id.code"; ln "$id.code" "$JOBS/$number.code"; } > "$id.log" 2>&1 &
echo "Job <$number> is submitted to queue <normal>."
"""
BJOBS = """#!/bin/sh
for id; do :; done
[ "$*" = "-noheader -o stat $id" ] && [ -e "$JOBS/$id" ] || exit 255
if [ ! -s "$JOBS/$id.code" ]; then echo RUN; elif [ "$(cat "$JOBS/$id.code")" = 0 ]; then echo DONE; else echo EXIT; fi
"""

# That of Kubernetes, which reads what a job is.
KUBECTL = """#!/bin/sh
case $1 in
  create)
    [ "$*" = "create -f - -o name" ] || exit 1
    id=$(mktemp "$JOBS/job.XXXXXX")
    cat > "$id"
    cat "$id" >> "$JOBS/asked"
    script=$(sed -n 's/^ *command: \\[sh, "\\(.*\\)"]$/\\1/p' "$id")
    { sh "$script"; echo $? > "$id.code"; } > "$id.log" 2>&1 &
    echo "job.batch/aigreen-${id##*.}" ;;
  get)
    id="$JOBS/job.${2#job.batch/aigreen-}"
    [ "$3 $4" = '-o jsonpath={.status.conditions[?(@.status=="True")].type}' ] && [ -e "$id" ] || exit 1
    if [ ! -s "$id.code" ]; then :; elif [ "$(cat "$id.code")" = 0 ]; then echo Complete; else echo Failed; fi ;;
esac
"""
COMMANDS = {
    "generic": {"qsub": QSUB, "qstat": QSTAT, "qdel": "#!/bin/sh\n"},
    "lsf": {"bsub": BSUB, "bjobs": BJOBS, "bkill": "#!/bin/sh\n"},
    "kubernetes": {"kubectl": KUBECTL},
}
ASKED = {
    "generic": ["-l\nselect=1:ncpus=1:mem=2000mb\n-l\nwalltime=30:00\n"],
    "lsf": ["-n\n1\n-M\n2000MB\n-W\n30\n-o\n.snakemake/lsf.%J\nsh\n"],
    "kubernetes": ["requests: {cpu: 1, memory: 2000M}\n", "activeDeadlineSeconds: 1800\n"],
}


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
@pytest.mark.parametrize("profile", COMMANDS)
def test_jobs_of_a_scheduler_by_its_own_commands(empty, expected, tmp_path, profile):
    for name, text in COMMANDS[profile].items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    said = run(empty, "--profile", f"profiles/{profile}", *SOON, PATH=path, JOBS=str(tmp_path))
    assert said.count("with external jobid") == len(list(tmp_path.glob("job.*.code"))) >= 3
    asked = (tmp_path / "asked").read_text()
    assert all(text in asked for text in ASKED[profile])
    assert blocks(empty) == [f"{k}-of-4" for k in (1, 2, 3, 4)]
    assert sums(empty) == expected


LOST = """#!/bin/sh
for script; do :; done
id=$(mktemp "$JOBS/job.XXXXXX")
echo 1 > "$id.code"
echo "$id"
"""


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
def test_a_lost_block_is_one_line_and_the_only_one_made_again(checkout, expected, tmp_path):
    run(checkout, "--cores", "2", "--set-scatter", "specifications=4")
    results = checkout / f"results/{STUDY}"
    others = {path: path.stat().st_mtime_ns for path in (results / "blocks/specification_curve").glob("[134]-of-4/*")}
    for folder in ("blocks/specification_curve/2-of-4", "estimates/specification_curve"):
        shutil.rmtree(results / folder)
    (results / "figures/specification_curve.pdf").unlink()
    for name, text in {**COMMANDS["generic"], "qsub": LOST}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    more = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "JOBS": str(tmp_path)}
    asked = command("--profile", "profiles/generic", "--retries", "0", *SOON)
    env = environment(checkout, **more)
    lost = subprocess.run(asked, cwd=checkout, env=env, capture_output=True, text=True, timeout=600)
    assert lost.returncode == 1
    log = f"logs/{STUDY}/estimate_specification_curve_2-of-4.log"
    told = "stopped from outside, as by kill or for want of memory; run again"
    assert re.findall("^error: .*", lost.stderr, re.MULTILINE) == [f"error: rule estimate_block: {told} (log: {log})"]
    run(checkout, "--cores", "2", "--set-scatter", "specifications=4")
    assert sums(checkout) == expected
    assert {path: path.stat().st_mtime_ns for path in others} == others


# One node, without accounts.
CONF = """ClusterName=one
SlurmctldHost={host}(localhost)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/completed
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=3600
NodeName={host} NodeAddr=localhost CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
CONFIGURED = Path("/etc/slurm/slurm.conf")  # the one place where jobs of jobs look
MUNGED = Path("/run/munge/munged.pid")


def call(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Folder of a Slurm of one node, up while the tests of this module run."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name) is None]
    if missing or os.geteuid() or CONFIGURED.exists():
        pytest.skip("needs munge and slurm-wlm, not configured, and root: " + ", ".join(missing))
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="uv pip install --group cluster")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge")
    own = not MUNGED.exists()
    if own:
        call("runuser", "-u", "munge", "--", "munged")
    CONFIGURED.parent.mkdir(exist_ok=True)
    CONFIGURED.write_text(CONF.format(host=platform.node().split(".")[0], folder=folder))
    try:
        call("slurmctld")
        call("slurmd")
        wait_for(lambda: "idle" in call("sinfo"))
        yield folder
    finally:
        for place in (folder / "slurmd.pid", folder / "slurmctld.pid", *([MUNGED] if own else [])):
            end(place)
        CONFIGURED.unlink()


def end(place: Path) -> None:
    """End the process whose number a file holds."""
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(place.read_text()), signal.SIGTERM)


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return found


def at_work() -> str:
    return call("squeue", "-h", "-t", "R", "-o", "%i").split("\n")[0]


def completed(folder: Path) -> list[str]:
    return re.findall(r"JobState=(\w+)", (folder / "completed").read_text())


@pytest.mark.slow
def test_jobs_of_slurm(empty, expected, slurm):
    said = run(empty, "--profile", "profiles/slurm")
    assert said.count("has been submitted with SLURM jobid") >= 3
    assert completed(slurm) == ["COMPLETED"] * said.count("has been submitted with SLURM jobid")
    assert blocks(empty) == [f"{k}-of-4" for k in (1, 2, 3, 4)]
    assert sums(empty) == expected


@pytest.mark.slow
def test_a_killed_job_and_a_lost_node_of_slurm(empty, expected, slurm):
    process = subprocess.Popen(
        command("--profile", "profiles/slurm"), cwd=empty, env=environment(empty), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    before = len(completed(slurm))
    killed = wait_for(at_work)
    time.sleep(1)
    call("scancel", "--signal=KILL", "--full", killed)
    wait_for(lambda: at_work() not in ("", killed))
    node = platform.node().split(".")[0]
    end(slurm / "slurmd.pid")
    call("scontrol", "update", f"nodename={node}", "state=DOWN", "reason=lost")
    call("slurmd")
    wait_for(lambda: "NODE_FAIL" in completed(slurm))
    wait_for(lambda: any(state in call("sinfo", "-h", "-o", "%t") for state in ("idle", "down")))
    if "down" in call("sinfo", "-h", "-o", "%t"):
        call("scontrol", "update", f"nodename={node}", "state=RESUME")
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert "Trying to restart job" in said
    assert sorted(set(completed(slurm)[before:])) == ["CANCELLED", "COMPLETED", "NODE_FAIL"]
    assert sums(empty) == expected
