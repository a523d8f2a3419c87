"""Which raw files a bundle takes: those whose licence allows it, whole, from the first place that has them."""

import hashlib

import pytest

from aigreen.data.registry.registry import registry
from aigreen_study.bundle.files import OPEN_LICENCES, raw_files

CLOSED = (
    "none stated",
    "licensed",
    "manual",
    "of the companies",
    "as the provider of the export states",
    "",
    "mit",
)
CONTENT = b"a,b\n1,2\n"


def row(licence, file="x/x.csv", content=CONTENT):
    return {"file": file, "licence": licence, "sha256": hashlib.sha256(content).hexdigest()}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("AIGREEN_DATA_MIRROR", raising=False)
    place = tmp_path / "data/raw/x/x.csv"
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    return tmp_path


@pytest.mark.parametrize("licence", ["MIT", "GPL-2 or GPL-3", "GPL-3", "GPL>=2", "CC BY 4.0", "CC0 1.0"])
def test_a_file_under_an_open_licence_is_passed_on(project, licence):
    assert raw_files(project, [row(licence)]) == {"data/raw/x/x.csv": project / "data/raw/x/x.csv"}


@pytest.mark.parametrize("licence", CLOSED)
def test_a_file_under_any_other_licence_stays_here(project, licence):
    assert raw_files(project, [row(licence)]) == {}


def test_every_licence_of_the_registry_is_known_to_be_open_or_closed():
    open_here = set(registry()["licence"]) & set(OPEN_LICENCES)
    assert open_here == {"MIT", "GPL-2 or GPL-3", "GPL-3", "GPL>=2", "CC BY 4.0"}
    assert set(OPEN_LICENCES) - open_here == {"CC0 1.0"}
    closed = registry()[~registry()["licence"].isin(OPEN_LICENCES)]
    assert set(closed["source"]) == {
        "annual_reports", "cn_ai_pilot_zones_patents", "cn_city_geo", "cn_dataforshare1", "cn_prefecture_lowcarbon",
        "cn_province_greenpatent_greenfinance", "cnipa", "cnrds", "csmar", "cui2018_ets_firm_patents",
        "ifr_robots", "input_output", "lens", "us_discern", "us_facilities", "us_kpss", "us_patentsview",
    }  # fmt: skip


def test_a_damaged_file_is_taken_from_the_mirror_or_not_at_all(project, tmp_path, monkeypatch):
    (project / "data/raw/x/x.csv").write_bytes(b"a,b\n")
    assert raw_files(project, [row("MIT")]) == {}
    mirror = tmp_path / "mirror/x/x.csv"
    mirror.parent.mkdir(parents=True)
    mirror.write_bytes(CONTENT)
    monkeypatch.setenv("AIGREEN_DATA_MIRROR", str(tmp_path / "mirror"))
    assert raw_files(project, [row("MIT"), row("MIT", file="")]) == {"data/raw/x/x.csv": mirror}
