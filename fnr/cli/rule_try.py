"""`fnr rules test`: which rule names a text, which words decide, and what would follow."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from fnr.api.errors import UsageError
from fnr.cli.config import checked_settings
from fnr.cli.given_file import opened
from fnr.cli.here import here
from fnr.cli.render import show_one
from fnr.cli.rule_blame import service_met
from fnr.cli.rule_drop_ins import draft_text, loaded_rules, rules_with_draft
from fnr.cli.rule_history import against_history
from fnr.cli.rule_model import text_model_here
from fnr.cli.terminal import BOLD, one_line, painted
from fnr.daemon.redact import Redactor
from fnr.policy.classify import classify_facts
from fnr.policy.code_check import code_problem
from fnr.policy.counted import counted
from fnr.policy.evidence import (
    TAIL_BYTES_MAX,
    TRACEBACK_CHARS_MAX,
    Code,
    Evidence,
    ExceptionFact,
    KilledBy,
    Phase,
)
from fnr.policy.facts import Facts, gather
from fnr.policy.fingerprint import fingerprint
from fnr.policy.labelled import BadRecordError, signal_number
from fnr.policy.named_input import with_named_input
from fnr.policy.retry import RetryPolicy, policy_for
from fnr.policy.rule_file import parse_rules
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Category, Classification, Strategy

TEXT_BYTES_MAX = 128 << 20
CONTEXT_CHARS = 50
CODES_SHOWN = 8
OOM = "oom"
# One word with a folder in front of it or a short ending: rarely all that a program said.
_PATH_SHAPED = re.compile(r"[^\s:]*(/[^\s:]*|[^\s:/]\.[A-Za-z][A-Za-z0-9]{0,5})")


Text = Annotated[
    str, typer.Argument(metavar="[TEXT|FILE|-]", help="A message, a file, or - for stdin.")
]
ExceptionType = Annotated[
    str | None, typer.Option("--exception", metavar="TYPE", help="Its qualified type.")
]
ExitStatus = Annotated[
    int | None,
    typer.Option("--exit", metavar="N", min=0, max=255, help="Exit status of the process."),
]
SignalName = Annotated[
    str | None, typer.Option("--signal", metavar="NAME", help="What ended it: SIGKILL, 9.")
]
HttpStatus = Annotated[
    int | None, typer.Option("--http", metavar="N", min=100, max=599, help="HTTP status.")
]
Codes = Annotated[
    list[str] | None,
    typer.Option("--code", metavar="FAMILY:VALUE", help="A code, like errno:ENOSPC."),
]
Stderr = Annotated[
    str | None, typer.Option("--stderr", metavar="FILE", help="The end of what it wrote.")
]
Traceback = Annotated[
    str | None, typer.Option("--traceback", metavar="FILE", help="The exception's traceback.")
]
Killer = Annotated[
    str | None, typer.Option("--killed-by", metavar="WHO", help="timeout, oom, hang, ….")
]
PhaseName = Annotated[
    str, typer.Option("--phase", metavar="PHASE", help="import, start, run or result.")
]
FunctionName = Annotated[
    str, typer.Option("--function", metavar="NAME", help="As if this function had failed.")
]
GivenInput = Annotated[
    str | None,
    typer.Option("--input", metavar="JSON", help="As if a task with this input had failed."),
]
Draft = Annotated[
    str | None, typer.Option("--rules", metavar="FILE", help="A draft, as if it were in rules.d.")
]
NoModel = Annotated[bool, typer.Option("--no-model", help="Rules only, without the text model.")]
Since = Annotated[
    str | None,
    typer.Option("--against-history", metavar="TIME", help="Name past errors: 7d."),
]


def try_text(
    text: Text = "",
    *,
    exception: ExceptionType = None,
    exit_code: ExitStatus = None,
    signal: SignalName = None,
    http: HttpStatus = None,
    code: Codes = None,
    stderr: Stderr = None,
    traceback: Traceback = None,
    killed_by: Killer = None,
    phase: PhaseName = "run",
    function: FunctionName = "",
    given: GivenInput = None,
    rules: Draft = None,
    no_model: NoModel = False,
    since: Since = None,
) -> None:
    """Say which rule names an error, which words decide, and what would follow.

    Nothing is changed. With --against-history, instead: which errors of that time would change
    category by the rules as they are now, or with --rules by that draft.
    """
    if since is not None:
        _refuse_beside_history({
            "TEXT": text, "--exception": exception, "--exit": exit_code, "--signal": signal,
            "--http": http, "--code": code, "--stderr": stderr, "--traceback": traceback,
            "--phase": phase.removeprefix(Phase.RUN), "--killed-by": killed_by,
            "--function": function, "--input": given,
        })  # fmt: skip
        against_history(since, rules, use_model=not no_model)
        return
    link = ExceptionFact(type=_legible(exception or ""), message=_read(text) if text else "")
    evidence = Evidence(
        message=link.message,
        exceptions=(link,) if exception else (),
        codes=_codes(code or [], http),
        exit_code=exit_code,
        signal=_signal(signal),
        traceback=_read_file(traceback)[-TRACEBACK_CHARS_MAX:] if traceback else "",
        stderr_tail=_read_file(stderr)[-TAIL_BYTES_MAX:] if stderr else "",
        killed_by=_killer(killed_by),
        oom_killed=True if killed_by == OOM else None,
        phase=_one_of(Phase, phase, "--phase") or Phase.RUN,
    )
    settings = checked_settings().settings
    # As in a real error: what is hidden before rules see it, none of them can look for.
    hidden = with_named_input(Redactor(settings).evidence(evidence), _object(given))
    facts = gather(hidden, function=function, service=service_met(hidden, function, settings))
    found = classify_facts(facts, _rule_set(rules), None if no_model else text_model_here(settings))
    follows = what_follows(found, function)
    answer: dict[str, Any] = msgspec.to_builtins(found)
    answer |= {"codes": facts.codes, "types": [names[0] for names in facts.types]}
    answer |= {"follows": follows, "named_input": facts.evidence.named_input}
    show_one(
        "fnr.rules.test/1",
        answer,
        lambda: "\n".join(_page(found, facts, follows)) + "\n",
        name=found.rule,
    )


def _object(given: str | None) -> dict[str, Any]:
    try:
        return msgspec.json.decode(given or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UsageError(
            "--input is no JSON object",
            why=str(error),
            next_step="""fnr rules test TEXT --input '{"source": "a.mp4"}'""",
        ) from None


def _refuse_beside_history(given: dict[str, object]) -> None:
    named = [flag for flag, value in given.items() if value not in (None, "")]
    if named:
        raise UsageError(
            "--against-history names errors of the past, and no other one",
            why=f"{', '.join(named)} would not be looked at",
            next_step="fnr rules test --against-history 7d --rules my-draft.toml",
        )


def what_follows(found: Classification, function: str) -> str:
    """The strategy with its numbers: the rule's, then the category's, then the function's."""
    settings = checked_settings().settings.functions.get(function)
    if function and settings is None:
        here().notice(f"notice: fnr.toml has no function {one_line(function)}: defaults follow")
    policy = policy_for(
        settings.retry if settings is not None else RetryPolicy(),
        found.category,
        delay_ms=found.delay_ms,
        wait_ms=found.wait_ms,
    )
    own = found.max_retries
    if found.strategy is Strategy.RETRY_WITH_BACKOFF:
        retries = counted(policy.retries_max if own is None else own, "retry", "retries")
        return f"up to {retries}, the first after {policy.delay_base_ms / 1000:g} s"
    if found.strategy is Strategy.QUEUE_AND_WAIT:
        times = policy.waits_max if own is None else own
        what = found.wait_for or "the resource"
        return f"wait for {what}, up to {counted(times, 'time')} {policy.wait_ms / 1000:g} s"
    if found.strategy is Strategy.RETRY_ONCE:
        times = policy.unknown_max if own is None else own
        noun = "retry" if times == 1 else "retries"
        why = ", because nothing explains it" if found.category is Category.UNKNOWN else ""
        return f"up to {times} {noun}{why}"
    if found.strategy is Strategy.FAIL_FAST:
        return "no further attempt; a dead letter, and the submitter is told"
    return "no further attempt; the administrator is told"


