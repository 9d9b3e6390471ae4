"""The rules: which decide, which never did, which people correct; tried, switched off and on.

Nine hundred rules with their expressions need 60 MiB and a second to load, so they are loaded by
`fnr rules list` in a process of its own, and what it prints is what is shown.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from textual.binding import Binding, BindingType

from fnr.api.errors import FnrError
from fnr.api.question import Request
from fnr.api.rule_requests import ListRuleCounts
from fnr.client.own_command import OwnCommand, run_own_aside
from fnr.policy.record import Page, RuleCount
from fnr.tui.aside import OneAtATime
from fnr.tui.cells import ago, signed
from fnr.tui.feed import Feed
from fnr.tui.screens.list_view import ListView
from fnr.tui.screens.view import short
from fnr.tui.widgets.paged_table import TableColumn
from fnr.tui.widgets.wanted import Wanted
from fnr.tui.wishes import Ask, Values, Wish, Wished, on_ids

# The packs' rules alone are a quarter of a MiB; rules.d may have twenty times as many.
LIST_BYTES_MAX = 32 * 1024 * 1024
# As `fnr rules list` says it of a shipped rule whose name one of the operator's has.
OVERRIDDEN = "overridden"


class RuleRow(Struct, frozen=True, kw_only=True):
    """A rule as `fnr rules list -o json` tells it."""

    name: str
    category: str
    level: str
    operator: bool
    disabled: bool
    state: str
    where: str
    examples: int = 0
    hint: str = ""


class _Listed(Struct, frozen=True, kw_only=True):
    items: list[RuleRow]


class _Error(Struct, frozen=True, kw_only=True):
    message: str
    why: str = ""


class _Failed(Struct, frozen=True, kw_only=True):
    error: _Error


class Ruled(Struct, frozen=True, kw_only=True):
    """A rule with how often it decided; rule None: the name of what decided is no rule any more."""

    name: str
    rule: RuleRow | None
    count: RuleCount | None

    @property
    def hits(self) -> int:
        """How often it decided."""
        return 0 if self.count is None else self.count.hits

    @property
    def state(self) -> str:
        """In force, not in force, disabled, or that what decided is no rule."""
        return "no rule" if self.rule is None else self.rule.state


def _corrected(one: Ruled) -> tuple[str, str]:
    corrected = one.count.corrected if one.count else 0
    return (str(corrected), "yellow") if corrected else ("", "")


class RulesView(ListView):
    """All rules; the operator's and those that decide most come first."""

    name_of_screen = "rules"
    kinds = frozenset({"config"})
    empty = "no rule fits"
    whole = True
    hint = "words of a name, a category, a file; never: rules that never decided; own: of rules.d"
    columns = (
        TableColumn(title="RULE", cell=lambda one: one.name, flexible=True),
        TableColumn(
            title="CATEGORY", width=12, spare=1,
            cell=lambda one: signed(one.rule.category) if one.rule else "",
        ),
        TableColumn(
            title="HITS", cell=lambda one: f"{one.hits:,}" if one.hits else "never",
            width=7, right=True,
        ),
        TableColumn(
            title="LAST", width=7, right=True, spare=2,
            cell=lambda one: ago(one.count.last_at_ms) if one.count else "",
        ),
        TableColumn(title="CORRECTED", cell=_corrected, width=9, right=True, spare=4),
        TableColumn(title="STATE", cell=lambda one: signed(one.state), width=14),
        TableColumn(
            title="LEVEL", cell=lambda one: one.rule.level if one.rule else "", width=9, spare=3
        ),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "test", "test a text"),
        Binding("h", "history", "against history"),
        Binding("D", "change_switch", "disable/enable"),
    ]

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._rules: list[RuleRow] | None = None
        self._ruled: list[Ruled] = []
        self._waiting: list[Wanted] = []
        self._to_rules = OneAtATime(self, self._load, group="rules")

    def id_of(self, item: Any) -> str:
        """A rule by its name."""
        return str(item.name)

    def page_of(self, where: str, wanted: Wanted) -> Request[Page[Any]]:
        """Rules are no list of the store."""
        raise AssertionError(f"rules are read by a command: {where!r}, {wanted}")

    def look(self) -> None:
        """Rules again from their files, counts again from the store."""
        if self._rules is None or not self.table.window.loaded:
            super().look()
        else:
            self._to_rules.again()

    async def _fetch(self, wanted: Wanted) -> None:
        if self._rules is None:
            self._waiting.append(wanted)
            if len(self._waiting) == 1:
                self._to_rules.again()
        else:
            self.table.give(wanted, self._found())

    async def _load(self) -> None:
        done = await run_own_aside(
            self.feed.paths,
            OwnCommand(words=("rules", "list", "-o", "json")),
            kept_bytes_max=LIST_BYTES_MAX,
        )
        try:
            if isinstance(done, OSError) or done.code != 0:
                raise ValueError(str(done) if isinstance(done, OSError) else complaint(done.err))
            self._rules = msgspec.json.decode(done.out, type=_Listed).items
            if done.err:
                # That rules.d has a mistake, and so nothing of it counts.
                self.post_message(self.Told(done.err.strip().removeprefix("notice: "), bad=True))
            counts = await self.feed.ask(ListRuleCounts())
        except FnrError as error:
            counts = []
            self.post_message(self.Told(short(error), bad=True))
        except (ValueError, msgspec.DecodeError) as error:
            for wanted in self._waiting:
                self.table.fail(wanted, str(error))
            self._waiting = []
            return
        self._ruled = merged(self._rules or [], counts)
        waiting, self._waiting = self._waiting, []
        for wanted in waiting:
            self.table.give(wanted, self._found())
        if not waiting:
            self.table.again()

    def _found(self) -> Page[Ruled]:
        items = [one for one in self._ruled if fits(one, self.where.split())]
        return Page(items=items, total=len(items))

    async def words_of(self, item: Ruled) -> str:
        """The rule as its file says it, and how it does."""
        return rule_words(item)

    @property
    def command(self) -> tuple[str, ...]:
        """The same on the command line."""
        return ("rules", "show", self.subject) if self.subject else ("rules", "list")

    # ── wishes ───────────────────────────────────────────────────────────────

    def action_test(self) -> None:
        """Which rule names a text."""

        def command(values: Values) -> OwnCommand:
            return OwnCommand(words=("rules", "test", "-"), stdin=values["text"])

        self.post_message(
            Wished(
                Wish(
                    title="test the rules",
                    text="Which rule names this text, which words decide, what would follow.",
                    verb="",
                    changes=False,
                    command=command,
                    trial=command,
                    trial_verb="Test",
                    asks=(Ask(name="text", label="what a program printed", area=True),),
                )
            )
        )

    def action_history(self) -> None:
        """What past errors would be called by the rules as they are now."""

        def command(values: Values) -> OwnCommand:
            return OwnCommand(words=("rules", "test", "--against-history", values["since"].strip()))

        self.post_message(
            Wished(
                Wish(
                    title="rules against history",
                    text="Which past errors would change their category by the rules as they are.",
                    verb="",
                    changes=False,
                    command=command,
                    trial=command,
                    trial_verb="Compare",
                    asks=(Ask(name="since", label="errors of the last", value="7d"),),
                )
            )
        )

    def action_change_switch(self) -> None:
        """Switch rules off, or on again."""
        window = self.table.window
        items = list(window.marked.values()) or ([window.item] if window.item else [])
        chosen = [one for one in items if one.rule is not None]
        if not chosen:
            self.post_message(self.Told("this is no rule: nothing to switch", bad=True))
            return
        verb = "enable" if chosen[0].rule.disabled else "disable"
        names = [one.name for one in chosen if one.rule.disabled == chosen[0].rule.disabled]
        self.post_message(
            Wished(
                Wish(
                    title=f"{verb} {', '.join(names[:3])}{' …' if len(names) > 3 else ''}",
                    text="Kept in rules.d, so that an upgrade does not undo it; in force at once.",
                    verb=verb.capitalize(),
                    command=lambda _: on_ids(("rules", verb), names),
                )
            )
        )


