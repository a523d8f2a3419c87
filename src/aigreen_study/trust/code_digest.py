"""Which code and which facts a script rests on, as one digest that comments, docstrings and layout do not change.

Snakemake sees a script but not what the script imports. The digest of a script covers its own syntax tree, those of all
first-party modules that it imports, directly or through others, at the top or inside functions, and the content of the
fact tables that these modules name. A package's ``__init__`` that only re-exports names is looked through: ``from
aigreen import Panel`` depends on `aigreen.panel.panel`, not on every estimator.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from aigreen.disk import write_bytes
from aigreen.errors import ReportError
from aigreen_study.trust.syntax import PACKAGES, Import, Syntax, read_syntax

FACTS = Path("aigreen/data/facts.py")  # reads the fact tables
CACHE = Path(".snakemake/aigreen-code.json")  # of a project

# Part of every key of the cache: the layout of Syntax, and Python's own syntax trees.
_READER = f"2 {sys.version_info[0]}.{sys.version_info[1]}"


@dataclass(frozen=True)
class Code:
    """What a script rests on.

    Attributes
    ----------
    digest : str
        sha256 over the syntax of all files and the content of the facts.
    modules : tuple of str
        First-party files, the given ones included, relative to the project, sorted.
    facts : tuple of str
        Fact tables and the source registry, where one of the modules names them, relative to the project, sorted.
    """

    digest: str
    modules: tuple[str, ...]
    facts: tuple[str, ...]


class CodeReader:
    """Reads the code of a project, each file once; what a file holds is kept in a cache by its content.

    Parameters
    ----------
    root : path
        Folder with src and data/facts.
    cache : path, optional
        File to keep what was read in; without it, nothing is kept.

    Examples
    --------
    >>> reader = CodeReader(".")
    >>> reader.code("analysis/scripts/compile_paper.py").modules[-1]  # doctest: +SKIP
    'src/aigreen/effects/storage.py'
    """

    def __init__(self, root: str | Path, cache: str | Path | None = None) -> None:
        self.root = Path(root).resolve()
        # The packages of a checkout, or those that stand around a project that came with them.
        self.source = self.root / "src" if (self.root / "src").is_dir() else Path(__file__).resolve().parents[2]
        facts = self.root / "data/facts"
        self._facts_at = facts if facts.is_dir() else self.source / "aigreen/data/facts"
        self._cache = None if cache is None else Path(cache)
        self._kept = self._load()
        self._used: dict[str, dict[str, object]] = {}
        self._syntax: dict[Path, Syntax] = {}
        self._imported: dict[Path, tuple[Path, ...]] = {}
        self._led: dict[Import, tuple[Path, ...]] = {}
        self._names: dict[Path, str] = {}
        self._starts: dict[str, Path] = {}
        self._data = {path.stem: path for path in self._facts_at.glob("*.csv")}
        registry = self.root / "data/sources.csv"
        self._data["sources.csv"] = (
            registry if registry.is_file() else self.source / "aigreen/data/registry/sources.csv"
        )

    def code(self, *files: str | Path) -> Code:
        """Return what scripts, modules or notebooks rest on, taken together.

        Raises
        ------
        ReportError
            For a file that is absent or no Python, or an import that leads nowhere.
        """
        waiting = [(self.root / file).resolve() for file in files]
        seen: dict[Path, Syntax] = {}
        while waiting:
            path = waiting.pop()
            if path not in seen:
                seen[path] = self._read(path)
                waiting += self._imports(path)
        facts = self._facts(seen)
        lines = [f"{self._name(path)} {seen[path].digest}" for path in sorted(seen, key=lambda path: path.parts)]
        lines += [f"{self._name(path)} {_content(path)}" for path in facts]
        return Code(
            digest=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            modules=tuple(sorted(self._name(path) for path in seen)),
            facts=tuple(self._name(path) for path in facts),
        )

    def save(self) -> None:
        """Write the cache, where there is one and it has changed; a folder that cannot be written is no error."""
        if self._cache is not None and self._used.keys() != self._kept.keys():
            with suppress(OSError):
                write_bytes(self._cache, json.dumps(self._kept | self._used, separators=(",", ":")).encode())

    def _load(self) -> dict[str, dict[str, object]]:
        with suppress(OSError, ValueError):
            if self._cache is not None and isinstance(kept := json.loads(self._cache.read_bytes()), dict):
                return kept
        return {}

    def _read(self, path: Path) -> Syntax:
        if path not in self._syntax:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ReportError(f"{path}: no code to read ({error.strerror})") from None
            key = hashlib.sha256(f"{_READER} {self._name(path)}\0".encode() + content).hexdigest()
            with suppress(KeyError, TypeError, ValueError):
                self._syntax[path], self._used[key] = _restored(self._kept[key]), self._kept[key]
            if path not in self._syntax:
                self._syntax[path] = read_syntax(content, place=self._name(path), package=self._package(path))
                self._used[key] = asdict(self._syntax[path])
        return self._syntax[path]

    def _imports(self, path: Path) -> tuple[Path, ...]:
        """Files that a file's imports make run, each once."""
        if path not in self._imported:
            targets = (target for wanted in self._read(path).imports for target in self._leads(wanted, path))
            self._imported[path] = tuple(dict.fromkeys(targets))
        return self._imported[path]

    def _leads(self, wanted: Import, importer: Path) -> tuple[Path, ...]:
        """`_targets`, each found once: many files import the same."""
        if wanted not in self._led:
            self._led[wanted] = tuple(self._targets(wanted, importer))
        return self._led[wanted]

    def _targets(self, wanted: Import, importer: Path) -> Iterator[Path]:
        """Files that an import makes run, beyond packages whose ``__init__`` is plain."""
        module, name = wanted
        if module.endswith(".*"):
            yield from sorted(self._place(module[:-2]).glob("*.py"))
            return
        parents = module.split(".")[:-1]
        for depth in range(1, len(parents) + 1):
            start = self._start(".".join(parents[:depth]))
            if start.is_file() and not self._read(start).plain:
                yield start
        file = self._place(module).with_suffix(".py")
        start = self._start(module)
        if file.is_file():
            yield file
        elif not start.is_file():
            raise ReportError(f"{self._name(importer)}: imports {module}, which is not below src")
        elif name is None or name == "*":
            yield start
        else:
            yield from self._member(module, name, start)

    def _member(self, module: str, name: str, start: Path) -> Iterator[Path]:
        """Files behind ``from package import name``."""
        init, wanted = self._read(start), (module, name)
        if not init.plain:
            yield start
        elif init.bound.get(name, wanted) != wanted:
            yield from self._targets(init.bound[name], start)
        elif self._exists(f"{module}.{name}"):
            yield from self._targets((f"{module}.{name}", None), start)
        else:
            yield start

    def _start(self, package: str) -> Path:
        """File that says what a package offers: its stub, where names are imported when asked for."""
        if package not in self._starts:
            folder = self._place(package)
            stub = folder / "__init__.pyi"
            self._starts[package] = stub if stub.is_file() else folder / "__init__.py"
        return self._starts[package]

    def _exists(self, module: str) -> bool:
        place = self._place(module)
        return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()

    def _place(self, module: str) -> Path:
        return self.source.joinpath(*module.split("."))

    def _package(self, path: Path) -> str:
        inside = any(path.is_relative_to(self.source / package) for package in PACKAGES)
        return ".".join(path.parent.relative_to(self.source).parts) if inside else ""

    def _facts(self, seen: dict[Path, Syntax]) -> list[Path]:
        """Fact tables named in the code, where the module that reads them is among it; and the source registry."""
        reads = self.source / FACTS in seen
        names = {text for syntax in seen.values() for text in syntax.strings}
        return sorted(path for name, path in self._data.items() if name in names and (reads or name == "sources.csv"))

    def place(self, name: str) -> Path:
        """File behind the name of a module, script or fact table."""
        file = self.root / name
        return file if file.exists() or not name.startswith("src/") else self.source / name.removeprefix("src/")

    def _name(self, path: Path) -> str:
        if path not in self._names:
            inside = path.is_relative_to(self.source)
            below = f"src/{path.relative_to(self.source).as_posix()}" if inside else path.name
            here = path.is_relative_to(self.root)
            self._names[path] = path.relative_to(self.root).as_posix() if here else below
        return self._names[path]


def _restored(kept: dict[str, object]) -> Syntax:
    return Syntax(
        digest=str(kept["digest"]),
        imports=tuple((module, name) for module, name in kept["imports"]),
        bound={name: (module, inner) for name, (module, inner) in kept["bound"].items()},
        strings=tuple(kept["strings"]),
        plain=bool(kept["plain"]),
    )


def _content(path: Path) -> str:
    """Hash a text file, whatever its line ends."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
