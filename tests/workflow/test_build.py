"""The build from raw files to the panel: whole, repeatable, resumable after kill -9, clear errors, inputs untouched."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import Panel, errors
from aigreen.cli import main
from aigreen.data import facts
from aigreen.data.assemble.build import GROUPS, TABLES, BuildOptions, build, make_group
from aigreen.data.assemble.codebook import check_codebook
from aigreen.data.assemble.listed_firms import Options
from aigreen.simulate.economy import economy

CODE = "import sys; from aigreen.data.assemble.build import build; build(sys.argv[1], sys.argv[2])"
KEPT = {
    *("firm_id", "year", "city_code", "province_code", "region", "zone_year", "treated", "ring_100km", "size", "age"),
    *("industry_code", "manufacturing", "heavy_polluting", "ownership", "green_patents", "green_patents_log"),
    *("any_green", "ai_words", "ai_words_log", "industry_structure", "human_capital"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world 原始")
    economy.write_raw(folder / "raw", seed=7, truth_folder=folder / "truth", scale="small")
    return folder


@pytest.fixture(scope="module")
def built(world):
    return build(world / "raw", world / "out")


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def copy(world: Path, folder: Path) -> Path:
    return Path(shutil.copytree(world / "raw", folder / "raw"))


def test_the_panel_is_whole(built):
    frame = pd.read_parquet(built.panel)
    book = pd.read_csv(built.codebook, dtype=str, keep_default_na=False)
    check_codebook(frame, book)
    assert list(book["column"]) == list(frame.columns)
    assert book["source"].ne("").all()
    assert set(frame.columns) >= KEPT
    assert not frame.duplicated(["firm_id", "year"]).any()
    assert frame.groupby("firm_id")["zone_year"].agg(lambda years: years.fillna(0).nunique()).eq(1).all()
    assert frame.dtypes.map(str).isin(["str", "int64", "float64"]).all()
    green = frame[["green_patents", "green_strict_patents", "green_inventions", "green_joint_patents"]]
    assert (green.iloc[:, 1:].le(green["green_patents"], axis=0)).all(axis=None)
    mechanisms = frame[[f"green_{m}_patents" for m in ("prevention", "end_of_pipe", "recycling", "ccs", "other")]]
    assert mechanisms.sum(axis=1).equals(frame["green_patents"])
    assert (frame["treated"] == (frame["year"] >= frame["zone_year"])).all()


def test_zones_of_the_other_programme_and_firms_that_move(built):
    """Qingdao and Nanjing hold pioneer zones only; a firm that moves is seen to, and keeps one cohort."""
    frame = pd.read_parquet(built.panel)
    pioneers = frame[frame["home_city"].isin(["370200", "320100"])]
    assert not pioneers.empty
    assert pioneers["zone_year"].isna().all()
    assert pioneers["pioneer_year"].notna().all()
    cities = frame.groupby("firm_id")["city_code"].nunique()
    movers = frame[frame["firm_id"].isin(cities[cities > 1].index)]
    assert movers["firm_id"].nunique() >= 1
    assert movers.groupby("firm_id")[["home_city", "zone_year"]].nunique(dropna=False).eq(1).all(axis=None)


def test_the_sample_flow_adds_up(built):
    flow = pd.read_csv(built.sample_flow)
    assert (flow["n_rows"].diff().fillna(0) == -flow["dropped"]).all()
    assert flow["n_rows"].iloc[-1] == len(pd.read_parquet(built.panel))
    sources = pd.read_csv(built.source_flow)
    assert {"FS_Combas", "GPRD", "publications", "applicants", "patent counts", "partners"} <= set(sources["source"])
    assert sources.query("step == 'B share'")["dropped"].sum() > 0


def test_counts_are_those_of_the_truth(world, built):
    """Every published patent of a name that was matched is counted, for its firm and year."""
    frame = pd.read_parquet(built.panel).set_index(["firm_id", "year"])
    truth = pd.read_parquet(world / "truth/patents.parquet").query("visible")
    expected = truth.groupby(["firm_id", "year"]).agg(patents=("green", "size"), green=("green", "sum"))
    expected = expected.reindex(frame.index, fill_value=0)
    assert frame["patents"].sum() / expected["patents"].sum() == pytest.approx(1, abs=0.02)
    assert (frame["green_patents"] <= expected["green"]).mean() > 0.99
    assert frame["green_patents"].sum() / expected["green"].sum() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(frame["green_patents"], frame["green_patents_cnrds"])[0, 1] > 0.999


def test_treatment_and_exposure_are_those_of_the_truth(world, built):
    """Movers, rings and peers exactly; customers and suppliers only where reports name them."""
    frame = pd.read_parquet(built.panel).set_index(["firm_id", "year"])
    truth = pd.read_parquet(world / "truth/truth.parquet").set_index(["firm_id", "year"]).loc[frame.index]
    effects = economy.EconomyEffects()
    assert ((truth["direct"] > 0) == (frame["treated"] == 1)).all()
    np.testing.assert_allclose(truth["spillover_ring"], effects.ring * frame["ring_100km"], atol=1e-12)
    np.testing.assert_allclose(truth["spillover_peers"], effects.peers * frame["industry_peers"], atol=1e-12)
    chain = effects.customers * frame["customer_exposure"] + effects.suppliers * frame["supplier_exposure"]
    assert (chain <= truth["spillover_chain"] + 1e-9).all()
    assert (frame["customer_known"] <= frame["customer_reported"] + 1e-9).all()


def test_names_are_matched_with_precision_and_recall(world, built):
    truth = pd.read_parquet(world / "truth/applicants.parquet").set_index("name")["firm_id"]
    people = pd.read_parquet(world / "out/canonical/patent_applicants.parquet")["name"].drop_duplicates()
    found = pd.read_parquet(world / "out/canonical/applicant_names.parquet").set_index("name")["firm_id"]
    got, owner = people.map(found), people.map(truth)
    right = got.notna() & (got == owner)
    assert right[got.notna()].mean() >= 0.99
    assert right[owner.notna()].mean() >= 0.95


def test_the_panel_goes_into_an_estimator(built):
    panel = Panel(built.assembled.frame, unit="firm_id", time="year", cohort="zone_year", cluster="home_city")
    assert panel.n_rows == len(built.assembled.frame)


def test_groups_made_apart_are_those_of_the_build(world, built, tmp_path):
    """In any order that puts none before those it is made of; what follows makes none of their tables again."""
    made, before = set(), {}
    for group in ("patents", "words", "firms", "counts"):
        assert made.issuperset(name for needed in GROUPS[group] for name in make_group(world / "raw", tmp_path, needed))
        made |= set(make_group(world / "raw", tmp_path, group))
        assert {path: path.stat().st_mtime_ns for path in before} == before
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / TABLES).iterdir()}
        assert {path.stem for path in before} == made
    assert {path.stem for path in (world / "out" / TABLES).iterdir()} == made
    build(world / "raw", tmp_path)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert digests(tmp_path) == digests(world / "out")


def test_an_unknown_group(world, tmp_path):
    with pytest.raises(errors.OptionError, match="group='patent': use one of 'firms', 'words', 'patents', 'counts'"):
        make_group(world / "raw", tmp_path, "patent")


def test_a_second_build_makes_nothing_again_and_gives_the_same_bytes(world, built):
    made = {path: path.stat().st_mtime_ns for path in (world / "out/canonical").iterdir()}
    before = digests(world / "out")
    build(world / "raw", world / "out")
    assert {path: path.stat().st_mtime_ns for path in (world / "out/canonical").iterdir()} == made
    assert digests(world / "out") == before


def test_packed_tables_are_read_and_files_that_no_table_claims_are_in_the_flows(world, built, tmp_path):
    raw = copy(world, tmp_path)
    shutil.copytree(world / "out/canonical", tmp_path / "out/canonical")
    plain = raw / "csmar/FS_Combas(1).csv"
    with zipfile.ZipFile(raw / "csmar/资产负债表.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, plain.name)
        archive.writestr("版权声明.txt", "x")
    plain.unlink()
    other = build(raw, tmp_path / "out")
    pd.testing.assert_frame_equal(other.assembled.frame, built.assembled.frame)
    assert other.assembled.flow["step"].iloc[0] == "raw files that no table claims: 1 (listed in source_flow.csv)"
    pd.testing.assert_frame_equal(other.assembled.flow.iloc[1:].reset_index(drop=True), built.assembled.flow)
    flow = pd.read_csv(other.source_flow)
    assert flow.loc[flow["source"] == "files", "first"].tolist() == ["csmar/资产负债表.zip 版权声明.txt"]


def test_threads_and_memory_do_not_change_the_panel(world, built, tmp_path):
    other = build(world / "raw", tmp_path, BuildOptions(threads=1, memory_limit="300MB"))
    assert digests(tmp_path)["panel.parquet"] == digests(world / "out")["panel.parquet"]
    assert other.assembled.flow.equals(built.assembled.flow)


def test_a_changed_input_is_read_again(world, built, tmp_path):
    raw = copy(world, tmp_path)
    shutil.copytree(world / "out", tmp_path / "out")
    path = raw / "names/company_names.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]), encoding="utf-8")
    fewer = build(raw, tmp_path / "out").assembled.frame
    assert fewer["patents"].sum() < built.assembled.frame["patents"].sum()


def test_the_order_of_rows_in_raw_files_does_not_matter(world, built, tmp_path):
    raw = copy(world, tmp_path)
    rng = np.random.default_rng(3)
    for path in raw.rglob("*.csv"):
        text = path.read_bytes()
        encoding = "utf-8" if path.parent.name in ("cities", "names", "segments") else "gb18030"
        head = 1 if encoding == "utf-8" else 3
        lines = text.decode(encoding).splitlines(keepends=True)
        body = [lines[k] for k in head + rng.permutation(len(lines) - head)]
        path.write_bytes("".join([*lines[:head], *body]).encode(encoding))
    for path in raw.rglob("*.parquet"):
        frame = pd.read_parquet(path)
        frame.sample(frac=1, random_state=5).to_parquet(path, index=False)
    other = build(raw, tmp_path / "out").assembled.frame
    pd.testing.assert_frame_equal(other, built.assembled.frame)


def test_a_table_of_words_counted_stands_in_place_of_the_reports(world, built, tmp_path):
    raw = copy(world, tmp_path)
    shutil.copytree(world / "out", tmp_path / "out")
    words = pd.read_parquet(world / "out/canonical/words.parquet")
    counts = words.rename(columns={"firm_id": "code"})[["code", "year", "ai_words"]]
    counts.to_csv(raw / "report_words.csv", index=False)
    with pytest.raises(errors.SourceError, match=r"reports and report_words.csv both give AI words"):
        build(raw, tmp_path / "out")
    shutil.rmtree(raw / "reports")
    frame, whole = build(raw, tmp_path / "out").assembled.frame, built.assembled.frame
    pd.testing.assert_series_equal(frame["ai_words"], whole["ai_words"], check_dtype=False)
    assert "ai_words_log" in frame and not {"ai_type", "ai_words_core", "report_length"} & set(frame)


def test_a_renamed_firm_keeps_its_patents_and_a_changed_code_its_history(world, built, tmp_path):
    """The name of most of its patents is a former one; its old code stands in half of the files."""
    raw = copy(world, tmp_path)
    shutil.copytree(world / "out", tmp_path / "out")
    whole = built.assembled.frame
    firm = whole.groupby("firm_id")["patents"].sum().idxmax()
    path = raw / "csmar/STK_LISTEDCOINFOANL.csv"
    lines = path.read_bytes().decode("gb18030").splitlines()
    head = lines[0].split(",")
    rows = pd.DataFrame([line.split(",") for line in lines[3:]], columns=head)
    mine = (rows["Symbol"] == firm) & (rows["EndDate"] >= "2018")
    rows.loc[mine, "FullName"] = "新名字无人知股份有限公司"
    rows.loc[mine, "Symbol"] = "920777"
    path.write_bytes("\n".join([*lines[:3], *(",".join(row) for row in rows.to_numpy())]).encode("gb18030") + b"\n")
    (raw / "code_changes.csv").write_text(f"old_code,new_code\n{firm},920777\n", encoding="utf-8")
    names = raw / "names/company_names.csv"
    kept = [line for line in names.read_text("utf-8").splitlines(keepends=True)
            if not (line.startswith(firm) and line.rstrip().endswith(",firm"))]  # fmt: skip
    names.write_text("".join(kept), encoding="utf-8")
    frame = build(raw, tmp_path / "out").assembled.frame
    before, after = whole[whole["firm_id"] == firm], frame[frame["firm_id"] == "920777"]
    assert after["patents"].sum() == before["patents"].sum() > 50
    assert after["year"].tolist() == before["year"].tolist()
    assert (frame["firm_id"] == firm).sum() == 0


@pytest.mark.slow
def test_kill_9_at_random_moments_then_the_same_bytes(world, built, tmp_path):
    """Each run is killed at a random moment after it has written at least one more table."""
    expected, out = digests(world / "out"), tmp_path / "out"
    command = [sys.executable, "-c", CODE, str(world / "raw"), str(out)]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    rng = np.random.default_rng(9)
    killed = 0
    for _ in range(10):
        seen = len(list((out / "canonical").glob("*.parquet")))
        child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while child.poll() is None and len(list((out / "canonical").glob("*.parquet"))) <= seen:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.15))
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            killed += 1
        child.wait()
        panel = out / "panel.parquet"
        assert not panel.exists() or hashlib.sha256(panel.read_bytes()).hexdigest() == expected["panel.parquet"]
    assert killed >= 5
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert digests(out) == expected


def test_options_change_the_sample(world, built, tmp_path):
    shutil.copytree(world / "out/canonical", tmp_path / "canonical")
    chosen = Options(timing="first_full_year", years=(2012, 2020), special_treatment=True, winsorise={"roa": 0.01})
    other = build(world / "raw", tmp_path, BuildOptions(panel=chosen)).assembled
    assert other.frame["year"].agg(["min", "max"]).tolist() == [2012, 2020]
    start = other.frame.drop_duplicates("firm_id").set_index("firm_id")["zone_year"].dropna()
    assert start.min() == 2020
    assert "winsorised at 0.01 in each tail" in other.codebook.set_index("column").loc["roa", "formula"]
    assert other.flow["step"].str.contains("roa winsorised").sum() == 1
    assert other.flow["step"].str.contains("ST and").sum() == 0
    assert set(other.frame["city_code"]) <= set(facts.table("divisions")["gb_code"])


def test_without_optional_tables_their_columns_are_absent(world, tmp_path):
    raw = copy(world, tmp_path)
    for name in ("google", "reports", "segments", "names", "cities"):
        shutil.rmtree(raw / name)
    (raw / "csmar/SC_TopFiveSaleInfo.csv").unlink()
    (raw / "csmar/SC_TopFivePurchaseInfo.csv").unlink()
    frame = build(raw, tmp_path / "out").assembled.frame
    assert not {"ai_words", "polluting_share", "industry_structure", "customer_exposure", "ai_patents"} & set(frame)
    assert {"green_patents", "green_patents_log", "any_green", "green_inventions", "human_capital"} <= set(frame)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda raw: (raw / "csmar/FS_Combas.csv").write_bytes(b""), errors.UnreadableFileError, "the file is empty"),
        (
            lambda raw: [f.unlink() for f in raw.glob("csmar/FS_Combas*")],
            errors.SourceError,
            "no file of table FS_Combas",
        ),
        (lambda raw: _cut(raw / "google/publications-0000.parquet"), errors.UnreadableFileError, "Parquet"),
        (
            lambda raw: _replace(raw / "names/company_names.csv", "kind", "knd"),
            errors.SourceError,
            "did you mean 'knd'",
        ),
        (lambda raw: _replace(raw / "segments/segments.csv", ',"C', ',"QQ'), errors.SourceError, "two-digit code"),
    ],
)
def test_broken_inputs_stop_the_build_and_leave_no_panel(world, tmp_path, spoil, error, message):
    raw = copy(world, tmp_path)
    spoil(raw)
    before = digests(raw)
    with pytest.raises(error, match=message):
        build(raw, tmp_path / "out")
    assert digests(raw) == before
    assert not list((tmp_path / "out").glob("*.*"))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _replace(path: Path, old: str, new: str) -> None:
    head, body = path.read_text(encoding="utf-8").split("\n", 1)
    text = f"{head.replace(old, new)}\n{body}" if old in head else f"{head}\n{body.replace(old, new)}"
    path.write_text(text, encoding="utf-8")


def test_command_line(world, repository, tmp_path, monkeypatch, capsys):
    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    monkeypatch.chdir(repository)
    code, said, _ = run("build", "--study", "simulated-firms", "--raw", world / "raw", "--out", tmp_path / "out")
    assert code == 0
    assert "missing or zero assets left out" in said
    assert (tmp_path / "out/panel.parquet").is_file()
    code, _, error = run("build", "--raw", tmp_path / "nothing", "--out", tmp_path / "other")
    assert (code, "no such folder" in error) == (1, True)
    assert not (tmp_path / "other").exists()
    code, _, error = run("build", "--study", "simulated-firm")
    assert (code, "did you mean 'simulated-firms'" in error) == (1, True)
    code, _, error = run("build", "--study", "provinces")
    assert (code, "no study of firms" in error) == (1, True)
    assert run("codebook")[1].startswith("table,column,dtype,unit,may_miss,key,description")
    code, _, error = run("codebook", "--study", "simulated-firm")
    assert (code, "did you mean" in error) == (1, True)