def complaint(err: str) -> str:
    """What an error for programs says to people; what is none stays what it is."""
    try:
        found = msgspec.json.decode(err.strip().splitlines()[-1], type=_Failed).error
    except (msgspec.DecodeError, IndexError):
        return err.strip()
    return f"{found.message}: {found.why}" if found.why else found.message


def merged(rules: list[RuleRow], counts: list[RuleCount]) -> list[Ruled]:
    """Every rule and everything that was counted; the operator's first, then by hits.

    A name stands there once: a shipped rule that yields to one of the operator's is not shown.
    """
    known = {count.rule: count for count in counts}
    shown = [one for one in rules if one.state != OVERRIDDEN]
    found = [Ruled(name=one.name, rule=one, count=known.pop(one.name, None)) for one in shown]
    found += [Ruled(name=name, rule=None, count=count) for name, count in known.items()]
    return sorted(
        found, key=lambda one: (not (one.rule and one.rule.operator), -one.hits, one.name)
    )


def fits(one: Ruled, words: list[str]) -> bool:
    """Do all words fit? "never": it never decided; "own": it stands in rules.d."""
    rule = one.rule
    text = f"{one.name} {rule.category if rule else ''} {rule.where if rule else ''}".lower()
    for word in words:
        if word == "never":
            if one.hits:
                return False
        elif word == "own":
            if rule is None or not rule.operator:
                return False
        elif word.lower() not in text:
            return False
    return True


def rule_words(one: Ruled) -> str:
    """The page of a rule."""
    from fnr.client.rule_source import rule_source  # noqa: PLC0415 - only this screen needs rule files

    rule, count = one.rule, one.count
    lines = [f"rule:      {one.name}"]
    if rule is None:
        lines.append("state:     no rule has this name (any more)")
    else:
        above = "above the packs" if rule.operator else "of a pack"
        lines += [
            f"category:  {rule.category}, by {rule.level} evidence",
            f"state:     {one.state}, {above}",
            f"where:     {rule.where}",
            f"examples:  {rule.examples}",
        ]
    if count is None:
        lines.append("hits:      never decided")
    else:
        times = "time" if count.corrected == 1 else "times"
        lines += [
            f"hits:      {count.hits:,}, the last {ago(count.last_at_ms)} ago",
            f"since:     {ago(count.first_at_ms)} ago",
            f"corrected: {count.corrected:,} {times} by people",
        ]
    if rule is not None:
        lines += ["", rule_source(rule.where, operator=rule.operator)]
    return "\n".join(lines)
