"""Wrong changes to a file: those that a grammar makes, and those of a list."""

from __future__ import annotations

import ast
import csv
import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLANTED = Path(__file__).with_name("planted.csv")

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
SIGNS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.MatMult: None,
}
WORDS = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
# Calls of one name for another: what they give has the same shape.
CALLS = {
    "any": "all",
    "all": "any",
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "argmin": "argmax",
    "argmax": "argmin",
    "sum": "mean",
    "mean": "sum",
    "log1p": "log",
    "expm1": "exp",
    "sqrt": "square",
    "first": "last",
    "last": "first",
}


@dataclass(frozen=True)
class Mutant:
    """One wrong change.

    Attributes
    ----------
    path : str
        File, relative to the top of the repository.
    line : int
    before, after : str
        The line, or the text of a planted change, as it was and as it becomes.
    text : bytes
        The whole file as it is.
    span : tuple of int
        Bytes that are taken out, from and to.
    new : str
        What is put there.
    test : str
        The test that sees a planted change; of others none is known.
    """

    path: str
    line: int
    before: str
    after: str
    text: bytes
    span: tuple[int, int]
    new: str
    test: str = ""

    @property
    def source(self) -> str:
        """The whole file with the change."""
        low, high = self.span
        return (self.text[:low] + self.new.encode() + self.text[high:]).decode()

    @property
    def digest(self) -> str:
        """A sum that stays where other lines of the file change."""
        return hashlib.sha256(f"{self.path}\n{self.before}\n{self.after}".encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before.strip()} -> {self.after.strip()}"


def generated(path: str) -> list[Mutant]:
    """Return all wrong changes that the grammar makes in a file."""
    text = (ROOT / path).read_text("utf-8")
    return list(changes(path, text))


def changes(path: str, text: str) -> Iterator[Mutant]:
    """Make the wrong changes of a file, one at a time; the few that are no Python are left to `sample`."""
    raw = text.encode()
    lines = raw.splitlines(keepends=True)
    starts = list(accumulate(map(len, lines), initial=0))

    def at(row: int, column: int) -> int:
        return starts[row - 1] + column

    tree = ast.parse(text)
    silent, seen = {id(node) for node in _said(tree)}, set()
    for node in ast.walk(tree):
        for low, high, new in [] if id(node) in silent else _replaced(node, raw, at):
            row = bisect_right(starts, low)
            first, last = starts[row - 1], starts[row - 1] + len(lines[row - 1].rstrip(b"\n"))
            after = (raw[first:low] + new.encode() + raw[high : max(high, last)]).decode()
            if (low, high, new) not in seen:
                seen.add((low, high, new))
                yield Mutant(path, row, raw[first:last].decode(), after, raw, (low, high), new)


def planted() -> list[Mutant]:
    """Wrong changes of the list, each at the one place of its text.

    Raises
    ------
    ValueError
        Where a text is not there once: the list must follow the code.
    """
    found = []
    with PLANTED.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            text = (ROOT / row["file"]).read_text("utf-8")
            if text.count(row["before"]) != 1:
                raise ValueError(f"{row['file']}: {text.count(row['before'])} places of {row['before']!r}")
            place = text[: text.index(row["before"])].count("\n") + 1
            low = len(text[: text.index(row["before"])].encode())
            span = low, low + len(row["before"].encode())
            change = row["before"], row["after"], text.encode(), span, row["after"]
            found.append(Mutant(row["file"], place, *change, row["test"]))
    return found


def sample(mutants: list[Mutant], count: int) -> list[Mutant]:
    """Choose so many, the same ones on every machine, in an order that has nothing to do with their places."""
    ordered = sorted(mutants, key=lambda mutant: mutant.digest)
    return list(islice((one for one in ordered if _compiles(one.source)), count))


def _replaced(node: ast.AST, raw: bytes, at) -> Iterator[tuple[int, int, str]]:
    """Bytes that a change takes out, from and to, and what it puts there."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            yield from _between(left, right, COMPARISONS.get(type(operator)), raw, at)
    elif isinstance(node, ast.BinOp):
        yield from _between(node.left, node.right, SIGNS.get(type(node.op)), raw, at)
    elif isinstance(node, ast.BoolOp):
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from _between(left, right, WORDS[type(node.op)], raw, at)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert | ast.USub):
        low, operand = at(node.lineno, node.col_offset), at(node.operand.lineno, node.operand.col_offset)
        yield low, operand, ""
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield *_span(node, at), str(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield *_span(node, at), repr(node.value + 1)
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in CALLS:
            high = at(node.func.end_lineno, node.func.end_col_offset)
            yield high - len(name), high, CALLS[name]
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        low, high = _span(node.test, at)
        yield low, high, f"(not ({raw[low:high].decode()}))"
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield *_span(node.value, at), "None"


def _span(node: ast.AST, at) -> tuple[int, int]:
    return at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)


def _between(left: ast.AST, right: ast.AST, words, raw: bytes, at) -> Iterator[tuple[int, int, str]]:
    """Where an operator stands between two operands, which parentheses may surround."""
    if words is None:
        return
    low, high = at(left.end_lineno, left.end_col_offset), at(right.lineno, right.col_offset)
    gap = raw[low:high].decode()
    place = gap.find(words[0])
    if place >= 0 and "#" not in gap:
        first = low + len(gap[:place].encode())
        yield first, first + len(words[0]), words[1]


def _said(tree: ast.AST) -> list[ast.AST]:
    """What is no code of the program: words of docstrings, annotations, messages of errors, imports of types."""
    quiet = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            quiet += ast.walk(node.exc)
        elif isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            quiet += ast.walk(node)
        elif isinstance(node, ast.FunctionDef):
            given = [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
            for annotation in [node.returns, *(argument.annotation for argument in given)]:
                quiet += ast.walk(annotation) if annotation is not None else []
            for decorator in node.decorator_list:
                quiet += ast.walk(decorator)
        elif isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                quiet += ast.walk(decorator)
        elif isinstance(node, ast.AnnAssign):
            quiet += ast.walk(node.annotation)
    return quiet


def _compiles(text: str) -> bool:
    try:
        compile(text, "changed", "exec")
    except SyntaxError:
        return False
    return True
