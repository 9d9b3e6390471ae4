"""`fnr errors explain`: the whole reasoning, from what an attempt left behind to what followed.

Every number is shown with the place it came from, and what was not known is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec

from fnr.api.plain_text import block, one_line
from fnr.client.incident_story import incident_words
from fnr.client.instants import clock_time
from fnr.client.task_story import decided, exit_words
from fnr.config.keys import RETRY_KEYS
from fnr.config.load import Loaded
from fnr.policy.evidence import Evidence
from fnr.policy.record import ErrorDetail
from fnr.policy.retry import RetryPolicy, policy_for
from fnr.policy.rules import STRATEGY_OF, Category, Classification, Span, Strategy

CONTEXT_CHARS = 60
MATCH_CHARS_MAX = 300
LINES_MAX = 12
_LINK = re.compile(r"exceptions\[(\d{1,4})\]\.message")

_PAUSE = ("delay", "delay_max", "factor", "jitter", "per_window", "window")
# What `fnr.toml` says about a strategy: keys of [functions.NAME.retry].
_KEYS = {
    Strategy.RETRY_WITH_BACKOFF: ("max", *_PAUSE),
    Strategy.QUEUE_AND_WAIT: ("waits_max", "wait"),
    Strategy.RETRY_ONCE: ("unknown_max", *_PAUSE),
    Strategy.FAIL_FAST: (),
    Strategy.DEAD_LETTER: (),
}
_MEANING = {
    Strategy.RETRY_WITH_BACKOFF: "try again, later each time",
    Strategy.QUEUE_AND_WAIT: "wait for what is used up",
    Strategy.RETRY_ONCE: "try once more",
    Strategy.FAIL_FAST: "no further attempt; the submitter is told",
    Strategy.DEAD_LETTER: "no further attempt; the administrator is told",
}
_UNEXPLAINED = ", because nothing explains it"


class Number(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One number of the strategy, and where it came from.

    today: it is what fnr.toml says now, which may be another one than when the error came.
    """

    name: str
    value: str
    origin: str
    today: bool = False


def numbers(detail: ErrorDetail, loaded: Loaded) -> list[Number]:
    """What bounds and delays this error's strategy: kept with it, else by today's configuration."""
    name, named = detail.error.function, detail.error.classification
    settings = loaded.settings.functions.get(name)
    retry = settings.retry if settings is not None else RetryPolicy()
    plain = policy_for(retry, named.category)
    policy = policy_for(retry, named.category, delay_ms=named.delay_ms, wait_ms=named.wait_ms)
    found = list(_own_numbers(detail))
    own = {"delay": named.delay_ms, "wait": named.wait_ms}
    for key in _keys(detail):
        setting = RETRY_KEYS[key].setting
        number = getattr(policy, setting)
        value = RETRY_KEYS[key].show(number)
        # A delay that is longer than the longest one makes that longer, too.
        if own.get(key) is not None or number != getattr(plain, setting):
            found.append(Number(name=key, value=str(value), origin=_rule(named)))
            continue
        origin = _origin(key, named, loaded.origins, f"functions.{name}.retry")
        if settings is None and loaded.problems:
            value, origin = "not known", "fnr.toml has mistakes"
        elif settings is None and origin == "default":
            origin = "default; the function is not in fnr.toml any more"
        found.append(Number(name=key, value=str(value), origin=origin, today=True))
    return sorted(found, key=lambda number: number.today)


def _keys(detail: ErrorDetail) -> Iterator[str]:
    keys, evidence = _KEYS[detail.error.classification.strategy], detail.error.evidence
    yield from keys
    if evidence.retry_after_ms is not None and keys and "wait" not in keys:
        yield "wait"  # no pause that the other side asks for is longer
    if evidence.unasked or (evidence.worker_died and evidence.killed_by is None):
        yield "deaths_max"


def _rule(named: Classification) -> str:
    return f"rule {named.rule}" + (f", {named.where}" if named.where else "")


