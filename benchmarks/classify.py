"""Row 10: what it costs to name an error and to find its incident, with all packs loaded."""

from __future__ import annotations

import gc
import random  # noqa: TID251 - not fnr itself, which takes Dice
import re
import statistics
import time
from collections.abc import Callable, Sequence

from figures import Line
from plan import Plan

from fnr.config.rule_files import read_packs, read_text_model, shipped_rules
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence
from fnr.policy.fingerprint import fingerprint
from fnr.policy.labelled import evidence_of_test
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Category, Level, Rule

MESSAGE_BYTES = 2_000
LONG_BYTES = 64_000
# The story's sixteen patterns, one after the other, as its reference design does it.
STORY_PATTERNS = (
    "connection.*reset", "timeout", "temporary.*failure", "resource.*temporarily.*unavailable",
    "out.*of.*memory", "no.*space.*left", "gpu.*memory", "resource.*exhausted", "invalid.*input",
    "schema.*validation", "type.*error", "constraint.*violation", "model.*not.*found",
    "permission.*denied", "invalid.*configuration", "unsupported.*operation",
)  # fmt: skip
_FILLER = (
    "frame scene layer step batch worker queue render sample tile light camera noise pass loaded"
    " started wrote read done next item of in at with 12 0.5 ok cache node graph image video"
)


def naming(plan: Plan) -> list[Line]:
    """Classify and fingerprint one error, with packs and text model: the 99th percentile of many
    different ones, in µs.

    The errors are 200 examples inside the packs, each in a message of 2 kB or 64 kB: its own words
    at the end of a log that says nothing. Every error is named once before, as a daemon meets the
    same few errors again and again; the first time, its expressions have to be compiled. Counted is
    the time on the CPU, so that others on the machine do not. The note
    has the median, and the same for the story's loop of sixteen `re.search` over the same text.
    """
    packs = read_packs()
    rules = RuleSet(shipped=shipped_rules())
    model = read_text_model()
    # As the daemon does when it has loaded the rules.
    gc.collect()
    gc.freeze()
    examples = [
        evidence_of_test(test) for rule in packs for test in rule.tests if len(test.message) > 20
    ]
    dice = random.Random(1)
    dice.shuffle(examples)
    lines = []
    for size, count, must_us in (
        (MESSAGE_BYTES, plan.errors, 150.0),
        (LONG_BYTES, plan.errors // 4, 2_000.0),
    ):
        errors = [_within(one, size, dice) for one in examples[:count]]

        def name(error: Evidence) -> None:
            fingerprint(error, classify(error, rules, model), "render")

        mine = [_spread_us(errors, name) for _ in range(plan.runs)]
        story = _spread_us(errors, _story_loop)
        lines.append(
            Line(
                section="naming",
                what=f"name an error of {size // 1_000} kB, p99",
                unit="µs",
                fnr=[p99 for _, p99 in mine],
                must=must_us,
                note=f"{len(packs)} rules; median {statistics.median(p50 for p50, _ in mine):.0f}"
                f" µs; the story's loop: median {story[0]:.0f}, p99 {story[1]:.0f} µs",
            )
        )
    return [*lines, _growth(plan, examples, dice)]


def _growth(plan: Plan, examples: Sequence[Evidence], dice: random.Random) -> Line:
    """What ten times as many rules cost, in times of the time."""
    errors = [_within(one, MESSAGE_BYTES, dice) for one in examples[: plan.errors]]
    few, many = RuleSet(_invented(200)), RuleSet(_invented(2_000))
    ratios = []
    for _ in range(plan.runs):
        slow = _spread_us(errors, lambda error: classify(error, many))[0]
        ratios.append(slow / _spread_us(errors, lambda error: classify(error, few))[0])
    return Line(
        section="naming",
        what="2,000 rules for 200",
        unit="times",
        fnr=ratios,
        must=2.0,
        note="median time of one classification, rules of three texts each",
    )


def _invented(count: int) -> list[Rule]:
    dice = random.Random(2)

    def words() -> str:
        return " ".join("".join(dice.choices("abcdefghilmnoprstu", k=6)) for _ in range(3))

    return [
        Rule(
            name=f"invented/{number}",
            category=Category.PERMANENT,
            level=Level.TEXT,
            text=tuple(words().replace(" ", ".{0,40}", 1) for _ in range(3)),
        )
        for number in range(count)
    ]


def _within(example: Evidence, size: int, dice: random.Random) -> Evidence:
    """The example as the end of a longer message."""
    lines: list[str] = []
    left = size - len(example.message)
    while left > 0:
        line = " ".join(dice.choices(_FILLER.split(), k=9))
        lines.append(line)
        left -= len(line) + 1
    message = "\n".join([*lines, example.message])[-size:]
    return Evidence(
        message=message,
        exceptions=tuple(
            type(link)(type=link.type, message=message) for link in example.exceptions
        ),
        codes=example.codes,
        exit_code=example.exit_code,
        signal=example.signal,
    )


def _story_loop(error: Evidence) -> None:
    text = error.message.lower()
    for pattern in STORY_PATTERNS:
        if re.search(pattern, text):
            return


def _spread_us(errors: Sequence[Evidence], name: Callable[[Evidence], None]) -> tuple[float, float]:
    """Median and 99th percentile of one call."""
    for error in errors:
        name(error)
    took = []
    for error in errors:
        from_ns = time.thread_time_ns()
        name(error)
        took.append((time.thread_time_ns() - from_ns) / 1_000)
    took.sort()
    return statistics.median(took), took[int(len(took) * 0.99)]
