"""Values and strategies that the tests of the policy floor share."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from fnr.config.rule_files import read_packs, shipped_rules
from fnr.policy.evidence import Code, Evidence, ExceptionFact, KilledBy, Phase
from fnr.policy.retry import RetryPolicy
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import STRATEGY_OF, Classification, Level, Rule, Strategy
from fnr.policy.task import Task, TaskState

NOW_MS = 1_000_000_000
TOKEN = "01JXC7V1M0Q2W3E4R5T6Y7Z8A9"


@cache
def packs() -> RuleSet:
    """The rules that come with fnr."""
    return RuleSet(shipped=shipped_rules())


@cache
def whole_packs() -> dict[str, Rule]:
    """The same by name, as their files say them; half a second to read, once for all tests."""
    return {rule.name: rule for rule in read_packs()}


def running(**fields: object) -> Task:
    """A task in its first attempt."""
    return Task(
        **{
            "task_id": "01JXC7V1M0AAAAAAAAAAAAAAAA",
            "function": "render",
            "state": TaskState.RUNNING,
            "owner": TOKEN,
            "attempts": 1,
            "due_at_ms": NOW_MS - 1_000,
            **fields,
        }
    )


def classified(*, strategy: Strategy, **more: object) -> Classification:
    """A classification that asks for this strategy."""
    [category] = [one for one, chosen in STRATEGY_OF.items() if chosen is strategy]
    return Classification(
        category=category,
        strategy=strategy,
        rule="of-the-test",
        level=Level.CODE,
        matched="code of the test",
        confidence=1.0,
        **more,
    )


def says(message: str, **more: object) -> Evidence:
    """A message, and what else is known."""
    return Evidence(message=message, **more)


def raised(kind: str, message: str = "it broke", *, bases: str = "", **more: object) -> Evidence:
    """An exception of that type; bases: their names, with spaces between."""
    link = ExceptionFact(type=kind, message=message, bases=tuple(bases.split()))
    return Evidence(message=message, exceptions=(link,), **more)


def coded(code: str, message: str = "it broke", **more: object) -> Evidence:
    """A code like "http:503"."""
    family, value = code.split(":")
    return Evidence(message=message, codes=(Code(family=family, value=value),), **more)


COUNTS = st.integers(0, 6)
TEXTS = st.text(max_size=40)
# Words that rules know, so that random evidence meets them more often than by chance.
TELLING = st.sampled_from(
    ["timed out", "out of memory", "HTTP 503", "[Errno 28] x", "exit status 137", "ValueError: no"]
)
MESSAGES = st.one_of(TEXTS, TELLING, st.builds("{} {}".format, TEXTS, TELLING))

RUNNING_TASKS = st.builds(
    running,
    attempts=st.integers(1, 20),
    retries=COUNTS,
    unknowns=COUNTS,
    waits=COUNTS,
    deaths=COUNTS,
    interruptions=COUNTS,
    replays=COUNTS,
    retries_max=st.none() | COUNTS,
    expires_at_ms=st.none() | st.integers(NOW_MS - 10, NOW_MS + 10),
    cancel_asked=st.booleans(),
)

EVIDENCE = st.builds(
    Evidence,
    phase=st.sampled_from(Phase),
    message=MESSAGES,
    exceptions=st.lists(
        st.builds(
            ExceptionFact,
            type=st.sampled_from(
                ["ValueError", "TimeoutError", "a.b.CustomError", "MemoryError", "", "*", "é.ü"]
            ),
            message=MESSAGES,
            bases=st.lists(st.sampled_from(["OSError", "Exception", "x.Y"]), max_size=3).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
    codes=st.lists(
        st.builds(
            Code,
            family=st.sampled_from(["errno", "http", "exit", "grpc", "signal", "", "new"]),
            value=st.one_of(
                st.sampled_from(["ENOSPC", "28", "503", "404", "127", "UNAVAILABLE", "²", "-1"]),
                TEXTS,
            ),
        ),
        max_size=4,
    ).map(tuple),
    exit_code=st.none() | st.integers(-300, 300) | st.just(10**30),
    signal=st.none() | st.integers(-1, 80),
    core_dumped=st.booleans(),
    killed_by=st.none() | st.sampled_from(KilledBy),
    kill_reason=TEXTS,
    worker_died=st.booleans(),
    stop_proven=st.none() | st.booleans(),
    oom_killed=st.none() | st.booleans(),
    traceback=TEXTS,
    stdout_tail=MESSAGES,
    stderr_tail=MESSAGES,
    retry_after_ms=st.none() | st.integers(-(10**12), 10**12),
    missing=st.lists(TEXTS, max_size=2).map(tuple),
)

CLASSIFICATIONS = st.sampled_from(Strategy).map(lambda strategy: classified(strategy=strategy))

POLICIES = st.builds(
    RetryPolicy,
    retries_max=COUNTS,
    unknown_max=COUNTS,
    waits_max=COUNTS,
    deaths_max=st.integers(1, 6),
    delay_base_ms=st.integers(0, 5_000),
    delay_max_ms=st.integers(5_000, 100_000),
    factor=st.floats(1, 1_000),
    jitter=st.floats(0, 1),
    wait_ms=st.integers(0, 1_000_000),
)