def _page(found: Classification, facts: Facts, follows: str) -> Iterator[str]:
    bold = painted(found.category.value, BOLD, colour=here().colour)
    yield f"{bold}: {found.strategy.replace('_', ' ')}, {follows}"
    where = f", {found.where}" if found.where else ""
    yield f"rule:        {one_line(found.rule)} ({found.level}{where})"
    yield f"matched:     {one_line(found.matched)}"
    for span in found.spans:
        yield f"{'in ' + span.text + ':':<12} {_context(facts, span.text, span.start, span.end)}"
    for name, value in found.captures.items():
        yield f"{name + ':':<12} {one_line(value)}"
    yield f"confidence:  {found.confidence:.2f}"
    if named := facts.evidence.named_input:
        yield f"names input: {one_line(', '.join(named))}"
    if facts.codes:
        more = f" +{len(facts.codes) - CODES_SHOWN}" if len(facts.codes) > CODES_SHOWN else ""
        yield f"codes:       {one_line(', '.join(facts.codes[:CODES_SHOWN]))}{more}"
    for number, other in enumerate(found.runners_up):
        title = "then:" if number == 0 else ""
        words = f"{other.rule} ({other.category}, {other.level}): {other.matched}"
        yield f"{title:<12} {one_line(words)}"
    for title, words in (("hint:", found.hint), ("runbook:", found.runbook)):
        if words:
            yield f"{title:<12} {one_line(words)}"
    if found.fingerprint:
        _, gathered = fingerprint(facts.evidence, found, facts.function).parts[-1]
        yield f"incident:    {one_line(gathered)}"
    if found.severity is not None:
        yield f"severity:    {found.severity}"
    if found.trip:
        yield "breaker:     counts against the service that it met"
    if found.recycle_worker:
        yield "worker:      is not used again after this error"


