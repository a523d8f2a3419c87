import subprocess
import sys

SNAKEFILE = """
import sys, threading
from aigreen_study.run.lean import lean

lean()

rule made:
    output: "made.txt"
    params: words=["a", 1, {"b": 0.5}], text="c"
    shell: "echo {params.text} > {output}"

onsuccess:
    clocks = [thread.daemon for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    print("pandas" in sys.modules, all(clocks), file=open("told.txt", "w"))
"""

SEVERAL = """
import snakemake.io
from aigreen_study.run.lean import lean

lean()
usual = snakemake.io._IOFile.size

async def size(file):
    print(file, file=open("asked.txt", "a"))
    return await usual(file)

snakemake.io._IOFile.size = size

rule all:
    input: expand("{name}.txt", name=list("abcdef"))

rule made:
    output: "{name}.txt"
    input: "given.txt"
    shell: "cat {input} > {output}"
"""


def test_parameters_are_compared_without_pandas_and_no_clock_holds_the_end_of_a_run(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]

    def run():
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stderr

    run()
    assert "Nothing to be done" in run()
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace('"b": 0.5', '"b": 0.6'))
    assert "Params have changed" in run()
    assert (tmp_path / "told.txt").read_text() == "False True\n"


def test_an_input_is_looked_at_once_however_many_steps_read_it(tmp_path):
    (tmp_path / "Snakefile").write_text(SEVERAL)
    (tmp_path / "given.txt").write_text("x")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--scheduler", "greedy"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=120)
    asked = (tmp_path / "asked.txt").read_text().split()
    # The records of the six steps have its size, too; without `lean`, it is asked six times before their starts.
    assert asked.count("given.txt") == 1 + 6
