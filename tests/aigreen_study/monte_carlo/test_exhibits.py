"""Tables, figure and numbers of the Monte Carlo study from a made-up summary."""

import io

import numpy as np
import pandas as pd
import pytest

from aigreen.simulate.designs import COUNT_DESIGNS, DESIGNS, ORIGINS, PARTS
from aigreen_study.monte_carlo.exhibits import (
    NAMES,
    RIVALS,
    add_counts,
    add_economy,
    add_monte_carlo,
    bias_figure,
    counts_table,
    economy_table,
    parts_table,
    rivals_table,
    shares_table,
)
from aigreen_study.monte_carlo.replicate import SHARE, summarise, summarise_economy
from aigreen_study.numbers.prose import Ledger

KNOWN = {
    "decomposition": [*PARTS, *(SHARE + part for part in PARTS[1:])],
    "conservative": [*PARTS, *(SHARE + part for part in PARTS[1:])],
    "baron_kenny": list(PARTS[:-1]),
    "imputation": ["total"],
    "rings": ["total", "spillover"],
}


@pytest.fixture(scope="module")
def draws():
    """Totals of 10 in one design and 0.1 in the others, estimates one apart, except one part biased by ten."""
    lines = []
    for design in DESIGNS:
        for r, gap in enumerate([-0.5, 0.5]):
            for estimator, parts in KNOWN.items():
                for part in parts:
                    truth = (10.0 if design == "all" else 0.1) if part == "total" else 0.2
                    bias = 10.0 if (design, estimator, part) == ("confounded", "decomposition", "structure") else 0.0
                    at = truth + bias + gap
                    inside = 0.5 * r if part.startswith(SHARE) else np.nan
                    lines.append((design, r, estimator, part, truth, at, 0.3, at - 0.6, at + 0.6, inside))
    names = ["design", "replication", "estimator", "part", "truth", "estimate", "std_error", "conf_low", "conf_high"]
    names.append("in_set")
    return pd.DataFrame(lines, columns=names)


def test_tables_hold_the_designs_of_their_kind(draws):
    summary = summarise(draws)
    holds, broken = (parts_table(summary, holds=kind, key="parts") for kind in (True, False))
    assert [group.title for group in holds.groups] == [design.title for design in DESIGNS.values() if design.holds]
    assert [group.title for group in broken.groups] == [design.title for design in DESIGNS.values() if not design.holds]
    row = broken.groups[0].rows[2]
    assert row.label == NAMES["structure"]
    assert [cell.value for cell in row.cells] == pytest.approx([0.2, 10.0, 0.5, np.sqrt(0.5), 0.3, 0.0, 1.0, 1.0])
    assert holds.simulated and "2 replications" in holds.notes


def test_counts_have_a_table_and_numbers_of_their_own():
    """Parts and what others do; the extremes are taken over designs that hold, without products of two zeros."""
    lines = []
    for design in COUNT_DESIGNS:
        for r, gap in enumerate([-0.5, 0.5]):
            for estimator in ("decomposition", "conservative"):
                for part in (*PARTS, *ORIGINS):
                    off = 3.0 if (design, part) in {("counts_null", "skills"), ("counts_confounded", "total")} else 0.0
                    at = 0.2 + gap + off
                    lines.append((design, r, estimator, part, 0.2, at, 0.3, at - 0.6, at + 0.6, np.nan))
    names = ["design", "replication", "estimator", "part", "truth", "estimate", "std_error", "conf_low", "conf_high"]
    summary = summarise(pd.DataFrame(lines, columns=[*names, "in_set"]))
    table = counts_table(summary)
    assert [group.title for group in table.groups] == [design.title for design in COUNT_DESIGNS.values()]
    assert [row.label for row in table.groups[0].rows][-1] == NAMES["skills: others"]
    ledger = Ledger(rule="test")
    add_counts(ledger, summary)
    assert ledger["counts_decomposition_worst_bias"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert ledger["counts_decomposition_coverage_min"]["value"] == 1.0
    assert ledger["counts_confounded_total_bias"]["value"] == pytest.approx(3.0)


def test_shares_have_moments_where_the_total_is_far_from_zero(draws):
    table = shares_table(summarise(draws))
    assert [group.title for group in table.groups] == [design.title for design in DESIGNS.values()]
    shown = {group.title: [cell.value for cell in group.rows[0].cells] for group in table.groups}
    far = shown.pop(DESIGNS["all"].title)
    assert far == pytest.approx([0.2, 0.0, 0.5, 0.0, np.sqrt(0.5), 0.3, 1.0, 0.25])
    for near in shown.values():
        assert [value is None for value in near] == [False, True, True, False, True, True, False, False]


def test_an_estimator_has_cells_for_its_own_parts_only(draws):
    rows = rivals_table(summarise(draws), holds=True, key="rivals").groups[0].rows
    shown = {row.label: [cell.value is not None for cell in row.cells[: len(RIVALS)]] for row in rows}
    assert shown["Total"] == [True, True, True, True]
    assert shown["Spillover"] == [True, False, False, True]
    assert shown["Direct"] == [True, True, False, False]


def test_numbers_name_the_worst_and_call_a_bias_one(draws):
    ledger = Ledger(rule="summarise")
    add_monte_carlo(ledger, summarise(draws), 0.95)
    assert ledger["confounded_decomposition_structure_verdict"]["text"] == "is biased"
    assert ledger["all_decomposition_total_verdict"]["text"] == "shows no bias"
    # six designs of five parts, less the product of two zeros
    assert ledger["holds_decomposition_n"]["text"] == "29"
    assert ledger["n_replications"]["text"] == "2"
    assert ledger["holds_decomposition_coverage_low"]["text"] == "100.0%"


def test_the_figure_has_a_panel_for_each_part_and_the_same_bytes(draws):
    figures = [bias_figure(draws) for _ in range(2)]
    assert [ax.get_title() for ax in figures[0].axes] == ["Total", "Direct", "Through structure", "Spillover"]
    bytes_of = []
    for figure in figures:
        content = io.BytesIO()
        figure.savefig(content, format="png")
        bytes_of.append(content.getvalue())
    assert bytes_of[0] == bytes_of[1]


def test_the_economy_counts_parts_and_all_parts_at_once():
    lines = []
    for draw, gaps in enumerate([(0.0, 0.1), (0.3, 0.1), (0.0, 0.1), (0.0, 0.5)]):
        for part, gap in zip(("total", "human_capital"), gaps, strict=True):
            at = 1.0 + gap
            lines.append((part, 1.0, at, 0.1, at - 0.2, at + 0.2, at - 0.4, at + 0.4, draw))
    names = ["part", "truth", "estimate", "std_error", "conf_low", "conf_high", "band_low", "band_high", "draw"]
    held = summarise_economy(pd.DataFrame(lines, columns=names))
    assert held["coverage"].to_dict() == {"total": 0.75, "human_capital": 0.75, "all": 0.5}
    assert held["joint"].to_dict() == {"total": 1.0, "human_capital": 0.75, "all": 0.75}
    assert held.loc["total", ["bias", "noise", "spread"]].tolist() == pytest.approx([0.075, 0.075, 0.15])
    table = economy_table(held, 4, 0.95)
    assert [row.label for row in table.groups[0].rows] == ["Total", "Through human capital", "All parts at once"]
    assert [cell.value is None for cell in table.groups[0].rows[2].cells] == [True] * 5 + [False, False, True]
    ledger = Ledger(rule="summarise")
    add_economy(ledger, held, 4)
    assert ledger["economy_joint_all"]["text"] == "75.0%"
    assert ledger["economy_biased"]["text"] == "no part"