def _context(facts: Facts, field: str, start: int, end: int) -> str:
    """The words that decided, with some of what stands around them."""
    evidence = facts.evidence
    texts = {f"exceptions[{n}].message": one.message for n, one in enumerate(evidence.exceptions)}
    text = texts[field] if field in texts else str(getattr(evidence, field))
    before, after = text[max(0, start - CONTEXT_CHARS) : start], text[end : end + CONTEXT_CHARS]
    match = painted(one_line(text[start:end][:200]), BOLD, colour=here().colour)
    return f"…{one_line(before)}»{match}«{one_line(after)}…"


def _rule_set(draft: str | None) -> RuleSet:
    if draft is None:
        return loaded_rules().rule_set
    text = draft_text(draft)
    problems = parse_rules(text, file=draft, pack=Path(draft).stem, operator=True).problems
    if problems:
        raise UsageError(
            f"{draft} cannot be tried",
            why=f"{problems[0].where}: {problems[0].message}",
            next_step=f"fnr rules check {draft}",
        )
    # A draft is tried also when examples, its own or others, do not hold with it.
    return rules_with_draft(draft, text).in_force


def _read(given: str) -> str:
    if given == "-":
        return sys.stdin.buffer.read(TEXT_BYTES_MAX).decode(errors="replace")
    if len(given) < 4_096 and "\n" not in given and _is_readable(Path(given)):
        return _read_file(given)
    if _PATH_SHAPED.fullmatch(given):
        here().notice(f"notice: {one_line(given)} is no file; it is taken for the message")
    return _legible(given)


def _is_readable(path: Path) -> bool:
    """A file, or what a shell puts in its place: `<(dmesg)` is a pipe."""
    try:
        return path.is_file() or path.is_fifo() or path.is_char_device()
    except (OSError, ValueError):
        return False


def _legible(word: str) -> str:
    """As an attempt's own output is read: what is no UTF-8 is not left as half a character."""
    return os.fsencode(word).decode(errors="replace")


def _read_file(name: str) -> str:
    with opened(name) as file:
        return file.read(TEXT_BYTES_MAX).decode(errors="replace")


def _codes(written: list[str], http: int | None) -> tuple[Code, ...]:
    codes = [Code(family="http", value=str(http))] if http is not None else []
    for one in written:
        family, colon, value = one.partition(":")
        if not (family and colon and value):
            raise UsageError(f"--code: {one!r} is no code", why="a code looks like errno:ENOSPC")
        if problem := code_problem(one):
            raise UsageError(f"--code: {one!r} is no code", why=problem)
        codes.append(Code(family=family, value=value))
    return tuple(codes)


def _signal(written: str | None) -> int | None:
    try:
        return signal_number(written)
    except BadRecordError as error:
        raise UsageError(f"--signal: {error}") from error


def _killer(written: str | None) -> KilledBy | None:
    # The kernel is no killer of ours, and has a fact of its own.
    return None if written == OOM else _one_of(KilledBy, written, "--killed-by", (OOM,))


def _one_of(kind: Any, written: str | None, flag: str, more: tuple[str, ...] = ()) -> Any:
    if written is None:
        return None
    try:
        return kind(written)
    except ValueError:
        known = ", ".join([*(one.value for one in kind), *more])
        raise UsageError(f"{flag}: there is no {written!r}", why=f"known: {known}") from None
