"""What a rule asks for, in the form in which errors are compared with it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from fnr.policy.code_names import code_fits, is_single
from fnr.policy.evidence import Evidence
from fnr.policy.rules import Conditions, Rule
from fnr.policy.standing import Standing

# Which of its expressions a rule is filed under: none, its text, or a number in all_text.
NO_TEXT, TEXT = -2, -1


class Contender(Struct, frozen=True, kw_only=True):
    """A rule that could hold; unless: what must not hold."""

    rule: Rule
    standing: Standing
    asked: Asked
    unless: Asked | None


def code_groups(asked: Conditions) -> tuple[tuple[str, ...], ...]:
    """Codes, signals and exit statuses as codes; one of each group that is not empty must fit."""
    return (
        asked.codes,
        tuple(f"signal:{name}" for name in asked.signals),
        tuple(f"exit:{status}" for status in asked.exits),
    )


def ledger_groups(asked: Conditions) -> tuple[tuple[str, ...], ...]:
    """What fnr or the kernel must have noted, as keys; one of each group that is not empty."""
    return (
        tuple(f"killed_by:{reason}" for reason in asked.killed_by),
        () if asked.oom_killed is None else (f"oom_killed:{asked.oom_killed}",),
        () if asked.stop_proven is None else (f"stop_proven:{asked.stop_proven}",),
        tuple(f"phase:{phase}" for phase in asked.phases),
    )


def ledger_keys(evidence: Evidence) -> Iterator[str]:
    """The keys of what was noted of this attempt."""
    yield f"phase:{evidence.phase}"
    yield f"oom_killed:{evidence.oom_killed}"
    yield f"stop_proven:{evidence.stop_proven}"
    if evidence.killed_by is not None:
        yield f"killed_by:{evidence.killed_by}"
    if evidence.oom_killed:
        yield "killed_by:oom"


def named_groups(asked: Conditions) -> tuple[tuple[str, ...], ...]:
    """Functions and services as keys, where each is named without a star."""
    return tuple(
        tuple(f"{kind}:{name}" for name in names)
        for kind, names in (("function", asked.functions), ("service", asked.services))
        if names and not any("*" in name for name in names)
    )


class Codes:
    """Codes of which any one suffices."""

    __slots__ = ("_ranges", "_singles")

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._singles = frozenset(filter(is_single, patterns))
        self._ranges = tuple(one for one in patterns if one not in self._singles)

    def fit(self, code: str) -> bool:
        """Is this one of them?"""
        return code in self._singles or any(code_fits(one, code) for one in self._ranges)


class Asked:
    """Conditions ready to be compared, their expressions as numbers of pieces.

    text: any of these, in this order where several match equally near; all_text: one of each.
    """

    __slots__ = (
        "all_sets",
        "all_text",
        "codes",
        "conditions",
        "exceptions",
        "found_by",
        "globs",
        "has_facts",
        "only_text",
        "text",
        "text_set",
    )

    def __init__(
        self,
        conditions: Conditions,
        text: tuple[int, ...],
        all_text: tuple[tuple[int, ...], ...],
        found_by: int = NO_TEXT,
    ) -> None:
        self.conditions = conditions
        self.codes = tuple(Codes(group) for group in code_groups(conditions) if group)
        self.exceptions = frozenset(name for name in conditions.exceptions if "*" not in name)
        self.globs = frozenset(conditions.exceptions) - self.exceptions
        self.found_by = found_by
        self.text, self.text_set = text, frozenset(text)
        self.all_text, self.all_sets = all_text, tuple(map(frozenset, all_text))
        self.has_facts = any(
            (
                conditions.killed_by,
                conditions.phases,
                conditions.functions,
                conditions.services,
                conditions.names_input,
            )
        ) or (conditions.oom_killed, conditions.stop_proven) != (None, None)
        others = (self.has_facts, self.codes, conditions.exceptions, self.all_text)
        self.only_text = bool(self.text) and not any(others)
