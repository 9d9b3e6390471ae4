"""Ctrl-C while modules load."""

from __future__ import annotations

import gc
import signal
import threading

from fnr.cli.loading import loading


def test_ctrl_c_ends_the_process_while_modules_load_and_raises_afterwards() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with loading():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_nobody_looks_for_garbage_while_modules_load() -> None:
    assert gc.isenabled()
    with loading():
        assert not gc.isenabled()
        with loading():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_handler_of_somebody_else_stays() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with loading():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_may_load_too() -> None:
    found: list[object] = []

    def load() -> None:
        with loading():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
