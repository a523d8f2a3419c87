"""The doctor: tables of a licensed study present, missing or broken; headers only; exit code of the study asked for."""

import gzip
import shutil

import pandas as pd
import pytest

from aigreen.cli import main
from aigreen.data import facts
from aigreen.data.assemble import inventory
from aigreen.data.assemble.adoption import Threshold
from aigreen.data.assemble.listed_firms import Options
from aigreen.data.assemble.options import BuildOptions
from aigreen.data.raw import headers
from aigreen.data.sources import extras
from aigreen.simulate.economy import economy


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("受限")
    economy.write_raw(folder / "raw", seed=3, truth_folder=folder / "truth", n_firms=50, patents_factor=0.02)
    return folder / "raw"


@pytest.fixture
def here(repository, tmp_path, monkeypatch):
    shutil.copytree(repository / "analysis/config", tmp_path / "analysis/config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AIGREEN_DATA_MIRROR", raising=False)
    return tmp_path


@pytest.fixture
def doctor(here, capsys):
    def run(*arguments):
        code = main(["doctor", *arguments])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err

    return run


def test_nothing_there(doctor):
    code, lines, _ = doctor("--study", "listed-firms")
    assert code == 1
    assert "  FS_Combas: missing (needed)" in lines
    assert "  FS_Comins: missing (the study names columns of it)" in lines
    assert "  PT_LCDOMFORAPPLY: missing (optional)" in lines
    assert "  input_output: missing (the study names columns of it)" in lines
    assert any(line.startswith("    needed columns: Stkcd (Security code), Accper") for line in lines)
    assert any("股票代码 (Security code), 会计年度 (Year)" in line for line in lines)
    assert any(line.startswith("  source cnrds (licence: licensed)") and "GPRD" in line for line in lines)
    assert "    files: GPRD.csv, GPRD(1).csv ... (csv, tsv, txt, xlsx, xls, dta, parquet)" in lines
    assert lines[-1] == "  cannot run: files go into data/restricted"
    assert doctor()[0] == 0


def test_all_there_is_ready_and_the_panel_has_what_was_promised(doctor, here, raw):
    shutil.copytree(raw, here / "data/restricted")
    code, lines, _ = doctor("--study", "listed-firms")
    assert (code, lines[-1]) == (0, "  ready")
    assert "  FS_Combas: present (csmar/FS_Combas.csv, csmar/FS_Combas(1).csv)" in lines
    missing = [line for line in lines if "missing" in line]
    assert missing == [f"  {table}: missing (optional)" for table in ("code_changes", "CNIPA", "lens", "report_words")]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda raw: (raw / "csmar/FS_Combas.csv").write_bytes(b""), "FS_Combas.csv: the file is empty"),
        (
            lambda raw: pd.DataFrame({"code": ["000001"], "jahr": [2015], "text": ["x"]}).to_parquet(
                raw / "reports/reports.parquet"
            ),
            "reports.parquet: 1 missing columns: year; found: code, jahr, text",
        ),
        (
            lambda raw: (raw / "names/company_names.csv").write_text("firm_id,name,knd\n000001,A,firm\n"),
            "company_names.csv: 1 missing columns: kind (did you mean 'knd'?); found: firm_id, name, knd",
        ),
        (
            lambda raw: (raw / "google/publications-0000.parquet").write_bytes(b"PAR1"),
            "publications-0000.parquet: not a readable Parquet file",
        ),
    ],
)
def test_a_present_file_that_cannot_be_read_is_named(doctor, here, raw, spoil, message):
    shutil.copytree(raw, here / "data/restricted")
    spoil(here / "data/restricted")
    code, lines, _ = doctor("--study", "listed-firms")
    assert code == 1
    assert any(message in line for line in lines)
    assert doctor()[0] == 0


