import pytest

from aigreen_study.run.forecast import Forecast

RULES = {0: "panel", 1: "estimate", 2: "estimate", 3: "paper"}
NEEDS = {0: set(), 1: {0}, 2: {0}, 3: {1, 2}}


def plan(cores=2, threads=None, **took):
    known = {int(step.removeprefix("s")): seconds for step, seconds in took.items()}
    return Forecast(RULES, NEEDS, threads or dict.fromkeys(RULES, 1), cores, known)


@pytest.mark.parametrize(("cores", "seconds"), [(1, 10 + 6 + 4 + 3), (2, 10 + 6 + 3)])
def test_steps_run_side_by_side_once_what_they_need_is_there(cores, seconds):
    assert plan(cores, s0=10, s1=6, s2=4, s3=3).seconds([], {}) == seconds


def test_what_is_done_and_what_runs_is_taken_off():
    known = plan(s0=10, s1=6, s2=4, s3=3)
    assert known.seconds([0], {1: 2.5}) == 4 + 3
    assert known.seconds([0, 2], {1: 60.0}) == 3  # longer than the last time: as if it ended now
    assert known.seconds([0, 1, 2, 3], {}) == 0


def test_a_step_of_two_cores_runs_alone():
    assert plan(threads={0: 1, 1: 2, 2: 1, 3: 1}, s0=10, s1=6, s2=4, s3=3).seconds([], {}) == 10 + 6 + 4 + 3


def test_a_step_never_made_counts_as_others_of_its_rule_or_as_the_mean():
    assert plan(1, s0=10, s1=6, s3=3).seconds([], {}) == 10 + 6 + 6 + 3
    assert plan(1, s0=10, s1=6).seconds([], {}) == 10 + 6 + 6 + (10 + 6) / 2


def test_nothing_is_said_where_most_durations_are_unknown():
    assert plan(s0=10).seconds([], {}) is None
