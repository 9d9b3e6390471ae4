"""A command prints no faster than whoever wants all of its output reads it."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_daemon import FakeDaemon, Peer

from fnr.api.frames import Beat, Done, WorkerSpec
from fnr.host.bookmark import Bookmark
from fnr.host.worker_log import read_kept
from fnr.policy.log_record import decode
from fnr.worker.own_log import OwnLog
from fnr.worker.read_along import COMING_MS, STALLED_MS, ReadAlong

LIMIT = 64 * 1024


def has_ended(peer: Peer) -> bool:
    """Whether the attempt has ended by now."""
    while select.select([peer.sock], [], [], 0)[0]:
        if isinstance(peer.read(), Done):
            return True
    return False


@pytest.fixture
def log(tmp_path: Path) -> Iterator[OwnLog]:
    """The log of this very process, as if it were a worker."""
    path = tmp_path / "worker.log"
    before = os.dup(2)
    ours = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(ours, 2)
    log = OwnLog(
        WorkerSpec(
            worker_id="w", secret="", function="run", kind="run", socket="",
            log_path=str(path), now_path="", spool_dir="", log_bytes_max=LIMIT,
        )
    )  # fmt: skip
    os.dup2(before, 2)
    os.close(before)
    os.close(ours)
    log.write(b"x" * LIMIT)
    yield log


def test_who_is_behind_is_waited_for_while_it_reads(log: OwnLog) -> None:
    reader = ReadAlong(log, begun_at_ms=0)
    mark = Bookmark(log.path, LIMIT)
    log.write(b"x" * (LIMIT // 4))
    assert not reader.is_behind(1_000_000)
    log.write(b"x" * LIMIT)
    assert reader.is_behind(1_000_000)
    assert reader.is_behind(1_000_000 + STALLED_MS - 1)
    assert not reader.is_behind(1_000_000 + STALLED_MS)
    mark.move(LIMIT + 10)
    assert reader.is_behind(1_000_000 + STALLED_MS)
    mark.move(2 * LIMIT)
    assert not reader.is_behind(1_000_000 + STALLED_MS)
    mark.close()


def test_who_reads_the_output_of_another_attempt_is_not_waited_for(log: OwnLog) -> None:
    mark = Bookmark(log.path, 0)
    reader = ReadAlong(log, begun_at_ms=0)
    log.write(b"x" * LIMIT)
    assert not reader.is_behind(COMING_MS)
    mark.close()


def test_who_submitted_the_command_has_a_moment_to_come(log: OwnLog) -> None:
    reader = ReadAlong(log, begun_at_ms=0)
    log.write(b"x" * LIMIT)
    assert reader.is_behind(COMING_MS - 1)
    assert not reader.is_behind(COMING_MS)
    mark = Bookmark(log.path, LIMIT)
    assert reader.is_behind(COMING_MS)
    mark.close()
    assert not reader.is_behind(1), "it came, and went"


def test_nothing_is_trimmed_before_the_reader_had_it_and_the_log_stays_bounded(
    daemon: FakeDaemon,
) -> None:
    """Method: read only what a beat, a second later, finds there; the command has to wait."""
    worker, peer = daemon.serve(kind="run", log_bytes_max=LIMIT)
    mark = Bookmark(str(worker.log_path), 0)
    peer.run({"argv": ["seq", "40000"]})
    peer.expect(Beat)
    position, text = 0, b""
    ended = False
    while not ended or position < worker.log_path.stat().st_size:
        assert worker.log_path.stat().st_blocks * 512 <= LIMIT + (4 << 20)
        if not ended:
            ended = has_ended(peer)
        size = worker.log_path.stat().st_size
        begin, data = read_kept(str(worker.log_path), position, size, bytes_max=size)
        assert begin == position
        text += data
        position += len(data)
        mark.move(position)
    mark.close()
    records = [decode(line) for line in text.splitlines()]
    assert b"".join(record.written for record in records if record) == b"".join(
        b"%d\n" % number for number in range(1, 40_001)
    )
