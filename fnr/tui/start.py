"""Start the application on this terminal: what has to be decided before Textual is loaded."""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial

from fnr.api.errors import UsageError
from fnr.config.paths import Paths


def prepared(paths: Paths, *, view: str, read_only: bool, no_color: bool) -> Callable[[], int]:
    """Load everything; what is returned runs until somebody leaves, and says the exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "fnr tui needs a terminal", why="input or output is a file or a pipe",
            next_step="fnr status",
        )  # fmt: skip
    if os.environ.get("TERM", "dumb") == "dumb":
        raise UsageError("fnr tui needs a terminal", why="TERM is dumb", next_step="fnr status")
    settle_environment(no_color=no_color)
    import asyncio  # noqa: PLC0415 - comes with Textual

    from fnr.tui.app import FnrApp  # noqa: PLC0415 - Textual reads the environment when it is loaded

    def ready() -> None:
        _collect()
        # Else the terminal would stay as it was drawn on: without its cursor, echoing nothing.
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                end = partial(app.exit, return_code=128 + number)
                asyncio.get_running_loop().add_signal_handler(number, end)

    app = FnrApp(paths, view=view, read_only=read_only, ascii_only=not is_utf8(), ready=ready)

    def run() -> int:
        # The first picture is made of what stays, as what was loaded is.
        gc.disable()
        _leave_with_terminal(sys.stdin.fileno())
        app.run()
        return app.return_code or 0

    return run


def _collect() -> None:
    """From here on there may be garbage; what was loaded is none and is never looked at again."""
    gc.freeze()
    gc.enable()


def _leave_with_terminal(fd: int) -> None:
    """End when the terminal is gone and no SIGHUP says so, as under nohup.

    Textual would read the end of its input again and again, with a whole processor, for ever.
    """
    gone = select.poll()
    gone.register(fd, 0)  # nothing but a hang-up is waited for

    def wait() -> None:
        gone.poll()
        # Nobody is there to whom the screen could be given back.
        os._exit(128 + signal.SIGHUP)

    threading.Thread(target=wait, name="terminal", daemon=True).start()


def settle_environment(*, no_color: bool) -> None:
    """What Textual is told by the environment: nothing moves by itself, and less over SSH."""
    env = os.environ
    env.setdefault("TEXTUAL_ANIMATIONS", "none")
    env.setdefault("TEXTUAL_FPS", "15" if env.get("SSH_CONNECTION") else "30")
    if env.get("SSH_CONNECTION"):
        env.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    if no_color or env.get("FNR_NO_COLOR"):
        env["NO_COLOR"] = "1"


def is_utf8() -> bool:
    """Does the locale say that the terminal shows UTF-8?"""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := os.environ.get(name):
            return "utf-8" in value.lower() or "utf8" in value.lower()
    return False
