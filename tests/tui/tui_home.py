"""A home with a filled store, and a stand-in for its daemon that answers from it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))
sys.path.insert(0, str(Path(__file__).parent.parent / "client"))

from store_values import (
    IDS,
    PERMANENT,
    RESOURCE,
    TRANSIENT,
    VALIDATION,
    Book,
    accept,
    claim,
    end,
    new_task,
)
from textual.pilot import Pilot
from wire_server import Events, WireServer

import fnr
import fnr.tui
from fnr.api.any_request import AnyRequest
from fnr.api.breaker_requests import GetBreaker, ListBreakers
from fnr.api.chaos_requests import AbortDrills, ListDrills
from fnr.api.question import Changed, Read
from fnr.api.requests import FunctionStatus, GetStatus, ListFunctions, Status, Watch
from fnr.api.resource_requests import GpuLine, GpuList, ListGpus
from fnr.client.instants import now_ms
from fnr.client.offline import answer_offline
from fnr.config.paths import Paths
from fnr.policy.admission import Allocation
from fnr.policy.breaker import BreakerState
from fnr.policy.breaker_record import BreakerDetail, BreakerMoveRecord, BreakerStatus
from fnr.policy.chaos import Drilled
from fnr.policy.evidence import Evidence, ExceptionFact
from fnr.policy.gpu import Gpu
from fnr.policy.retry import RetryPolicy
from fnr.policy.verdict import conclude, decide
from fnr.tui.app import FnrApp

SIZES = [(80, 24), (200, 60)]
FUNCTIONS = ("render", "upload")
WAYS = (PERMANENT, VALIDATION, RESOURCE, TRANSIENT)
# What programs print and nobody may be harmed by.
HOSTILE = (
    "[rank0]: \x1b[31mred\x1b[2J [/b] :x: \x00\u202eevil\u2066 \x9b1m \r\n\t[@click=app.quit]go[/]"
)
# For what never comes: on a busy host a screen may take some seconds.
PATIENCE_S = 60


def fill(path: str, *, count: int = 200, message: str = HOSTILE) -> None:
    """Tasks of every kind, the latest a moment ago: queued, waiting, done, dead."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    book = Book(path)
    first_ms = now_ms() - count * 100
    for number in range(count):
        at_ms = first_ms + number * 100
        function = FUNCTIONS[number % 2]
        body = b'{"scene": "a.blend", "frame": %d}' % number
        accept(
            book.tx,
            new_task(function=function, created_at_ms=at_ms, tags={"n": message}),
            body=body,
        )
        if number % 5 == 0:
            continue
        claimed = claim(book.tx, function=function, now_ms=at_ms)
        if number % 5 == 1:
            end(book.tx, conclude(claimed.task, token=claimed.token, now_ms=at_ms + 5), b'{"a":1}')
            continue
        evidence = Evidence(
            message=f"{message} {'abcdefg'[number % 7]}",
            exceptions=(ExceptionFact(type="RuntimeError", message=message),),
            stderr_tail=message,
            traceback=message,
        )
        verdict = decide(
            claimed.task, evidence, WAYS[number % 4], token=claimed.token, now_ms=at_ms + 7,
            policy=RetryPolicy(retries_max=0, waits_max=number % 3), fraction=0.5,
        )  # fmt: skip
        end(book.tx, verdict)
    book.commit()
    book.close()
    assert IDS


def breakers() -> list[BreakerDetail]:
    """One that is closed, and one that is open for half a minute yet."""
    at_ms = now_ms()
    move = BreakerMoveRecord(
        name="storage", generation=1, at_ms=at_ms - 9_000, before=BreakerState.CLOSED,
        after=BreakerState.OPEN, why=f"{HOSTILE}: 5 failures in a row", by="fnr",
    )  # fmt: skip
    ill = BreakerStatus(
        name="storage", state=BreakerState.OPEN, own=BreakerState.OPEN, why=move.why, by="fnr",
        since_at_ms=move.at_ms, until_at_ms=at_ms + 30_900, streak=5, recent="..x.xxxxx",
        samples=(HOSTILE,), openings=1, probe_fails=True,
    )  # fmt: skip
    well = BreakerStatus(name="comfyui", state=BreakerState.CLOSED, own=BreakerState.CLOSED)
    return [BreakerDetail(breaker=well), BreakerDetail(breaker=ill, moves=[move])]


