"""Publications in parts: the same tables and ledgers as at once, whatever the size of a part."""

import pandas as pd
import pytest

from aigreen.data.assemble.stages import make
from aigreen.data.patents.count_files import connect
from aigreen.data.raw.flow import Flow, summed
from aigreen.data.sources import publication_parts
from aigreen.data.sources.google_patents import publications
from aigreen.simulate.economy import economy


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export's")
    economy.write_raw(folder / "raw", seed=5, truth_folder=folder / "truth", n_firms=50, patents_factor=0.2)
    frame = pd.read_parquet(folder / "raw/google/publications-0000.parquet")
    half = len(frame) // 2
    frame.loc[[3, half + 5], "application_number"] = None
    for at, rows in enumerate((frame[: half + 20], frame[half:])):  # the files overlap
        rows.to_parquet(folder / f"raw/google/publications-{at:04d}.parquet", index=False)
    return folder / "raw/google"


@pytest.mark.parametrize(("rows", "batch"), [(100_000_000, 1000), (2500, 700), (300, 100_000)])
@pytest.mark.parametrize("office", [None, "CN"])
def test_tables_and_ledgers_do_not_depend_on_the_parts(export, tmp_path, monkeypatch, rows, batch, office):
    monkeypatch.setattr(publication_parts, "ROWS_A_PART", rows)
    monkeypatch.setattr(publication_parts, "BATCH", batch)
    names = ["patents", "patent_applicants", "citations"]
    expected = make(tmp_path / "expected", names, lambda: publications(export, office=office))
    opened = []

    def database():
        opened.append(connect(tmp_path / "spill"))
        return opened[0]

    parts = publication_parts.publications_in_parts(export, tmp_path / "parts", database, office=office)
    assert len(opened) == (rows < 100_000_000)
    in_memory = [isinstance(read.table, pd.DataFrame) for read in parts]
    assert in_memory == [rows == 100_000_000] * 3
    made = make(tmp_path / "canonical", names, lambda: parts)
    for one, other in zip(made, expected, strict=True):
        pd.testing.assert_frame_equal(one.table().convert_dtypes(), other.table().convert_dtypes())
        pd.testing.assert_frame_equal(one.flow().drop(columns="first"), other.flow().drop(columns="first"))


def test_ledgers_of_parts_add_up():
    flows = []
    for ids in (["a", "b", "b"], ["c"]):
        flow = Flow("t", "id")
        frame = pd.DataFrame({"id": ids})
        flow.keep(frame, frame["id"] == "b", "not b", show="id")
        flows.append(flow.to_frame())
    assert summed(flows).values.tolist() == [["t", "not b", 2, 1, 2, "a, c"]]
