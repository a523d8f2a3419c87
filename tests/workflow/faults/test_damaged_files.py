"""Files of a built study that are damaged, deleted or changed between two runs of the workflow."""

import os
import pickle
import shutil

import pytest

from .project import PANEL, PDF, RESULTS, STUDY, one_line, steps

pytestmark = pytest.mark.slow
fault = pytest.mark.fault


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def empty(path):
    path.write_bytes(b"")


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def pickled(path):
    path.write_bytes(pickle.dumps(Evil()))


def keep_time(change):
    def quietly(path):
        before = path.stat()
        change(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    quietly.__name__ = change.__name__
    return quietly


ONE_LINE = "one line that names it; when it is deleted, the next run makes it again, same bytes"
DAMAGED = {
    "panel.parquet cut to half": (PANEL, cut, "describe", PDF),
    "one bit of panel.parquet flipped, its time kept": (PANEL, keep_time(flip), "describe", PDF),
    "a pickle in place of panel.parquet": (PANEL, pickled, "describe", PDF),
    "codebook.csv emptied": (f"{RESULTS}/codebook.csv", empty, "describe", PDF),
    "an estimate's JSON emptied": (f"{RESULTS}/estimates/group_time.json", empty, "numbers", PDF),
    "an estimate's influence functions: one bit flipped": (
        f"{RESULTS}/estimates/group_time.parquet", flip, "numbers", f"{RESULTS}/numbers.json"),
    "numbers.json cut to half": (f"{RESULTS}/numbers.json", cut, "paper", PDF),
    "a table's JSON cut to half": (f"{RESULTS}/tables/baseline.json", cut, "paper", PDF),
    "a figure emptied": (f"{RESULTS}/figures/event_study.pdf", empty, "paper", PDF),
}  # fmt: skip


@pytest.mark.parametrize("what", [pytest.param(what, marks=fault(what, ONE_LINE)) for what in DAMAGED])
def test_damaged_between_steps(project, expected, seen, what):
    name, damage, rule, target = DAMAGED[what]
    damage(project.folder / name)
    line = project.stops(target, "--forcerun", rule)
    assert name in line
    assert "delete it and run again" in line
    assert not (project.folder / "unpickled").exists()
    (project.folder / name).unlink()
    project.works(name)
    again = project.sums()
    assert again.items() <= expected.items()
    assert name.removeprefix(f"{RESULTS}/") in again
    seen(line)


@fault("one bit of paper.pdf flipped, its time kept", "`aigreen verify` names it and exits with 1")
def test_flipped_paper(project, seen):
    keep_time(flip)(project.folder / PDF)
    code, said = project.aigreen("verify", "--study", "provinces")
    line = next(line for line in said.splitlines() if "paper.pdf" in line)
    assert code == 1
    assert line.strip() == "paper.pdf: changed or damaged since the workflow wrote it"
    seen(line)


@fault("paper.pdf deleted", "the next run makes it again, same bytes; `aigreen verify` names it until then")
def test_deleted_output(project, expected, seen):
    (project.folder / PDF).unlink()
    code, said = project.aigreen("verify", "--study", "provinces")
    assert code == 1
    assert "paper.pdf: absent" in said
    project.works(PDF)
    assert project.sums() == expected
    seen("same bytes")


@fault("folder of a table deleted", "the next run makes its files again, same bytes")
def test_deleted_folder(project, expected, seen):
    shutil.rmtree(project.folder / RESULTS / "estimates/moves")
    project.works()
    assert project.sums() == expected
    seen("same bytes")


@fault("raw file cut to half after it was fetched", "fetched again and checked, same bytes")
def test_damaged_raw_file(project, expected, seen):
    (raw,) = [path for path in (project.folder / "data/raw").rglob("*.csv")]
    cut(raw)
    project.works(PANEL, "--forcerun", "panel")
    assert project.sums() == expected
    seen("same bytes")


@fault("accepted values emptied (zero bytes)", "`aigreen verify` stops with one line that names the file")
def test_empty_expected_file(project, seen):
    assert project.aigreen("accept", "--study", "provinces", "--reason", "test")[0] == 0
    assert project.aigreen("verify", "--study", "provinces")[0] == 0
    empty(project.folder / "paper/expected/provinces/numbers.json")
    code, said = project.aigreen("verify", "--study", "provinces")
    assert code == 1
    line = one_line(said)
    assert "numbers.json" in line
    seen(line)


@fault("comment and docstring edited in an imported module", "nothing is run again")
def test_edited_comment(project, seen):
    module = project.folder / "src/aigreen/did/group_time/group_time.py"
    module.write_text("# A comment.\n" + module.read_text(encoding="utf-8"), encoding="utf-8")
    assert "Nothing to be done" in project.works(PDF)
    seen("nothing to be done")


@fault("code edited in an imported module", "the rules that rest on it run again, and no others")
def test_edited_code(project, seen):
    module = project.folder / "src/aigreen/did/group_time/group_time.py"
    module.write_text(module.read_text(encoding="utf-8") + "\nADDED = 1\n", encoding="utf-8")
    said = project.works(PDF, "--dry-run")
    rules = steps(said)
    assert "event_study" in rules
    assert not {"fetch", "panel", "describe"} & rules
    seen(f"to run: {', '.join(sorted(rules))}")


@fault(
    "title changed in the configuration", "steps that read the whole configuration run again, data and estimates do not"
)
def test_changed_setting(project, seen):
    said = project.works(PDF, "--dry-run", config=(*STUDY, "title=Another title"))
    rules = steps(said)
    assert "paper" in rules
    assert not {"fetch", "panel", "estimate"} & rules
    seen(f"to run: {', '.join(sorted(rules))}")


@fault("unknown study on the command line", "one line, nothing is run")
def test_unknown_study(project, seen):
    seen(project.stops(config=["study=provnces"]))


@fault("Snakemake's own folder (.snakemake) deleted", "works; same bytes")
def test_deleted_state(project, expected, seen):
    shutil.rmtree(project.folder / ".snakemake")
    project.works(PDF, "--forcerun", "paper")
    assert project.sums() == expected
    seen("same bytes")