def cards() -> GpuList:
    """Two GPUs: one is given to a function and half used, one has fallen off the bus."""
    given = Allocation(
        owner="token", kind="gpu", device="GPU-0", amount=1, capacity=1, worker_id="w",
        function="render", since_at_ms=now_ms(),
    )  # fmt: skip
    well = Gpu(
        uuid="GPU-0", index=0, name="NVIDIA H100", memory_total_mib=81_920, memory_free_mib=40_960,
        temperature_c=61, busy_percent=97,
    )  # fmt: skip
    lost = Gpu(uuid="GPU-1", index=1, error=f"GPU is lost {HOSTILE}")
    return GpuList(
        gpus=[GpuLine(gpu=well, allocations=[given]), GpuLine(gpu=lost, unfit=lost.error)]
    )


class StoreServer(WireServer):
    """Answers every read from the store's file, as a daemon does; changes nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        for kind in AnyRequest.__args__:
            if issubclass(kind, Read):
                self.answers[kind] = self.from_store
        self.answers[GetStatus] = self.status
        self.answers[Watch] = Events()
        self.drills: list[Drilled] = []
        self.answers[ListDrills] = lambda _: self.drills
        # The one change that nobody is asked before; left without an answer it waits for long.
        self.answers[AbortDrills] = Changed()
        self.answers[ListBreakers] = lambda _: [one.breaker for one in breakers()]
        self.answers[GetBreaker] = lambda asked: next(
            one for one in breakers() if one.breaker.name == asked.name
        )
        self.cards = GpuList(missing="no driver")
        self.answers[ListGpus] = lambda _: self.cards
        self.problems: list[str] = []

    def from_store(self, request: Any) -> Any:
        """The store's own answer."""
        return answer_offline(self.paths, request)

    def status(self, _: Any) -> Status:
        """A daemon with two functions, one of them paused."""
        counts = {one.function: one.counts for one in self.from_store(ListFunctions())}
        lines = [
            FunctionStatus(
                function=name, kind="python", counts=counts.get(name, {}), workers=1,
                workers_max=2, paused=name == "upload",
            )
            for name in FUNCTIONS
        ]  # fmt: skip
        return Status(
            state="running", version=fnr.__version__, home=str(self.home), pid=1,
            started_at_ms=now_ms() - 60_000, functions=lines, counts=lines[0].counts, workers=2,
            letters_open=7, problems=self.problems,
        )  # fmt: skip


class Watched(FnrApp):
    """The application as it is; wakes whoever waits for something whenever it has drawn."""

    CSS_PATH = Path(fnr.tui.__file__).parent / "fnr.tcss"

    def __init__(self, paths: Paths, **options: Any) -> None:
        super().__init__(paths, **options)
        self.drawn = asyncio.Event()

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        self.drawn.set()


@asynccontextmanager
async def running(
    paths: Paths, view: str = "dashboard", *, size: tuple[int, int] = (80, 24), **options: Any
) -> AsyncIterator[tuple[FnrApp, Pilot[None]]]:
    """The application on a terminal of this size."""
    app = Watched(paths, view=view, **options)
    async with app.run_test(size=size) as pilot:
        yield app, pilot


def lines_of(app: FnrApp) -> list[str]:
    """What stands on the screen, after the last filter."""
    screen = app.screen
    return ["".join(part.text for part in strip) for strip in screen._compositor.render_strips()]


def shown(app: FnrApp) -> str:
    """The screen as one text."""
    return "\n".join(line.rstrip() for line in lines_of(app))


async def until(pilot: Pilot[None], true: Any, *, what: str = "") -> None:
    """Let the application go on until something is so; looked at whenever it has drawn, and now
    and then, for what is not drawn.
    """
    await _until(pilot, true, what, now_and_then_s=0.02)


async def until_shown(pilot: Pilot[None], words: str) -> None:
    """Until these words stand on the screen."""
    await _until(pilot, lambda: words in shown(pilot.app), words, now_and_then_s=1)


async def until_gone(pilot: Pilot[None], words: str) -> None:
    """Until these words stand on the screen no longer."""
    await _until(pilot, lambda: words not in shown(pilot.app), f"no {words}", now_and_then_s=1)


async def _until(pilot: Pilot[None], true: Any, what: str, *, now_and_then_s: float) -> None:
    app = pilot.app
    assert isinstance(app, Watched)
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + PATIENCE_S
    while True:
        app.drawn.clear()
        if true():
            return
        assert loop.time() < give_up_at, f"never: {what}\n{shown(app)}"
        with suppress(TimeoutError):
            await asyncio.wait_for(app.drawn.wait(), now_and_then_s)


# Workers that last as long as the application, or as a process of their own.
LASTING = {"feed", "rules", "faults", "trial"}


async def settled(pilot: Pilot[None]) -> None:
    """Until nothing is being asked for any more."""
    await pilot.pause()
    await until(
        pilot,
        lambda: all(one.is_finished for one in pilot.app.workers if one.group not in LASTING),
        what="answers",
    )
    await pilot.pause()
