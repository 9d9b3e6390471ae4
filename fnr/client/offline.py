"""Answer questions from the store's file while the daemon is down; nothing is ever written.

The very same read functions run here as in the daemon, on a read-only connection, so that an
answer does not depend on who gave it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast, get_origin

import msgspec

from fnr import __version__
from fnr.api.errors import NotFound, ProtocolMismatch, StorageError, UsageError
from fnr.api.requests import (
    FunctionStatus,
    GetStatus,
    GetTask,
    ListFunctions,
    Read,
    Request,
    Status,
    answer_type,
)
from fnr.config.paths import Paths
from fnr.policy.filter import FilterError
from fnr.policy.record import Page

Answer = TypeVar("Answer")


def answer_offline(paths: Paths, request: Request[Answer]) -> Answer:
    """The answer as the daemon would give it; for GetStatus one that says the daemon is down."""
    assert isinstance(request, Read | GetStatus), request
    answer = _status(paths) if isinstance(request, GetStatus) else _read(paths, request)
    return cast("Answer", answer)


def _read(paths: Paths, request: Request[Any]) -> Any:
    if not Path(paths.store_file).exists():
        return _nothing(paths, request)
    from fnr.store.connection import StoreNewer, read_only  # noqa: PLC0415 - loads sqlite3
    from fnr.store.reads import READS, AmbiguousId, NoSuchId  # noqa: PLC0415 - loads sqlite3

    read: Callable[..., Any] = READS[type(request).__name__]
    try:
        reader = read_only(paths.store_file)
        try:
            return read(reader, **_fields(request))
        finally:
            reader.close()
    except StoreNewer as error:
        raise ProtocolMismatch(
            "the store was written by a newer fnr", why=str(error), next_step="fnr --version"
        ) from error
    except NoSuchId as error:
        raise NotFound(str(error), next_step="fnr task list") from error
    except AmbiguousId as error:
        raise UsageError(str(error), next_step="write more of the id") from error
    except FilterError as error:
        raise UsageError(f"the filter does not parse: {error}", next_step="fnr help filters") from (
            error
        )
    except OSError as error:
        raise StorageError("the store cannot be read", why=str(error)) from error


def _fields(request: Request[Any]) -> dict[str, Any]:
    return {name: getattr(request, name) for name in request.__struct_fields__}


def _nothing(paths: Paths, request: Request[Any]) -> Any:
    """What a daemon that was never started would answer."""
    if isinstance(request, GetTask):
        raise NotFound(
            f"there is no task {request.task_id}",
            why=f"there is no store yet at {paths.store_file}",
            next_step="fnr config path",
        )
    kind = answer_type(type(request))
    if get_origin(kind) is Page:
        return msgspec.convert({"items": [], "total": 0}, kind)
    if get_origin(kind) is list:
        return []
    raise NotFound("there is no store yet", why=f"nothing at {paths.store_file}")


def _status(paths: Paths) -> Status:
    records = answer_offline(paths, ListFunctions())
    counts: dict[str, int] = {}
    for record in records:
        for state, count in record.counts.items():
            counts[state] = counts.get(state, 0) + count
    return Status(
        state="down",
        version=__version__,
        home=paths.home or paths.state_dir,
        functions=[
            FunctionStatus(
                function=record.function, kind="", counts=record.counts, paused=record.paused
            )
            for record in records
        ],
        counts=counts,
        letters_open=counts.get("dead", 0),
    )
