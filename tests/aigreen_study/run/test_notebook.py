import os
import subprocess
import sys
import threading
import warnings

import nbformat
import pytest

from aigreen_study.run.notebook import convert
from aigreen_study.run.warm import WARM


@pytest.fixture
def converted(tmp_path):
    def convert_cells(*cells, settings=None):
        path = tmp_path / "told.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
        code, told = convert(
            ["--execute", "--to", "html", "--output-dir", str(tmp_path), str(path)], {"TOLD": "", **(settings or {})}
        )
        html = path.with_suffix(".html")
        return code, told, html.read_text(encoding="utf-8") if html.exists() else ""

    return convert_cells


def test_a_notebook_is_executed_in_a_kernel_with_the_settings_given(converted):
    code, told, html = converted("import os", "print(os.environ['TOLD'] * 2, 6 * 7)", settings={"TOLD": "ab"})
    assert code == 0
    assert "Writing" in told
    assert "abab 42" in html
    assert "TOLD" not in os.environ


def test_an_error_in_a_cell_is_told_and_no_page_written(converted):
    code, told, html = converted("raise ValueError('what went wrong')")
    assert code == 1
    assert "ValueError" in told
    assert "what went wrong" in told
    assert html == ""


@pytest.mark.skipif(not WARM, reason="only on Linux are steps copies of a process")
def test_the_kernel_has_imported_what_the_step_has_and_leads_a_group_of_its_own(converted, monkeypatch):
    monkeypatch.setitem(sys.modules, "imported_before", warnings)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # those of the runner of tests hold nothing
    code, _, html = converted("import os, imported_before", "print(os.getpgid(0) == os.getpid(), os.getpid())")
    assert code == 0
    assert "True" in html
    assert str(os.getpid()) not in html.split("True")[1].split("<")[0]


_WARNED = """
import sys, warnings
from aigreen_study.run.notebook import convert

with warnings.catch_warnings():
    warnings.simplefilter("error")
    warnings.showwarning = lambda *_: None
    print(convert(["--execute", "--to", "html", sys.argv[1]], {})[0])
"""


def test_a_step_that_sends_warnings_to_its_log_leaves_those_of_the_notebook_alone(tmp_path):
    path = tmp_path / "warned.ipynb"
    cell = nbformat.v4.new_code_cell("import warnings\nwarnings.warn('of the notebook', UserWarning)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    run = subprocess.run([sys.executable, "-c", _WARNED, str(path)], capture_output=True, text=True)
    assert run.stdout == "0\n"
    assert "UserWarning: of the notebook" in path.with_suffix(".html").read_text(encoding="utf-8")
