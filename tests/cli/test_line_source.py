"""Lines of a pipe as they come: whole, bounded, and with its pauses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_server import WireServer

from fnr.api.requests import SubmitMany, SubmittedMany
from fnr.cli import line_source
from fnr.cli.line_source import comes_by_and_by, lines_as_they_come
from fnr.host.clock import Clock


@pytest.fixture
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Its reading and its writing end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as read, os.fdopen(writing, "wb", 0) as write:
        yield read, write


def test_a_pause_is_told_once_and_what_comes_after_it_goes_on(
    pipe: tuple[IO[bytes], IO[bytes]],
) -> None:
    read, write = pipe
    lines = lines_as_they_come(read, Clock(), bytes_max=100)
    write.write(b"one\ntw")
    assert [next(lines), next(lines)] == [b"one\n", None]
    write.write(b"o\nthree")
    write.close()
    assert [line for line in lines if line is not None] == [b"two\n", b"three"]


@given(
    pieces=st.lists(st.text("ab\n", max_size=9).map(str.encode), max_size=20),
    bytes_max=st.integers(1, 6),
)
def test_the_pieces_in_which_they_come_change_no_line(pieces: list[bytes], bytes_max: int) -> None:
    """Of a line that is too long one byte more than may be is kept, or its newline."""
    clock, given_out = Clock(), iter(pieces)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(line_source, "_blocks", lambda *_: given_out)
        with Path(os.devnull).open("rb") as file:
            found = [*lines_as_they_come(file, clock, bytes_max=bytes_max)]
    whole = b"".join(pieces).splitlines(keepends=True)
    assert len(found) == len(whole)
    for got, line in zip(found, whole, strict=True):
        assert got == line or (got == line[: len(got or b"")] and len(got) > bytes_max)


def test_a_regular_file_is_all_there(tmp_path: Path, pipe: tuple[IO[bytes], IO[bytes]]) -> None:
    with (tmp_path / "file").open("wb") as file:
        assert not comes_by_and_by(file)
    assert comes_by_and_by(pipe[0])


def test_who_writes_a_line_now_and_then_has_each_submitted_at_once(server: WireServer) -> None:
    server.answers[SubmitMany] = lambda request: SubmittedMany(
        task_ids=[msgspec.json.decode(item)["task_id"] for item in request.items]
    )
    words = ["--home", str(server.home), "submit", "f", "--jsonl", "-"]
    with subprocess.Popen(
        [sys.executable, "-m", "fnr", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as submitting:
        assert submitting.stdin is not None and submitting.stdout is not None
        for _ in range(3):
            submitting.stdin.write(b"{}\n")
            submitting.stdin.flush()
            assert submitting.stdout.readline().strip()
        submitting.stdin.close()
        assert submitting.wait(timeout=60) == 0
    assert [len(request.items) for request in server.asked] == [1, 1, 1]
