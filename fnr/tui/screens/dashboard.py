"""The dashboard: functions and workers, what needs attention and why, errors and recovery."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, VerticalScroll
from textual.message import Message

from fnr.api.breaker_requests import ListBreakers
from fnr.api.errors import FnrError
from fnr.api.incident_requests import ListErrors, ListIncidents
from fnr.api.letter_requests import GetLetterStats, ListLetters
from fnr.api.plain_text import one_line
from fnr.api.question import Request
from fnr.api.requests import Event, FunctionStatus, GetStatus, ListTasks, Status
from fnr.api.resource_requests import GpuList, ListGpus
from fnr.client.instants import boot_ms, now_ms
from fnr.client.next_step import told_here
from fnr.client.own_command import OwnCommand
from fnr.policy.breaker_record import BreakerStatus
from fnr.policy.incident import Incident
from fnr.policy.record import ErrorLine, LetterStat, Page
from fnr.policy.task import Task
from fnr.tui.aside import OneAtATime, aside
from fnr.tui.attention import Concern, concerns
from fnr.tui.cells import signed
from fnr.tui.feed import Feed
from fnr.tui.host_lines import breaker_lines, gpu_lines
from fnr.tui.looks import spark
from fnr.tui.pulse import DIED, ERRORS, RECOVERED, Pulse
from fnr.tui.screens.view import Answer, View, short
from fnr.tui.widgets.paged_table import PagedTable, TableColumn
from fnr.tui.widgets.panel import ChoicePanel, Panel
from fnr.tui.wishes import Ask, Values, Wish, Wished, flag
from fnr.tui.work_lines import error_line, letter_lines, pulse_lines, waiting_lines

WIDE_COLUMNS_MIN = 110
FUNCTIONS_SHOWN = 12
ERRORS_SHOWN = 6
CONCERNS_SHOWN = 8
WAITING_LOOKED_AT = 500
UNSEEN = "state:new,regressed"
INCIDENTS_LOOKED_AT = 100
SEEDED_MAX = 1_000
GPUS_READ_MS = 5_000


def _count(state: str, style: str = "") -> Any:
    def cell(one: FunctionStatus) -> tuple[str, str]:
        count = one.counts.get(state, 0)
        return (f"{count:,}", style) if count else ("·", "dim")

    return cell


class DashboardView(View):
    """How it is going, on one screen."""

    name_of_screen = "dashboard"
    kinds = frozenset(
        {"task", "worker", "error", "letter", "incident", "config", "daemon", "breaker"}
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("U", "change_pause", "pause/resume function"),
        Binding("W", "change_restart", "restart workers"),
    ]
    DEFAULT_CSS = """
    DashboardView > VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    DashboardView PagedTable { height: auto; margin: 0 0 0 0; }
    DashboardView Grid { grid-size: 1; grid-rows: auto; height: auto; grid-gutter: 0 2; }
    DashboardView.-wide Grid { grid-size: 2; }
    """

    class GoTo(Message):
        """Show another screen, filtered."""

        def __init__(self, screen: str, where: str) -> None:
            super().__init__()
            self.screen = screen
            self.where = where

    def __init__(self, feed: Feed, pulse: Pulse) -> None:
        super().__init__(feed)
        self.pulse = pulse
        self.table = PagedTable(
            self._columns(),
            key_of=lambda one: str(one.function),
            id_of=lambda one: str(one.function),
            empty="no functions yet: fnr init writes an fnr.toml to begin with",
            whole=True,
        )
        self.attention = ChoicePanel(
            "needs attention", empty="✓ nothing", lines_max=CONCERNS_SHOWN, id="attention",
            key_of=lambda one: (one.screen, one.where) if one.screen else one.words,
        )  # fmt: skip
        self._heart = Panel("errors and recovery", lambda width: pulse_lines(self.pulse, width))
        self._waiting = Panel("queue and waiting", lambda _: [Text("…", "dim")])
        self._letters = Panel("dead letters", lambda _: [Text("…", "dim")])
        self.latest = ChoicePanel(
            "latest errors", empty="no errors", lines_max=ERRORS_SHOWN, id="latest",
            key_of=lambda error: error.error_id,
        )  # fmt: skip
        self._breakers = Panel("breakers", self._breaker_lines)
        self._gpus = Panel("GPUs", self._gpu_lines)
        self._breakers.display = self._gpus.display = False
        self._seeded = -1
        self._looking = OneAtATime(self, self._look, group="look")
        self._guards: list[BreakerStatus] = []
        self._cards = GpuList()
        self._cards_at_ms = 0
        # Why not all could be read when it was last looked at; "" when it could.
        self._unread = ""
        self.status: Status | None = None

    def compose(self) -> ComposeResult:
        """Functions above, panels below."""
        with VerticalScroll(can_focus=False, id="all"):
            yield self.table
            with Grid():
                yield self.attention
                yield self._heart
                yield self._waiting
                yield self._letters
                yield self._breakers
                yield self._gpus
            yield self.latest

    def on_mount(self) -> None:
        """Laid out for its width at once: it is as wide as the terminal."""
        self.set_class(self.app.size.width >= WIDE_COLUMNS_MIN, "-wide")
        # What is above grows when it is filled, and pushes what has the focus out of the screen.
        self.watch(self.query_one("#all"), "virtual_size", self._show_focused, init=False)

    def _show_focused(self) -> None:
        # Whoever has the focus on the functions may have turned the wheel to what is below.
        for panel in (self.attention, self.latest):
            if panel.has_focus:
                panel.scroll_visible(animate=False)

    def on_resize(self) -> None:
        """Two columns of panels where there is room."""
        self._fit()

    def _fit(self) -> None:
        self.set_class(self.size.width >= WIDE_COLUMNS_MIN, "-wide")

    def _columns(self) -> tuple[TableColumn, ...]:
        return (
            TableColumn(title="FUNCTION", cell=lambda one: one.function, flexible=True),
            TableColumn(title="STATE", cell=self._state, width=10),
            TableColumn(title="WORKERS", cell=self._workers, width=7, right=True, spare=2),
            TableColumn(title="RUNNING", cell=_count("running", "green"), width=7, right=True),
            TableColumn(title="QUEUED", cell=_count("queued"), width=7, right=True),
            TableColumn(
                title="WAITING", cell=_count("waiting", "yellow"), width=7, right=True, spare=1
            ),
            TableColumn(title="DEAD", cell=_count("dead", "red"), width=6, right=True),
            TableColumn(title="DONE", cell=_count("done"), width=9, right=True, spare=3),
            TableColumn(title="  DONE, 10 s A BAR", sized=self._spark_of, flexible=True, spare=4),
        )  # fmt: skip

    def _state(self, one: FunctionStatus) -> tuple[str, str]:
        # What the store alone says of it does not make it ready for anything.
        down = self.status is not None and self.status.state == "down"
        return signed("down" if down and one.state == "ready" else one.state)

    def _workers(self, one: FunctionStatus) -> str:
        return f"{one.workers}/{one.workers_max}" if one.kind else "-"

    def _spark_of(self, one: FunctionStatus, width: int) -> str:
        cells = max(1, width - 2)
        return "  " + spark(self.pulse.done_of(one.function, cells, now_ms=now_ms()), cells)

    # ── looking ──────────────────────────────────────────────────────────────

    def look(self) -> None:
        """How it is now."""
        self._looking.again()

    async def ask(self, request: Request[Answer]) -> Answer | None:
        """The answer, or None after saying why there is none; that stays: it is not nothing."""
        try:
            return await self.feed.ask(request)
        except FnrError as error:
            self.say_error(error)
            self._unread = short(error)
            return None

    async def _look(self) -> None:
        self._unread = ""
        status = await self.ask(GetStatus())
        if status is None:
            if self.status is None:
                self._show_attention([], whole=True)
            return
        self.show_status(status)
        if self._seeded != self.pulse.life:
            self._seeded = self.pulse.life
            await self._seed()
        incidents = await self.ask(ListIncidents(where=UNSEEN, limit=INCIDENTS_LOOKED_AT))
        stats: list[LetterStat] | None = []
        if status.letters_open:
            stats = await self.ask(GetLetterStats())
        errors = await self.ask(ListErrors(limit=ERRORS_SHOWN))
        waiting = Page[Task](items=[])
        if status.counts.get("waiting"):
            found = await self.ask(ListTasks(where="state:waiting", limit=WAITING_LOOKED_AT))
            waiting = found or waiting
        guards = await self.ask(ListBreakers())
        self._guards = self._guards if guards is None else guards
        news = incidents or Page[Incident](items=[])
        needs = concerns(status, news.items, stats or [])
        self._show_attention(needs, whole=incidents is not None and news.next is None)
        self._waiting.show(lambda _: waiting_lines(status, waiting.items))
        if stats is not None:
            self._letters.show(lambda _: letter_lines(stats, self.pulse))
        if errors is not None:
            self.latest.show([error_line(one) for one in errors.items], errors.items)
        self._show(self._breakers, there=bool(self._guards))
        await self._look_at_gpus()

    async def _look_at_gpus(self) -> None:
        """Read when they were not read for a while; a daemon that is away reads none."""
        if boot_ms() - self._cards_at_ms < GPUS_READ_MS:
            return
        self._cards_at_ms = boot_ms()
        try:
            self._cards = await self.feed.ask(ListGpus())
        except FnrError as error:
            self._cards = GpuList(missing=error.what)
        # What was there and cannot be seen any more is worth a line.
        self._show(self._gpus, there=bool(self._cards.gpus) or self._gpus.display)

    def _show(self, panel: Panel, *, there: bool) -> None:
        panel.display = there
        panel.show_changes()

    def _breaker_lines(self, width: int) -> list[Text]:  # noqa: ARG002 - as every panel
        return breaker_lines(self._guards)

    def _gpu_lines(self, width: int) -> list[Text]:
        return gpu_lines(self._cards, width)

    def show_status(self, status: Status) -> None:
        """The functions."""
        self.status = status
        window = self.table.window
        rows = [one for one in status.functions if one.function]
        wanted = window.again() if window.loaded else window.begin()
        if wanted is not None:
            self.table.give(wanted, Page(items=rows))
        self.table.styles.height = min(max(len(rows), 1), FUNCTIONS_SHOWN) + 2

    async def _seed(self) -> None:
        """What happened in the half hour before anybody listened."""
        pulse, life = self.pulse, self.pulse.life
        errors = await self.ask(ListErrors(where="since:30m", limit=SEEDED_MAX))
        letters = await self.ask(ListLetters(where="state:* since:30m", limit=SEEDED_MAX))
        ended = await self.ask(ListTasks(where="state:done since:30m", limit=SEEDED_MAX))
        again = ListTasks(where="state:done retries>0 since:30m", limit=SEEDED_MAX)
        recovered = await self.ask(again)
        if pulse.life != life:
            return
        if errors:
            moments = [one.at_ms for one in errors.items]
            pulse.put_in(ERRORS, moments, whole=not errors.next, latest=True)
        if letters:
            moments = [one.died_at_ms for one in letters.items]
            pulse.put_in(DIED, moments, whole=not letters.next, latest=True)
        if ended:
            ends = [(one.function, one.state_at_ms) for one in ended.items]
            pulse.put_in_done(ends, whole=not ended.next)
        if recovered:
            moments = [one.state_at_ms for one in recovered.items]
            pulse.put_in(RECOVERED, moments, whole=not recovered.next)

    def happened(self, event: Event) -> None:
        """The app counts events for everybody."""

    def tick(self) -> None:
        """Time has passed: bars move, ages grow."""
        self._fit()
        self.table.show_changes()
        self._heart.refresh()
        self._breakers.refresh()
        if self._gpus.display:
            # What they read is no event: nobody tells, so one looks.
            aside(self, self._look_at_gpus, group="gpus")

    def focus_first(self) -> None:
        """The functions."""
        self.table.focus()

    # ── panels ───────────────────────────────────────────────────────────────

    def _show_attention(self, found: list[Concern], *, whole: bool) -> None:
        if self._unread:
            found = [Concern(words=f"not all could be read: {self._unread}"), *found]
        self.attention.show(
            [
                Text()
                .append("! " if one.urgent else "· ", "bold red" if one.urgent else "yellow")
                .append(one_line(told_here(one.words, self.feed.paths.command)))
                for one in found
            ],
            found,
            whole=whole,
        )

    @on(ChoicePanel.Picked)
    def _picked(self, message: ChoicePanel.Picked) -> None:
        message.stop()
        match message.item:
            case ErrorLine(incident_id=incident_id):
                self.post_message(self.GoTo("errors", f"incident:{incident_id}"))
            case Concern(screen=screen, where=where) if screen:
                self.post_message(self.GoTo(screen, where))

    @on(PagedTable.Chosen)
    def _opened(self, message: PagedTable.Chosen) -> None:
        message.stop()
        if message.opened and message.item is not None:
            self.post_message(self.GoTo("tasks", f"function:{message.item.function}"))

    @on(PagedTable.PageWanted)
    def _complete(self, message: PagedTable.PageWanted) -> None:
        message.stop()

    # ── wishes ───────────────────────────────────────────────────────────────

    @property
    def subject(self) -> str:
        """The chosen function."""
        item = self.table.window.item
        return "" if item is None else str(item.function)

    @property
    def command(self) -> tuple[str, ...]:
        """The same on the command line."""
        return ("status",)

    def action_change_pause(self) -> None:
        """Start no more attempts of a function, or again."""
        item = self.table.window.item
        if item is None:
            return
        name, paused = str(item.function), bool(item.paused)

        def command(values: Values) -> OwnCommand:
            if paused:
                return OwnCommand(words=("function", "resume", name))
            words = ("function", "pause", name, *flag("--reason", values["reason"]))
            return OwnCommand(words=words)

        text = "Start its attempts again." if paused else (
            "Start no more attempts; what runs goes on, what comes is kept."
        )  # fmt: skip
        self.post_message(
            Wished(
                Wish(
                    title=f"{'resume' if paused else 'pause'} {name}",
                    text=text,
                    verb="Resume" if paused else "Pause",
                    command=command,
                    asks=() if paused else (Ask(name="reason", label="reason"),),
                )
            )
        )

    def action_change_restart(self) -> None:
        """Replace the workers of a function."""
        name = self.subject
        if not name:
            return
        self.post_message(
            Wished(
                Wish(
                    title=f"restart the workers of {name}",
                    text="Each after its running attempt.",
                    verb="Restart",
                    command=lambda _: OwnCommand(words=("worker", "restart", name)),
                )
            )
        )
