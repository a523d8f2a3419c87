"""YAML that users write, read as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from aigreen.errors import AigreenError


def read_yaml(path: Path, fault: type[AigreenError]) -> Any:
    """Read a file of plain values: a tag that asks for anything else (``!!python/object``) is an error.

    Parameters
    ----------
    path : Path
    fault : type
        Error that is raised for a file which is not UTF-8 or not YAML, or in which a key stands twice: YAML itself has
        the last one win. The message names file, key and both lines.
    """
    try:
        return _Once(path.read_text(encoding="utf-8")).get_single_data()
    except _TwiceError as twice:
        raise fault(f"{path.name}: {twice}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as reason:
        raise fault(f"{path.name}: not readable YAML ({' '.join(str(reason).split())})") from None


class _TwiceError(yaml.YAMLError):
    """A key stands twice in a mapping."""


class _Once(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        """Compose a mapping, before ``<<`` brings keys that its own ones replace."""
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                where = f"line {line}" if line == lines[name] else f"lines {lines[name]} and {line}"
                raise _TwiceError(f"{key.value} stands twice, in {where}; it can stand only once")
            lines[name] = line
        return node
