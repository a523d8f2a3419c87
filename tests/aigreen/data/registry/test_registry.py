import hashlib
import http.server
import threading
from functools import partial

import pandas as pd
import pytest

from aigreen.data.registry import download
from aigreen.data.registry.registry import COLUMNS, FETCHED, MIRROR, fetch, registry, sha256
from aigreen.errors import ChecksumError, OutsideFolderError, SourceError, WrongTypeError

CONTENT = b"a,b\n1,2\n" * 5000


def row(url="https://example.invalid/x.csv", content=CONTENT, **changes):
    values = dict.fromkeys(COLUMNS, "") | {
        "source": "toy",
        "file": "toy/x.csv",
        "url": url,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": str(len(content)),
        "access": "public",
    }
    return values | changes


@pytest.fixture
def listing(tmp_path):
    def write(*rows):
        path = tmp_path / "sources.csv"
        pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False)
        return path

    return write


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "x.csv").write_bytes(CONTENT)
    monkeypatch.setenv(MIRROR, str(folder))
    return folder


@pytest.fixture
def no_mirror(monkeypatch):
    monkeypatch.delenv(MIRROR, raising=False)


@pytest.fixture
def server(tmp_path, monkeypatch):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "x.csv").write_bytes(CONTENT)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr(download, "SCHEME", "http")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/x.csv"
        serving.shutdown()


def left_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_project_registry_is_complete():
    rows = registry()
    held = rows[rows["access"].isin(FETCHED)]
    assert held["sha256"].str.fullmatch(r"[0-9a-f]{64}").all()
    assert (held["url"].str.startswith("https://") == (held["access"] == "public")).all()
    assert (held["bytes"].astype(int) > 0).all()
    assert not held["file"].duplicated().any()
    assert (rows[["citation", "licence", "description", "obtain"]] != "").all(axis=None)
    assert set(rows["source"]) >= {"csmar", "cnrds", "wei2025_peer_green_innovation"}


def test_registry_agrees_with_the_mirror(shared):
    rows = registry().query("access in @FETCHED")
    for entry in rows.itertuples():
        path = shared / "data" / entry.file
        assert path.stat().st_size == int(entry.bytes), entry.file
        assert sha256(path) == entry.sha256, entry.file


def test_real_file_from_the_mirror(shared, tmp_path, monkeypatch):
    monkeypatch.setenv(MIRROR, str(shared / "data"))
    (path,) = fetch("cn_province_greenpatent_greenfinance", tmp_path)
    assert path.relative_to(tmp_path).as_posix() == "cn_province_greenpatent_greenfinance/final_data.1.3.4_did.csv"
    assert sha256(path) == "941e0cfa0f7fcfe8dd66d543470572e5f5436af4f384f5cc2b7224131fbae587"


def test_mirror_copy_is_checked_and_kept(listing, mirror, tmp_path):
    paths = fetch("toy", tmp_path / "raw", registry_path=listing(row()))
    assert paths == [tmp_path / "raw" / "toy" / "x.csv"]
    assert paths[0].read_bytes() == CONTENT
    assert left_in(tmp_path / "raw") == paths


def test_good_file_is_not_fetched_again(listing, mirror, tmp_path):
    sources = listing(row())
    (path,) = fetch("toy", tmp_path / "raw", registry_path=sources)
    before = path.stat().st_mtime_ns
    (mirror / "toy" / "x.csv").unlink()
    assert fetch("toy", tmp_path / "raw", registry_path=sources) == [path]
    assert path.stat().st_mtime_ns == before


def test_damaged_file_is_replaced(listing, mirror, tmp_path):
    target = tmp_path / "raw" / "toy" / "x.csv"
    target.parent.mkdir(parents=True)
    target.write_bytes(CONTENT[:-3])
    fetch("toy", tmp_path / "raw", registry_path=listing(row()))
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("stale", [False, True])
def test_wrong_checksum_leaves_nothing(listing, mirror, tmp_path, stale):
    target = tmp_path / "raw" / "toy" / "x.csv"
    if stale:
        target.parent.mkdir(parents=True)
        target.write_bytes(b"old")
    (mirror / "toy" / "x.csv").write_bytes(b"tampered")
    expected, got = hashlib.sha256(CONTENT).hexdigest(), hashlib.sha256(b"tampered").hexdigest()
    with pytest.raises(ChecksumError) as caught:
        fetch("toy", tmp_path / "raw", registry_path=listing(row()))
    message = str(caught.value)
    assert "toy/x.csv" in message
    assert expected in message
    assert got in message
    assert "\n" not in message
    assert left_in(tmp_path / "raw") == []


def test_file_absent_from_the_mirror(listing, mirror, tmp_path):
    (mirror / "toy" / "x.csv").unlink()
    with pytest.raises(SourceError, match=r"no file toy/x\.csv in the mirror folder"):
        fetch("toy", tmp_path / "raw", registry_path=listing(row()))


