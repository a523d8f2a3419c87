"""Applicants to firms and their subsidiaries by name, never silently.

Steps, each for the names that the ones before left open; a step that finds more than one firm makes the name ambiguous:

1. ``exact``: full form equal to that of a firm or subsidiary
2. ``alias``: full form equal to that of an alias (former or short name)
3. ``suffix``: equal without legal form
4. ``region``: equal also without the place in front, where the places are the same or one is unknown (lower confidence)
5. ``fuzzy``: most alike of the names that share rare character groups, if alike enough, and more so than any name of
   another firm

A full name that two firms carried, each in years of its own, is ``dated`` by steps 1 and 2: the year of filing decides.

What keeps look-alikes apart: a province is not the city in it (江苏银行, 苏州银行). Forms of steps 3 to 5 have three
characters or more, those of short names four. A short name of an exchange (an alias without 公司) has no place, so it
takes that of its firm, which must then be that of an applicant with a place, and it is never compared by likeness.
Chinese names are alike if they differ by one character beyond the brand (the first two of the bare form), English ones
if each word has its like; numerals, directions and words for groups must be the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Levenshtein
from scipy import sparse

from aigreen.data.patents.names import is_chinese, name_forms
from aigreen.data.raw import values
from aigreen.data.schemas import FIRST_YEAR, LAST_YEAR
from aigreen.errors import DataError, MissingValueError, UnknownColumnError

KINDS = ("firm", "subsidiary", "alias")
COLUMNS = ("firm_id", "name", "kind")
YEARS = ("first_year", "last_year")
RESULT = ("status", "firm_id", "matched_name", "kind", "method", "score", "runner_up", "runner_up_score")
SHORTEST, SHORTEST_SHORT = 3, 4  # characters of equal forms; of short names
SHORTEST_ENGLISH, WORD_LIKE = 10, 92.0  # letters of a name that is compared by likeness; score of its words
BRAND, MOST_WRONG = 2, 1  # characters
CANDIDATES = 10
LEAST_COSINE = 0.4
COMMON_SHARE = 0.02
LEAST_COMMON = 50
BATCH = 20_000
_TELLING = re.compile(r"[0-9一二三四五六七八九十东南西北]|集团|总公司|\bgroup\b")


@dataclass(frozen=True)
class Matched:
    """Result of a name match.

    Parameters
    ----------
    matches : DataFrame
        Index ``applicant`` (distinct names as given, in order of first sight). ``status`` (matched, dated, ambiguous,
        unmatched), ``firm_id`` (missing unless matched), ``matched_name`` and ``kind`` (of the match or the best
        candidate), ``method`` (step), ``score`` (0 to 100), ``runner_up`` and ``runner_up_score`` (best other firm),
        ``count`` (rows with this name).
    owners : DataFrame
        ``name, firm_id, year``: the matched names, year missing; and the dated ones, a row for each year in which one
        firm alone carried the name. Sorted, each name and year once.
    report : DataFrame
        ``status``, ``method``, ``names``, ``rows``: how many distinct names and rows went each way; a row with status
        ``missing`` counts the cells without a name.
    """

    matches: pd.DataFrame
    owners: pd.DataFrame
    report: pd.DataFrame


def split_names(lists: pd.Series) -> pd.DataFrame:
    """Split lists of joint applicants (`aigreen.data.raw.values.parted`).

    Returns
    -------
    DataFrame
        ``row`` (position of the list), ``order`` (1 = first applicant), ``name``.
    """
    parts = values.parted(lists)
    positions = np.flatnonzero(parts.notna())
    parts = parts.dropna()
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
        ``firm_id``, ``name``, ``kind`` (firm, subsidiary or alias); a firm may have any number of names. Where known,
        ``first_year`` and ``last_year`` in which the firm carried the name (missing: no bound), and ``region``, the
        place of the firm (GB/T 2260), for firms without a full name.
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
    known = _known(registry)
    result = _Result(name_forms(counts.index))
    alias = known["kind"] == "alias"
    result.exact("exact", known[~alias])
    result.exact("alias", known[alias])
    result.equal("suffix", "core", known)
    result.equal("region", "bare", known)
    result.fuzzy(known[~known["short"]], threshold, margin)
    matches = result.frame.assign(count=counts.to_numpy()).rename_axis("applicant")
    return Matched(matches, result.owners(), _report(matches, int(applicants.isna().sum())))


def _known(registry: pd.DataFrame) -> pd.DataFrame:
    """Names with their forms; a short name without a place stands once for every place of its firm."""
    known = registry.reset_index(drop=True)
    place = known["region"].fillna("") if "region" in known else ""
    known = known.assign(**{year: known.get(year, np.nan) for year in YEARS})[[*COLUMNS, *YEARS]]
    known = known.join(name_forms(known["name"]).reset_index(drop=True))
    chinese = known["full"].map(is_chinese).astype(bool)
    known["short"] = (known["kind"] == "alias") & chinese & ~known["full"].str.contains("公司").astype(bool)
    own = known.loc[known["kind"] == "firm", ["firm_id", "region"]]
    given = known[["firm_id"]].assign(region=place)
    given = given[~given["firm_id"].isin(own["firm_id"].unique())]
    places = pd.concat([own, given]).drop_duplicates().query("region != ''")
    bare = known["short"] & (known["region"] == "")
    placed = known[bare].drop(columns="region").merge(places, on="firm_id", how="left").fillna({"region": ""})
    return pd.concat([known[~bare], placed], ignore_index=True)


class _Result:
    """Distinct applicants with what each step found."""

    def __init__(self, forms: pd.DataFrame) -> None:
        self.forms = forms
        self.frame = pd.DataFrame(index=forms.index, columns=list(RESULT), dtype=object)
        self.frame[["score", "runner_up_score"]] = np.nan
        self.frame["status"] = "unmatched"
        self.open = (forms["full"] != "").to_numpy(copy=True)
        self.dated = [pd.DataFrame({"name": [], "firm_id": [], "year": []}, dtype=object)]

    def exact(self, method: str, known: pd.DataFrame) -> None:
        """Match the open names whose full form equals that of one firm, or of one firm in each year."""
        pairs = self._pairs("full", known)
        self._settle(pairs.assign(score=100.0), method, threshold=100.0, margin=1.0)
        years = _by_year(pairs)
        rows = self.frame.index[years["place"].unique()]
        self.frame.loc[rows, "status"] = "dated"
        self.dated.append(years.assign(name=self.frame.index[years["place"]])[["name", "firm_id", "year"]])

    def equal(self, method: str, form: str, known: pd.DataFrame) -> None:
        """Match the open names whose form equals that of one firm."""
        pairs = self._pairs(form, known)
        least = pairs["short"].map({True: SHORTEST_SHORT, False: SHORTEST})
        agree = (pairs[form].str.len() >= least) & _regions_agree(pairs)
        self._settle(pairs[agree].assign(score=100.0), method, threshold=100.0, margin=1.0)

    def fuzzy(self, known: pd.DataFrame, threshold: float, margin: float) -> None:
        """Match the open names to the most alike one."""
        places = np.flatnonzero(self.open & _long_enough(self.forms["bare"]))
        left = self.forms.iloc[places]
        known = known[_long_enough(known["bare"])]
        for start in range(0, len(places), BATCH):
            here = left.iloc[start : start + BATCH]
            rows, columns = _candidates(here["bare"], known["bare"])
            mine, theirs = here.iloc[rows].reset_index(drop=True), known.iloc[columns].reset_index(drop=True)
            pairs = theirs.assign(place=places[start : start + BATCH][rows], mine=mine["bare"])
            pairs["region_known"], pairs["region"] = pairs["region"], mine["region"]
            pairs["score"] = _alike(mine, theirs)
            pairs = pairs[_regions_agree(pairs) & _tell_the_same(pairs["mine"], pairs["bare"])]
            slips = [
                score < threshold or _differ_by_slips(a, b)
                for a, b, score in zip(pairs["mine"], pairs["bare"], pairs["score"], strict=True)
            ]
            self._settle(pairs[np.array(slips, dtype=bool)], "fuzzy", threshold, margin)

    def owners(self) -> pd.DataFrame:
        """Give ``name, firm_id, year`` of matched and dated names."""
        matched = self.frame.loc[self.frame["status"] == "matched", "firm_id"].rename_axis("name").reset_index()
        both = pd.concat([matched.assign(year=None), *self.dated], ignore_index=True)
        both = both.astype({"name": "str", "firm_id": "str", "year": "Int64"})
        return both.sort_values(["name", "year"], ignore_index=True)

    def _pairs(self, form: str, known: pd.DataFrame) -> pd.DataFrame:
        left = self.forms.loc[self.open, [form, "region"]].assign(place=np.flatnonzero(self.open))
        return left.merge(known[[*COLUMNS, *YEARS, "short", form, "region"]], on=form, suffixes=("", "_known"))

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


def _regions_agree(pairs: pd.DataFrame) -> pd.Series:
    """Tell where places are the same or one is unknown; an applicant with a place needs that of a short name."""
    mine, theirs = pairs["region"], pairs["region_known"]
    return (mine == theirs) | (mine == "") | ((theirs == "") & ~pairs["short"])


def _long_enough(bare: pd.Series) -> np.ndarray:
    chinese = np.array([is_chinese(name) for name in bare], dtype=bool)
    return bare.str.len().to_numpy(dtype=float) >= np.where(chinese, SHORTEST, SHORTEST_ENGLISH)


def _tell_the_same(mine: pd.Series, theirs: pd.Series) -> pd.Series:
    """Numerals, directions and words for groups are the same in both names."""
    telling = {name: sorted(_TELLING.findall(name)) for name in pd.concat([mine, theirs]).unique()}
    return pd.Series(
        [telling[a] == telling[b] for a, b in zip(mine, theirs, strict=True)], index=mine.index, dtype=bool
    )


def _differ_by_slips(mine: str, theirs: str) -> bool:
    """Tell a slip of the pen from another name: one character beyond the brand, or words that each have their like."""
    if is_chinese(mine) != is_chinese(theirs):
        return False
    if is_chinese(mine):
        wrong = Levenshtein.distance(mine, theirs, score_cutoff=MOST_WRONG)
        return wrong <= MOST_WRONG and mine[:BRAND] == theirs[:BRAND]
    likeness = process.cdist(mine.split(), theirs.split(), scorer=fuzz.ratio, dtype=np.float64)
    return bool(min(likeness.max(axis=0).min(), likeness.max(axis=1).min()) >= WORD_LIKE)


def _by_year(pairs: pd.DataFrame) -> pd.DataFrame:
    """Years in which one firm alone carried a name that several firms carried: ``place, firm_id, year``."""
    empty = pd.DataFrame({"place": [], "firm_id": [], "year": []}, dtype=object).astype({"place": "int64"})
    several = pairs[pairs.groupby("place")["firm_id"].transform("nunique") > 1]
    bounded = several[list(YEARS)].notna().any(axis=1)
    # What a firm says with years goes before what it says without; each must say years.
    said = bounded.groupby([several["place"], several["firm_id"]]).transform("any")
    several = several[bounded & said.groupby(several["place"]).transform("all")]
    if several.empty:
        return empty
    first = several["first_year"].fillna(FIRST_YEAR).astype("int64").clip(FIRST_YEAR, LAST_YEAR)
    last = several["last_year"].fillna(LAST_YEAR).astype("int64").clip(FIRST_YEAR, LAST_YEAR)
    span = (last - first + 1).clip(lower=0).to_numpy()
    rows = several[["place", "firm_id"]].iloc[np.repeat(np.arange(len(several)), span)]
    offset = np.arange(span.sum()) - np.repeat(np.cumsum(span) - span, span)
    rows = rows.assign(year=np.repeat(first.to_numpy(), span) + offset).drop_duplicates()
    return rows[~rows.duplicated(["place", "year"], keep=False)]


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
