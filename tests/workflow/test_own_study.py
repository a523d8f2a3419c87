"""Studies of users' own panels: from a file of data and one of configuration to the paper."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader

from aigreen.cli import main
from aigreen_study.site.build import described

REPOSITORY = Path(__file__).resolve().parents[2]


def run(folder: Path, name: str, *options: str, python: Path = Path(sys.executable)) -> subprocess.CompletedProcess:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AIGREEN"))}
    command = [str(python), "-m", "aigreen.cli", "run", f"{name}.yaml", "--cores", "1", *options]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def built(folder: Path, name: str) -> dict[str, dict]:
    done = run(folder, name)
    assert done.returncode == 0, done.stderr[-2000:]
    results = folder / "results" / name
    assert (results / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert "Certificate" in (results / "site/index.html").read_text("utf-8")
    assert (results / "provenance.json").is_file()
    return json.loads((results / "numbers.json").read_text("utf-8"))


CASTLE = ("castle.csv", "--unit", "sid", "--time", "year", "--cohort", "effyear", "--outcome", "l_homicide")


@pytest.fixture
def castle(shared, tmp_path):
    shutil.copyfile(shared / "data/did_bacondecomp/castle.csv", tmp_path / "castle.csv")
    return tmp_path


@pytest.mark.slow
def test_castle_gives_its_published_numbers(castle, monkeypatch):
    monkeypatch.chdir(castle)
    assert main(["new-study", *CASTLE]) == 0
    numbers = built(castle, "castle")
    assert numbers["n_units"]["value"] == 50
    assert numbers["n_treated_units"]["value"] == 21
    # did_bacondecomp: two-way 0.0818 with weights 0.908, 0.060 and 0.032.
    assert numbers["twfe_ols_treated"]["value"] == pytest.approx(0.0818, abs=5e-5)
    assert numbers["bacon_estimate"]["value"] == pytest.approx(0.0818, abs=5e-5)
    assert numbers["bacon_treated_vs_never_weight"]["value"] == pytest.approx(0.90834, abs=5e-6)
    assert numbers["bacon_earlier_vs_later_weight"]["value"] == pytest.approx(0.05976, abs=5e-6)
    assert numbers["bacon_later_vs_earlier_weight"]["value"] == pytest.approx(0.03190, abs=5e-6)
    assert not (castle / "results/castle/tables/decomposition.json").exists()
    assert numbers["pretrend_treated"]["text"] == "20"
    text = " ".join(page.extract_text() for page in PdfReader(castle / "results/castle/paper.pdf").pages)
    assert "(data: castle.csv)" in text
    assert "real data" not in text.lower()
    page = (castle / "results/castle/site/index.html").read_text("utf-8")
    assert 'Data: <span class="file">castle.csv</span>' in page
    assert "real data" not in page.lower()
    (drawing,) = (castle / "results/castle/site/figures").glob("event_study_estimators.svg")
    series = {one["name"]: [point[0] for point in one["points"]] for one in described(drawing)["chart"]["series"]}
    assert series["Group-time"] == list(range(-5, 6))
    # Cohorts are of 2005 to 2009, in 2000 to 2010: all have the horizons from -5 to 1.
    assert series["Stacked"] == list(range(-5, 2))


@pytest.mark.slow
def test_a_paper_is_exported_and_traced_from_the_folder_of_its_study(castle, monkeypatch, capsys):
    monkeypatch.chdir(castle)
    assert main(["new-study", *CASTLE]) == 0
    built(castle, "castle")
    for form, file in (("docx", "tables-and-figures.docx"), ("latex", "main.tex"), ("csv", "tables/baseline.csv")):
        assert main(["export", "--study", "castle", "--format", form]) == 0
        assert (castle / f"dist/castle-{form}" / file).is_file()
    tex = (castle / "dist/castle-latex/main.tex").read_text("utf-8")
    assert r"\input{tables/baseline}" in tex
    assert r"\includegraphics[width=\textwidth]{figures/trends.pdf}" in tex
    assert main(["lint", "--study", "castle"]) == 0
    assert "traced (100.0 %)" in capsys.readouterr().out
    assert main(["exhibits", "--study", "castle"]) == 0
    assert "| `figures/event_study` | castle | `event_study` |" in capsys.readouterr().out
    assert main(["doctor", "--study", "castle"]) == 0
    assert "ready: reads castle.csv; built" in capsys.readouterr().out
    assert main(["verify", "--study", "castle"]) == 1
    assert "aigreen accept --study castle --reason '...' takes the results as they are" in capsys.readouterr().err
    assert main(["accept", "--study", "castle", "--reason", "first"]) == 0
    assert main(["verify", "--study", "castle"]) == 0


@pytest.mark.slow
def test_mpdta_gives_the_averages_of_did(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(shared / "data/did_mpdta/mpdta.csv", tmp_path / "mpdta.csv")
    roles = ["--unit", "countyreal", "--time", "year", "--cohort", "first.treat", "--outcome", "lemp"]
    assert main(["new-study", "mpdta.csv", *roles]) == 0
    # did compares with units never treated unless told otherwise.
    study = (
        (tmp_path / "mpdta.yaml").read_text().replace("event_study: {", "event_study: {control_group: never_treated, ")
    )
    (tmp_path / "mpdta.yaml").write_text(study)
    numbers = built(tmp_path, "mpdta")
    assert numbers["att_simple"]["value"] == pytest.approx(-0.0400, abs=5e-5)
    assert numbers["att_group"]["value"] == pytest.approx(-0.0310, abs=5e-5)
    assert numbers["att_event_study"]["value"] == pytest.approx(-0.0772, abs=5e-5)


def plants(folder: Path) -> None:
    """120 plants of 2010 to 2019 with coordinates, three links each, a channel, a dose: direct 0.2, channel 0.3."""
    rng, n = np.random.default_rng(7), 120
    names = np.array([f"P{i:03d}" for i in range(n)])
    first = np.where(rng.random(n) < 0.4, rng.choice([2014, 2015, 2016], n), 0)
    ends = np.array([(i, j) for i in range(n) for j in rng.choice(n, 3, replace=False) if i != j])
    links = pd.DataFrame(
        {"plant": names[ends[:, 0]], "partner": names[ends[:, 1]], "share": rng.uniform(0.2, 1, len(ends))}
    )
    links.to_csv(folder / "links.csv", index=False)
    weight = np.zeros((n, n))
    np.add.at(weight, (ends[:, 0], ends[:, 1]), links["share"])
    level, years = rng.normal(size=n), np.arange(2010, 2020)
    treated = ((first[:, None] > 0) & (years >= first[:, None])).astype(float)
    skills = 0.5 * level[:, None] + 0.05 * (years - 2010) + 0.6 * treated + 0.4 * rng.normal(size=treated.shape)
    y = level[:, None] + 0.03 * (years - 2010) + 0.2 * treated + 0.5 * skills + 0.15 * (weight @ treated > 0)
    y += 0.3 * rng.normal(size=treated.shape)
    wide = {"log_output": y, "skills": skills, "hours": treated * rng.uniform(0.5, 2, treated.shape)}
    steady = {"plant": names, "start": first, "lat": rng.uniform(45, 52, n), "lon": rng.uniform(5, 15, n)}
    steady["area"] = np.where(steady["lat"] > 49, "North", "South")
    frame = pd.DataFrame({key: np.repeat(values, len(years)) for key, values in steady.items()})
    frame = frame.assign(year=np.tile(years, n), **{key: values.ravel() for key, values in wide.items()})
    frame.to_parquet(folder / "plants.parquet")
    ring = [[4, 44], [16, 44], [16, 53], [4, 53], [4, 44]]
    shape = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (folder / "borders.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [shape]}))
    (folder / "plants.yaml").write_text(
        """
