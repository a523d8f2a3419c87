"""Applicants to firms and their subsidiaries by name, never silently.

Steps, each for the names that the ones before left open; a step that finds more than one firm makes the name ambiguous:

1. ``exact``: full form equal to that of a firm or subsidiary
2. ``alias``: full form equal to that of an alias (former or short name)
3. ``suffix``: equal without legal form
4. ``region``: equal also without the place in front, where the places do not contradict each other (lower confidence)
5. ``fuzzy``: most alike of the names that share rare character groups, if alike enough, and more so than any name of
   another firm; places, numerals and directions must not contradict each other
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process
from scipy import sparse

from aigreen.data.patents.names import is_chinese, name_forms
from aigreen.errors import DataError, MissingValueError, UnknownColumnError

KINDS = ("firm", "subsidiary", "alias")
COLUMNS = ("firm_id", "name", "kind")
RESULT = ("status", "firm_id", "matched_name", "kind", "method", "score", "runner_up", "runner_up_score")
SHORTEST_BARE = 3
CANDIDATES = 10
LEAST_COSINE = 0.4
COMMON_SHARE = 0.02
LEAST_COMMON = 50
BATCH = 20_000
_TELLING = re.compile(r"[0-9一二三四五六七八九十东南西北]")
_JOINT = r"\s*(?:;+|；+|\||、|\n)\s*"


@dataclass(frozen=True)
class Matched:
    """Result of a name match.

    Parameters
    ----------
    matches : DataFrame
        Index ``applicant`` (distinct names as given, in order of first sight). ``status`` (matched, ambiguous,
        unmatched), ``firm_id`` (missing unless matched), ``matched_name`` and ``kind`` (of the match or the best
        candidate), ``method`` (step), ``score`` (0 to 100), ``runner_up`` and ``runner_up_score`` (best other firm),
        ``count`` (rows with this name).
    report : DataFrame
        ``status``, ``method``, ``names``, ``rows``: how many distinct names and rows went each way; a row with status
        ``missing`` counts the cells without a name.
    """

    matches: pd.DataFrame
    report: pd.DataFrame


def split_names(lists: pd.Series) -> pd.DataFrame:
    """Split lists of joint applicants (parted by ``;``, ``|``, ``、`` or line ends; commas belong to names).

    Returns
    -------
    DataFrame
        ``row`` (position of the list), ``order`` (1 = first applicant), ``name``.
    """
    parts = lists.dropna().str.split(_JOINT, regex=True)
    positions = np.flatnonzero(lists.notna())
    names = pd.DataFrame({"row": np.repeat(positions, parts.str.len().astype(int)), "name": parts.explode().to_numpy()})
    names["name"] = names["name"].str.strip()
    names = names[names["name"] != ""].reset_index(drop=True)
    return names.assign(order=names.groupby("row").cumcount() + 1)[["row", "order", "name"]]


def match_names(
    applicants: pd.Series, registry: pd.DataFrame, *, threshold: float = 88.0, margin: float = 3.0
) -> Matched:
    """Match applicant names to firms.

    Parameters
    ----------
    applicants : Series of str
        One name a row; missing cells are counted and left out.
    registry : DataFrame
        ``firm_id``, ``name``, ``kind`` (firm, subsidiary or alias); a firm may have any number of names.
    threshold : float
        Least score of a fuzzy match, 0 to 100: indel similarity of the bare forms, or of the core forms where both
        name the same place; of sorted words in English.
    margin : float
        A fuzzy match must beat the best name of any other firm by this much.

    Returns
    -------
    Matched

    Raises
    ------
    UnknownColumnError, MissingValueError, DataError
        The registry lacks a column, has empty cells, or kinds out of the list.
    """
    _check(registry)
    present = applicants.dropna()
    counts = present.groupby(present, sort=False).size()
    result = _Result(name_forms(counts.index))
    known = registry.reset_index(drop=True)
    known = known.join(name_forms(known["name"]).reset_index(drop=True))
    alias = known["kind"] == "alias"
    result.equal("exact", "full", known[~alias])
    result.equal("alias", "full", known[alias])
    result.equal("suffix", "core", known)
    result.equal("region", "bare", known)
    result.fuzzy(known, threshold, margin)
    matches = result.frame.assign(count=counts.to_numpy()).rename_axis("applicant")
    return Matched(matches, _report(matches, int(applicants.isna().sum())))


class _Result:
    """Distinct applicants with what each step found."""

    def __init__(self, forms: pd.DataFrame) -> None:
        self.forms = forms
        self.frame = pd.DataFrame(index=forms.index, columns=list(RESULT), dtype=object)
        self.frame[["score", "runner_up_score"]] = np.nan
        self.frame["status"] = "unmatched"
        self.open = (forms["full"] != "").to_numpy(copy=True)

    def equal(self, method: str, form: str, known: pd.DataFrame) -> None:
        """Match the open names whose form equals that of one firm."""
        left = self.forms.loc[self.open, [form, "region"]].assign(place=np.flatnonzero(self.open))
        pairs = left.merge(known[[*COLUMNS, form, "region"]], on=form, suffixes=("", "_known"))
        if method == "region":
            long_enough = pairs["bare"].str.len() >= SHORTEST_BARE
            pairs = pairs[long_enough & _regions_agree(pairs["region"], pairs["region_known"])]
        self._settle(pairs.assign(score=100.0), method, threshold=100.0, margin=1.0)

    def fuzzy(self, known: pd.DataFrame, threshold: float, margin: float) -> None:
        """Match the open names to the most alike one."""
        places = np.flatnonzero(self.open)
        left = self.forms.iloc[places]
        for start in range(0, len(places), BATCH):
            here = left.iloc[start : start + BATCH]
            rows, columns = _candidates(here["bare"], known["bare"])
            mine, theirs = here.iloc[rows].reset_index(drop=True), known.iloc[columns].reset_index(drop=True)
            agree = _regions_agree(mine["region"], theirs["region"]) & _tell_the_same(mine["bare"], theirs["bare"])
            agree = agree.to_numpy()
            pairs = theirs.loc[agree, list(COLUMNS)].assign(place=places[start : start + BATCH][rows[agree]])
            pairs["score"] = _alike(mine[agree], theirs[agree])
            self._settle(pairs, "fuzzy", threshold, margin)

    def _settle(self, pairs: pd.DataFrame, method: str, threshold: float, margin: float) -> None:
        """Write best and second-best firm of each name; names with a score at the threshold are closed."""
        if pairs.empty:
            return
        rank = pairs["kind"].map({kind: number for number, kind in enumerate(KINDS)})
        ranked = pairs.assign(rank=rank).sort_values(
            ["place", "score", "rank", "firm_id", "name"], ascending=[True, False, True, True, True]
        )
        ranked = ranked.drop_duplicates(["place", "firm_id"])
        best = ranked.drop_duplicates("place").set_index("place")
        second = ranked[ranked.duplicated("place")].drop_duplicates("place").set_index("place").reindex(best.index)
        enough = best["score"] >= threshold
        clear = ~(best["score"] - second["score"] < margin)
        status = np.where(enough & clear, "matched", np.where(enough, "ambiguous", "unmatched"))
        found = pd.DataFrame(
            {
                "status": status,
                "firm_id": best["firm_id"].where(status == "matched").astype(object),
                "matched_name": best["name"],
                "kind": best["kind"],
                "method": method,
                "score": best["score"],
                "runner_up": second["firm_id"],
                "runner_up_score": second["score"],
            }
        )
        rows = self.frame.index[best.index]
        for column in RESULT:
            self.frame.loc[rows, column] = found[column].to_numpy()
        self.open[best.index[enough]] = False


def _candidates(names: pd.Series, known: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of positions with a cosine of rare character groups above the least, best ten a name."""
    groups = {name: _groups(name) for name in pd.concat([names, known]).unique()}
    codes: dict[str, int] = {}
    matrices = [_incidence([groups[name] for name in side], codes) for side in (known, names)]
    size = len(codes)
    for matrix in matrices:
        matrix.resize(matrix.shape[0], size)
    frequency = np.bincount(matrices[0].indices, minlength=size)
    common = frequency > max(LEAST_COMMON, COMMON_SHARE * len(known))
    weight = np.where(common, 0.0, np.log1p(len(known) / (1.0 + frequency)))
    right, left = (_unit_rows(matrix @ sparse.diags_array(weight)) for matrix in matrices)
    alike = sparse.coo_array(left @ right.T)
    keep = alike.data >= LEAST_COSINE
    rows, columns, cosine = alike.row[keep], alike.col[keep], alike.data[keep]
    order = np.lexsort((columns, -cosine, rows))
    rows, columns = rows[order], columns[order]
    nth = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return rows[nth < CANDIDATES], columns[nth < CANDIDATES]


