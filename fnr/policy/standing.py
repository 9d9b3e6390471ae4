"""How much a rule weighs against others: the part of its rank that is the same for every error."""

from __future__ import annotations

from fnr.policy.rules import Level, Rule

_ORDER = {level: number for number, level in enumerate(Level)}

# The smaller decides.
Standing = tuple[int, ...]


def standing_of(rule: Rule) -> Standing:
    """Authority first, then how much it asks for, then its priority."""
    return (
        int(rule.level is not Level.LEDGER),
        int(not rule.operator),
        _ORDER[rule.level],
        -conditions_of(rule),
        -rule.priority,
    )


def conditions_of(rule: Rule) -> int:
    """How many conditions are set; each expression of all_text is one."""
    lists = (
        rule.killed_by, rule.codes, rule.signals, rule.exits, rule.exceptions, rule.functions,
        rule.services, rule.phases, rule.names_input, rule.text,
    )  # fmt: skip
    flags = (rule.oom_killed, rule.stop_proven)
    asked = sum(map(bool, lists)) + sum(flag is not None for flag in flags)
    return asked + len(rule.all_text)
