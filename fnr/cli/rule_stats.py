"""`fnr rules stats`: how often each rule decides, which never does, which people correct."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import replace

from fnr.api.rule_requests import ListRuleCounts
from fnr.cli.here import here
from fnr.cli.render import Column, Listing, show_list, since
from fnr.cli.rule_drop_ins import loaded_rules
from fnr.cli.rule_views import state_of
from fnr.cli.terminal import YELLOW
from fnr.config.rule_files import LoadedRules
from fnr.policy.classify import UNMATCHED
from fnr.policy.counted import counted
from fnr.policy.record import RuleCount
from fnr.policy.rules import Rule

# Decisions that no rule makes.
_NO_RULE = {UNMATCHED: "no rule fits", "text-model": "its wording"}


class RuleStat(Struct, frozen=True, kw_only=True):
    """One rule's line.

    category: empty for what is no rule (any more). state: as rules list says it, "gone", or what
    decided instead of a rule. corrected: how often a person said that it was wrong.
    """

    rule: str
    category: str
    state: str
    hits: int
    corrected: int
    last_at_ms: int | None
    first_at_ms: int | None
    where: str


STATS: Listing[RuleStat] = Listing(
    schema="fnr.rules.stats/1",
    columns=(
        Column("RULE", lambda stat: stat.rule),
        Column("CATEGORY", lambda stat: stat.category or "-", spare=True),
        Column("HITS", lambda stat: stat.hits, right=True),
        since("LAST", lambda stat: stat.last_at_ms),
        Column(
            "CORRECTED",
            lambda stat: stat.corrected or "-",
            lambda stat: stat.corrected,
            right=True,
            style=lambda stat: YELLOW if stat.corrected else "",
        ),
        Column("STATE", lambda stat: stat.state, flexible=True),
    ),
    name=lambda stat: stat.rule,
    empty="no rule has decided anything yet",
)  # fmt: skip


def stats(
    *,
    never: Annotated[bool, typer.Option("--never", help="Only rules that never decided.")] = False,
    own: Annotated[bool, typer.Option("--own", help="Only rules of rules.d.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=0, help="At most; 0 is all.")
    ] = 50,
) -> None:
    """Count what rules decided: hits, the last one, and how often a person disagreed.

    Counted since the store exists, also for errors that are not kept any more. Rules of the packs
    that never decided are left out; --never lists them.
    """
    loaded = loaded_rules()
    counts = here().ask(ListRuleCounts())
    found = stats_of(loaded, counts, own=own)
    idle = [stat for stat in found if not stat.hits]
    if never:
        chosen = idle
    else:
        ours = {rule.name for rule in loaded.own}
        chosen = [stat for stat in found if stat.hits or stat.rule in ours]
    chosen.sort(key=lambda stat: (-stat.hits, stat.rule))
    listing = replace(STATS, empty="there is none that never decided") if never else STATS
    show_list(listing, chosen[:limit] if limit else chosen, total=len(chosen))
    if here().output != "table":
        return
    if limit and len(chosen) > limit:
        here().notice(f"{limit} of {len(chosen)} shown; --limit 0 for all")
    if idle and not never:
        here().notice(
            f"{counted(len(idle), 'rule')} never decided: {here().command} rules stats --never"
        )


def stats_of(
    loaded: LoadedRules, counts: Iterable[RuleCount], *, own: bool = False
) -> list[RuleStat]:
    """Every rule, and every name that was counted and is no rule."""
    known = {count.rule: count for count in counts}
    # The operator's come first: what was counted under a name that both have is told of theirs.
    rules: dict[str, Rule | None] = {}
    for rule in loaded.rules:
        if rule.operator or not own:
            rules.setdefault(rule.name, rule)
    if not own:
        rules |= dict.fromkeys(known.keys() - rules.keys())
    return [_stat(name, rule, known.get(name), loaded) for name, rule in rules.items()]


def _stat(name: str, rule: Rule | None, count: RuleCount | None, loaded: LoadedRules) -> RuleStat:
    state = _NO_RULE.get(name, "gone") if rule is None else state_of(rule, loaded)
    return RuleStat(
        rule=name,
        category="" if rule is None else rule.category.value,
        state=state,
        hits=0 if count is None else count.hits,
        corrected=0 if count is None else count.corrected,
        last_at_ms=None if count is None else count.last_at_ms,
        first_at_ms=None if count is None else count.first_at_ms,
        where="" if rule is None else rule.where,
    )