title: Plants
authors: [First Author, Second Author]
simulated: true
source: {file: plants.parquet}
panel: {unit: plant, time: year, cohort: start, unit_label: Plants}
outcome: log_output
channels: [skills]
exposures:
  partners: {links: links.csv}
  near: {within_km: 60}
coordinates: {latitude: lat, longitude: lon}
polygons: borders.geojson
groups: {area: {North: North, South: South}}
dose: hours
decomposition: {leads: 3}
"""
    )


def shops(folder: Path) -> None:
    """60 shops in the 20 quarters of 2015 to 2019, treated in 2017Q1 and 2017Q3: +0.5 at once and 0.05 a quarter."""
    rng, n = np.random.default_rng(3), 60
    quarters = pd.period_range("2015Q1", "2019Q4", freq="Q").astype(str)
    start = np.where(np.arange(n) < 30, rng.choice([8, 10], n), 99)[:, None]
    since = np.arange(20) - start
    sales = rng.normal(size=(n, 1)) + 0.02 * np.arange(20) + np.where(since >= 0, 0.5 + 0.05 * since, 0)
    frame = pd.DataFrame({"shop": np.repeat(np.arange(n), 20), "quarter": np.tile(quarters, n)})
    frame["start"] = np.repeat(np.append(quarters, [""] * 80)[start[:, 0]], 20)
    frame.assign(sales=(sales + 0.2 * rng.normal(size=sales.shape)).ravel()).to_csv(folder / "shops.csv", index=False)


@pytest.mark.slow
def test_quarters_are_counted_and_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shops(tmp_path)
    roles = ["--unit", "shop", "--time", "quarter", "--cohort", "start", "--outcome", "sales"]
    assert main(["new-study", "shops.csv", *roles]) == 0
    numbers = built(tmp_path, "shops")
    assert (numbers["first_year"]["text"], numbers["last_year"]["text"]) == ("2015Q1", "2019Q4")
    table = json.loads((tmp_path / "results/shops/tables/event_study.json").read_text("utf-8"))
    assert table["stub"] == "Quarters since treatment"
    after = table["groups"][-1]["rows"]
    assert [row["label"] for row in after] == ["0", *(f"+{n}" for n in range(1, 9))]
    # 0.5 at once and 0.05 more each quarter: a count in years would jump by 0.2.
    assert float(after[0]["cells"][0]["text"]) == pytest.approx(0.5, abs=0.12)
    assert float(after[8]["cells"][0]["text"]) == pytest.approx(0.9, abs=0.12)
    text = " ".join(page.extract_text() for page in PdfReader(tmp_path / "results/shops/paper.pdf").pages)
    assert "from 2015Q1 to 2019Q4" in text.replace("\n", " ")
    assert "year" not in text.partition("References")[0].lower()


@pytest.mark.slow
def test_a_panel_with_channels_links_and_places(tmp_path):
    plants(tmp_path)
    numbers = built(tmp_path, "plants")
    parts = [numbers[f"dec_{part}"]["value"] for part in ("direct", "skills", "spillover")]
    assert sum(parts) == pytest.approx(numbers["dec_total"]["value"], abs=1e-9)
    for part, truth in (("direct", 0.2), ("skills", 0.3)):
        error = numbers[f"dec_{part}_se"]["value"]
        assert abs(numbers[f"dec_{part}"]["value"] - truth) < 4 * error
    found = {path.stem for path in (tmp_path / "results/plants").glob("*/*.json")}
    assert {"decomposition", "contamination", "ring_curve", "heterogeneity_area", "doses", "sensitivity"} <= found
    assert (tmp_path / "results/plants/figures/unit_map.pdf").is_file()
    assert {"Neighbours"} <= set((tmp_path / "results/plants/tables/inference.tex").read_text("utf-8").split())


def test_a_wrong_channel_is_one_line_before_anything_runs(tmp_path):
    plants(tmp_path)
    text = (tmp_path / "plants.yaml").read_text().replace("channels: [skills]", "channels: [skils]")
    (tmp_path / "plants.yaml").write_text(text)
    done = run(tmp_path, "plants")
    lines = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert done.returncode == 1
    assert lines == ["error: plants.yaml: channels[0]: no column 'skils' in plants.parquet (did you mean 'skills'?)"]
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_castle_from_the_wheel_alone(castle, tmp_path_factory):
    spec = importlib.util.spec_from_file_location("aigreen_run", REPOSITORY / "run.py")
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    uv, env = own.find_uv()
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder / "venv")], env=env, check=True)
    python = own.scripts(folder / "venv") / "python"
    subprocess.run([uv, "pip", "install", "-q", "--python", str(python), f"{wheel}[study]"], env=env, check=True)
    asked = [str(python), "-m", "aigreen.cli", "new-study", *CASTLE]
    subprocess.run(asked, cwd=castle, check=True, capture_output=True)
    done = run(castle, "castle", python=python)
    assert done.returncode == 0, done.stderr[-2000:]
    numbers = json.loads((castle / "results/castle/numbers.json").read_text("utf-8"))
    assert numbers["twfe_ols_treated"]["value"] == pytest.approx(0.0818, abs=5e-5)
    assert (castle / "results/castle/paper.pdf").read_bytes().startswith(b"%PDF")
    rebuilt_from_its_package(castle, tmp_path_factory.mktemp("package"), python, wheel)


def aigreen(folder: Path, python: Path, *words: str) -> subprocess.CompletedProcess:
    command = [str(python), "-m", "aigreen.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def rebuilt_from_its_package(castle: Path, folder: Path, python: Path, wheel: Path) -> None:
    """The package holds data, study and code; its commands give the same numbers in another place."""
    done = aigreen(castle, python, "bundle", "--study", "castle", "--out", str(folder / "a.zip"))
    assert done.returncode == 0, done.stderr
    assert "note: castle.yaml: data: not said: where the data come from (source.citation)" in done.stderr
    aigreen(castle, python, "bundle", "--study", "castle", "--out", str(folder / "b.zip"))
    assert (folder / "a.zip").read_bytes() == (folder / "b.zip").read_bytes()
    zipfile.ZipFile(folder / "a.zip").extractall(folder)
    top = folder / "castle-replication"
    assert (top / "castle.csv").read_bytes() == (castle / "castle.csv").read_bytes()
    lines = (top / "SHA256SUMS").read_text("utf-8").splitlines()
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((top / name).read_bytes()).hexdigest() == digest
    needed = (top / "requirements.txt").read_text("utf-8").splitlines()
    assert {line.partition("==")[0] for line in needed} >= {"numpy", "pandas", "snakemake", "typst", "diff-diff"}
    # What pip installs is what was installed: all files of the wheel but its list of them.
    packed, given = zipfile.ZipFile(top / needed[0]), zipfile.ZipFile(wheel)
    assert sorted(packed.namelist()) == sorted(given.namelist())
    assert [n for n in given.namelist() if given.read(n) != packed.read(n) and not n.endswith("RECORD")] == []
    readme = (top / "README.md").read_text("utf-8")
    commands = readme.partition("```sh\n")[2].partition("```")[0].splitlines()
    assert commands[2:] == ["env/bin/aigreen run castle.yaml", "env/bin/aigreen verify --study castle"]
    assert run(top, "castle", python=python).returncode == 0
    checked = aigreen(top, python, "verify", "--study", "castle")
    assert checked.returncode == 0, checked.stdout
    assert "castle: full" in checked.stdout
    # Without the data they are told by name and sum; other data than those of the results are refused.
    kept = aigreen(castle, python, "bundle", "--study", "castle", "--without-data", "--out", str(folder / "c.zip"))
    assert kept.returncode == 0
    held = zipfile.ZipFile(folder / "c.zip")
    assert "castle-replication/castle.csv" not in held.namelist()
    digest = hashlib.sha256((castle / "castle.csv").read_bytes()).hexdigest()
    assert f"`{digest}` | No |" in held.read("castle-replication/README.md").decode()
    with (castle / "castle.csv").open("a") as data:
        data.write("\n")
    refused = aigreen(castle, python, "bundle", "--study", "castle", "--out", str(folder / "d.zip"))
    assert refused.returncode == 1
    assert "refused: castle.csv: changed: not what the results were made from" in refused.stderr
    assert not (folder / "d.zip").exists()
