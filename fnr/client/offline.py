"""Answer questions from the store's file while the daemon is down; nothing is ever written.

The very same read functions run here as in the daemon, on a read-only connection, so that an
answer does not depend on who gave it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_origin

import msgspec
from msgspec.structs import replace

from fnr import __version__
from fnr.api.breaker_requests import ListBreakers
from fnr.api.chaos_requests import ListDrills
from fnr.api.errors import NotFound, StorageError
from fnr.api.letter_requests import PreviewPurge, PreviewResolve
from fnr.api.question import Read, Request, answer_type
from fnr.api.requests import (
    FunctionStatus,
    GetStatus,
    GetTask,
    ListFunctions,
    ListWorkers,
    PreviewCancel,
    Status,
)
from fnr.client.store_errors import told_to_people
from fnr.config.functions import RUN
from fnr.config.gone_file import WHY_GONE, file_is_gone, rules_gone
from fnr.config.paths import Paths
from fnr.host.clock import Clock
from fnr.host.process import pid_start
from fnr.policy.breaker import BreakerState
from fnr.policy.breaker_record import BreakerStatus
from fnr.policy.chaos import Drilled
from fnr.policy.record import FunctionRecord, Page, Preview, WorkerRecord
from fnr.store import own_rules
from fnr.store.migrate import check_readable
from fnr.store.reads import READS
from fnr.store.transaction import Reader, read_only

if TYPE_CHECKING:
    from fnr.config.load import Loaded
    from fnr.config.settings import FunctionSettings

Answer = TypeVar("Answer")

# What can be answered without the daemon.
OFFLINE = (Read, GetStatus, ListDrills)


def answer_offline(paths: Paths, request: Request[Answer]) -> Answer:
    """The answer as the daemon would give it; for GetStatus one that says the daemon is down."""
    assert isinstance(request, OFFLINE), request
    match request:
        case GetStatus():
            answer: Any = _status(paths)
        case ListDrills():
            answer = _drills(paths, request)
        case ListWorkers():
            answer = _workers(paths, request)
        case _:
            answer = _read(paths, request)
    return cast("Answer", answer)


@contextmanager
def opened(paths: Paths) -> Iterator[Reader]:
    """The store for reading; raises StoreNewer, StoreOlder before anything is read of it."""
    reader = read_only(paths.store_file)
    try:
        check_readable(reader._connection)  # noqa: SLF001 - the check is for writers and readers
        yield reader
    finally:
        reader.close()


def _read(paths: Paths, request: Request[Any]) -> Any:
    if not Path(paths.store_file).exists():
        return _nothing(paths, request)
    read = READS[type(request).__name__]
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    with told_to_people(paths), opened(paths) as reader:
        return read(reader, now_ms=Clock().now_ms(), **fields)


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
    if isinstance(request, PreviewPurge | PreviewResolve | PreviewCancel) and not request.task_ids:
        return Preview()
    raise NotFound("there is no store yet", why=f"nothing at {paths.store_file}")


def _status(paths: Paths) -> Status:
    from fnr.config.load import load  # noqa: PLC0415 - only this question needs the settings

    records: list[FunctionRecord] = _read(paths, ListFunctions())
    counts: dict[str, int] = {}
    for record in records:
        for state, count in record.counts.items():
            counts[state] = counts.get(state, 0) + count
    loaded = load(paths)
    rules = _rules_gone(paths)
    return Status(
        state="down",
        version=__version__,
        home=paths.home or paths.state_dir,
        functions=_functions(records, loaded.settings.functions),
        counts={state: count for state, count in counts.items() if state != "letters_open"},
        letters_open=counts.get("letters_open", counts.get("dead", 0)),
        breakers=_breakers(paths),
        problems=[*_in_the_way(paths, loaded, records), *([rules] if rules else [])],
        rules_behind=bool(rules),
    )


def _functions(
    records: list[FunctionRecord], declared: Mapping[str, FunctionSettings]
) -> list[FunctionStatus]:
    """Those of the store and those of fnr.toml; like a daemon's, without `run` until it is used."""
    known = {record.function: record for record in records}
    found = []
    for name in sorted({*known, *declared} - ({RUN} - known.keys())):
        record = known.get(name) or FunctionRecord(function=name, counts={})
        settings = declared.get(name)
        found.append(
            FunctionStatus(
                function=name,
                kind=settings.kind if settings else "",
                counts=record.counts,
                workers_max=settings.workers_max if settings else 0,
                paused=record.paused,
                paused_by=record.paused_by,
                paused_at_ms=record.paused_at_ms,
                retry_budget_ms=record.retry_budget_ms,
            )
        )
    return found


def _in_the_way(paths: Paths, loaded: Loaded, records: list[FunctionRecord]) -> list[str]:
    """What keeps a daemon from starting, in words."""
    if loaded.problems:
        return [f"{paths.config_file} has mistakes, so that no daemon starts; fnr config check"]
    if file_is_gone(paths.config_file, [record.function for record in records]):
        return [f"{paths.config_file} is gone: {WHY_GONE}"]
    return []


def _rules_gone(paths: Paths) -> str:
    """Did the last daemon read rule files where no folder is now? "" or a word for operators."""
    if Path(paths.rules_dir).exists() or not Path(paths.store_file).exists():
        return ""
    with told_to_people(paths), opened(paths) as reader:
        return rules_gone(paths.rules_dir) if own_rules.had_any(reader) else ""


def _workers(paths: Paths, request: ListWorkers) -> list[WorkerRecord]:
    """Whose process has ended since a daemon was there is gone, though nobody has noted it."""
    boot_id = Clock().boot_id()
    found: list[WorkerRecord] = _read(paths, request)
    known = [
        one
        if one.ended_at_ms is not None
        or (one.boot_id == boot_id and pid_start(one.pid) == one.pid_start)
        else replace(one, state="gone", end="ended while no daemon was there")
        for one in found
    ]
    return [one for one in known if request.gone or one.state != "gone"]


def _drills(paths: Paths, request: ListDrills) -> list[Drilled]:
    """From the undo records: faults that act are there for as long as they do."""
    from fnr.host import chaos_records as records  # noqa: PLC0415 - only this question needs them

    try:
        known = records.history(paths.chaos_dir)
    except OSError as error:
        why = f"{error.filename or paths.chaos_dir}: {error.strerror}"
        raise StorageError("what is broken on purpose cannot be read", why=why) from error
    return [one for one in known if request.past or one.state == "active"]


def _breakers(paths: Paths) -> dict[str, str]:
    """Breakers that were not closed when the daemon ended, in words."""
    found: list[BreakerStatus] = _read(paths, ListBreakers())
    return {
        breaker.name: f"breaker {breaker.name} was {breaker.state.replace('_', ' ')}: {breaker.why}"
        for breaker in found
        if breaker.state is not BreakerState.CLOSED
    }
