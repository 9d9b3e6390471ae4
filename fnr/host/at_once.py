"""End at once when asked to, also while a call into a library does not come back for minutes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_ENDS = (signal.SIGINT, signal.SIGTERM)
_DONE = b"\0"


@contextmanager
def ends_at_once(clean: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end this process with 128 + N, after `clean`.

    Python handles a signal between two of its own steps, and a single step of SQLite's may copy
    gigabytes. Whoever runs within must be safe to be killed. What is ignored stays ignored.
    """
    heeded = [number for number in _ENDS if signal.getsignal(number) is not signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread() or not heeded:
        yield
        return
    told, tell = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(tell, False)
    listener = threading.Thread(target=_listen, args=(told, clean), name="ends", daemon=True)
    listener.start()
    woken_before = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    before = {number: signal.signal(number, _left_to_the_listener) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken_before)
        os.write(tell, _DONE)
        listener.join()
        os.close(told)
        os.close(tell)


def _listen(told: int, clean: Callable[[], object]) -> None:
    while (number := os.read(told, 1)) != _DONE:
        if number[0] in _ENDS:
            with suppress(OSError):
                clean()
            os._exit(128 + number[0])


def _left_to_the_listener(_number: int, _frame: object) -> None:
    pass
