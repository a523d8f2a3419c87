"""What the code must not use: evaluation, pickles, shells, SQL that is put together, archives unpacked unseen."""

import ast
import re

FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "read_pickle",
    "to_pickle", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen", "extractall", "urlopen",
    "urlretrieve", "tempfile.mktemp", "tarfile",
}  # fmt: skip
SQL = ("sql", "raw_sql", "execute", "executemany")
SQL_TEXT = {
    "src/aigreen/data/raw/bulk.py": 3,
    "src/aigreen/data/sources/publication_parts.py": 1,  # COPY of a compiled expression to a quoted path
    "src/aigreen/panel/on_disk/sorted_file.py": 2,  # quoted columns and paths of the caller's own Parquet files
}


def code(repository):
    files = [repository / "run.py", *sorted((repository / "src").rglob("*.py"))]
    return [*files, *sorted((repository / "analysis").rglob("*.py"))]


def uses(tree):
    """Names that a module imports or calls, with dots where they are written so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0], node.lineno
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if isinstance(node.func, ast.Name):
                yield name, node.lineno
            else:
                yield ".".join(name.split(".")[-2:]), node.lineno
                yield f".{name.split('.')[-1]}", node.lineno


def test_nothing_is_evaluated_unpickled_or_unpacked(repository):
    methods = {".extractall", ".extract", ".urlopen", ".urlretrieve", ".read_pickle", ".to_pickle", ".mktemp"}
    found = []
    for path in code(repository):
        place = path.relative_to(repository).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        text = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "str"}
        for name, line in uses(tree):
            if name == ".extract" and line in text:  # of pandas: a text method
                continue
            if name in FORBIDDEN or name in methods:
                found.append(f"{place}:{line}: {name}")
    assert found == []


def test_no_command_goes_through_a_shell(repository):
    found = []
    for path in code(repository):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) != "False":
                found.append(f"{path.name}:{node.value.lineno}")
    assert found == []


def test_sql_is_built_from_expressions(repository):
    """Text that is put together goes to a database in one place only, where it is a compiled expression."""
    found = {}
    for path in code(repository):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in SQL:
                continue
            if any(isinstance(part, ast.JoinedStr | ast.BinOp) for given in node.args for part in ast.walk(given)):
                place = path.relative_to(repository).as_posix()
                found[place] = found.get(place, 0) + 1
    assert found == SQL_TEXT


def test_expressions_of_pandas_are_fixed_text(repository):
    """`query` and `eval` of a frame run what they are given."""
    found = []
    for path in code(repository):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            of_a_frame = node.func.attr in ("query", "eval") and not re.search("typst|Tree", ast.unparse(node.func))
            if of_a_frame and not isinstance(node.args[0], ast.Constant):
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_zip_archives_are_read_after_they_are_measured(repository):
    """Every module that opens an archive to read it also measures it, before or while it unfolds.

    What wide.py opens reading.py measures; identifiers.py opens archives that this project has written.
    """
    elsewhere = {"wide.py", "identifiers.py"}
    for path in code(repository):
        text = path.read_text(encoding="utf-8")
        if "zipfile.ZipFile(" in text and not any('"w", zipfile' in line for line in text.splitlines()):
            assert "check_unfolds" in text or "size > MOST_UNZIPPED" in text or path.name in elsewhere, path
