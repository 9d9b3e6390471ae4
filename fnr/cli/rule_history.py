"""`fnr rules test --against-history`: what past errors would be called with other rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from fnr.api.errors import ConfigError
from fnr.cli.here import here
from fnr.cli.moments import parse_since
from fnr.cli.past_errors import errors_since
from fnr.cli.render import Column, Listing, show_list
from fnr.cli.rule_blame import service_met
from fnr.cli.rule_drop_ins import PROBLEMS_SHOWN, draft_text, rules_with_draft
from fnr.cli.rule_model import text_model_here
from fnr.cli.terminal import one_line
from fnr.config.load import load
from fnr.config.rule_files import LoadedRules, load_rules
from fnr.policy.classify import classify
from fnr.policy.counted import counted
from fnr.policy.record import ErrorRecord
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Category, Classification

MESSAGE_CHARS_MAX = 300
Judge = Callable[[ErrorRecord], Classification]


class Change(Struct, frozen=True, kw_only=True):
    """Errors that would change category alike; the example is the latest of them."""

    before: Category
    after: Category
    rule_before: str
    rule: str
    count: int
    error_id: str
    message: str


class History(Struct, kw_only=True):
    """What was looked at. corrected: reclassified by people; right_before, right_after: of those,
    how many are named as people said."""

    errors: int = 0
    changed: int = 0
    corrected: int = 0
    right_before: int = 0
    right_after: int = 0


CHANGES: Listing[Change] = Listing(
    schema="fnr.rules.history/1",
    columns=(
        Column("BEFORE", lambda change: change.before.value),
        Column("AFTER", lambda change: change.after.value),
        Column("COUNT", lambda change: change.count, right=True),
        Column("RULE BEFORE", lambda change: change.rule_before, spare=True),
        Column("RULE", lambda change: change.rule),
        Column("EXAMPLE", lambda change: change.error_id, spare=True),
        Column("MESSAGE", lambda change: change.message, flexible=True),
    ),
    name=lambda change: change.error_id,
    empty="no past error would change category",
)  # fmt: skip


def against_history(since: str, rules_file: str | None, *, use_model: bool) -> None:
    """Show how past errors would change category; changes nothing.

    With a candidate file: between the rules as they are and with that file among them, in place of
    the file of rules.d that has its name. Without: between what was said then and the rules now.
    """
    since_ms = parse_since(since, flag="--against-history")
    now = load_rules(here().paths)
    settings = load(here().paths).settings
    model = text_model_here(settings) if use_model else None

    def judge(rules: RuleSet) -> Judge:
        return lambda error: classify(
            error.evidence,
            rules,
            model,
            function=error.function,
            service=service_met(error.evidence, error.function, settings),
        )

    if rules_file is None:
        _refuse(now, here().paths.rules_dir)
        before: Judge = lambda error: error.classification  # noqa: E731 - beside its alternative
        after = judge(now.rule_set)
    else:
        before = judge(now.rule_set)
        after = judge(_candidate(rules_file).rule_set)
    history, changes = compare(since_ms, before, after)
    counts = {name: getattr(history, name) for name in History.__struct_fields__}
    show_list(CHANGES, changes, total=len(changes), extra=counts)
    here().notice(one_line(summary(history)))


def compare(since_ms: int, before: Judge, after: Judge) -> tuple[History, list[Change]]:
    """Name every past error twice; needs memory for the changes, not for the errors."""
    history = History()
    counts: Counter[tuple[Category, Category, str, str]] = Counter()
    examples: dict[tuple[Category, Category, str, str], ErrorRecord] = {}
    for error in errors_since(since_ms):
        history.errors += 1
        old, new = before(error), after(error)
        if error.correction is not None:
            history.corrected += 1
            history.right_before += old.category is error.correction.category
            history.right_after += new.category is error.correction.category
        if old.category is not new.category:
            history.changed += 1
            key = (old.category, new.category, old.rule, new.rule)
            counts[key] += 1
            examples.setdefault(key, error)
    changes = [
        Change(
            before=key[0],
            after=key[1],
            rule_before=key[2],
            rule=key[3],
            count=count,
            error_id=examples[key].error_id,
            message=examples[key].evidence.message[:MESSAGE_CHARS_MAX],
        )
        for key, count in counts.most_common()
    ]
    return history, changes


def summary(history: History) -> str:
    """The counts in a sentence."""
    words = f"{history.changed} of {counted(history.errors, 'error')} would change category"
    if history.corrected:
        words += (
            f"; of {history.corrected} that people reclassified {history.right_after} would be"
            f" named as they said ({history.right_before} before)"
        )
    return f"{words}; nothing was changed"


def _candidate(written: str) -> LoadedRules:
    """All rules with the candidate file among them."""
    loaded = rules_with_draft(written, draft_text(written))
    _refuse(loaded, written)
    return loaded


def _refuse(loaded: LoadedRules, what: str) -> None:
    if loaded.problems:
        raise ConfigError(
            f"{what} has mistakes: nothing was compared",
            details=tuple(
                f"{problem.where}: {problem.message}"
                for problem in loaded.problems[:PROBLEMS_SHOWN]
            ),
        )
