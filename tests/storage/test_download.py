"""Downloads from a local server that truncates data, stalls, and sends wrong data."""

import hashlib
import io
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from minitransformer.storage import late_bar
from minitransformer.storage.download import VARIABLE, DownloadError, data_folders, fetch
from minitransformer.storage.published import SOURCES, Source
from tests.support.download_server import (
    CONTENT,
    WRONG,
    cut_at,
    drips,
    drips_a_redirect,
    drips_headers,
    elsewhere,
    lies,
    running_server,
    stalls,
    status,
    too_long,
    too_short,
    whole,
)


@pytest.fixture
def server(monkeypatch):
    for name in (VARIABLE, "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with running_server() as server:
        yield server


@pytest.fixture
def get(server, tmp_path):
    """``get(*script)``: fetch the file from a server whose answers are given by the script."""
    url = f"http://127.0.0.1:{server.server_port}/data.bin"
    source = Source(
        "the test data", "data.bin", url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)
    )

    def get(*script, **options):
        server.script = list(script) or [whole]
        options = {
            "cache": tmp_path / "cache",
            "wait": 0.0,
            "timeout": 10.0,
            "progress": False,
            "allow_loopback": True,
            "sources": {"test": source},
        } | options
        return fetch("test", **options)

    return get


def cached(tmp_path):
    folder = tmp_path / "cache"
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_download_and_then_no_network(get, server, tmp_path):
    path = get()
    assert path == tmp_path / "cache" / "data.bin"
    assert path.read_bytes() == CONTENT
    assert cached(tmp_path) == ["data.bin"]
    server.requests.clear()
    assert get(status(500)) == path
    assert server.requests == []


def test_a_broken_download_goes_on_where_it_stopped(get, server):
    assert get(cut_at(100_000), cut_at(50_000), whole).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=100000-", "bytes=150000-"]


def test_the_next_process_goes_on_too(get, server, tmp_path):
    with pytest.raises(DownloadError, match="100,000 of 300,000 bytes"):
        get(cut_at(100_000), cut_at(0), attempts=3)
    assert cached(tmp_path) == ["data.bin.part"]
    server.requests.clear()
    assert get().read_bytes() == CONTENT
    assert server.requests == ["bytes=100000-"]
    assert cached(tmp_path) == ["data.bin"]


def test_a_stalled_server_is_left(get, server):
    assert get(stalls, whole, timeout=1.5).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=50000-"]


def test_a_server_that_drips_is_left(get, server):
    path = get(drips, whole, timeout=0.5)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("slow", [drips_headers, drips_a_redirect])
def test_a_server_that_drips_its_headers_is_left(get, tmp_path, slow):
    began = time.monotonic()
    assert get(slow, whole, timeout=0.5).read_bytes() == CONTENT
    assert time.monotonic() - began < 10  # without a limit, until the server is stopped
    with pytest.raises(DownloadError, match=r"TimeoutError: no complete answer within 0.5 s"):
        get(slow, attempts=1, timeout=0.5, cache=tmp_path / "empty")


def test_several_processes_download_a_file_once(get, server):
    """The lock is on an open file, so threads wait for each other as processes do."""
    with ThreadPoolExecutor(3) as pool:
        paths = [done.result() for done in [pool.submit(get) for _ in range(3)]]
    assert [path.read_bytes() == CONTENT for path in paths] == [True] * 3
    assert len(server.requests) == 1


def test_a_server_without_ranges(get, server):
    server.ranges = False
    assert get(cut_at(100_000), whole).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=100000-"]


@pytest.mark.parametrize(
    "script",
    [
        (lies,),
        (cut_at(100_000), lies),
        (too_long,),
        (too_short,),
        (cut_at(9), elsewhere),
        (status(500),),
        (status(404),),
        (status(416),),
        (status(206),),
        (status(301, Location="http://example.org/x"),),
        (status(301, Location="file:///etc/hosts"),),
        (status(200),),
        (lambda handler: handler.wfile.write(b"no http at all\r\n\r\n"),),
    ],
)
def test_a_wrong_answer_never_replaces_a_file(get, tmp_path, script):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "data.bin").write_bytes(b"old")
    with pytest.raises(DownloadError) as info:
        get(*script)
    for part in (
        "cannot download the test data",
        "put the file at",
        "the present file is",
        "300,000 bytes, SHA-256",
        VARIABLE,
        "--data-dir",
        str(tmp_path / "cache"),
    ):
        assert part in str(info.value)
    assert "\n" not in str(info.value)
    assert (tmp_path / "cache" / "data.bin").read_bytes() == b"old"
    assert set(cached(tmp_path)) <= {"data.bin", "data.bin.part"}
    assert get().read_bytes() == CONTENT  # the next attempt can succeed


