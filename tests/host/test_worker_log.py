"""A worker's log stays bounded on disk, and a position in it means the same for ever."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_programs import running

from fnr.host import worker_log
from fnr.host.inotify import Inotify
from fnr.host.worker_log import first_kept, follow, read_kept, read_span, trim

KIB = 1024
LIMIT = 256 * KIB


@pytest.fixture(params=["punch", "rewrite"])
def log(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A log; also on a file system that cannot punch holes."""
    if request.param == "rewrite":

        def refused(*_: object) -> None:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

        monkeypatch.setattr(worker_log, "_punch", refused)
    return tmp_path / "worker.log"


def _numbered(count: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(count))


def test_a_short_log_is_left_alone(log: Path) -> None:
    log.write_bytes(b"x" * LIMIT)
    assert trim(str(log), LIMIT) == 0
    assert log.read_bytes() == b"x" * LIMIT
    assert first_kept(str(log)) == 0


def test_a_long_log_gives_its_beginning_back_and_keeps_its_positions(log: Path) -> None:
    text = _numbered(200_000)
    log.write_bytes(text)
    given_back = trim(str(log), LIMIT)
    kept_from = first_kept(str(log))
    assert given_back == kept_from
    assert LIMIT // 2 <= len(text) - kept_from <= LIMIT // 2 + 4 * KIB
    assert log.stat().st_size == len(text)
    assert log.stat().st_blocks * 512 <= LIMIT
    for start, end in [(kept_from, len(text)), (len(text) - 500, len(text) - 100)]:
        assert read_span(str(log), start, end) == text[start:end]
    assert read_span(str(log), 0, kept_from) == b"", "what is gone is nothing, not zero bytes"
    assert read_span(str(log), 0, kept_from + 10) == text[kept_from : kept_from + 10]


def test_it_can_be_trimmed_again_and_again(log: Path) -> None:
    text = b""
    for round_number in range(6):
        more = bytes([65 + round_number]) * (LIMIT + 1)
        text += more
        with log.open("ab") as file:
            file.write(more)
        assert trim(str(log), LIMIT) > 0
        assert trim(str(log), LIMIT) == 0, "once is enough"
        kept_from = first_kept(str(log))
        assert read_span(str(log), 0) == text[kept_from:]
        assert log.stat().st_blocks * 512 <= LIMIT


def test_a_log_that_is_not_there_is_empty(log: Path) -> None:
    assert trim(str(log), LIMIT) == 0
    assert first_kept(str(log)) == 0
    assert read_span(str(log), 0) == b""


def test_nothing_is_lost_when_a_writer_writes_while_we_trim(tmp_path: Path) -> None:
    """The writer numbers its lines; at the end there is one unbroken row up to the last."""
    log = tmp_path / "worker.log"
    code = """
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
say("up")
for number in range(200_000):
    os.write(fd, b"line %d\\n" % number)
say("written")
"""
    with running(code, log) as writer:
        assert writer.line() == "up"
        written = threading.Event()
        reader = threading.Thread(target=lambda: (writer.line(), written.set()))
        reader.start()
        trims = 0
        while not written.is_set():
            trims += trim(str(log), 64 * KIB) > 0
        reader.join()
        assert writer.end().code == 0
    assert trims > 3
    assert log.stat().st_size == len(_numbered(200_000))
    kept = read_span(str(log), 0).splitlines()[1:]
    last = 200_000 - len(kept)
    assert kept == [b"line %d" % number for number in range(last, 200_000)]
    assert kept


def test_a_span_is_read_as_far_as_it_goes(log: Path) -> None:
    log.write_bytes(b"0123456789")
    assert read_span(str(log), 2, 5) == b"234"
    assert read_span(str(log), 2) == b"23456789"
    assert read_span(str(log), 2, 100) == b"23456789"
    assert read_span(str(log), 0, 8, tail_bytes=3) == b"567"
    assert read_span(str(log), 6, 8, tail_bytes=5) == b"67"
    assert read_span(str(log), 50, 60) == b""
    assert read_span(str(log), 5, 2) == b""


def test_what_is_kept_is_read_with_the_place_where_it_begins(log: Path) -> None:
    text = _numbered(100_000)
    log.write_bytes(text)
    assert read_kept(str(log), 3, 50, bytes_max=20) == (3, text[3:23])
    assert read_kept(str(log), 3, 13, bytes_max=20) == (3, text[3:13])
    trim(str(log), LIMIT)
    begin = first_kept(str(log))
    assert begin > LIMIT
    assert read_kept(str(log), 3, len(text), bytes_max=20) == (begin, text[begin : begin + 20])
    assert read_kept(str(log), 3, 50, bytes_max=20) == (50, b"")
    assert read_kept(str(log.with_name("none")), 3, 50, bytes_max=20) == (3, b"")