def _groups(name: str) -> set[str]:
    """Character pairs of a Chinese name, triples of the others."""
    size = 2 if is_chinese(name) else 3
    letters = name.replace(" ", "")
    return {letters[start : start + size] for start in range(max(1, len(letters) - size + 1))}


def _incidence(groups: list[set[str]], codes: dict[str, int]) -> sparse.csr_array:
    indices = [codes.setdefault(group, len(codes)) for members in groups for group in sorted(members)]
    bounds = np.cumsum([0, *(len(members) for members in groups)])
    return sparse.csr_array((np.ones(len(indices)), indices, bounds), shape=(len(groups), len(codes)))


def _unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    matrix = sparse.csr_array(matrix)
    length = np.sqrt(matrix.multiply(matrix).sum(axis=1))
    return sparse.csr_array(sparse.diags_array(1.0 / np.where(length > 0, length, 1.0)) @ matrix)


def _alike(mine: pd.DataFrame, theirs: pd.DataFrame) -> np.ndarray:
    """Similarity of the forms of two names, 0 to 100, pair by pair."""
    same_place = ((mine["region"] == theirs["region"]) & (mine["region"] != "")).to_numpy()
    left, right = (side["core"].where(same_place, side["bare"]).to_numpy(dtype=object) for side in (mine, theirs))
    score = np.asarray(process.cpdist(left, right, scorer=fuzz.ratio, dtype=np.float64))
    english = np.flatnonzero([not is_chinese(name) for name in left])
    words = process.cpdist(left[english], right[english], scorer=fuzz.token_sort_ratio, dtype=np.float64)
    score[english] = np.maximum(score[english], words)
    return score