def test_files_that_no_table_claims_are_listed(doctor, here, raw):
    shutil.copytree(raw, here / "data/restricted")
    for name in ("csmar/FS_Combas - copy.csv", "notes.docx"):
        (here / "data/restricted" / name).write_text("x")
    packed = here / "data/restricted/csmar/FS_Comins.csv.gz"
    packed.write_bytes(gzip.compress(packed.with_name("FS_Comins.csv").read_bytes()))
    packed.with_name("FS_Comins.csv").unlink()
    code, lines, _ = doctor("--study", "listed-firms")
    assert code == 0
    assert "  FS_Comins: present (csmar/FS_Comins.csv.gz, csmar/FS_Comins(1).csv)" in lines
    assert [line for line in lines if "claimed" in line] == [
        "  csmar/FS_Combas - copy.csv: claimed by no table, not read",
        "  notes.docx: claimed by no table, not read",
    ]
    (here / "data/restricted/a.zip").write_bytes(b"PK")
    code, lines, _ = doctor("--study", "listed-firms")
    assert (code, lines[-1]) == (1, "  cannot run: a.zip: not a whole zip archive (File is not a zip file)")


def test_without_patent_records_the_study_lacks_their_columns(doctor, here, raw):
    shutil.copytree(raw, here / "data/restricted")
    shutil.rmtree(here / "data/restricted/google")
    code, lines, _ = doctor("--study", "listed-firms")
    assert code == 0
    [line] = [line for line in lines if line.startswith("  publications or CNIPA or lens: needed for")]
    assert "patents" in line and "green_patents," not in line
    assert "  left out: tables/mechanical: needs green_non_ai_patents" in "\n".join(lines)
    assert lines[-1] == "  ready, but for what is left out"
    (here / "data/restricted/cnrds/GPRD.csv").unlink()
    code, lines, _ = doctor("--study", "listed-firms")
    assert (code, lines[-1]) == (1, "  cannot run: files go into data/restricted")


def test_the_mapping_of_the_study_is_used(doctor, here, raw):
    shutil.copytree(raw, here / "data/restricted")
    path = here / "data/restricted/names/company_names.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("kind", "art", 1), encoding="utf-8")
    assert doctor("--study", "listed-firms")[0] == 1
    (here / "names.yaml").write_text("company_names: {kind: art}\n", encoding="utf-8")
    config = here / "analysis/config/listed-firms.yaml"
    config.write_text(config.read_text("utf-8").replace("build:\n", "build:\n  mapping: names.yaml\n"), "utf-8")
    assert doctor("--study", "listed-firms")[0] == 0


def test_other_studies(doctor, here, tmp_path, monkeypatch):
    assert doctor("--study", "simulated-firms")[0] == 0
    assert doctor("--study", "provinces")[0] == 0  # public: can be downloaded
    monkeypatch.setenv("AIGREEN_DATA_MIRROR", str(tmp_path / "mirror"))
    assert doctor("--study", "provinces")[0] == 1
    code, lines, _ = doctor("--study", "us-facilities")
    assert code == 0 and "ready: compiled in data/facts (us_facility_emissions, us_report_words" in lines[2]
    code, lines, _ = doctor("--study", "us-listed-firms")
    assert code == 0 and "  match of patents to firms: Match_patent_permco_permno: missing (needed)" in lines
    assert lines[-1].startswith("  ready: generated in the layouts of these files")
    assert doctor()[0] == 0
    code, _, error = doctor("--study", "listed-firm")
    assert (code, "did you mean 'listed-firms'" in error) == (1, True)


def test_the_map_of_a_public_study_is_looked_for(doctor, shared, tmp_path, monkeypatch):
    shutil.copytree(shared / "data/cn_prefecture_lowcarbon", tmp_path / "mirror/cn_prefecture_lowcarbon")
    monkeypatch.setenv("AIGREEN_DATA_MIRROR", str(tmp_path / "mirror"))
    code, lines, _ = doctor("--study", "cities")
    assert code == 1
    assert lines[2] == "  ready: cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx"
    assert lines[3].startswith("  missing: cn_city_geo/prefecture_2024_simplified.geojson")


def test_replications_run_without_their_files(doctor, shared, tmp_path, monkeypatch):
    shutil.copytree(shared / "data/did_mpdta", tmp_path / "mirror/did_mpdta")
    monkeypatch.setenv("AIGREEN_DATA_MIRROR", str(tmp_path / "mirror"))
    code, lines, _ = doctor("--study", "replications")
    assert code == 0
    assert "  ready: did_mpdta/mpdta.csv" in lines
    assert any(line.startswith("  missing: did_bacondecomp/castle.csv") for line in lines)
    assert lines[-1].startswith("  ready, but for the rows that rest on these files")


