"""Columns of counts of patents by firm and year: names and definitions, and what of an application each adds up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from aigreen.data.patents.flags import MECHANISMS, PLACES, bit, categories, tags

if TYPE_CHECKING:
    import ibis.expr.types as ir

PARTS = 720_720  # divisible by 1 to 16: shares of up to 16 applicants add up exactly, in any order of rows

_GREEN = "an IPC symbol in the Green Inventory"
_STRICT = "a green symbol with a strict most specific rule"
_EDITION = "an IPC symbol in the Green Inventory, or in older and newer places of the same matter"
_JOINT = "green, with an applicant outside the firm"
_PART = "sum over green patents of the firm's share of the applicants"
_CITED = "applications citing them, filed within the window"


class Measure(NamedTuple):
    """One column of counts.

    Parameters
    ----------
    name, label, rule : str
        Column, label and definition for the codebook.
    value : callable
        From the table of a firm's applications to what is added up; a condition counts one where it holds.
    unit : str
        Unit of the sum.
    parts : int
        What is added up comes in parts of this many to one.
    """

    name: str
    label: str
    rule: str
    value: Callable[[ir.Table], ir.Value]
    unit: str = "patents"
    parts: int = 1


def measures(*, citations: bool = False, families: bool = False) -> tuple[Measure, ...]:
    """List the counts, in order; those of citations and families only where these are known."""
    return tuple(_measures(citations, families))


def _measures(citations: bool, families: bool) -> Iterator[Measure]:
    yield Measure("patents", "Patents", "applications by year of filing", lambda t: t.year.notnull())
    yield Measure("inventions", "Inventions", "patent_type is invention", lambda t: t.invention)
    yield Measure("utility_models", "Utility models", "patent_type is utility_model", lambda t: t.utility)
    yield Measure("patents_granted", "Granted patents", "grant known when the data were drawn", lambda t: t.granted)
    yield Measure("green_patents", "Green patents", _GREEN, lambda t: t.green)
    yield Measure("green_strict_patents", "Green patents, strict", _STRICT, lambda t: t.green_strict)
    yield Measure("green_any_edition_patents", "Green patents, any edition", _EDITION, lambda t: t.green_any_edition)
    yield Measure("green_non_ai_patents", "Green patents without AI", "green and not AI", lambda t: t.green & ~t.ai)
    yield Measure(
        "green_strict_non_ai_patents",
        "Green patents without AI, strict",
        "strictly green and not AI",
        lambda t: t.green_strict & ~t.ai,
    )
    yield Measure("y02_patents", "Climate patents", "a CPC or IPC symbol in Y02 or Y04S", lambda t: t.y02)
    yield Measure("green_inventions", "Green inventions", "green invention", lambda t: t.green & t.invention)
    yield Measure("green_utility_models", "Green utility models", "green utility model", lambda t: t.green & t.utility)
    yield Measure("green_patents_granted", "Green patents granted", "green and granted", lambda t: t.green & t.granted)
    yield Measure(
        "green_inventions_granted",
        "Green inventions granted",
        "green invention, granted",
        lambda t: t.green & t.invention & t.granted,
    )
    yield Measure("green_joint_patents", "Green patents with others", _JOINT, lambda t: t.green & t.joint)
    yield Measure(
        "green_patents_fractional", "Green patents, fractional", _PART, lambda t: t.green.ifelse(t.part, 0), parts=PARTS
    )
    for place, name in enumerate(MECHANISMS):
        words = name.replace("_", " ")
        rule = f"green, most specific rule is {words}"
        yield Measure(f"green_{name}_patents", f"Green patents: {words}", rule, _mechanism(place))
    for tag in tags():
        words = tag.replace("_", " ")
        yield Measure(f"tag_{tag}_patents", f"Patents on {words}", f"a symbol with the tag {tag}", _flag(f"tag_{tag}"))
    yield Measure("ai_patents", "AI patents", "an AI symbol (or keyword, where titles are searched)", lambda t: t.ai)
    yield Measure("ai_core_patents", "AI patents, core", "a core AI symbol (or keyword)", lambda t: t.ai_core)
    yield Measure("green_ai_patents", "Green AI patents", "green and AI", lambda t: t.green & t.ai)
    for name in categories():
        kind = name.lower()
        yield Measure(
            f"ai_{kind}_patents", f"AI patents: {kind}", f"an AI rule of category {name}", _flag(f"ai_{kind}")
        )
    if citations:
        yield Measure("patent_citations", "Citations to patents", _CITED, lambda t: t.cited, "citations")
        yield Measure(
            "green_citations",
            "Citations to green patents",
            _CITED + ", green",
            lambda t: t.green.ifelse(t.cited, 0),
            "citations",
        )
    if families:
        yield Measure(
            "green_international_patents",
            "Green patents filed abroad too",
            "green, and an application of the family at another office",
            lambda t: t.green & t.international,
        )


def _flag(name: str) -> Callable[[ir.Table], ir.Value]:
    return lambda t: (t.mask & bit(name)) != 0


def _mechanism(place: int) -> Callable[[ir.Table], ir.Value]:
    return lambda t: t.green & (t.mechanism.fill_null(-1) % PLACES == place)
