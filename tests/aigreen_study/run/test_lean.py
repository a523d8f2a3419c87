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
