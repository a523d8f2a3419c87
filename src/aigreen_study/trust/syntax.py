"""What a Python file does and needs: its syntax without comments, docstrings and positions, and its imports."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from aigreen.errors import ReportError

PACKAGES = ("aigreen", "aigreen_study")
Import = tuple[str, str | None]


@dataclass(frozen=True)
class Syntax:
    """A file as far as other files can tell.

    Attributes
    ----------
    digest : str
        sha256 of the syntax tree; comments, docstrings and layout have no part in it.
    imports : tuple of (module, name)
        First-party imports anywhere in the file, absolute; `name` is None for ``import module``, ``*`` for all names.
    bound : dict of name to (module, name)
        What top-level imports bind, so that a re-exported name can be followed.
    strings : tuple of str
        Short string constants, by which a file names its tables of facts.
    plain : bool
        Holds only imports and constants, so that running it changes nothing elsewhere.
    """

    digest: str
    imports: tuple[Import, ...]
    bound: dict[str, Import]
    strings: tuple[str, ...]
    plain: bool


def read_syntax(content: bytes, *, place: str, package: str) -> Syntax:
    """Read the source of a script, a module or a notebook.

    Parameters
    ----------
    content : bytes
        The file.
    place : str
        Its path, for errors; the ending .ipynb makes it a notebook, of which only the code cells count.
    package : str
        Package that relative imports start from; empty for a script.

    Raises
    ------
    ReportError
        For a file that is no Python, or one that imports a module whose name is computed.
    """
    text = _code_cells(content, place) if place.endswith(".ipynb") else content
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise ReportError(f"{place}: not Python ({error})") from None
    for node in ast.walk(tree):
        _drop_docstring(node)
    top = {id(node) for node in tree.body}
    imports: list[Import] = []
    bound: dict[str, Import] = {}
    for node in _executed(tree):
        found = list(_imports_of(node, package, place))
        imports += [target for target, _ in found]
        if id(node) in top:
            bound |= {name: target for target, name in found if name}
    strings = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) <= 60
    }
    return Syntax(
        digest=hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest(),
        imports=tuple(dict.fromkeys(imports)),
        bound=bound,
        strings=tuple(sorted(strings)),
        plain=all(_is_plain(node) for node in tree.body),
    )


def _code_cells(content: bytes, place: str) -> str:
    """Join the code cells of a notebook; lines for the shell or the kernel are left out."""
    try:
        cells = json.loads(content)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{place}: not a notebook ({error!r})") from None
    return "\n".join(line for source in sources for line in source.splitlines() if not line.startswith(("%", "!")))


def _drop_docstring(node: ast.AST) -> None:
    documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    if documented and ast.get_docstring(node, clean=False) is not None:
        del node.body[0]


def _executed(tree: ast.Module) -> Iterator[ast.AST]:
    """Walk the tree, leaving out what only type checkers read."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += reversed(node.orelse)
        else:
            waiting += reversed(list(ast.iter_child_nodes(node)))


def _imports_of(node: ast.AST, package: str, place: str) -> Iterator[tuple[Import, str | None]]:
    """First-party imports a node makes, each with the name it binds."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if _is_ours(alias.name):
                yield (alias.name, None), alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom):
        module = _absolute(node, package, place)
        if _is_ours(module):
            for alias in node.names:
                yield (module, alias.name), alias.asname or alias.name
    elif isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("import_module", "__import__"):
            yield (_named(node, place), None), None


def _absolute(node: ast.ImportFrom, package: str, place: str) -> str:
    if not node.level:
        return node.module or ""
    steps = package.split(".") if package else []
    if node.level > len(steps):
        raise ReportError(f"{place}:{node.lineno}: a relative import that leaves the package")
    return ".".join([*steps[: len(steps) - node.level + 1], *([node.module] if node.module else [])])


def _named(call: ast.Call, place: str) -> str:
    """Name of the module that `import_module` is given; of a computed one its package, followed by ``.*``."""
    given = call.args[0] if call.args else None
    if isinstance(given, ast.Constant) and isinstance(given.value, str) and not given.value.startswith("."):
        return given.value
    if isinstance(given, ast.JoinedStr) and isinstance(given.values[0], ast.Constant):
        head = str(given.values[0].value)
        if _is_ours(head) and head.endswith("."):
            return head + "*"
    raise ReportError(
        f"{place}:{call.lineno}: a module is imported by a computed name, so nothing can tell what depends on it"
    )


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def _is_plain(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        value = [] if node.value is None else ast.walk(node.value)
        constant = all(isinstance(part, ast.Constant | ast.List | ast.Tuple | ast.Load) for part in value)
        return constant and all(isinstance(target, ast.Name) for target in targets)
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
