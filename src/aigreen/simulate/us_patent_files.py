"""Write drawn patents as the open files of `aigreen.data.sources.us_patents`, their defects included.

The defects: days in three forms; patent numbers and gvkeys with zeros in front or without; rows given twice; patents
without a company; companies of several securities; identifiers with several gvkeys; designs, plants and reissues;
titles with tabs, quotes, line ends and bytes of another encoding; days of filing in the wrong century; symbols left
empty; and a tail of applications that are not granted yet.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from aigreen.simulate.draws import streams
from aigreen.simulate.economy.writing import parquet, whole
from aigreen.simulate.us_patents import UsPatents, vocabulary

TRUTH = "truth.parquet"
PERMCO, PERMNO, GVKEY = 20_000, 10_001, 1_001  # first codes of firms
LAST_STATIC, LAST_DISCERN = 2020, 2021
RARE, SELDOM = 0.005, 0.02
OTHERS = 500  # designs, plants and reissues
_STAMP = (2023, 1, 1, 0, 0, 0)


def permco(firm: np.ndarray) -> np.ndarray:
    """Company of CRSP of a firm, text."""
    return (PERMCO + np.asarray(firm)).astype(str).astype(object)


def gvkey(firm: np.ndarray) -> np.ndarray:
    """Key of Compustat of a firm, six digits."""
    return np.char.zfill((GVKEY + 3 * np.asarray(firm)).astype(str), 6).astype(object)


def write(drawn: UsPatents, folder: Path | str, *, seed: int) -> list[Path]:
    """Write all files; the same patents and seed give the same bytes."""
    rng = streams(seed, ["kpss", "match", "cpc", "discern", "static", "patentsview"])
    folder, patents = Path(folder), drawn.patents
    number = patents["patent"].to_numpy()
    text = number.astype(str).astype(object)
    files = [
        _kpss(rng["kpss"], folder, drawn, text),
        _match(rng["match"], folder, drawn, text),
        _kpss_cpc(rng["cpc"], folder, drawn, text),
        *_discern(rng["discern"], folder, drawn, text),
        *_static(rng["static"], folder, drawn, text),
        *_patentsview(rng["patentsview"], folder, drawn, text),
    ]
    return files


def write_truth(drawn: UsPatents, folder: Path | str) -> Path:
    """Write the truth by ``firm_id`` (permco) and year; no adapter or estimator reads it."""
    truth = drawn.truth.assign(firm_id=permco(drawn.truth["firm"].to_numpy()))
    return parquet(Path(folder) / TRUTH, truth.drop(columns=["firm", "ai_year"]))


def _kpss(rng: np.random.Generator, folder: Path, drawn: UsPatents, text: np.ndarray) -> Path:
    patents, n = drawn.patents, len(drawn.patents)
    filed = _some(rng, _us(patents["filed"]), SELDOM, patents["filed"].astype(str).to_numpy(dtype=object))
    filed = _some(rng, filed, RARE, "")
    issued = _some(rng, _us(patents["issued"]), SELDOM, _short(patents["issued"]))
    firm = patents["firm"].to_numpy()
    value = np.round(patents["value"].to_numpy(), 6)
    table = {
        "patent_num": _some(rng, text, SELDOM, _padded(text)),
        "permno": _some(rng, (PERMNO + firm).astype(str).astype(object), 2 * RARE, ""),
        "issue_date": issued,
        "filing_date": filed,
        "xi_nominal": _some(rng, np.round(2.4 * value, 6).astype(str).astype(object), SELDOM, ""),
        "xi_real": _some(rng, value.astype(str).astype(object), SELDOM, ""),
        "cites": patents["cites"].to_numpy().astype(str).astype(object),
    }
    return _zipped(folder / "KPSS_2022.csv.zip", _twice(rng, table, n), ",")


def _match(rng: np.random.Generator, folder: Path, drawn: UsPatents, text: np.ndarray) -> Path:
    firm = drawn.patents["firm"].to_numpy()
    missing = rng.random(len(firm)) < 2 * RARE
    company = np.where(missing, "", permco(firm))
    # Every tenth company has two securities; a patent then stands in two rows.
    table = {"patent_num": text, "permco": company, "permno": np.where(missing, "", (PERMNO + firm).astype(str))}
    second = np.flatnonzero((firm % 10 == 0) & (rng.random(len(firm)) < 0.1))
    more = {name: cells[second] for name, cells in table.items()} | {"permno": (90_000 + firm[second]).astype(str)}
    joined = {name: np.concatenate([table[name], more[name]]).astype(object) for name in table}
    joined["patent_num"] = _some(rng, joined["patent_num"], SELDOM, _padded(joined["patent_num"]))
    return _zipped(folder / "Match_patent_permco_permno_2022.csv.zip", _twice(rng, joined, len(joined["permco"])), ",")


def _kpss_cpc(rng: np.random.Generator, folder: Path, drawn: UsPatents, text: np.ndarray) -> Path:
    row, symbols = drawn.symbols["row"].to_numpy(), vocabulary()[0]
    table = {"patent_num": _taken(text, row), "cpc": _taken(symbols, drawn.symbols["symbol"].to_numpy())}
    return _zipped(folder / "Match_patent_cpc_2022.csv.zip", _blanks(rng, table, "cpc"), ",")


def _discern(rng: np.random.Generator, folder: Path, drawn: UsPatents, text: np.ndarray) -> list[Path]:
    patents = drawn.patents
    granted = patents["issued"].dt.year.to_numpy()
    row = np.flatnonzero(granted <= LAST_DISCERN)
    firm = patents["firm"].to_numpy()[row]
    name = _names(firm)
    table = {
        "patent_id": text[row],
        "patent_date": patents["issued"].astype(str).to_numpy(dtype=object)[row],
        "assignee_name": name,
        "fyear": granted[row].astype(str).astype(object),
        "name_std": name,
        "id_name": (1 + firm).astype(str).astype(object),
        "sample": np.full(len(row), "U", dtype=object),
        "permno_adj": _some(rng, (PERMNO + firm).astype(str).astype(object), RARE, ""),
    }
    firms = np.arange(patents["firm"].max() + 1)
    moved = firms[firms % 50 == 7]  # from 2010 on these have another gvkey
    links = pd.DataFrame(
        {"permno_adj": PERMNO + firms, "gvkey": gvkey(firms), "fyear1_adjust": 1980, "fyearn_adjust": 2021}
    )
    later = links.iloc[moved].assign(gvkey=gvkey(firms[moved] + len(firms)), fyear1_adjust=2010)
    links.loc[moved, "fyearn_adjust"] = 2009
    links = pd.concat([links, later], ignore_index=True).sort_values(["permno_adj", "fyear1_adjust"])
    cells = {column: links[column].astype(str).to_numpy(dtype=object) for column in links}
    return [
        _plain(folder / "discern_pat_grant_1980_2021.csv", _twice(rng, table, len(row)), ","),
        _plain(folder / "permno_gvkey.csv", cells, ","),
    ]


def _static(rng: np.random.Generator, folder: Path, drawn: UsPatents, text: np.ndarray) -> list[Path]:
    patents = drawn.patents
    year = patents["filed"].dt.year.to_numpy()
    row = np.flatnonzero(year <= LAST_STATIC)
    firm = patents["firm"].to_numpy()[row]
    owner = _some(rng, gvkey(firm), 0.02, "")
    table = {
        "patent_id": text[row],
        "appYear": year[row].astype(str).astype(object),
        "gvkeyUO": owner,
        "gvkeyFR": np.where(firm % 30 == 0, gvkey(firm) + "A", gvkey(firm)),
        "clean_name": _names(firm),
        "cnLink_y1": np.full(len(row), "1990", dtype=object),
        "cnLink_yN": np.full(len(row), "2020", dtype=object),
        "privateSubsidiary": np.full(len(row), "0", dtype=object),
        "grantYear": patents["issued"].dt.year.to_numpy()[row].astype(str).astype(object),
    }
    parts = np.array_split(np.arange(len(row)), 8)
    files = []
    for at, part in enumerate(parts, start=1):
        mine = {name: cells[part] for name, cells in table.items()}
        if at == 3:  # saved by a spreadsheet
            mine["gvkeyUO"] = np.array([cell.lstrip("0") for cell in mine["gvkeyUO"]], dtype=object)
        files.append(_plain(folder / f"staticTranche{at}.csv", mine, ","))
    return files


def _patentsview(rng: np.random.Generator, folder: Path, drawn: UsPatents, text: np.ndarray) -> list[Path]:
    patents, n = drawn.patents, len(drawn.patents)
    filed, issued = (patents[name].astype(str).to_numpy(dtype=object) for name in ("filed", "issued"))
    other = np.array([f"{kind}{900_000 + at}" for at in range(OTHERS) for kind in ("D", "RE", "PP")], dtype=object)
    other = other[:OTHERS]
    day, year = np.full(OTHERS, "2015-06-02", dtype=object), patents["filed"].dt.year.to_numpy()
    title = np.full(n, "Apparatus and method", dtype=object)
    for share, odd in (
        (RARE, 'Device with\ta "tab"'),
        (RARE, "Two\nlines"),
        (RARE, "Procédé"),
        (RARE, "µ-sensor 日本"),
    ):
        title = _some(rng, title, share, odd)
    grant = {
        "patent_id": np.concatenate([text, other]),
        "patent_type": np.concatenate([np.full(n, "utility", dtype=object), np.full(OTHERS, "design", dtype=object)]),
        "patent_date": np.concatenate([issued, day]),
        "patent_title": np.concatenate([title, np.full(OTHERS, "Ornamental design", dtype=object)]),
        "wipo_kind": np.full(n + OTHERS, "B2", dtype=object),
        "num_claims": np.full(n + OTHERS, "20", dtype=object),
        "withdrawn": np.full(n + OTHERS, "0", dtype=object),
        "filename": np.full(n + OTHERS, "ipg.xml", dtype=object),
    }
    odd_day = np.array([f"10{y % 100:02d}-05-05" for y in year], dtype=object)
    application = {
        "application_id": np.array([f"{12_000_000 + at}" for at in range(n)], dtype=object),
        "patent_id": text,
        "patent_application_type": np.full(n, "12", dtype=object),
        "filing_date": _some(rng, filed, RARE / 5, odd_day),
        "series_code": np.full(n, "12", dtype=object),
        "rule_47_flag": np.full(n, "False", dtype=object),
    }
    row = drawn.symbols["row"].to_numpy()
    symbol = _taken(vocabulary()[0], drawn.symbols["symbol"].to_numpy())
    first = np.r_[0, np.flatnonzero(np.diff(row)) + 1]
    sequence = np.arange(len(row)) - np.repeat(first, np.diff(np.r_[first, len(row)]))
    current = {
        "patent_id": _taken(text, row),
        "cpc_sequence": pc.cast(pa.array(sequence), pa.string()),
        "cpc_section": pc.utf8_slice_codeunits(symbol, 0, 1),
        "cpc_class": pc.utf8_slice_codeunits(symbol, 0, 3),
        "cpc_subclass": pc.utf8_slice_codeunits(symbol, 0, 4),
        "cpc_group": symbol,
        "cpc_type": pa.array(["inventional"]).take(pa.array(np.zeros(len(row), dtype=np.int64))),
    }
    assignee = {
        "patent_id": text,
        "assignee_sequence": np.full(n, "0", dtype=object),
        "assignee_id": permco(patents["firm"].to_numpy()),
        "disambig_assignee_individual_name_first": np.full(n, "", dtype=object),
        "disambig_assignee_individual_name_last": np.full(n, "", dtype=object),
        "disambig_assignee_organization": _some(rng, _names(patents["firm"].to_numpy()), RARE, ""),
        "assignee_type": np.full(n, "2", dtype=object),
        "location_id": np.full(n, "loc", dtype=object),
    }
    return [
        _zipped(folder / "g_patent.tsv.zip", grant, "\t", old="é"),
        _zipped(folder / "g_application.tsv.zip", application, "\t"),
        _zipped(folder / "g_cpc_current.tsv.zip", _blanks(rng, current, "cpc_group"), "\t"),
        _plain(folder / "g_assignee_disambiguated.tsv", assignee, "\t"),
    ]


def _some(rng: np.random.Generator, cells: np.ndarray, share: float, other: np.ndarray | str) -> np.ndarray:
    """Put other cells in the place of a share of them."""
    return np.where(rng.random(len(cells)) < share, other, cells).astype(object)


def _twice(rng: np.random.Generator, table: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """Give a few rows a second time, at the end."""
    again = np.flatnonzero(rng.random(n) < RARE)
    return {name: np.concatenate([cells, cells[again]]) for name, cells in table.items()}


def _blanks(rng: np.random.Generator, table: dict[str, pa.Array], column: str) -> dict[str, pa.Array]:
    """Leave a few symbols empty."""
    empty = pa.array(rng.random(len(table[column])) < RARE)
    return table | {column: pc.if_else(empty, "", table[column])}


def _taken(listed: np.ndarray, place: np.ndarray) -> pa.Array:
    return pa.array(listed, pa.string()).take(pa.array(place))


def _padded(text: np.ndarray) -> np.ndarray:
    return np.char.zfill(text.astype(str), 8).astype(object)


def _names(firm: np.ndarray) -> np.ndarray:
    return np.char.add("FIRM ", firm.astype(str)).astype(object) + ", INC."


def _us(days: pd.Series) -> np.ndarray:
    return days.dt.strftime("%m/%d/%Y").to_numpy(dtype=object)


def _short(days: pd.Series) -> np.ndarray:
    """Days without zeros in front."""
    parts = [days.dt.month.astype(str), days.dt.day.astype(str), days.dt.year.astype(str)]
    return (parts[0] + "/" + parts[1] + "/" + parts[2]).to_numpy(dtype=object)


def _bytes(table: dict[str, np.ndarray | pa.Array], delimiter: str, old: str) -> pa.Buffer | bytes:
    columns = {
        name: cells if isinstance(cells, pa.Array) else pa.array(cells, pa.string()) for name, cells in table.items()
    }
    sink = pa.BufferOutputStream()
    style = pyarrow.csv.WriteOptions(delimiter=delimiter, quoting_style="all_valid" if delimiter == "\t" else "needed")
    pyarrow.csv.write_csv(pa.table(columns), sink, style)
    content = sink.getvalue()
    return content.to_pybytes().replace(old.encode(), old.encode("cp1252")) if old else content


def _plain(path: Path, table: dict[str, np.ndarray | pa.Array], delimiter: str) -> Path:
    return whole(path, lambda part: part.write(_bytes(table, delimiter, "")))


def _zipped(path: Path, table: dict[str, np.ndarray | pa.Array], delimiter: str, *, old: str = "") -> Path:
    """Write a zip archive of one file; a character ``old`` stands there in Windows-1252."""

    def pack(part: object) -> None:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(zipfile.ZipInfo(path.name.removesuffix(".zip"), _STAMP), _bytes(table, delimiter, old),
                             zipfile.ZIP_DEFLATED, 1)  # fmt: skip

    return whole(path, pack)
