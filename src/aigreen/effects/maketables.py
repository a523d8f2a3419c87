"""The plug-in interface of the maketables package, so that `maketables.ETable([effects, ...])` works."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aigreen.arguments import typed
from aigreen.disk import write_bytes
from aigreen.effects.as_statsmodels import labels
from aigreen.effects.sample_sizes import SAMPLES, samples_of, sizes_of
from aigreen.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_HEADS = {"estimate": "Estimate", "std_error": "Std. error", "p_value": "p"}


def _cell(number: float, digits: int) -> str:
    return "" if pd.isna(number) else f"{number:.{digits}f}"


def write_document(document: Any, path: str | Path) -> None:
    """Write a Word document whole, with the folders above it.

    Raises
    ------
    OptionError
        The path is none of a file.
    """
    place = Path(path)
    if not place.name or place.is_dir():
        raise OptionError("path", str(path), ["the name of a .docx file"])
    content = io.BytesIO()
    document.save(content)
    write_bytes(place, content.getvalue())


class Maketables:
    """Mixin of `Effects`; the names are those of the plug-in interface."""

    if TYPE_CHECKING:
        outcome: str
        method: str
        index: pd.Index
        clusters: pd.Index
        conventions: Mapping[str, str]
        n_rows: int
        n_units: int
        n_clusters: int
        to_frame: Callable[..., pd.DataFrame]

    @typed
    def to_word(self, path: str | Path, digits: int = 3, *, level: float = 0.95) -> None:
        """Write estimates, errors, p-values and intervals to a .docx file, one row an effect."""
        from maketables import MTable

        table = self.to_frame(level)
        cells = table[["estimate", "std_error", "p_value"]].map(lambda number: _cell(number, digits))
        ends = [table[side].map(lambda number: _cell(number, digits)) for side in ("conf_low", "conf_high")]
        cells[f"{level:.0%} interval"] = [f"[{low}, {high}]" if low else "" for low, high in zip(*ends, strict=True)]
        cells = cells.set_axis(labels(self.index)).rename(columns=_HEADS)
        sizes = "; ".join(samples_of(self))
        write_document(MTable(cells, notes=f"{self.method} on {self.outcome}. N = {sizes}.").make("docx"), path)

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        names = {"estimate": "b", "std_error": "se", "statistic": "t", "p_value": "p"}
        table = self.to_frame().rename(columns=names | {"conf_low": "ci95l", "conf_high": "ci95u"})
        return table.set_axis(pd.Index(labels(self.index), name="Coefficient"))

    @property
    def __maketables_depvar__(self) -> str:
        return self.outcome

    @property
    def __maketables_fixef_string__(self) -> str | None:
        return self.conventions.get("fixed effects")

    @property
    def __maketables_vcov_info__(self) -> dict[str, Any]:
        return {"vcov_type": "CRV1", "clustervar": [str(self.clusters.name)]}

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return ["N", "units", "clusters", "estimator"]

    def __maketables_stat__(self, key: str) -> Any:
        facts = {"N": self.n_rows, "units": self.n_units, "clusters": self.n_clusters, "estimator": self.method}
        if SAMPLES in self.conventions and key in ("N", "units", "clusters"):
            return sizes_of(self)["rows" if key == "N" else key]
        return facts.get(key)
