"""The dead letters: look, mark, preview, replay, edit, resolve, purge; and how replays go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from fnr.api.letter_requests import ListLetters
from fnr.api.question import Request
from fnr.api.replay_requests import ListReplays
from fnr.api.requests import GetTask
from fnr.client.instants import now_ms
from fnr.client.letter_story import letter_page
from fnr.client.own_command import OwnCommand
from fnr.client.task_history import story
from fnr.client.without_secrets import without_secrets
from fnr.policy.dead_letter import DeadLetter
from fnr.policy.filter import LETTER_FIELDS, parse
from fnr.policy.filter_fields import show_moment
from fnr.policy.filter_tree import fields
from fnr.policy.record import Page
from fnr.policy.replay import ReplayPlan
from fnr.tui.aside import OneAtATime
from fnr.tui.cells import ago, short_id, signed
from fnr.tui.feed import Feed
from fnr.tui.replay_lines import given_up, looked_at, paused_or_resumed, plan_line, worth_showing
from fnr.tui.screens.list_view import ListView
from fnr.tui.widgets.paged_table import TableColumn
from fnr.tui.widgets.panel import ChoicePanel
from fnr.tui.widgets.wanted import Wanted
from fnr.tui.wishes import Ask, Values, Wish, Wished, flag, on_ids

# What an editor of a few lines is for; larger inputs are edited in $EDITOR.
EDITED_BYTES_MAX = 256 * 1024
REPLAYS_LOOKED_AT = 20
REPLAYS_SHOWN = 4


class DlqView(ListView):
    """Open dead letters, the latest death first."""

    name_of_screen = "dlq"
    kinds = frozenset({"letter", "task", "plan"})
    fields = LETTER_FIELDS
    empty = "no dead letters"
    hint = "category:transient function:render-* age<1d message~ENOSPC; fnr help filters"
    columns = (
        TableColumn(title="DIED", cell=lambda one: ago(one.died_at_ms), width=7, right=True),
        TableColumn(title="CAUSE", cell=lambda one: (one.cause.value, "red"), width=10),
        TableColumn(title="FUNCTION", cell=lambda one: one.function, width=16, spare=1),
        TableColumn(
            title="CATEGORY", cell=lambda one: signed(one.category.value), width=12, spare=2
        ),
        TableColumn(
            title="TRIES", cell=lambda one: str(one.attempts), width=5, right=True, spare=4
        ),
        TableColumn(title="STATE", cell=lambda one: signed(one.state.value), width=11, spare=3),
        TableColumn(title="TASK", cell=lambda one: short_id(one.task_id), width=13, spare=5),
        TableColumn(title="MESSAGE", cell=lambda one: one.message or one.reason, flexible=True),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "preview", "preview"),
        Binding("R", "change_replay", "replay"),
        Binding("E", "change_edit", "edit input"),
        Binding("S", "change_resolve", "resolve"),
        Binding("X", "change_purge", "purge"),
        Binding("T", "change_pause_replay", "pause/resume replay", show=False),
        Binding("K", "change_cancel_replay", "give up replay", show=False),
    ]
    DEFAULT_CSS = """
    DlqView > ChoicePanel { max-height: 6; display: none; }
    DlqView > ChoicePanel.-open { display: block; }
    """

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self.replays: list[ReplayPlan] = []
        self._to_replays = OneAtATime(self, self._look_at_replays, group="replays")
        self._progress = ChoicePanel(
            "replays · enter shows one, T pauses or resumes it, K gives it up",
            empty="", lines_max=REPLAYS_SHOWN, key_of=lambda plan: plan.plan_id, id="replays",
        )  # fmt: skip

    def compose(self) -> ComposeResult:
        """The letters above, the replays of some of them below."""
        yield from super().compose()
        yield self._progress

    def look(self) -> None:
        """Letters and replays, as they are now."""
        super().look()
        self._to_replays.again()

    async def _look_at_replays(self) -> None:
        page = await self.ask(ListReplays(limit=REPLAYS_LOOKED_AT))
        if page is not None:
            self.replays = worth_showing(page.items, now_ms=now_ms())
            self._progress.show([plan_line(plan) for plan in self.replays], self.replays)
            self._progress.set_class(bool(self.replays), "-open")

    def key_of(self, item: Any) -> str:
        """Letters stand in the order of their deaths."""
        return f"{item.died_at_ms}-{item.task_id}"

    def id_of(self, item: Any) -> str:
        """A letter by its task."""
        return str(item.task_id)

    def page_of(self, where: str, wanted: Wanted) -> Request[Page[Any]]:
        """Letters, the latest first."""
        return ListLetters(
            where=where, after=wanted.after, limit=wanted.limit, backwards=wanted.backwards
        )

    async def words_of(self, item: DeadLetter) -> str:
        """All that is needed to decide what becomes of it, and its story."""
        detail = without_secrets(
            await self.feed.ask(GetTask(task_id=item.task_id)), self.feed.redaction
        )
        if detail.letter is None:
            return f"{item.task_id} has no dead letter any more"
        head = letter_page(detail).rstrip("\n")
        return f"{head}\n\nhistory\n\n" + "\n".join(story(detail))

    @property
    def command(self) -> tuple[str, ...]:
        """The same on the command line."""
        return ("dlq", "show", self.subject) if self.subject else ("dlq", "list")

    # ── wishes ───────────────────────────────────────────────────────────────

    def _meant(self) -> tuple[list[str], tuple[str, ...], str] | None:
        """Ids, or the words that mean all of them, and how to say it."""
        total = self.table.window.count
        if self.table.window.everything:
            many = "" if total is None else f" ({total:,})"
            if self.where:
                return [], ("--where", self.where), f"all that the filter finds{many}"
            return [], ("--all",), f"every open dead letter{many}"
        found = self.chosen_ids()
        if not found:
            self.post_message(self.Told("no dead letter is chosen", bad=True))
            return None
        return found, (), f"{len(found):,} dead letter{'s' * (len(found) > 1)}"

    def _replay(self, values: Values, *, dry: bool) -> OwnCommand:
        found, all_words, _ = self._replayed
        # Whoever looks on sees how the plan goes; the command need not wait for it.
        more = [*all_words, "-n" if dry else "--detach"]
        for ask in self._replay_asks():
            more += flag(f"--{ask.name}", values.get(ask.name, ""))
        unasked = () if dry else ("-y",)
        return on_ids(("dlq", "replay"), found, more, unasked)

    def _replay_asks(self) -> tuple[Ask, ...]:
        return (
            Ask(name="canary", label="canary", hint="try so many first, go on if they come home"),
            Ask(name="rate", label="no faster than", hint="5/s, 100/m; empty is at once"),
            Ask(name="concurrency", label="at most live at once", hint="1000 unless you say so"),
            Ask(name="stop-on-failures", label="stop when so many died again", hint="20 or 10%"),
            Ask(name="reason", label="reason", hint="kept on record"),
        )

    def action_preview(self) -> None:
        """What a replay would do."""
        self._wish_replay(changes=False)

    def action_change_replay(self) -> None:
        """Put dead letters back."""
        self._wish_replay(changes=True)

    def _wish_replay(self, *, changes: bool) -> None:
        meant = self._meant()
        if meant is None:
            return
        self._replayed = meant
        asks = self._replay_asks() if changes else ()
        self.post_message(
            Wished(
                Wish(
                    title=f"replay {meant[2]}" if changes else f"preview: replay {meant[2]}",
                    text="Back into the queue with fresh budgets of attempts; a letter is closed"
                    " once its task has succeeded.",
                    verb="Replay",
                    command=lambda values: self._replay(values, dry=not changes),
                    trial=lambda values: self._replay(values, dry=True),
                    trial_verb="Preview",
                    tried_at_once=True,
                    asks=asks,
                    changes=changes,
                )
            )
        )

    def action_change_edit(self) -> None:
        """Give the task another input; the original is kept."""
        if task_id := self.subject:
            self.wish_when_known(partial(self._edited, task_id))

    async def _edited(self, task_id: str) -> Wish | None:
        detail = await self.ask(GetTask(task_id=task_id))
        if detail is None:
            return None
        if len(detail.input) > EDITED_BYTES_MAX:
            words = f"its input has {len(detail.input):,} bytes: fnr dlq edit {task_id}"
            self.post_message(self.Told(words, bad=True))
            return None

        def command(values: Values) -> OwnCommand:
            try:
                msgspec.json.decode(values["input"], type=dict[str, msgspec.Raw])
            except msgspec.DecodeError as error:
                raise ValueError(f"not a JSON object yet: {error}") from error
            words = ("dlq", "edit", task_id, "--input", "-")
            return OwnCommand(words=words, stdin=values["input"])

        return Wish(
            title=f"edit the input of {task_id}",
            text="Checked before it is taken; the original is kept beside it.",
            verb="Take it",
            command=command,
            asks=(
                Ask(
                    name="input", label="input, a JSON object", area=True,
                    value=msgspec.json.format(bytes(detail.input), indent=2).decode(),
                ),
            ),
        )  # fmt: skip

    def action_change_resolve(self) -> None:
        """Put letters to rest without a replay."""
        meant = self._meant_by_filter_or_ids("resolve")
        if meant is None:
            return
        found, where, words = meant

        def command(values: Values) -> OwnCommand:
            more = [*where, *flag("--reason", values["reason"])]
            return on_ids(("dlq", "resolve"), found, more, ("-y",) if where else ())

        self.post_message(
            Wished(
                Wish(
                    title=f"resolve {words}",
                    text="Put to rest without a replay; kept until purged.",
                    verb="Resolve",
                    command=command,
                    asks=(Ask(name="reason", label="reason", hint="why no replay is needed"),),
                )
            )
        )

    def action_change_purge(self) -> None:
        """Delete letters with everything about them."""
        meant = self._meant_by_filter_or_ids("purge")
        if meant is None:
            return
        found, where, words = meant
        count = len(found) or self.table.window.count
        if count is None:
            self.post_message(self.Told("nobody has counted what this filter finds", bad=True))
            return

        def command(_: Values) -> OwnCommand:
            return on_ids(("dlq", "purge"), found, (*where, "--open"), ("-y",))

        self.post_message(
            Wished(
                Wish(
                    title=f"purge {words}",
                    text="Deletes letters, tasks, inputs and errors for good: there is no way back."
                    " fnr dlq export keeps a copy.",
                    verb="Delete for good",
                    command=command,
                    must_type=str(count),
                )
            )
        )

    @on(ChoicePanel.Picked)
    def _replay_picked(self, message: ChoicePanel.Picked) -> None:
        message.stop()
        self.post_message(Wished(looked_at(message.item)))

    def action_change_pause_replay(self) -> None:
        """Put nothing more back, or go on."""
        self._wish_about_replay(paused_or_resumed)

    def action_change_cancel_replay(self) -> None:
        """Give a replay up for good."""
        self._wish_about_replay(given_up)

    def _wish_about_replay(self, wish_for: Callable[[ReplayPlan], Wish | None]) -> None:
        plan = self._progress.item
        wish = None if plan is None else wish_for(plan)
        if wish is None:
            self.post_message(self.Told("no replay goes on", bad=True))
        else:
            self.post_message(Wished(wish))

    def _meant_by_filter_or_ids(self, verb: str) -> tuple[list[str], tuple[str, ...], str] | None:
        meant = self._meant()
        if meant is not None and meant[1] == ("--all",):
            words = f"to {verb} everything, filter for it: / state:open"
            self.post_message(self.Told(words, bad=True))
            return None
        if meant is not None and meant[1]:
            return meant[0], ("--where", self._as_listed()), meant[2]
        return meant

    def _as_listed(self) -> str:
        """The filter and what the list adds to it, as of its latest letter: these were counted."""
        window = self.table.window
        where = f"({self.where})"
        if "state" not in fields(parse(self.where, fields=LETTER_FIELDS)):
            where += " state:open"
        latest = window.rows[0].died_at_ms if window.rows and window.at_head else now_ms()
        return f"{where} until:{show_moment(latest)}"
