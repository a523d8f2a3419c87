"""The estimates of an exhibit, together: stacked, compared within groups, adjusted for their number."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aigreen.disk import write_bytes
from aigreen.effects.effects import Effects, load
from aigreen.effects.joint import concat
from aigreen.effects.wald import Wald
from aigreen.errors import EffectsError, ReportError
from aigreen.inference.multiple import multiple_testing
from aigreen_study.specification.estimate import SMALL, TREATED, one_effect
from aigreen_study.specification.joint_tests import joint_test
from aigreen_study.specification.specification import Exhibit, Specification

FAILURES, TRUTH = "failures.json", "truth.json"
_ONE = re.compile(r"^1 (?P<noun>.+?) (?P<verb>has|stands|rests)\b")
_SEVERAL = {"has": "have", "stands": "stand", "rests": "rest"}


@dataclass(frozen=True)
class Results:
    """The estimates of an exhibit.

    Attributes
    ----------
    exhibit : Exhibit
        With the specifications that were estimated, in order.
    fitted : mapping of id to Effects
        As estimated.
    failures : mapping of id to str
        Specifications that cannot be estimated on these data, and why.
    truth : mapping of id to float
        What is known of some estimates, in a simulated study.
    """

    exhibit: Exhibit
    fitted: Mapping[str, Effects]
    failures: Mapping[str, str]
    truth: Mapping[str, float] = field(default_factory=dict)
    _differences: dict[str, dict[str, Effects]] = field(default_factory=dict)  # by group

    @property
    def estimated(self) -> list[Specification]:
        """Specifications that have an estimate."""
        return [part for part in self.exhibit.specifications if part.id in self.fitted]

    @cached_property
    def single(self) -> dict[str, Effects]:
        """The one effect of each specification."""
        return {part.id: one_effect(part, self.fitted[part.id]) for part in self.estimated}

    @property
    def groups(self) -> dict[str, list[Specification]]:
        """Specifications by group, in order."""
        groups: dict[str, list[Specification]] = {}
        for part in self.estimated:
            groups.setdefault(part.group, []).append(part)
        return groups

    def stacked(self) -> Effects:
        """Return all single effects with their joint covariance, by specification."""
        return stack(self.single)

    def differences(self, group: str) -> dict[str, Effects]:
        """Return each effect of a group less its first."""
        if group not in self._differences:
            first, *others = self.groups[group]
            self._differences[group] = {part.id: self.single[part.id] - self.single[first.id] for part in others}
        return self._differences[group]

    def true_differences(self, group: str) -> dict[str, float]:
        """Return the truth of `differences`, of those whose two effects have one."""
        first, *others = self.groups[group]
        if first.id not in self.truth:
            return {}
        return {part.id: self.truth[part.id] - self.truth[first.id] for part in others if part.id in self.truth}

    def held(self, level: float) -> dict[str, bool]:
        """Whether the interval of each estimate holds its truth, by id; of those that have both."""
        known = [part.id for part in self.estimated if part.id in self.truth]
        told = {key: holds(self.single[key], self.truth[key], level) for key in known}
        return {key: inside for key, inside in told.items() if inside is not None}

    def held_differences(self, level: float) -> dict[tuple[str, str], bool]:
        """Whether the interval of each difference within a group holds its truth, by group and id."""
        told = {
            (group, key): holds(self.differences(group)[key], true, level)
            for group in self.compared
            for key, true in self.true_differences(group).items()
        }
        return {key: inside for key, inside in told.items() if inside is not None}

    def equality(self, group: str) -> Wald | None:
        """Test jointly that all effects of a group are equal; None where their covariance has not full rank.

        So it is where one effect is an average of the others by construction, or there are more of them than clusters.
        """
        try:
            return joint_test(stack(self.differences(group)))
        except EffectsError:
            return None

    def left_out(self, group: str) -> list[str]:
        """Labels of the effects that the test of equality leaves out: their differences have no error of their own."""
        label = {part.id: part.label for part in self.groups[group]}
        p_values = {key: gap.to_frame()["p_value"].iloc[0] for key, gap in self.differences(group).items()}
        return [label[key] for key, p in p_values.items() if np.isnan(p)]

    @property
    def equalities(self) -> dict[str, float]:
        """P-values of the joint tests that the effects of a group are equal, under the headings of `grouped`."""
        tests = {self._heading(group): self.equality(group) for group in self.compared}
        return {heading: test.p_value for heading, test in tests.items() if test is not None}

    @property
    def grouped(self) -> dict[str, Effects]:
        """Single effects under their labels by group; the only group is called as the exhibit."""
        return {
            self._heading(group): stack({part.label: self.single[part.id] for part in parts})
            for group, parts in self.groups.items()
        }

    def _heading(self, group: str) -> str:
        return group or self.exhibit.title

    def treated_clusters(self, id_: str) -> int | None:
        """Count the clusters with a treated row in the sample of a specification; None for one of a dose."""
        told = self.fitted[id_].conventions.get(TREATED)
        return None if told is None else int(told)

    @property
    def small_cells(self) -> dict[str, list[Specification]]:
        """Specifications whose errors rest on very few clusters or units, by what the library says of them, uncounted.

        The library counts the cohorts or effects concerned; specifications that differ in nothing else stand together.
        """
        found: dict[str, list[Specification]] = {}
        for part in self.estimated:
            for text in filter(None, self.fitted[part.id].conventions.get(SMALL, "").split("; ")):
                found.setdefault(_uncounted(text), []).append(part)
        return found

    def extremes(self, group: str) -> tuple[str, str]:
        """Ids of the least and of the greatest estimate of a group."""
        values = {part.id: float(self.single[part.id].values[0]) for part in self.groups[group]}
        return min(values, key=values.__getitem__), max(values, key=values.__getitem__)

    @property
    def compared(self) -> list[str]:
        """Groups of two effects or more."""
        return [group for group, parts in self.groups.items() if len(parts) > 1]

    def adjusted(self, **bootstrap: Any) -> pd.Series:
        """Romano-Wolf p-values of all estimates of the exhibit, by id."""
        return _romano_wolf(self.stacked(), **bootstrap)

    def adjusted_differences(self, **bootstrap: Any) -> pd.Series:
        """Romano-Wolf p-values of all differences within groups, by group and id."""
        every = {(group, key): gap for group in self.compared for key, gap in self.differences(group).items()}
        if not every:
            return pd.Series(dtype=float)
        adjusted = _romano_wolf(stack({f"{g}/{key}": gap for (g, key), gap in every.items()}), **bootstrap)
        return adjusted.set_axis(pd.MultiIndex.from_tuples(list(every), names=["group", "id"]))


def _uncounted(text: str) -> str:
    """Leave the number out of what the library says of some cohorts or effects, in the plural."""
    one = _ONE.match(text)
    if one:
        text = f"{one['noun']}s {_SEVERAL[one['verb']]}{text[one.end() :]}".replace(": its ", ": their ", 1)
    return re.sub(r"^[\d,]+ ", "", text)


def _romano_wolf(effects: Effects, **bootstrap: Any) -> pd.Series:
    """Return adjusted p-values; nan where none of the effects has an error of its own."""
    if effects.to_frame()["p_value"].isna().all():
        return pd.Series(np.nan, index=effects.index)
    return multiple_testing(effects, **bootstrap)["romano_wolf"]


def holds(effect: Effects, truth: float, level: float) -> bool | None:
    """Whether the interval of an effect holds its truth; None where one cluster or the like leaves it without one."""
    low, high = effect.conf_int(level).to_numpy()[0]
    return None if np.isnan(low) or np.isnan(high) else bool(low <= truth <= high)


def write_results(
    folder: Path, fitted: Mapping[str, Effects], failures: Mapping[str, str], truth: Mapping[str, float] | None = None
) -> None:
    """Write the results of an exhibit as `folder`/ID.json and .parquet, and failures.json with those that failed.

    The truth of estimates, where data are simulated, is truth.json.
    """
    for key, effects in fitted.items():
        effects.save(folder / key)
    write_told(folder, {FAILURES: failures} | ({} if truth is None else {TRUTH: truth}))


def write_told(folder: Path, told: Mapping[str, Mapping[str, Any]]) -> None:
    """Write what is said of specifications by id, in files of these names."""
    for name, table in told.items():
        text = json.dumps(dict(table), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        write_bytes(folder / name, text.encode())


def read_results(folder: str | Path, exhibit: Exhibit) -> Results:
    """Read what `write_results` wrote.

    Raises
    ------
    ReportError
        Where no specification of the exhibit could be estimated.
    """
    folder = Path(folder)
    failures = json.loads((folder / FAILURES).read_text(encoding="utf-8"))
    fitted = {part.id: load(folder / part.id) for part in exhibit.specifications if part.id not in failures}
    if not fitted:
        raise ReportError(f"exhibit {exhibit.exhibit!r}: nothing could be estimated; {'; '.join(failures.values())}")
    known = folder / TRUTH
    return Results(exhibit, fitted, failures, json.loads(known.read_text("utf-8")) if known.exists() else {})


def read_printed(folder: str | Path, record: Mapping[str, Any]) -> Results:
    """Read the results of an exhibit that a rule gives as `Exhibit.printed` wrote it."""
    return read_results(folder, Exhibit.from_printed(record))


def stack(single: Mapping[str, Effects]) -> Effects:
    """Stack single effects under these labels, with their joint covariance."""
    if not single:
        raise EffectsError("no estimates to stack")
    index = pd.Index(list(single), name="specification")
    return replace(concat(single, name="specification"), index=index, post=None)
