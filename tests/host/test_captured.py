"""Run a program to its end, and keep what it prints."""

from __future__ import annotations

import os
import sys

import pytest

from fnr.host.captured import run_captured

ENV = dict(os.environ)


def test_what_a_program_prints_and_how_it_ended_is_kept() -> None:
    code = "import sys; print(sys.stdin.read().upper()); sys.stderr.write('no'); sys.exit(6)"
    done = run_captured([sys.executable, "-c", code], env=ENV, stdin=b"yes", timeout_ms=30_000)
    assert (done.code, done.out, done.err) == (6, "YES\n", "no")


def test_a_program_that_takes_too_long_is_stopped() -> None:
    done = run_captured(["sleep", "100"], env=ENV, timeout_ms=50)
    assert done.code is None


def test_a_flood_is_cut_at_its_beginning_and_bytes_that_are_no_text_do_no_harm() -> None:
    code = "import os; os.write(1, b'x' * 400_000 + b'\\xff end')"
    done = run_captured([sys.executable, "-c", code], env=ENV, timeout_ms=30_000)
    assert len(done.out) <= 256 * 1024
    assert done.out.endswith("\N{REPLACEMENT CHARACTER} end")


def test_a_program_that_is_not_there_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="nowhere"):
        run_captured(["/nowhere/at-all"], env=ENV, timeout_ms=1_000)
