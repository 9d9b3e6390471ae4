"""fnr runs functions on a GPU host and loses nothing.

This module is the small SDK for function authors; everything is loaded on first use, because
every worker and every command imports it.
"""

from __future__ import annotations

# Not from typing, which is a tenth of what `fnr status` takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fnr.client.sdk import AsyncClient as AsyncClient
    from fnr.client.sdk import Client as Client
    from fnr.client.sdk import DaemonDown as DaemonDown
    from fnr.client.sdk import FnrError as FnrError
    from fnr.client.sdk import TaskFailed as TaskFailed
    from fnr.client.sdk import TimedOut as TimedOut
    from fnr.policy.replay import ReplayOptions as ReplayOptions
    from fnr.worker import undo as undo
    from fnr.worker.sdk import BreakerOpen as BreakerOpen
    from fnr.worker.sdk import Reject as Reject
    from fnr.worker.sdk import Retry as Retry
    from fnr.worker.sdk import Wait as Wait
    from fnr.worker.sdk import attempt as attempt
    from fnr.worker.sdk import breaker as breaker
    from fnr.worker.sdk import cancelled as cancelled
    from fnr.worker.sdk import checkpoint as checkpoint
    from fnr.worker.sdk import progress as progress

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "BreakerOpen",
    "Client",
    "DaemonDown",
    "FnrError",
    "Reject",
    "ReplayOptions",
    "Retry",
    "TaskFailed",
    "TimedOut",
    "Wait",
    "__version__",
    "attempt",
    "breaker",
    "cancelled",
    "checkpoint",
    "progress",
    "undo",
]

_HOMES = {
    "AsyncClient": "fnr.client.sdk",
    "Client": "fnr.client.sdk",
    "DaemonDown": "fnr.client.sdk",
    "FnrError": "fnr.client.sdk",
    "TaskFailed": "fnr.client.sdk",
    "TimedOut": "fnr.client.sdk",
    "ReplayOptions": "fnr.policy.replay",
    "BreakerOpen": "fnr.worker.sdk",
    "Reject": "fnr.worker.sdk",
    "Retry": "fnr.worker.sdk",
    "Wait": "fnr.worker.sdk",
    "attempt": "fnr.worker.sdk",
    "breaker": "fnr.worker.sdk",
    "cancelled": "fnr.worker.sdk",
    "checkpoint": "fnr.worker.sdk",
    "progress": "fnr.worker.sdk",
}
_MODULES = {"undo": "fnr.worker.undo"}


def __getattr__(name: str) -> Any:
    """Load a public name from its home the first time it is asked for."""
    import importlib  # noqa: PLC0415 - costs 1 ms that `fnr status` does not have to pay

    if (module := _MODULES.get(name)) is not None:
        globals()[name] = found = importlib.import_module(module)
        return found
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'fnr' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
