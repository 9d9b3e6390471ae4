"""What the daemon hands to the process that carries out one step of undo, and hears back."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

# Exit codes of `python -m fnr.worker.undo_step`; any other is a failure too.
EXIT_UNDONE = 0
EXIT_HOPELESS = 65
EXIT_FAILED = 75

# Tells the service that is asked to undo whether it has been asked before.
UNDO_ID_VARIABLE = "FNR_UNDO_ID"


class Hopeless(Exception):
    """No other try can help."""


class Failed(Exception):
    """Another try may help."""


class UndoOrder(Struct, frozen=True, kw_only=True):
    """What to undo.

    ours:   what stood at the path before was left there by an earlier attempt of the same task.
    within: folders outside of which nothing may be removed; none: anywhere.
    parent_pid: who must live for this to go on.
    """

    undo_id: str
    kind: str
    data: dict[str, Any]
    ours: bool = False
    within: tuple[str, ...] = ()
    http_timeout_s: float = 20
    parent_pid: int
