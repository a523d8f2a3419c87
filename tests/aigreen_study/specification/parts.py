"""Specifications of a small panel, and what they estimate."""

import pytest

from aigreen_study.specification.estimate import fit, one_effect
from aigreen_study.specification.specification import Specification

ROLES = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}
LABELS = {"y": "Outcome", "count": "Count", "treated": "Treated", "x": "Control", "dose": "Dose", "firm": "Firm"}
LABELS |= {"year": "Year", "city": "City", "region": "Region"}


def specification(**fields):
    return Specification(**({"exhibit": "e", "id": "one", "outcome": "y"} | fields))


def estimate(frame, **fields):
    spec = specification(**fields)
    return one_effect(spec, fit(spec, frame, ROLES))


def same(effect, expected):
    assert effect.values == pytest.approx(expected.values, abs=1e-12)
    assert effect.std_errors.to_numpy() == pytest.approx(expected.std_errors.to_numpy(), abs=1e-12)