def test_what_is_trimmed_while_it_is_read_is_not_taken_for_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "worker.log"
    text = _numbered(100_000)
    log.write_bytes(text)
    pread, trims = os.pread, [0]

    def trimmed_before(fd: int, count: int, offset: int) -> bytes:
        trims.append(trim(str(log), LIMIT))
        return pread(fd, count, offset)

    monkeypatch.setattr(os, "pread", trimmed_before)
    begin, data = read_kept(str(log), 0, len(text), bytes_max=KIB)
    assert sum(trims) == begin == first_kept(str(log))
    assert data == text[begin : begin + KIB]


class Reader:
    """Follows a log in a thread; what it reads arrives in a pipe, to be waited for."""

    def __init__(self, path: Path, start: int) -> None:
        self.stopping = False
        out, self._into = os.pipe()
        self.out = os.fdopen(out, "rb")
        self._thread = threading.Thread(target=self._run, args=(str(path), start))
        self._thread.start()

    def _run(self, path: str, start: int) -> None:
        for chunk in follow(path, start, stop=lambda: self.stopping):
            os.write(self._into, chunk)
        os.close(self._into)

    def rest(self) -> bytes:
        """Stop following, and what was still to come."""
        self.stopping = True
        self._thread.join()
        with self.out:
            return self.out.read()


@pytest.fixture(params=["inotify", "poll"])
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without inotify, as when the system has no more watchers to give."""
    if request.param == "poll":
        monkeypatch.setattr(Inotify, "working", False)


def test_a_follower_sees_what_is_appended(watch: None, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_bytes(b"old\nnew\n")
    reader = Reader(log, 4)
    assert reader.out.readline() == b"new\n"
    with log.open("ab", buffering=0) as file:
        file.write(b"one\n")
        assert reader.out.readline() == b"one\n"
        file.write(b"two\n")
        assert reader.out.readline() == b"two\n"
        file.write(b"last words")
        assert reader.rest() == b"last words"


def test_a_follower_is_woken_and_does_not_look_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_log, "_CHECK_MS", 10**8)
    log = tmp_path / "worker.log"
    reader = Reader(log, 0)
    with log.open("ab", buffering=0) as file:
        for word in (b"one\n", b"two\n", b"three\n"):
            file.write(word)
            assert reader.out.readline() == word
        reader.stopping = True
        file.write(b"end")
        assert reader.rest() == b"end"


def test_what_is_written_just_before_a_file_is_watched_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(Inotify):
        def file(self, path: str) -> bool:
            with Path(path).open("ab") as file:
                file.write(b"meanwhile\n")
            return super().file(path)

    monkeypatch.setattr(worker_log, "Inotify", Late)
    monkeypatch.setattr(worker_log, "_CHECK_MS", 10**8)
    log = tmp_path / "worker.log"
    log.write_bytes(b"first\n")
    reader = Reader(log, 0)
    assert reader.out.readline() == b"first\n"
    assert reader.out.readline() == b"meanwhile\n"
    reader.stopping = True
    log.write_bytes(b"")
    assert reader.rest() == b""


def test_a_follower_waits_for_a_file_and_goes_along_when_it_is_replaced(
    watch: None, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    reader = Reader(log, 0)
    log.write_bytes(b"first\n")
    assert reader.out.readline() == b"first\n"
    (tmp_path / "draft").write_bytes(b"second\n")
    (tmp_path / "draft").rename(log)
    assert reader.out.readline() == b"second\n"
    log.write_bytes(b"")
    log.write_bytes(b"3rd\n")
    assert reader.out.readline() == b"3rd\n"
    assert reader.rest() == b""


def test_a_follower_skips_what_was_trimmed_and_gives_the_rest(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    text = _numbered(100_000)
    log.write_bytes(text)
    assert trim(str(log), 64 * KIB) > 0
    assert Reader(log, 10).rest() == text[first_kept(str(log)) :]


def test_a_follower_of_nothing_ends_when_told(tmp_path: Path) -> None:
    assert list(follow(str(tmp_path / "none"), 0, stop=lambda: True)) == []


@pytest.mark.parametrize("chunk_bytes", [4, 1 << 20])
def test_words_are_written_over_wherever_they_stand_and_nothing_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(worker_log, "_CHUNK_BYTES", chunk_bytes)
    file = tmp_path / "w.log"
    file.write_bytes(b"a secret secretsecret\n\xff word secre\n")
    os.utime(file, ns=(1, 2))
    assert worker_log.blank(str(file), [b"secret", b"word"])
    assert file.read_bytes() == b"a ****** ************\n\xff **** secre\n"
    assert file.stat().st_mtime_ns == 2
    assert not worker_log.blank(str(file), [b"secret", b"word"])
    assert not worker_log.blank(str(file), [])
