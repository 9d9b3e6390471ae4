"""How rules look: a line of a list, a page with the rule as its file says it."""

from __future__ import annotations

from msgspec import Struct

from fnr.cli.render import Column, Listing
from fnr.cli.terminal import DIM, RED, YELLOW, block, one_line
from fnr.client.rule_source import rule_source
from fnr.config.rule_files import LoadedRules
from fnr.policy.rules import Category, Level, Rule

CATEGORY_STYLES = {
    Category.PERMANENT: RED,
    Category.VALIDATION: YELLOW,
    Category.UNKNOWN: YELLOW,
}


class RuleLine(Struct, frozen=True, kw_only=True):
    """One rule in a list; disabled: rules.d says so; state: whether it counts, and what not."""

    name: str
    category: Category
    level: Level
    priority: int
    operator: bool
    disabled: bool
    state: str
    where: str
    examples: int
    hint: str


def state_of(rule: Rule, loaded: LoadedRules) -> str:
    """Does it count? Of a rules.d with a mistake nothing does, neither rules nor switches."""
    if loaded.problems:
        return "not in force" if rule.operator else "in force"
    if rule.name in loaded.disabled:
        return "disabled"
    return "overridden" if not rule.operator and rule.name in loaded.overridden else "in force"


def rule_line(rule: Rule, loaded: LoadedRules) -> RuleLine:
    """What a list says of a rule."""
    return RuleLine(
        name=rule.name,
        category=rule.category,
        level=rule.level,
        priority=rule.priority,
        operator=rule.operator,
        disabled=rule.name in loaded.disabled,
        state=state_of(rule, loaded),
        where=rule.where,
        examples=len(rule.tests),
        hint=rule.hint,
    )


RULES: Listing[RuleLine] = Listing(
    schema="fnr.rules.list/1",
    columns=(
        Column("RULE", lambda rule: rule.name, style=lambda rule: DIM if rule.disabled else ""),
        Column(
            "CATEGORY",
            lambda rule: rule.category,
            style=lambda rule: CATEGORY_STYLES.get(rule.category, ""),
        ),
        Column("LEVEL", lambda rule: rule.level),
        Column("PRIORITY", lambda rule: rule.priority or "", right=True, spare=True),
        Column("STATE", lambda rule: rule.state, spare=True),
        Column("EXAMPLES", lambda rule: rule.examples, right=True, spare=True),
        Column("WHERE", lambda rule: rule.where, flexible=True, spare=True),
    ),
    name=lambda rule: rule.name,
    empty="no rules",
)  # fmt: skip


def rule_page(rule: Rule, line: RuleLine) -> str:
    """The rule for people: where it stands among the others, then its file's own words."""
    above = "above the packs" if rule.operator else "of a pack"
    head = [
        f"{one_line(rule.name)}: {rule.category}, by {rule.level} evidence, {above}, {line.state}",
        f"# {one_line(rule.where)}",
    ]
    return "\n".join(head) + "\n" + block(rule_source(rule.where, operator=rule.operator))
