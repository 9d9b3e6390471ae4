"""Chaos: what can be broken and how far it reaches, what is broken right now, the scores."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec import Struct, field
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from fnr.api.chaos_requests import ListDrills
from fnr.api.errors import FnrError
from fnr.api.plain_text import duration, one_line
from fnr.api.question import Request
from fnr.client.instants import now_ms
from fnr.client.own_command import OwnCommand, run_own_aside
from fnr.policy.chaos import Drilled, ends_at_ms
from fnr.policy.record import Page
from fnr.tui.aside import OneAtATime
from fnr.tui.feed import Feed
from fnr.tui.screens.list_view import ListView
from fnr.tui.screens.view import short
from fnr.tui.widgets.paged_table import TableColumn
from fnr.tui.widgets.panel import Panel
from fnr.tui.widgets.wanted import Wanted
from fnr.tui.wishes import Ask, Values, Wish, Wished, flag

RISKS = {"low": "green", "medium": "yellow", "high": "bold red"}


class FaultRow(Struct, frozen=True, kw_only=True):
    """A fault as `fnr chaos faults -o json` tells it."""

    name: str
    reach: str
    risk: str
    acts: str
    what: str
    undo: str
    options: dict[str, str] = field(default_factory=dict)
    category: str = ""
    recovers: bool = True


class _Listed(Struct, frozen=True, kw_only=True):
    items: list[FaultRow]


class ChaosView(ListView):
    """The catalogue, below it what acts now."""

    name_of_screen = "chaos"
    kinds = frozenset({"chaos"})
    empty = "no fault fits"
    hint = "words of a name, a reach, a risk"
    whole = True
    columns = (
        TableColumn(title="FAULT", cell=lambda one: one.name, width=18),
        TableColumn(title="REACH", cell=lambda one: one.reach, width=9, spare=1),
        TableColumn(title="RISK", cell=lambda one: (one.risk, RISKS.get(one.risk, "")), width=7),
        TableColumn(title="WHAT HAPPENS", cell=lambda one: one.what, flexible=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("I", "change_inject", "inject"),
        Binding("A", "change_abort_all", "abort all, at once"),
        Binding("s", "scores", "scores"),
    ]
    DEFAULT_CSS = """
    ChaosView > Panel { height: auto; max-height: 8; }
    """

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._faults: list[FaultRow] | None = None
        self._waiting: list[Wanted] = []
        self.acting: list[Drilled] = []
        self._unseen = ""
        self._to_acting = OneAtATime(self, self._look_at_acting, group="acting")
        self._acting_panel = Panel("acting now", self._acting_lines)

    def compose(self) -> ComposeResult:
        """The catalogue above what acts now."""
        yield from super().compose()
        yield self._acting_panel

    def id_of(self, item: Any) -> str:
        """A fault by its name."""
        return str(item.name)

    def page_of(self, where: str, wanted: Wanted) -> Request[Page[Any]]:
        """The catalogue is no list of the store."""
        raise AssertionError(f"faults are read by a command: {where!r}, {wanted}")

    def look(self) -> None:
        """What acts now; the catalogue does not change."""
        if not self.table.window.loaded:
            super().look()
        self._to_acting.again()

    async def _look_at_acting(self) -> None:
        try:
            self.acting, self._unseen = await self.feed.ask(ListDrills()), ""
        except FnrError as error:
            self.acting, self._unseen = [], short(error)
        self._acting_panel.show_changes()

    def tick(self) -> None:
        """Countdowns."""
        super().tick()
        self._acting_panel.refresh()

    async def _fetch(self, wanted: Wanted) -> None:
        if self._faults is None:
            self._waiting.append(wanted)
            self._load()
            return
        words = self.where.lower().split()
        items = [
            one
            for one in self._faults
            if all(
                word in f"{one.name} {one.reach} {one.risk} {one.what}".lower() for word in words
            )
        ]
        self.table.give(wanted, Page(items=items, total=len(items)))

    @work(exclusive=True, group="faults")
    async def _load(self) -> None:
        own = OwnCommand(words=("chaos", "faults", "-o", "json"))
        done = await run_own_aside(self.feed.paths, own)
        waiting, self._waiting = self._waiting, []
        try:
            if isinstance(done, OSError) or done.code != 0:
                raise ValueError(str(done) if isinstance(done, OSError) else done.err.strip())
            self._faults = msgspec.json.decode(done.out, type=_Listed).items
        except (ValueError, msgspec.DecodeError) as error:
            for wanted in waiting:
                self.table.fail(wanted, str(error))
            return
        for wanted in waiting:
            await self._fetch(wanted)

    async def words_of(self, item: FaultRow) -> str:
        """What it does, how far it goes, how it ends."""
        lines = [
            f"fault:     {item.name}",
            f"what:      {item.what}",
            f"reach:     {item.reach}, risk {item.risk}",
            f"ends:      {item.undo}",
            f"category:  {item.category or 'as its message says'}",
            f"recovers:  {'yes' if item.recovers else 'no: a dead letter is what should follow'}",
        ]
        if item.options:
            lines += ["", "options"]
            lines += [f"  {name:<12} {value or '(needed)'}" for name, value in item.options.items()]
        return "\n".join(lines)

    @property
    def command(self) -> tuple[str, ...]:
        """The same on the command line."""
        return ("chaos", "faults")

    def _acting_lines(self, width: int) -> list[Text]:  # noqa: ARG002 - as every panel
        if self._unseen:
            return [Text(f"? {one_line(self._unseen)}", "yellow")]
        if not self.acting:
            return [Text("✓ nothing is broken on purpose", "dim")]
        return [acting_words(one) for one in self.acting]

    # ── wishes ───────────────────────────────────────────────────────────────

    def action_change_inject(self) -> None:
        """Begin a fault, after a dry run."""
        item = self.table.window.item
        if item is None:
            return
        asks = [
            Ask(name="where", label="what it hits", hint="a filter: function:render"),
            Ask(name="duration", label="longest", value="30s", hint="it ends by itself"),
            Ask(name="reason", label="reason", hint="kept on record", needed=True),
        ]
        asks += [
            Ask(name=f"set-{name}", label=name, value=value) for name, value in item.options.items()
        ]

        def command(values: Values, more: tuple[str, ...] = ()) -> OwnCommand:
            options = [
                word
                for name, usual in item.options.items()
                if (value := values[f"set-{name}"]) != usual
                for word in ("--set", f"{name}={value}")
            ]
            words = (
                "chaos", "inject", item.name, *flag("--where", values["where"]),
                *flag("--duration", values["duration"]), *flag("--reason", values["reason"]),
                *options, *more,
            )  # fmt: skip
            return OwnCommand(words=words, unasked=() if more else ("-y",))

        self.post_message(
            Wished(
                Wish(
                    title=f"inject {item.name}: {item.what}",
                    text=f"Reach {item.reach}, risk {item.risk}. Ends: {item.undo}.",
                    verb="Inject",
                    command=command,
                    trial=lambda values: command(values, ("-n",)),
                    asks=tuple(asks),
                )
            )
        )

    def action_change_abort_all(self) -> None:
        """End everything that is broken on purpose; nobody is asked: it is the safe thing."""
        wish = Wish(
            title="abort all",
            text="Everything that is broken on purpose ends.",
            verb="Abort",
            command=lambda _: OwnCommand(words=("chaos", "abort", "--all")),
            at_once=True,
        )
        self.post_message(Wished(wish))

    def action_scores(self) -> None:
        """The latest score, and those that are kept."""

        def command(values: Values) -> OwnCommand:
            all_of_them = ("--all",) if values["which"] == "all" else ()
            return OwnCommand(words=("chaos", "score", *all_of_them))

        self.post_message(
            Wished(
                Wish(
                    title="scores of drills",
                    text="fnr chaos drill makes another one.",
                    verb="",
                    changes=False,
                    command=command,
                    trial=command,
                    trial_verb="Show",
                    tried_at_once=True,
                    asks=(Ask(name="which", label="which", options=("latest", "all")),),
                )
            )
        )


def _text(one: FaultRow) -> str:
    return f"{one.name} {one.reach} {one.risk} {one.what}".lower()


def acting_words(one: Drilled) -> Text:
    """An injected fault with its countdown."""
    injection = one.injection
    left_ms = max(0, ends_at_ms(one) - now_ms())
    words = Text().append(f"! {injection.fault}", "bold red")
    words.append(f"  {duration(left_ms // 1_000 * 1_000)} left  ", "yellow")
    return words.append(one_line(f"{injection.reason}  {injection.injection_id}"), "dim")
