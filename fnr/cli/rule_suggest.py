"""`fnr rules suggest`: rules for errors that no rule named, or that people named otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import replace

from fnr.cli.here import here, say
from fnr.cli.moments import parse_since
from fnr.cli.options import DryRun
from fnr.cli.past_errors import corrections_since, errors_since
from fnr.cli.render import Column, Listing, show_list, write
from fnr.cli.rule_blame import service_met
from fnr.cli.rule_drop_ins import (
    SUGGESTED,
    Beside,
    drop_in,
    loaded_rules,
    only_writer,
    put,
    refuse_problems,
    take_effect,
    text_of,
)
from fnr.cli.rule_model import text_model_here
from fnr.cli.terminal import block, one_line
from fnr.config.load import load
from fnr.policy.nameless import nameless
from fnr.policy.record import CorrectedError, ErrorRecord
from fnr.policy.rule_file import RuleProblem, parse_rules
from fnr.policy.rule_text import HEADER
from fnr.policy.rules import Category
from fnr.policy.suggest import (
    HITS_MIN,
    NamelessError,
    Suggestion,
    as_toml,
    errors_of,
    suggest,
)

# Errors looked at: the latest. Templates of more would not be other ones.
ERRORS_MAX = 20_000


class Suggested(Struct, frozen=True, kw_only=True):
    """One suggestion: the rule as TOML, whether it was written, and why not.

    decided: a person gave the category; otherwise it is a guess of this confidence.
    """

    name: str
    category: Category
    decided: bool
    confidence: float
    hits: int
    functions: tuple[str, ...]
    error_ids: tuple[str, ...]
    toml: str
    applied: bool = False
    why_not: str = ""


SUGGESTIONS: Listing[Suggested] = Listing(
    schema="fnr.rules.suggest/1",
    columns=(
        Column("NAME", lambda one: one.name),
        Column("CATEGORY", lambda one: one.category.value),
        Column("HITS", lambda one: one.hits, right=True),
    ),
    name=lambda one: one.name,
    empty="nothing to suggest",
)  # fmt: skip


def suggest_rules(
    *,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="Look at no older errors: 30d.")
    ] = "30d",
    hits_min: Annotated[
        int,
        typer.Option(
            "--min-hits", metavar="N", min=1, help="Leave out rarer ones that nobody reclassified."
        ),
    ] = HITS_MIN,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write those whose category a person gave.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Suggest rules for errors that no rule named, and for those that you reclassified.

    Errors with the same words become one rule, ready to paste, with the errors as its tests. With
    --apply those that somebody has reclassified (`fnr errors reclassify`) go into
    rules.d/suggested.toml if their tests pass with all other rules, and count at once.
    """
    found = suggest(_errors(parse_since(since)), hits_min=hits_min)
    shown = [_shown(one) for one in found]
    if apply:
        shown = _applied(found, dry_run=dry_run)
    if here().output != "table":
        show_list(SUGGESTIONS, shown, total=len(shown))
    else:
        ready = [one.toml for one in shown if one.applied or not (apply or one.why_not)]
        write(block("\n".join(ready)))
    _tell(shown, apply=apply, dry_run=dry_run)
    if any(one.applied for one in shown) and not dry_run:
        take_effect()


def _errors(since_ms: int) -> Iterator[NamelessError]:
    """Errors that people reclassified, then those that no rule named; each once."""
    rules = loaded_rules().rule_set
    settings = load(here().paths).settings
    model = text_model_here(settings)

    def judged(error: CorrectedError | ErrorRecord, said: Category | None) -> NamelessError | None:
        service = service_met(error.evidence, error.function, settings)
        return nameless(
            error.error_id,
            error.function,
            error.evidence,
            said=said,
            rules=rules,
            model=model,
            service=service,
        )

    corrected: set[str] = set()
    for wrong in corrections_since(since_ms):
        corrected.add(wrong.error_id)
        if (one := judged(wrong, wrong.correction.category)) is not None:
            yield one
    for number, error in enumerate(errors_since(since_ms, nameless=True)):
        if number == ERRORS_MAX:
            here().notice(f"notice: only the latest {ERRORS_MAX} errors without a rule were read")
            return
        if error.error_id not in corrected and (one := judged(error, None)) is not None:
            yield one


def _shown(one: Suggestion) -> Suggested:
    return Suggested(
        name=one.name,
        category=one.category,
        decided=one.decided,
        confidence=one.confidence,
        hits=one.hits,
        functions=one.functions,
        error_ids=one.error_ids,
        toml=as_toml(one),
        why_not=one.why_not,
    )