def test_a_wrong_part_is_dropped_and_the_file_fetched_anew(get, server, tmp_path):
    (tmp_path / "cache").mkdir()
    for part in (WRONG[:1000], WRONG, WRONG + b"x"):
        (tmp_path / "cache" / "data.bin.part").write_bytes(part)
        (tmp_path / "cache" / "data.bin").unlink(missing_ok=True)
        assert get().read_bytes() == CONTENT
    assert cached(tmp_path) == ["data.bin"]


def test_what_is_wrong_is_said(get, server):
    with pytest.raises(DownloadError, match="requested byte 9, but the server started at 7"):
        get(cut_at(9), elsewhere, attempts=2)
    with pytest.raises(DownloadError, match="wrong file.*hash"):
        get(lies)  # the earlier part is dropped, because it may have been wrong
    server.requests.clear()
    with pytest.raises(DownloadError, match="wrong file.*hash"):
        get(lies)
    assert server.requests == [None]


def test_redirects_lead_to_secure_addresses_only(get, server):
    other = f"http://localhost:{server.server_port}/data.bin"
    with pytest.raises(DownloadError, match="not https: http://localhost"):
        get(status(302, Location=other), whole, attempts=1)
    here = f"http://127.0.0.1:{server.server_port}/data.bin"
    assert get(status(302, Location=here), whole).read_bytes() == CONTENT


def test_refused_requests_are_not_repeated(get, server):
    with pytest.raises(DownloadError, match="404"):
        get(status(404))
    assert len(server.requests) == 1


def test_a_full_disk_is_not_retried(get, server, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minitransformer.storage.resume.ResumingDownloader._receive", full)
    with pytest.raises(DownloadError, match="No space left"):
        get()
    assert len(server.requests) == 1


def test_only_https(get):
    with pytest.raises(DownloadError, match="not https"):
        get(allow_loopback=False)
    assert all(
        re.fullmatch("https://.*", source.url) and len(source.sha256) == 64
        for source in SOURCES.values()
    )


def test_no_network(get, server):
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match="refused.*Try again, or put the file at"):
        get(attempts=2)


def test_local_folders_come_first(get, server, tmp_path, monkeypatch):
    for folder in ("given", "named", "named/test"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    (tmp_path / "named" / "test" / "data.bin").write_bytes(CONTENT)
    assert get(data_dir=tmp_path / "given") == tmp_path / "named" / "test" / "data.bin"
    (tmp_path / "given" / "data.bin").write_bytes(CONTENT)
    assert get(data_dir=tmp_path / "given") == tmp_path / "given" / "data.bin"
    (tmp_path / "given" / "data.bin").write_bytes(WRONG)
    with pytest.raises(DownloadError, match="given.*is not the test data as published"):
        get(data_dir=tmp_path / "given")
    assert server.requests == []


def test_a_file_in_a_folder_of_its_own(server, tmp_path):
    url = f"http://127.0.0.1:{server.server_port}/a.gz"
    source = Source("a", "set/a.gz", url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    options = {
        "cache": tmp_path / "cache",
        "progress": False,
        "wait": 0.0,
        "attempts": 1,
        "allow_loopback": True,
        "sources": {"set/a": source},
    }
    server.script = [cut_at(1000), whole]
    with pytest.raises(DownloadError, match=r"put the file at .*cache/set/a\.gz"):
        fetch("set/a", **options)
    assert fetch("set/a", **options) == tmp_path / "cache" / "set" / "a.gz"
    assert server.requests == [None, "bytes=1000-"]
    assert os.listdir(tmp_path / "cache" / "set") == ["a.gz"]


def test_the_published_files_have_places_of_their_own():
    names = [source.filename for source in SOURCES.values()]
    assert len(set(names)) == len(names) == len({s.url for s in SOURCES.values()})
    assert len({s.sha256 for s in SOURCES.values()}) == len(names)
    assert not any(name.startswith("/") or ".." in name for name in names)


def test_names_of_nothing(get, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="'imbd'; known: imdb, shakespeare.*did you mean 'imdb'"):
        fetch("imbd")
    with pytest.raises(FileNotFoundError, match="data_dir names a folder that does not exist"):
        get(data_dir=tmp_path / "absent")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match=f"{VARIABLE} names a folder that does not exist"):
        data_folders()


def test_the_bar_comes_late_and_only_to_terminals(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    drawn = {}
    for name, stream, delay, shown in [
        ("terminal", Terminal(), 0.0, True),
        ("file", io.StringIO(), 0.0, True),
        ("early", Terminal(), 60.0, True),
        ("off", Terminal(), 0.0, False),
    ]:
        monkeypatch.setattr("sys.stderr", stream)
        with late_bar("fetching", 10, delay=delay, shown=shown) as update:
            update(5)
        drawn[name] = "fetching" in stream.getvalue()
    assert drawn == {"terminal": True, "file": False, "early": False, "off": False}
