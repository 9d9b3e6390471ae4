"""A visit to the reader's editor: $VISUAL, $EDITOR, or vi."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from fnr.api.errors import Refused, UsageError
from fnr.cli.terminal import is_terminal
from fnr.host.foreground import run_in_foreground
from fnr.policy.codes import signal_name


def visit(file: Path, *, next_step: str) -> None:
    """Let the reader change a file. UsageError if no editor starts, Refused if it says no."""
    written = _said("VISUAL") or _said("EDITOR")
    if not written and not is_terminal(sys.stdin):
        raise UsageError(
            "there is no terminal to edit at",
            why="VISUAL and EDITOR are not set, and vi waits for keys",
            next_step=next_step,
        )
    written = written or "vi"
    try:
        code = run_in_foreground([*shlex.split(written), str(file)])
    except ValueError as error:
        raise UsageError(
            f"the editor {written!r} cannot be started", why=str(error), next_step=next_step
        ) from error
    except OSError as error:
        raise UsageError(
            f"the editor {shlex.split(written)[0]!r} cannot be started",
            why=str(error.strerror),
            next_step=next_step,
        ) from error
    if code != 0:
        how = f"ended with exit code {code}" if code > 0 else f"was ended by {signal_name(-code)}"
        raise Refused("nothing was changed", why=f"the editor {how}")


def _said(variable: str) -> str:
    return os.environ.get(variable, "").strip()
