"""What the workers print: all of them merged, or one; followed, searched, from error to error."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from fnr.api.requests import GetTask, ListTasks, ListWorkers
from fnr.client.log_tail import LogTail
from fnr.client.without_secrets import RUNS_LATEST, given_secrets
from fnr.config.functions import RUN
from fnr.policy.record import WorkerRecord
from fnr.tui.aside import OneAtATime, aside
from fnr.tui.feed import Feed
from fnr.tui.screens.view import View
from fnr.tui.widgets.filter_bar import FilterBar
from fnr.tui.widgets.log_lines import LogLine, LogView

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

# Of workers that have ended, the latest are shown too: that is where the trouble stands.
GONE_SHOWN = 20


class LogsView(View):
    """One stream of lines, whoever printed them."""

    name_of_screen = "logs"
    kinds = frozenset({"worker"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "worker", "next worker"),
        Binding("slash", "filter", "search", key_display="/"),
    ]

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self.lines = LogView()
        self.bar = FilterBar(None, hint="words to search for")
        self._tails: dict[str, tuple[str, LogTail]] = {}
        self._given: dict[str, list[str]] = {}
        self._to_workers = OneAtATime(self, self._find_workers, group="workers")
        self._reading = False

    def compose(self) -> ComposeResult:
        """The search above the lines."""
        yield self.bar
        yield self.lines

    def focus_first(self) -> None:
        """The lines."""
        self.lines.focus()

    def look(self) -> None:
        """Workers come and go."""
        self._to_workers.again()

    async def _find_workers(self) -> None:
        workers = await self.ask(ListWorkers(gone=True))
        if workers is None:
            self.lines.tell("the daemon does not say where the logs are")
            return
        alive = [worker for worker in workers if worker.state != "gone"]
        gone = sorted(
            (worker for worker in workers if worker.state == "gone"),
            # The latest first; of who ended while no daemon was there nobody knows when.
            key=lambda worker: -(worker.ended_at_ms or math.inf),
        )[:GONE_SHOWN]
        before = self._tails
        self._tails = {
            worker.log_path: before.get(worker.log_path)
            or (source_of(worker), LogTail(worker.log_path))
            for worker in (*gone, *alive)
            if worker.log_path
        }
        self.tick()

    def tick(self) -> None:
        """What was printed since."""
        if not self._reading and self._tails:
            self._reading = True
            aside(self, self._read, group="logs")

    async def _read(self) -> None:
        try:
            if any(source.startswith(f"{RUN} ") for source, _ in self._tails.values()):
                await self._learn_what_runs_were_given()
            lines, trouble = await asyncio.to_thread(self._news)
        finally:
            self._reading = False
        self.lines.left_out |= any(tail.left_out for _, tail in self._tails.values())
        self.lines.tell(trouble)
        self.lines.add(lines)

    def _news(self) -> tuple[list[LogLine], str]:
        redaction = self.feed.redaction
        values = [value for given in self._given.values() for value in given]
        return _news(list(self._tails.values()), redaction.knowing(values))

    async def _learn_what_runs_were_given(self) -> None:
        page = await self.ask(ListTasks(where=f"function:{RUN}", limit=RUNS_LATEST))
        new = [task for task in page.items if task.task_id not in self._given] if page else []
        for task in new:
            detail = await self.ask(GetTask(task_id=task.task_id))
            if detail is not None:
                _ = self.feed.redaction  # which reads the names
                self._given[task.task_id] = given_secrets(detail, self.feed.secret_names)

    def action_worker(self) -> None:
        """One worker after the other, then all again."""
        names = ["", *self.sources]
        place = names.index(self.lines.source) if self.lines.source in names else 0
        self.lines.choose(source=names[(place + 1) % len(names)])

    def action_filter(self) -> None:
        """Search."""
        self.bar.open(self.lines.words)

    @on(FilterBar.Wanted)
    def _searched(self, message: FilterBar.Wanted) -> None:
        message.stop()
        if message.where is not None:
            self.lines.choose(words=message.where)
        self.lines.focus()

    @property
    def sources(self) -> list[str]:
        """Whose logs are followed: all that live, and those that went last."""
        return list(dict.fromkeys(source for source, _ in self._tails.values()))

    @property
    def subject(self) -> str:
        """Whose line is chosen."""
        line = self.lines.line
        return line.source.rpartition(" ")[2] if line else ""

    @property
    def command(self) -> tuple[str, ...]:
        """The same on the command line."""
        line = self.lines.line
        return ("logs", line.source.partition(" ")[0], "-f") if line else ("logs", "FUNCTION", "-f")


def source_of(worker: WorkerRecord) -> str:
    """A worker in a few cells: its function, and the end of its id, which is what differs."""
    return f"{worker.function} {worker.worker_id[-6:]}"


def _news(tails: list[tuple[str, LogTail]], redaction: Redaction) -> tuple[list[LogLine], str]:
    """New lines of all logs; those with a time in its order, as far as one look goes."""
    found: list[tuple[int, int, LogLine]] = []
    trouble = ""
    for source, tail in tails:
        last_ms = 0
        try:
            records = tail.news(redaction)
        except OSError as error:
            trouble = f"{tail.path}: {error.strerror}"
            continue
        for record in records:
            # A line without a time of its own stays behind the one above it.
            last_ms = record.at_ms or last_ms
            text = record.text.decode("utf-8", "replace")
            line = LogLine(source, record.at_ms, record.stream, text)
            found.append((last_ms, len(found), line))
    found.sort(key=lambda one: one[:2])
    return [line for _, _, line in found], trouble
