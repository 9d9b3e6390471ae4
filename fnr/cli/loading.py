"""While modules load: Ctrl-C ends the process at once, and nobody looks for garbage.

Ctrl-C: no traceback of an import, and no crash.

msgspec builds decoders when modules of the api are loaded, and a KeyboardInterrupt in the middle of
that is a segmentation fault. Nothing has been done yet that would need tidying up.
Garbage: what is loaded stays, and to look through it again and again is a tenth of the time.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """For the time of some imports; whoever set a handler of their own keeps it."""
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
