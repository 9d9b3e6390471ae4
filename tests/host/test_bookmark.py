"""What somebody is about to read is not trimmed, and who has gone keeps nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_programs import running

from fnr.host.bookmark import Bookmark, Bookmarks, first_bookmark
from fnr.host.worker_log import first_kept, read_span, trim

KIB = 1024
LIMIT = 64 * KIB
TEXT = bytes(range(256)) * (2 * KIB)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of eight times its limit."""
    path = tmp_path / "worker.log"
    path.write_bytes(TEXT)
    return path


@pytest.fixture
def fd(log: Path) -> Iterator[int]:
    """The log as a worker has it."""
    opened = os.open(log, os.O_WRONLY | os.O_APPEND)
    yield opened
    os.close(opened)


def test_a_log_is_trimmed_up_to_the_first_bookmark(log: Path) -> None:
    first, second = Bookmark(str(log), 40 * KIB), Bookmark(str(log), 8 * KIB)
    trim(str(log), LIMIT)
    assert first_kept(str(log)) == 8 * KIB
    second.move(100 * KIB)
    trim(str(log), LIMIT)
    assert first_kept(str(log)) == 40 * KIB
    assert read_span(str(log), 40 * KIB) == TEXT[40 * KIB :]
    first.close()
    trim(str(log), LIMIT)
    assert first_kept(str(log)) == 100 * KIB
    second.close()
    trim(str(log), LIMIT)
    assert first_kept(str(log)) == len(TEXT) - LIMIT // 2


def test_no_bookmark_keeps_more_than_what_may_be_unread(log: Path) -> None:
    with Bookmarks() as marks:
        marks.put(str(log), 0)
        trim(str(log), LIMIT, unread_bytes_max=LIMIT)
    assert first_kept(str(log)) == len(TEXT) - 2 * LIMIT


def test_who_has_read_everything_is_still_there(log: Path, fd: int) -> None:
    end = len(TEXT)
    assert first_bookmark(fd, 0, end + 1) == end + 1
    mark = Bookmark(str(log), 0)
    mark.move(end)
    assert first_bookmark(fd, 0, end + 1) == end
    assert first_bookmark(fd, 0, end) == end
    mark.close()
    assert first_bookmark(fd, 0, end + 1) == end + 1


def test_a_reader_that_is_killed_leaves_no_bookmark(log: Path, fd: int) -> None:
    code = """
from fnr.host.bookmark import Bookmark
mark = Bookmark(sys.argv[1], 5)
say("put")
hear()
"""
    with running(code, log, fnr=True) as reader:
        assert reader.line() == "put"
        assert first_bookmark(fd, 0, 100) == 5
        os.kill(reader.pid, signal.SIGKILL)
        reader.end()
    assert first_bookmark(fd, 0, 100) == 100


def test_bookmarks_stay_where_they_are_until_moved_or_taken_out(log: Path, fd: int) -> None:
    with Bookmarks() as marks:
        marks.put(str(log), 7)
        marks.put(str(log.with_name("not there")), 0)
        marks.put(str(log), 50)
        marks.move(str(log.with_name("not there")), 1)
        assert first_bookmark(fd, 0, 100) == 7
        marks.keep({str(log)})
        assert first_bookmark(fd, 0, 100) == 7
        marks.keep(())
        assert first_bookmark(fd, 0, 100) == 100
