"""Who is asked to end ends, also from within a call that does not come back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from host_programs import open_descriptors, running

from fnr.host.at_once import ends_at_once

ENDLESS = """
import sqlite3
from fnr.host.at_once import ends_at_once
def clean(): say("cleaned")
with ends_at_once(clean):
    say("within")
    sqlite3.connect(":memory:").execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    ).fetchone()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_call_that_does_not_come_back(number: signal.Signals) -> None:
    with running(ENDLESS, fnr=True) as program:
        assert program.line() == "within"
        os.kill(program.pid, number)
        assert program.line() == "cleaned"
        assert program.end().code == 128 + number


def test_what_was_ignored_stays_ignored() -> None:
    """As with nohup, and for what a shell has put into the background."""
    code = """
from fnr.host.at_once import ends_at_once
ignore(signal.SIGINT)
with ends_at_once(lambda: say("cleaned")):
    say("within")
    hear()
say("through")
"""
    with running(code, fnr=True) as program:
        assert program.line() == "within"
        os.kill(program.pid, signal.SIGINT)
        program.tell()
        assert program.line() == "through"
        assert program.end().code == 0


def test_nothing_of_it_is_left_behind(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    files = open_descriptors()
    with ends_at_once((tmp_path / "cleaned").touch):
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert open_descriptors() == files
    assert not (tmp_path / "cleaned").exists()