def test_columns_promised_by_tables_are_those_of_the_panel(raw, tmp_path):
    from aigreen.data.assemble.build import build

    options = BuildOptions(panel=Options(adoption=Threshold(column="ai_words_core", threshold=100)))
    made = build(raw, tmp_path / "out", options).assembled.codebook
    by_source = made.groupby("source")["column"].agg(set)
    given = {entry.expected.table: set(entry.gives) for entry in inventory.TABLES}
    assert given["segments"] == by_source["segments"]
    assert given["prefecture_panel"] == by_source["city_years"]
    adopters = {"adopted_customers", "adopted_suppliers"}  # of reports as well
    assert given["SC_TopFiveSaleInfo"] | given["SC_TopFivePurchaseInfo"] == by_source["links"] | adopters
    assert given["publications"] <= by_source["patents"]
    others = by_source["patents"] - given["publications"]
    assert all(column.startswith(("tag_", "ai_")) for column in others)
    assert all(set(entry.gives) <= set(made["column"]) for entry in inventory.TABLES)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_headers_of_delimited_files(tmp_path, encoding, delimiter):
    rows = [["证券代码", "年度", "名称"], *([f"{k:06d}", "2015", "绿色技术股份有限公司"] for k in range(30_000))]
    path = tmp_path / "x.csv"
    path.write_bytes("\n".join(delimiter.join(row) for row in rows).encode(encoding))
    assert headers.columns(path) == rows[0]


def test_headers_of_other_files(tmp_path):
    frame = pd.DataFrame({"Stkcd": ["000001", "000002"], "A001": [1.5, 2.5]})
    for suffix, write in {".dta": frame.to_stata, ".parquet": frame.to_parquet, ".xlsx": frame.to_excel}.items():
        path = tmp_path / f"x{suffix}"
        write(path, **({"write_index": False} if suffix == ".dta" else {"index": False}))
        assert headers.columns(path) == ["Stkcd", "A001"], suffix
    path = tmp_path / "x.json"
    frame.to_json(path, orient="records", lines=True)
    assert headers.columns(path) == ["Stkcd", "A001"]


def test_a_template_of_company_names_has_a_row_for_each_firm(here, raw, capsys):
    shutil.copytree(raw / "csmar", here / "data/restricted/csmar")
    assert main(["template", "company_names"]) == 0
    said = capsys.readouterr().out
    path = here / "data/restricted/company_names.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert list(frame.columns) == ["firm_id", "name", "kind", "first_year", "last_year", "known_as"]
    assert frame["firm_id"].is_unique and len(frame) == 50
    assert (frame["name"] == "").all() and frame["known_as"].str.endswith("公司").all()
    assert (
        "subsidiaries from the notes to the annual reports, English names" in said
        and "50 rows to be completed; of column known_as nothing is read" in said
    )
    assert main(["template", "company_names"]) == 1
    assert "is there already" in capsys.readouterr().err
    frame.loc[0, "name"] = "Huake Electronics Co Ltd"
    frame.to_csv(path, index=False)
    names = extras.company_names(here / "data/restricted")
    assert names.table[["firm_id", "name", "kind"]].to_numpy().tolist() == [
        [frame["firm_id"][0], "Huake Electronics Co Ltd", "alias"]
    ]
    assert names.flow.set_index("step")["dropped"]["no name"] == 49


def test_a_template_of_code_changes_has_those_known(here, capsys):
    assert main(["template", "code_changes"]) == 0
    changes = extras.code_changes(here / "data/restricted").table
    assert ["000022", "001872"] in changes.to_numpy().tolist()
    assert len(changes) == len(facts.table("code_changes"))


@pytest.mark.parametrize("table", ["report_words", "segments", "robots", "input_output"])
def test_templates_have_the_columns_that_are_read(here, capsys, table):
    assert main(["template", table, "--out", "here.csv"]) == 0
    [wanted] = [entry for entry in inventory.TABLES if entry.expected.table == table]
    columns = [*wanted.expected.required, *wanted.expected.optional]
    assert (here / "here.csv").read_text("utf-8").split() == [",".join(columns)]
    said = capsys.readouterr().out
    assert all(column in said for column in columns)


def test_a_template_of_another_table_is_refused(here, capsys):
    assert main(["template", "company_name"]) == 1
    assert "did you mean 'company_names'?" in capsys.readouterr().err
