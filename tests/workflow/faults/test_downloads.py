"""Faults of a download and of the registry: the file is whole in the end, or one line says why it is not there."""

import hashlib
import http.server
import threading
from pathlib import Path

import pandas as pd
import pytest

from aigreen.data.registry import download
from aigreen.data.registry.registry import COLUMNS, MIRROR, fetch
from aigreen.errors import ChecksumError, OutsideFolderError, SourceError

fault = pytest.mark.fault
CONTENT = b"a,b\n1,2\n" * 20_000


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends CONTENT in the way that the server's `fault` says; notes where each request began."""

    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.server.starts.append(start)
        fault = self.server.fault
        if fault == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://localhost:1/x.csv")
            self.end_headers()
            return
        body = (CONTENT + b"more" if fault == "too much" else CONTENT)[start:]
        self.send_response(206 if start else 200)
        if fault != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = {"cut": start == 0, "always cut": True, "no length": True}.get(fault, False)
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "SCHEME", "http")
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.starts, serving.fault = [], ""
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def get(tmp_path):
    """Fetch the one file of a registry."""

    def run(url, **changes):
        row = dict.fromkeys(COLUMNS, "") | {
            "source": "toy", "file": "toy/x.csv", "url": url, "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "bytes": str(len(CONTENT)), "access": "public",
        }  # fmt: skip
        pd.DataFrame([row | changes], columns=COLUMNS).to_csv(tmp_path / "sources.csv", index=False)
        return fetch("toy", tmp_path / "raw", registry_path=tmp_path / "sources.csv")

    return run


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def address(server):
    return f"http://127.0.0.1:{server.server_port}/x.csv"


def refused(get, url, error=SourceError, **changes):
    with pytest.raises(error) as caught:
        get(url, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@fault("connection cut in the middle of a download", "goes on where it was cut; the file is whole")
def test_connection_cut(server, get, seen):
    server.fault = "cut"
    (path,) = get(address(server))
    assert path.read_bytes() == CONTENT
    assert server.starts[0] == 0 < server.starts[1] <= len(CONTENT) // 2
    seen(f"whole file of {len(CONTENT):,} bytes; the second request began at byte {server.starts[1]:,}")


@fault("download killed or left off, run again", "goes on from what had come; the file is whole")
def test_resumed_download(server, get, tmp_path, seen):
    (tmp_path / "raw/toy").mkdir(parents=True)
    (tmp_path / "raw/toy/.x.csv.part").write_bytes(CONTENT[:1000])
    (path,) = get(address(server))
    assert (path.read_bytes(), server.starts, left_in(tmp_path / "raw")) == (CONTENT, [1000], ["x.csv"])
    seen("whole file; the request began at byte 1,000")


@fault("what had come of a download is damaged", "checksum error; the next run starts anew")
def test_damaged_part(server, get, tmp_path, seen):
    (tmp_path / "raw/toy").mkdir(parents=True)
    (tmp_path / "raw/toy/.x.csv.part").write_bytes(b"?" * 1000)
    message = refused(get, address(server), ChecksumError)
    assert left_in(tmp_path / "raw") == []
    assert get(address(server))[0].read_bytes() == CONTENT
    seen(f"{message.split(':')[0]}: wrong sha256, nothing was kept; second run: whole file")


@fault("truncated download (the server ends too early)", "one line with what came; nothing in the file's place")
def test_truncated_download(server, get, tmp_path, seen):
    server.fault = "no length"
    download_attempts = download.ATTEMPTS
    message = refused(get, address(server))
    assert len(server.starts) <= download_attempts
    assert "x.csv" not in left_in(tmp_path / "raw")
    server.fault = ""
    assert get(address(server))[0].read_bytes() == CONTENT
    seen(message.replace(address(server), "URL"))


@fault("download with another content (wrong sha256)", "one line with both sums; nothing is kept")
def test_wrong_hash(server, get, tmp_path, seen):
    message = refused(get, address(server), ChecksumError, sha256="0" * 64)
    assert left_in(tmp_path / "raw") == []
    seen(message)


@fault("server sends more than the registered size", "stopped at once; nothing is kept")
def test_too_much(server, get, tmp_path, seen):
    server.fault = "too much"
    message = refused(get, address(server))
    assert "more than the registered 160,000 bytes" in message
    assert left_in(tmp_path / "raw") == []
    seen(message)


@fault("server sends on to another host", "refused; nothing is read from there")
def test_redirect(server, get, tmp_path, seen):
    server.fault = "elsewhere"
    message = refused(get, address(server))
    assert "http://localhost:1, which is not registered" in message
    assert left_in(tmp_path / "raw") == []
    seen(message)


@fault("registered address without https, or a local file", "refused")
def test_plain_http(get, tmp_path, monkeypatch, seen):
    monkeypatch.delenv(MIRROR, raising=False)
    for url in ("http://example.invalid/x.csv", "file:///etc/hostname", "ftp://example.invalid/x"):
        message = refused(get, url)
        assert "is not a web address that begins with https://" in message
    assert left_in(tmp_path / "raw") == []
    seen(message)


@fault("no network", "one line that names the mirror folder as a way out")
def test_no_network(get, monkeypatch, seen):
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    message = refused(get, "https://example.invalid/x.csv")
    assert MIRROR in message
    seen(message)


@fault("proxy variables hold junk", "one line that names the mirror folder; with the mirror it works")
def test_proxy_junk(get, tmp_path, monkeypatch, seen):
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "not a proxy ://")
    message = refused(get, "https://example.invalid/x.csv")
    assert MIRROR in message
    (tmp_path / "mirror/toy").mkdir(parents=True)
    (tmp_path / "mirror/toy/x.csv").write_bytes(CONTENT)
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    assert get("https://example.invalid/x.csv")[0].read_bytes() == CONTENT
    seen(message)


@fault("registered file name with .. or an absolute path", "refused; nothing is written outside the folder")
def test_registered_name_outside(get, tmp_path, seen):
    for name in ("../evil.csv", "toy/../../evil.csv", "/evil-of-a-test.csv"):
        message = refused(get, "https://example.invalid/x.csv", OutsideFolderError, file=name)
    assert not (tmp_path / "evil.csv").exists()
    assert not Path("/evil-of-a-test.csv").exists()
    seen(message)
