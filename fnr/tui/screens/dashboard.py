"""The dashboard: functions and workers, what needs attention and why, errors and recovery."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, VerticalScroll
from textual.message import Message

from fnr.api.incident_requests import ListErrors, ListIncidents
from fnr.api.plain_text import one_line
from fnr.api.requests import (
    Event,
    FunctionStatus,
    GetLetterStats,
    GetStatus,
    ListLetters,
    ListTasks,
    Status,
)
from fnr.client.instants import age, now_ms
from fnr.client.own_command import OwnCommand
from fnr.policy.record import ErrorLine, LetterStat, Page
from fnr.policy.task import Task
from fnr.tui.aside import aside
from fnr.tui.attention import Concern, concerns
from fnr.tui.cells import signed
from fnr.tui.feed import Feed
from fnr.tui.looks import look_of, spark
from fnr.tui.pulse import DIED, DONE, ERRORS, RECOVERED, Pulse
from fnr.tui.screens.view import View
from fnr.tui.widgets.paged_table import PagedTable, TableColumn
from fnr.tui.widgets.panel import ChoicePanel, Panel
from fnr.tui.wishes import Ask, Values, Wish, Wished, flag

WIDE_COLUMNS_MIN = 110
FUNCTIONS_SHOWN = 12
ERRORS_SHOWN = 6
CONCERNS_SHOWN = 8
WAITING_LOOKED_AT = 500
HOUR_MS = 3_600_000


def _state(one: FunctionStatus) -> str:
    if one.problem:
        return "broken"
    if one.paused:
        return "paused"
    if one.holds:
        return "held"
    return "busy" if one.busy else "ready"


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
            "needs attention", empty="✓ nothing", lines_max=CONCERNS_SHOWN, id="attention"
        )
        self._heart = Panel("errors and recovery", self._pulse_lines)
        self._waiting = Panel("queue and waiting", lambda _: [Text("…", "dim")])
        self._letters = Panel("dead letters", lambda _: [Text("…", "dim")])
        self.latest = ChoicePanel(
            "latest errors", empty="no errors", lines_max=ERRORS_SHOWN, id="latest"
        )
        self._concerns: list[Concern] = []
        self._errors: list[ErrorLine] = []
        self._seeded = False
        self.status: Status | None = None

    def compose(self) -> ComposeResult:
        """Functions above, panels below."""
        with VerticalScroll(can_focus=False):
            yield self.table
            with Grid():
                yield self.attention
                yield self._heart
                yield self._waiting
                yield self._letters
            yield self.latest

    def on_resize(self) -> None:
        """Two columns of panels where there is room."""
        self._fit()

    def _fit(self) -> None:
        self.set_class(self.size.width >= WIDE_COLUMNS_MIN, "-wide")

    def _columns(self) -> tuple[TableColumn, ...]:
        return (
            TableColumn(title="FUNCTION", cell=lambda one: one.function, flexible=True),
            TableColumn(title="STATE", cell=lambda one: signed(_state(one)), width=8),
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

    def _workers(self, one: FunctionStatus) -> str:
        return f"{one.workers}/{one.workers_max}" if one.kind else "-"

    def _spark_of(self, one: FunctionStatus, width: int) -> str:
        cells = max(1, width - 2)
        return "  " + spark(self.pulse.done_of(one.function, cells, now_ms=now_ms()), cells)

    # ── looking ──────────────────────────────────────────────────────────────

    def look(self) -> None:
        """How it is now."""
        aside(self, self._look, group="look")

    async def _look(self) -> None:
        status = await self.ask(GetStatus())
        if status is None:
            return
        self.show_status(status)
        if not self._seeded:
            self._seeded = True
            await self._seed()
        incidents = await self.ask(ListIncidents(where="state:new,regressed", limit=CONCERNS_SHOWN))
        stats = (await self.ask(GetLetterStats()) or []) if status.letters_open else []
        errors = await self.ask(ListErrors(limit=ERRORS_SHOWN))
        waiting = Page[Task](items=[])
        if status.counts.get("waiting"):
            found = await self.ask(ListTasks(where="state:waiting", limit=WAITING_LOOKED_AT))
            waiting = found or waiting
        self._show_attention(concerns(status, incidents.items if incidents else [], stats))
        self._show_waiting(status, waiting)
        self._show_letters(stats)
        self._show_errors(errors.items if errors else [])

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
        """What happened in the half hour before anybody looked."""
        errors = await self.ask(ListErrors(where="since:30m", limit=1_000))
        self.pulse.put_in(ERRORS, [one.at_ms for one in errors.items] if errors else [])
        letters = await self.ask(ListLetters(where="state:* since:30m", limit=1_000))
        self.pulse.put_in(DIED, [one.died_at_ms for one in letters.items] if letters else [])
        again = await self.ask(ListTasks(where="state:done retries>0 since:30m", limit=1_000))
        self.pulse.put_in(RECOVERED, [one.state_at_ms for one in again.items] if again else [])

    def happened(self, event: Event) -> None:
        """The app counts events for everybody."""

    def tick(self) -> None:
        """Time has passed: bars move, ages grow."""
        self._fit()
        self.table.show_changes()
        self._heart.refresh()

    def focus_first(self) -> None:
        """The functions."""
        self.table.focus()

    # ── panels ───────────────────────────────────────────────────────────────

    def _show_attention(self, found: list[Concern]) -> None:
        self._concerns = found
        self.attention.show(
            [
                Text()
                .append("! " if one.urgent else "· ", "bold red" if one.urgent else "yellow")
                .append(one_line(one.words))
                for one in found
            ]
        )

    def _pulse_lines(self, width: int) -> list[Text]:
        now = now_ms()
        label, numbers = 11, 18
        cells = max(1, min(width - label - numbers, 180))
        found = []
        for name, style in ((ERRORS, "red"), (RECOVERED, "green"), (DIED, "magenta"), (DONE, "")):
            last = self.pulse.in_last(name, 60_000, now_ms=now)
            hour = self.pulse.in_last(name, HOUR_MS // 2, now_ms=now)
            line = Text().append(f"{name:<{label}}", style)
            line.append(spark(self.pulse.steps(name, cells, now_ms=now), cells), style)
            found.append(line.append(f"{last:>6,}/min {hour:>6,}", "" if last else "dim"))
        minutes = cells * 10 / 60
        words = f"{'':<{label}}{minutes:.0f} min, 10 s a bar; per minute, in 30 min"
        return [*found, Text(words, "dim")]

    def _show_waiting(self, status: Status, page: Page[Task]) -> None:
        reasons = Counter((one.waiting_for or one.reason or "unknown") for one in page.items)
        counts = status.counts
        total = counts.get("waiting", 0)

        def lines(width: int) -> list[Text]:  # noqa: ARG001 - as every panel
            found = [
                Text(f"{counts.get('queued', 0):,} queued, {counts.get('running', 0):,} running,")
                .append(f" {total:,} waiting", "yellow" if total else "")
            ]  # fmt: skip
            for reason, count in reasons.most_common(5):
                found.append(Text(f"{count:>7,}  for {one_line(reason)}"))
            if total > len(page.items) > 0:
                found.append(Text(f"         of the latest {len(page.items):,}", "dim"))
            return found

        self._waiting.show(lines)

    def _show_letters(self, stats: list[LetterStat]) -> None:
        most = sorted(stats, key=lambda stat: -stat.count)[:5]
        total = sum(stat.count for stat in stats)

        def lines(width: int) -> list[Text]:  # noqa: ARG001 - as every panel
            if not most:
                return [Text("✓ none", "dim")]
            new = self.pulse.in_last(DIED, HOUR_MS // 2, now_ms=now_ms())
            head = Text().append(f"{total:,} open", "red")
            head.append(f", {new:,} died in 30 min {'▲' if new else ''}", "dim")
            return [head] + [
                Text(f"{stat.count:>7,}  {one_line(stat.function)}  ")
                .append(f"{stat.category} {stat.cause}  newest {age(stat.newest_at_ms)}", "dim")
                for stat in most
            ]  # fmt: skip

        self._letters.show(lines)

    def _show_errors(self, errors: list[ErrorLine]) -> None:
        self._errors = errors
        lines = []
        for one in errors:
            look = look_of(one.category.value)
            line = Text().append(f"{age(one.at_ms):>6}  ", "dim")
            line.append(f"{look.sign} ", look.style)
            line.append(f"{one_line(one.function):<14.14}  ")
            lines.append(
                line.append(f"{one_line(one.rule):<18.18}  ", "dim").append(one_line(one.message))
            )
        self.latest.show(lines)

    @on(ChoicePanel.Picked)
    def _picked(self, message: ChoicePanel.Picked) -> None:
        message.stop()
        if message.panel is self.latest:
            error = self._errors[message.number]
            self.post_message(self.GoTo("errors", f"incident:{error.incident_id}"))
        else:
            concern = self._concerns[message.number]
            if concern.screen:
                self.post_message(self.GoTo(concern.screen, concern.where))

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