def _origin(key: str, named: Classification, origins: dict[str, str], table: str) -> str:
    """Where today's number comes from: the category's table, else the function's."""
    short = "max" if key in {"unknown_max", "waits_max"} else key
    by_category = origins.get(f"{table}.{named.category}.{short}")
    return by_category or origins.get(f"{table}.{key}", "default")


def _own_numbers(detail: ErrorDetail) -> Iterator[Number]:
    named, task = detail.error.classification, detail.task
    rule = _rule(named)
    if named.max_retries is not None:
        yield Number(name="max_retries", value=str(named.max_retries), origin=rule)
    if named.wait_for is not None:
        yield Number(name="wait_for", value=str(named.wait_for), origin=rule)
    if task.retries_max is not None:
        yield Number(name="--retries", value=str(task.retries_max), origin="the task")
    asked_ms = detail.error.evidence.retry_after_ms
    if asked_ms is not None:
        yield Number(
            name="retry after",
            value=f"{asked_ms} ms",
            origin="the other side asked; wait is the longest",
        )


def as_json(detail: ErrorDetail, found: list[Number]) -> dict[str, Any]:
    """Everything that the words below are made of."""
    fields: dict[str, Any] = msgspec.to_builtins(detail)
    return fields | {"numbers": found}


def explanation(detail: ErrorDetail, found: list[Number], command: str) -> str:
    """The reasoning as text. command: how `fnr` is called for this home."""
    lines = [
        *_head(detail),
        *_reasons(detail.error.classification, detail.error.evidence),
        *_evidence(detail.error.evidence, detail.error.classification, command),
        *_strategy(detail.error.classification, found),
        *_followed(detail),
        *_incident(detail),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, value: object) -> str:
    return f"  {name:<12} {one_line(value)}"


def _head(detail: ErrorDetail) -> Iterator[str]:
    error = detail.error
    number = f"attempt {detail.attempt.number} of " if detail.attempt else ""
    yield f"error {error.error_id}, {clock_time(error.at_ms)}"
    yield _row("of", f"{number}task {error.task_id}, function {error.function}")
    yield _row("said", error.evidence.message or "nothing")
    if error.correction is not None:
        told = error.correction
        yield _row("corrected", f"{told.category}, by {told.author} on {clock_time(told.at_ms)}")
        if told.why:
            yield _row("", told.why)


def _reasons(named: Classification, evidence: Evidence) -> Iterator[str]:
    yield ""
    yield f"classified as {named.category}, with confidence {named.confidence:g}"
    where = f" ({named.where})" if named.where else ""
    yield _row("rule", f"{named.rule}{where}, which reads: {named.level}")
    yield _row("matched", named.matched)
    for span in named.spans:
        yield _row(f"in {span.text}", _in_context(evidence, span))
    for name, value in named.captures.items():
        yield _row("captured", f"{name} = {value}")
    if named.words:
        words = ", ".join(f"{word} {weight:+.2f}" for word, weight in named.words)
        yield _row("weighed", words)
    for second in named.runners_up:
        yield _row(
            "not chosen", f"{second.rule}: {second.category} ({second.level}: {second.matched})"
        )
    if named.hint:
        yield _row("hint", named.hint)
    if named.runbook:
        yield _row("runbook", named.runbook)


def _in_context(evidence: Evidence, span: Span) -> str:
    """The characters that decided between marks, with what stands around them on their line."""
    text = _text(evidence, span.text)
    if not 0 <= span.start <= span.end <= len(text):
        return "(no longer there: the text was shortened)"
    before = text[max(0, span.start - CONTEXT_CHARS) : span.start].rpartition("\n")[2]
    behind = text[span.end : span.end + CONTEXT_CHARS].partition("\n")[0]
    found = text[span.start : span.end]
    if len(found) > MATCH_CHARS_MAX:
        found = f"{found[:MATCH_CHARS_MAX]}…"
    return f"{before}»{found}«{behind}"


