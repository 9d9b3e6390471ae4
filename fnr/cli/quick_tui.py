"""`fnr tui` without the command line's own machinery: typer is a fifth of the way to its screen.

Whatever is out of the ordinary (another flag, a screen that does not exist, no terminal) is left to
the whole program, which says it properly.
"""

from __future__ import annotations

import importlib
import os
import sys

from fnr.cli.argv import FlagError, Globals, hoist
from fnr.cli.loading import loading
from fnr.cli.terminal import is_terminal, may_colour
from fnr.config.paths import find_paths

VIEWS = ("dashboard", "tasks", "errors", "dlq", "rules", "breakers", "chaos", "logs")
READ_ONLY = "--read-only"


def quick_tui(words: list[str]) -> int | None:
    """The exit code when this was a plain `fnr tui` on a terminal; None otherwise."""
    asked = _asked(words) if "tui" in words else None
    if asked is None:
        return None
    flags, view, read_only = asked
    try:
        return show(flags, view=view, read_only=read_only)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the whole program's net is under this too
        from fnr.cli.main import told  # noqa: PLC0415 - when something is wrong, time is no matter

        return told(error, flags)


def show(flags: Globals, *, view: str, read_only: bool) -> int:
    """Run it until somebody leaves; the exit code."""
    paths = find_paths(flags.home or None, flags.config or None)
    no_color = not may_colour(sys.stdout, no_color=flags.no_color)
    with loading():
        # The faces do not know each other; one is started by the other by its name.
        prepared = importlib.import_module("fnr.tui.start").prepared
        run = prepared(paths, view=view, read_only=read_only, no_color=no_color)
    return int(run())


def _asked(words: list[str]) -> tuple[Globals, str, bool] | None:
    try:
        flags, rest = hoist(words)
    except FlagError:
        return None
    read_only = READ_ONLY in rest
    names = [word for word in rest if word != READ_ONLY]
    plain = names[:1] == ["tui"] and not (flags.output or flags.timeout)
    if not plain or len(names) > 2 or not set(names[1:]) <= set(VIEWS):
        return None
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)) or os.environ.get("TERM") == "dumb":
        return None
    return flags, (names[1:] or ["dashboard"])[0], read_only
