"""The wrong changes themselves: what the grammar makes of a text, and that the list follows the code."""

import ast

import pytest

from .mutants import ROOT, changes, generated, planted, sample
from .rooms import ROOMS, SAMPLE, files_of, group_of, held_by

TEXT = '''\
"""Words."""

def share(a: int | None, b=2.5, *, whole=True) -> float | None:
    """Not a < b."""
    if a is None or not whole:
        raise ValueError(f"{a + 1} and {b}")
    return max(a, -b) * (a >= 3) + 绿[0]
'''


def lines(text):
    return sorted((one.line, one.after.strip()) for one in changes("x.py", text))


def test_each_change_is_one_place_of_the_code_and_compiles():
    found = lines(TEXT)
    assert found == sorted(
        [
            (3, "def share(a: int | None, b=3.5, *, whole=True) -> float | None:"),
            (3, "def share(a: int | None, b=2.5, *, whole=False) -> float | None:"),
            (5, "if a is not None or not whole:"),
            (5, "if a is None and not whole:"),
            (5, "if a is None or whole:"),
            (5, "if (not (a is None or not whole)):"),
            (7, "return None"),
            (7, "return max(a, -b) * (a >= 3) - 绿[0]"),
            (7, "return max(a, -b) / (a >= 3) + 绿[0]"),
            (7, "return min(a, -b) * (a >= 3) + 绿[0]"),
            (7, "return max(a, b) * (a >= 3) + 绿[0]"),
            (7, "return max(a, -b) * (a > 3) + 绿[0]"),
            (7, "return max(a, -b) * (a >= 4) + 绿[0]"),
            (7, "return max(a, -b) * (a >= 3) + 绿[1]"),
        ]
    )
    for one in sample(list(changes("x.py", TEXT)), 100):
        ast.parse(one.source)
        assert sum(a != b for a, b in zip(one.source.splitlines(), TEXT.splitlines(), strict=True)) == 1


def test_the_sample_is_the_same_wherever_other_lines_of_a_file_stand():
    before = list(changes("x.py", TEXT))
    after = list(changes("x.py", "\n\n" + TEXT))
    assert [one.digest for one in sample(before, 5)] == [one.digest for one in sample(after, 5)]
    assert len({one.digest for one in before}) == len(before)


def test_every_planted_change_is_at_one_place_and_its_test_is_there():
    found = planted()
    assert len(found) >= 60
    for one in found:
        assert (ROOT / one.test.partition("::")[0]).is_file(), one.test


@pytest.mark.parametrize("group", ROOMS)
def test_every_file_of_a_room_has_tests_and_the_sample_is_large_enough(group):
    files = files_of(group)
    assert all(held_by(path) and group_of(path) == group for path in files)
    assert len(generated(files[0])) > 0
    assert sum(SAMPLE.values()) >= 300
