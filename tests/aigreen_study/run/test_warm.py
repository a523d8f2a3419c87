import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from aigreen_study.run.interruption import CODE
from aigreen_study.run.script import run_script
from aigreen_study.run.warm import _run_program, run_copy, start_importing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies of a process are for Linux")


@pytest.fixture(scope="module", autouse=True)
def warm():
    start_importing()


def script(folder, text):
    (folder / "step.py").write_text(text)
    return str(folder / "step.py")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import pandas", 0),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('no')", 1),
        ("raise ValueError('no')", 1),
        ("raise KeyboardInterrupt", CODE),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_the_exit_code_of_a_script(tmp_path, text, code):
    assert run_copy(script(tmp_path, text)) == code


def test_scripts_are_copies_with_everything_imported_and_know_nothing_of_each_other(tmp_path):
    told = tmp_path / "told"
    text = (
        f"import os, sys\nopen({str(told)!r}, 'a').write(f'{{os.getpid()}} {{\"seen\" in vars(sys)}}\\n')\nsys.seen = 1"
    )
    text += "\nassert sys.argv == [__file__] and __name__ == '__main__'"
    for _ in range(2):
        assert run_copy(script(tmp_path, text)) == 0
    first, second = map(str.split, told.read_text().splitlines())
    assert first[0] != second[0]
    assert first[1] == second[1] == "False"
    deadline = time.monotonic() + 60  # for what it imports
    loaded = script(tmp_path, "import sys; sys.exit('seaborn' not in sys.modules)")
    while run_copy(loaded):
        assert time.monotonic() < deadline


def test_no_copy_takes_itself_for_a_notebook(tmp_path):
    """pooch asks tqdm for the bar of a notebook, which warns on the terminal, where a kernel's modules are imported."""
    deadline = time.monotonic() + 60
    loaded = script(tmp_path, "import sys; sys.exit('ipykernel.zmqshell' not in sys.modules)")
    while run_copy(loaded):
        assert time.monotonic() < deadline
    heard = (
        "import sys, warnings\n"
        "with warnings.catch_warnings(record=True) as given:\n"
        "    warnings.simplefilter('always')\n"
        "    import pooch.downloaders\n"
        "sys.exit(bool(given))"
    )
    assert run_copy(script(tmp_path, heard)) == 0


def test_nothing_is_imported_that_starts_threads_or_asks_for_its_parent(tmp_path):
    """Threads are not in a copy, and the kernel of a notebook ends with the step that it is told of."""
    names = ["nbconvert", "ipykernel", "polars", "ipykernel.kernelapp"]
    told = f"import sys; sys.exit([name in sys.modules for name in {names}] != [True, True, False, False])"
    assert run_copy(script(tmp_path, told)) == 0


def test_what_was_imported_is_not_looked_through_for_garbage(tmp_path):
    assert run_copy(script(tmp_path, "import gc, sys; sys.exit(gc.get_freeze_count() < 100_000)")) == 0


def test_two_scripts_at_once(tmp_path):
    """Each waits for the other, so that one after the other would never end."""
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    for own, other in ((first, second), (second, first)):
        own.write_text(
            f"import pathlib, time\npathlib.Path({str(own) + '.here'!r}).touch()\n"
            f"while not pathlib.Path({str(other) + '.here'!r}).exists(): time.sleep(0.01)\n"
        )
    codes = []
    threads = [threading.Thread(target=lambda file=file: codes.append(run_copy(str(file)))) for file in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert codes == [0, 0]


def test_no_exit_code_is_lost_among_many(tmp_path):
    ends = script(tmp_path, "raise SystemExit(3)")
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(run_copy, [ends] * 200)) == {3}


INTERRUPTED = """
import os, signal, sys
from aigreen_study.run.warm import run_copy, start_importing
if __name__ == "__main__":
    start_importing()
    signal.signal(signal.SIGINT, lambda *_: None)
    print(run_copy(sys.argv[1]))
"""
SLEEPS = """
import os, pathlib, time
pathlib.Path({here!r}).touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    {then}
"""


@pytest.mark.parametrize(
    ("then", "signals"), [("raise", 1), ("time.sleep(60)", 2)], ids=["once", "twice, the first one held up"]
)
def test_ctrl_c_ends_a_script_and_says_nothing(tmp_path, then, signals):
    here = tmp_path / "here"
    file = script(tmp_path, SLEEPS.format(here=str(here), then=then))
    command = [sys.executable, "-c", INTERRUPTED, file]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not here.exists():
        time.sleep(0.01)
    for _ in range(signals):
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.5)
    told = run.communicate(timeout=30)
    assert told == (f"{CODE}\n", "")


def test_ctrl_c_while_a_script_imports(tmp_path):
    (tmp_path / "slow.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    file = script(tmp_path, f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import slow")
    command = [sys.executable, "-m", run_script.__module__, file]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (CODE, "")


def test_what_is_copied_does_not_import_on_after_the_run(tmp_path):
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)")
    code = "from aigreen_study.run import warm; warm.PRELOADED = ('slow',); warm.start_importing()"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=30)


def test_a_script_as_a_program_of_its_own(tmp_path):
    assert _run_program(script(tmp_path, "raise SystemExit(4)")) == 4