# ── --apply ──────────────────────────────────────────────────────────────────


def _applied(found: Sequence[Suggestion], *, dry_run: bool) -> list[Suggested]:
    """Write what may be written; every suggestion with what became of it."""
    file = drop_in(SUGGESTED)
    shown = {one.name: _judged(one) for one in found}
    wanted = [one for one in found if not shown[one.name].why_not]
    if not wanted:
        return list(shown.values())
    with only_writer():
        before = text_of(file) or HEADER.format(why="Written by `fnr rules suggest --apply`")
        known = parse_rules(before, file=str(file), pack=file.stem, operator=True)
        refuse_problems(file, known.problems)
        taken = {rule.name.rpartition("/")[2] for rule in known.rules}
        named = {one.name: replace(one, name=_free_name(one.name, taken)) for one in wanted}
        kept, reasons = _good_ones(file, before, named)
        if kept and not dry_run:
            put(file, _text(before, list(kept.values())))
    for name, one in named.items():
        fields = {"name": one.name, "toml": as_toml(one)}
        why_not = reasons.get(name, "")
        shown[name] = replace(shown[name], **fields, applied=name in kept, why_not=why_not)
    return list(shown.values())


def _judged(one: Suggestion) -> Suggested:
    why_not = one.why_not
    if not one.decided:
        command = f"{here().command} errors reclassify {one.error_ids[0]} --category CATEGORY"
        why_not = f"nobody has said what it is: {command}"
    elif one.category is Category.UNKNOWN:
        why_not = "it was reclassified as unknown, and that needs no rule"
    return replace(_shown(one), why_not=why_not)


def _good_ones(
    file: Path, before: str, named: dict[str, Suggestion]
) -> tuple[dict[str, Suggestion], dict[str, str]]:
    """Those that do well with all other rules, and why the rest does not.

    Raises ConfigError when it is not the suggestions that are wrong.
    """
    kept, reasons = dict(named), dict[str, str]()
    beside = Beside(file)
    while kept:
        problems = beside.rules(_text(before, list(kept.values()))).problems
        if not problems:
            break
        blamed = _blamed(file, before, kept, problems)
        if not blamed and not beside.rules(before).problems:
            # It spoils another rule's example; which one does is found by leaving out the last.
            blamed[[*kept][-1]] = f"{problems[0].where}: {problems[0].message}"
        if not blamed:
            refuse_problems(file, problems)
        reasons |= blamed
        kept = {name: one for name, one in kept.items() if name not in blamed}
    return kept, reasons


def _blamed(
    file: Path, before: str, kept: dict[str, Suggestion], problems: Sequence[RuleProblem]
) -> dict[str, str]:
    """Which of them stand in the lines that have problems."""
    blamed: dict[str, str] = {}
    ends: list[tuple[int, str]] = []
    for count, name in enumerate(kept, 1):
        ends.append((_text(before, list(kept.values())[:count]).count("\n"), name))
    first = _text(before, []).count("\n")
    for problem in problems:
        place, _, line = problem.where.rpartition(":")
        if place == str(file) and line.isdecimal() and int(line) > first:
            name = next(name for end, name in ends if int(line) <= end)
            blamed.setdefault(name, problem.message)
    return blamed


def _text(before: str, suggestions: Sequence[Suggestion]) -> str:
    return "\n\n".join([before.rstrip(), *(as_toml(one).rstrip() for one in suggestions)]) + "\n"


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free = f"{name}-{number}"
        number += 1
    taken.add(free)
    return free


def _tell(shown: Sequence[Suggested], *, apply: bool, dry_run: bool) -> None:
    for one in shown:
        if one.why_not:
            say(one_line(f"left out: {one.name}, {errors_of(one.hits)}: {one.why_not}"))
    if not apply:
        count = sum(not one.why_not for one in shown)
        if shown and here().output == "table":
            noun = "suggestion" if count == 1 else "suggestions"
            here().notice(f"{count} {noun}; nothing was written")
            here().hint(
                f"those with a category given by a person: {here().command} rules suggest --apply"
            )
        elif not shown and here().output == "table":
            here().notice(SUGGESTIONS.empty)
        return
    count = sum(one.applied for one in shown)
    done = "would be written" if dry_run else "written"
    here().notice(f"{count} of {len(shown)} suggestions {done} to {drop_in(SUGGESTED)}")
