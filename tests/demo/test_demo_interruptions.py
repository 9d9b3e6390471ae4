"""Interruptions: one KeyboardInterrupt, never between the start of a process and its record."""

from __future__ import annotations

import signal

import pytest

from fnr.cli.stage.interruptions import Interruptions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_ending_signal_interrupts_once(number: int) -> None:
    interruptions = Interruptions()
    cleaned_up = False
    with pytest.raises(KeyboardInterrupt), interruptions.taken():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # impatience does not stop the cleaning up
            cleaned_up = True
    assert cleaned_up


def test_an_interruption_waits_until_a_process_is_on_record() -> None:
    interruptions = Interruptions()
    recorded = False
    with pytest.raises(KeyboardInterrupt), interruptions.taken(), interruptions.held():
        signal.raise_signal(signal.SIGINT)
        recorded = True
    assert recorded


def test_cleaning_up_is_not_interrupted() -> None:
    interruptions = Interruptions()
    cleaned_up = False
    with interruptions.taken():
        interruptions.end()
        signal.raise_signal(signal.SIGINT)
        cleaned_up = True
    assert cleaned_up


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruptions().taken():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruptions().taken():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