def test_download(listing, no_mirror, server, tmp_path, capsys):
    (path,) = fetch("toy", tmp_path / "raw", registry_path=listing(row(server)))
    assert path.read_bytes() == CONTENT
    assert capsys.readouterr() == ("", "")


def test_progress_bar_on_request(listing, no_mirror, server, tmp_path, capsys):
    fetch("toy", tmp_path / "raw", progress=True, registry_path=listing(row(server)))
    assert "toy/x.csv: 100%" in capsys.readouterr().err


def test_download_with_wrong_checksum_leaves_nothing(listing, no_mirror, server, tmp_path):
    with pytest.raises(ChecksumError):
        fetch("toy", tmp_path / "raw", registry_path=listing(row(server, sha256="0" * 64)))
    assert left_in(tmp_path / "raw") == []


def test_download_larger_than_registered_stops(listing, no_mirror, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 1024)
    with pytest.raises(SourceError, match="more than the registered 100 bytes"):
        fetch("toy", tmp_path / "raw", registry_path=listing(row(server, bytes="100")))
    assert left_in(tmp_path / "raw") == []


@pytest.mark.parametrize("address", ["refused", "missing"])
def test_unreachable_address_says_what_to_do(listing, no_mirror, server, tmp_path, address):
    url = "http://127.0.0.1:9/x.csv" if address == "refused" else server.replace("x.csv", "y.csv")
    with pytest.raises(SourceError) as caught:
        fetch("toy", tmp_path / "raw", registry_path=listing(row(url)))
    message = str(caught.value)
    assert url in message
    assert MIRROR in message
    assert "\n" not in message
    assert left_in(tmp_path / "raw") == []


def test_converted_files_come_from_the_mirror(listing, mirror, tmp_path):
    sources = listing(row("", access="converted", obtain="Write it yourself."))
    (path,) = fetch("toy", tmp_path / "raw", registry_path=sources)
    assert path.read_bytes() == CONTENT


def test_converted_files_without_a_mirror_say_how_to_make_them(listing, no_mirror, tmp_path):
    sources = listing(row("", access="converted", obtain="Write it yourself."))
    with pytest.raises(SourceError, match=r"^toy: no address holds toy/x\.csv\. Write it yourself\.$"):
        fetch("toy", tmp_path / "raw", registry_path=sources)
    made = tmp_path / "raw" / "toy" / "x.csv"
    made.parent.mkdir(parents=True)
    made.write_bytes(CONTENT)
    assert fetch("toy", tmp_path / "raw", registry_path=sources) == [made]


@pytest.mark.parametrize("url", ["file:///etc/hostname", "http://example.invalid/x.csv", "/etc/hostname"])
def test_only_https_addresses_are_read(listing, no_mirror, tmp_path, url):
    with pytest.raises(SourceError, match="is not a web address that begins with https://"):
        fetch("toy", tmp_path / "raw", registry_path=listing(row(url)))
    assert left_in(tmp_path / "raw") == []


@pytest.mark.parametrize("name", ["../x.csv", "toy/../../x.csv", "/x.csv"])
def test_a_registered_name_stays_in_its_folder(listing, mirror, tmp_path, name):
    with pytest.raises(OutsideFolderError, match="leads out of"):
        fetch("toy", tmp_path / "raw", registry_path=listing(row(file=name)))


@pytest.mark.parametrize("source", ["csmar", "cnrds", "wei2025_peer_green_innovation"])
def test_closed_sources_say_how_to_get_them(source, tmp_path):
    with pytest.raises(SourceError, match=rf"not downloadable.*data/\w+/{source}/"):
        fetch(source, tmp_path)


def test_unknown_names_offer_the_nearest(listing, tmp_path):
    with pytest.raises(SourceError, match="did you mean 'csmar'"):
        fetch("cmsar", tmp_path)
    with pytest.raises(SourceError, match=r"did you mean 'toy/x\.csv'"):
        fetch("toy", tmp_path, file="toy/x.cs", registry_path=listing(row()))


def test_registry_with_unknown_access_is_refused(listing):
    with pytest.raises(SourceError, match="access must be one of"):
        registry(listing(row(access="free")))


def test_arguments_that_cannot_be_are_named(tmp_path):
    with pytest.raises(WrongTypeError, match="source=5: text is expected, got an int"):
        fetch(5, tmp_path)
    with pytest.raises(WrongTypeError, match=r"path='sources\.csv'"):
        registry("sources.csv")
    with pytest.raises(SourceError, match=r"source registry: .* is a folder"):
        registry(tmp_path)
    with pytest.raises(SourceError, match=r"source registry: .*none\.csv is no file"):
        registry(tmp_path / "none.csv")