def _regions_agree(mine: pd.Series, theirs: pd.Series) -> pd.Series:
    """Tell where places are the same, or one is the other's province, or one is unknown."""
    unknown = (mine == "") | (theirs == "")
    province = (mine.str[:2] == theirs.str[:2]) & (mine.str.endswith("0000") | theirs.str.endswith("0000"))
    return unknown | (mine == theirs) | province


def _tell_the_same(mine: pd.Series, theirs: pd.Series) -> pd.Series:
    """Numerals and directions are the same in both names."""
    telling = {name: sorted(_TELLING.findall(name)) for name in pd.concat([mine, theirs]).unique()}
    return pd.Series(
        [telling[a] == telling[b] for a, b in zip(mine, theirs, strict=True)], index=mine.index, dtype=bool
    )


def _report(matches: pd.DataFrame, missing: int) -> pd.DataFrame:
    method = matches["method"].fillna("").mask(matches["status"] == "unmatched", "")
    grouped = matches.groupby([matches["status"], method.rename("method")])["count"]
    report = grouped.agg(names="size", rows="sum").reset_index()
    if missing:
        report.loc[len(report)] = ["missing", "", 0, missing]
    return report


def _check(registry: pd.DataFrame) -> None:
    for column in COLUMNS:
        if column not in registry:
            raise UnknownColumnError(column, list(registry.columns), role="registry")
        if (count := int(registry[column].isna().sum())) > 0:
            raise MissingValueError(f"registry: {count} cells of {column} are empty", column=column, count=count)
    wrong = registry.loc[~registry["kind"].isin(KINDS), "kind"]
    if len(wrong):
        raise DataError(
            f"registry: kind must be one of {', '.join(KINDS)}", column="kind", count=len(wrong), first=wrong
        )