def _text(evidence: Evidence, name: str) -> str:
    link = _LINK.fullmatch(name)
    if link is not None:
        number = int(link[1])
        return evidence.exceptions[number].message if number < len(evidence.exceptions) else ""
    text = getattr(evidence, name, "")
    return text if isinstance(text, str) else ""


def _evidence(evidence: Evidence, named: Classification, command: str) -> Iterator[str]:
    yield ""
    yield "evidence"
    yield _row("phase", evidence.phase)
    if evidence.drill:
        yield _row("caused by", f"drill {evidence.drill}: {command} chaos list --past")
    if evidence.killed_by is not None:
        yield _row("ended by fnr", f"{evidence.killed_by}: {evidence.kill_reason}")
    if evidence.exit_code is not None or evidence.signal is not None:
        core = ", core dumped" if evidence.core_dumped else ""
        yield _row("ended with", exit_words(evidence.exit_code, evidence.signal) + core)
    if evidence.worker_died:
        yield _row("worker", "died with it")
    if evidence.oom_killed is not None:
        killed = "killed it" if evidence.oom_killed else "did not kill it"
        yield _row("memory", f"the kernel {killed}")
    for line in evidence.kernel:
        yield _row("kernel log", line[:MATCH_CHARS_MAX])
    for link in evidence.exceptions:
        yield _row("exception", f"{link.type}: {link.message}"[:MATCH_CHARS_MAX])
    if evidence.codes:
        codes = " ".join(f"{code.family}:{code.value}" for code in evidence.codes)
        yield _row("codes", codes)
    if evidence.named_input:
        yield _row("names input", ", ".join(evidence.named_input))
    for name in ("traceback", "stderr_tail", "stdout_tail"):
        yield from _tail(name, getattr(evidence, name))
    for item in dict.fromkeys((*evidence.missing, *named.missing)):
        yield _row("not known", item)


def _tail(name: str, text: str) -> Iterator[str]:
    kept = text.rstrip().splitlines()
    if not kept:
        return
    left = len(kept) - LINES_MAX
    yield _row(name, f"the last {LINES_MAX} of {len(kept)} lines" if left > 0 else "")
    yield from (
        f"    | {one_line(line)}" for line in block("\n".join(kept[-LINES_MAX:])).split("\n")
    )


def _strategy(named: Classification, found: list[Number]) -> Iterator[str]:
    yield ""
    usual = STRATEGY_OF[named.category]
    source = f"what {named.category} asks for"
    if named.strategy is not usual:
        place = f" ({named.where})" if named.where else ""
        source = f"asked for by rule {named.rule}{place} instead of {usual}"
    why = named.strategy is Strategy.RETRY_ONCE and named.category is Category.UNKNOWN
    yield f"strategy {named.strategy}: {_MEANING[named.strategy]}{_UNEXPLAINED * why}"
    yield _row("because", source)
    for today, group in groupby(found, key=lambda number: number.today):
        if today:
            yield _row("today", "fnr.toml has these; it may have had others then")
        for number in group:
            yield _row(number.name, f"{number.value}  ({number.origin})")
    if named.severity is not None:
        yield _row("severity", f"{named.severity}: the rule says so")
    if named.recycle_worker:
        yield _row("worker", "must not be used again: the rule says so")
    if named.trip:
        yield _row("breaker", "counts against the service: the rule says so")


def _followed(detail: ErrorDetail) -> Iterator[str]:
    yield ""
    yield "what followed"
    for row in detail.decisions:
        yield _row(f"ledger {row.seq}", f"{clock_time(row.at_ms)}  {decided(row)}")
    yield _row("now", f"the task is {detail.task.state}")


def _incident(detail: ErrorDetail) -> Iterator[str]:
    yield ""
    yield "incident " + (
        one_line(incident_words(detail.incident)) if detail.incident else detail.error.incident_id
    )
    if detail.fingerprint.key != detail.error.incident_id:
        yield _row(
            "note", f"an earlier version made it; today it would be {detail.fingerprint.key}"
        )
    for name, value in detail.fingerprint.parts:
        yield _row(name, value)
