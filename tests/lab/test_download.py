"""Downloads, from a server on this machine that misbehaves."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from barnspider.errors import DataError
from barnspider.lab import download
from barnspider.lab.data import named

pytestmark = pytest.mark.usefixtures("nowhere")

FASHION = named.SYSTEM / "fashion-mnist"
needs_fashion = pytest.mark.skipif(not FASHION.is_dir(), reason="the system package dataset-fashion-mnist is absent")

CONTENT = bytes(range(256)) * 4000
RIGHT = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Mirror:
    """What a server on this machine gives, how badly, and what it was asked."""

    url: str = ""
    content: bytes = CONTENT
    break_after: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    mirror: Mirror

    def do_GET(self):
        mirror, wanted = self.mirror, self.headers.get("Range", "")
        mirror.asked.append(f"{self.path} {wanted}")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted and mirror.ranges else 0
        if mirror.status != 200 or start >= len(mirror.content):
            self.send_error(mirror.status if mirror.status != 200 else 416)
            return
        rest = mirror.content[start:]
        self.send_response(206 if mirror.ranges else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: mirror.break_after.pop(0)] if mirror.break_after else rest)

    def log_message(self, *args):
        """Stay silent."""


@pytest.fixture
def serve() -> Iterator:
    servers = []

    def start(**how) -> Mirror:
        mirror = Mirror(**how)
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"mirror": mirror}))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        mirror.url = f"http://127.0.0.1:{server.server_address[1]}"
        return mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_download_arrives(serve, tmp_path):
    mirror, target = serve(), tmp_path / "new" / "file.bin"
    assert download.fetch("file.bin", RIGHT, target, [mirror.url]) == target
    assert target.read_bytes() == CONTENT
    assert [f.name for f in target.parent.iterdir()] == ["file.bin"]


def test_a_broken_off_download_is_continued(serve, tmp_path):
    mirror = serve(break_after=[100_000, 200_000])
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [mirror.url])
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert mirror.asked == [f"/file.bin bytes={start}-" for start in (0, 100_000, 300_000)]


def test_a_later_call_continues_an_earlier_one(serve, tmp_path):
    bad = serve(break_after=[50_000] + [0] * 9)
    with pytest.raises(DataError, match="broken off"):
        download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [bad.url])
    good = serve()
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [good.url])
    assert good.asked == ["/file.bin bytes=50000-"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_again(serve, tmp_path):
    mirror = serve(break_after=[1000], ranges=False)
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [mirror.url])
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_accepted(serve, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [serve().url])
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_wrong_content_is_removed_and_the_next_mirror_asked(serve, tmp_path):
    wrong, good = serve(content=b"something else"), serve()
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [wrong.url, good.url])
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert good.asked == ["/file.bin bytes=0-"]


def test_half_of_another_compression_is_thrown_away(serve, tmp_path):
    slow, fast = gzip.compress(CONTENT, 9), gzip.compress(CONTENT, 1)
    (tmp_path / "file.gz.part").write_bytes(slow[:500])
    download.fetch("file.gz", RIGHT, tmp_path / "file.gz", [serve(content=fast).url])
    assert gzip.decompress((tmp_path / "file.gz").read_bytes()) == CONTENT


def test_when_all_fail_every_reason_is_given(serve, tmp_path):
    gone, wrong = serve(status=404), serve(content=b"something else")
    with pytest.raises(DataError) as raised:
        download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [gone.url, wrong.url, "http://127.0.0.1:1"])
    message = str(raised.value)
    assert "HTTP 404" in message
    assert f"wrong content: sha256 is {hashlib.sha256(b'something else').hexdigest()}, expected {RIGHT}" in message
    assert "refused" in message
    assert not list(tmp_path.glob("*file.bin*"))


def test_a_mirror_that_is_no_web_address_is_refused(tmp_path):
    with pytest.raises(DataError, match="mirror='file:///etc' is no web address"):
        download.fetch("passwd", RIGHT, tmp_path / "x", ["file:///etc"])


def test_a_folder_that_cannot_be_written_is_named(serve, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        download.fetch("file.bin", RIGHT, tmp_path / "file" / "file.bin", [serve().url])


def test_own_mirrors_come_before_the_homes(monkeypatch):
    monkeypatch.setenv("BARNSPIDER_MIRRORS", "http://a/ http://b")
    found = download.mirrors("fashion-mnist")
    assert found[:2] == ("http://a/fashion-mnist", "http://b/fashion-mnist")
    assert found[2:] == download.HOMES["fashion-mnist"]


@needs_fashion
def test_fashion_mnist_is_downloaded_into_the_cache(serve, tmp_path, monkeypatch):
    file = "t10k-labels-idx1-ubyte"
    mirror = serve(content=(FASHION / f"{file}.gz").read_bytes(), break_after=[2000])
    monkeypatch.setattr(named, "SYSTEM", tmp_path / "none")
    monkeypatch.setenv("BARNSPIDER_MIRRORS", mirror.url)
    path = named.find_fashion(file, None)
    assert path == tmp_path / "cache" / "barnspider" / "fashion-mnist" / f"{file}.gz"
    assert mirror.asked[0].startswith(f"/fashion-mnist/{file}.gz")
    assert named.find_fashion(file, None) == path
    assert len(mirror.asked) == 2
