"""Which services a failure speaks against, and which it leaves alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fnr.policy.blame import blamed, takes
from fnr.policy.evidence import Evidence, KilledBy, Phase
from fnr.policy.rules import Category, Classification, Level, Strategy

NAMED = Classification(
    category=Category.TRANSIENT,
    strategy=Strategy.RETRY_WITH_BACKOFF,
    rule="network/refused",
    level=Level.CODE,
    matched="errno ECONNREFUSED",
    confidence=1.0,
)
ERRORS = {"storage": ("-cuda/*",), "comfyui": (), "gpu": ("cuda/*", "process/crash")}
DECLARED = ("storage", "comfyui", "gpu")


def blame(evidence: Evidence, **named: object) -> tuple[str, ...]:
    return blamed(
        evidence,
        replace(NAMED, **named),
        declared=DECLARED,
        errors_of=lambda name: ERRORS.get(name, ()),
    )


def test_every_declared_service_whose_errors_take_the_rule() -> None:
    assert blame(Evidence()) == ("storage", "comfyui")
    assert blame(Evidence(), rule="cuda/oom") == ("comfyui", "gpu")


@pytest.mark.parametrize("category", [Category.VALIDATION, Category.PERMANENT])
def test_errors_of_the_task_speak_neither_for_nor_against(category: Category) -> None:
    assert blame(Evidence(service="storage"), category=category) == ()


def test_the_guarded_call_that_ended_the_attempt_is_the_only_one() -> None:
    assert blame(Evidence(service="prompts", guarded=("prompts", "storage"))) == ("prompts",)


def test_calls_that_were_judged_one_by_one_are_not_judged_again() -> None:
    assert blame(Evidence(guarded=("comfyui",))) == ("storage",)


def test_a_refusal_is_nobodys_failure() -> None:
    assert blame(Evidence(refused_by="storage", service="storage")) == ()


@pytest.mark.parametrize(
    "evidence", [Evidence(worker_died=True), Evidence(phase=Phase.IMPORT)], ids=["died", "import"]
)
def test_a_death_speaks_only_against_who_asked_for_it(evidence: Evidence) -> None:
    assert blame(evidence) == ()
    assert blame(evidence, rule="process/crash") == ("gpu",)


def test_a_service_that_hangs_until_the_timeout_is_blamed() -> None:
    killed = Evidence(worker_died=True, killed_by=KilledBy.TIMEOUT)
    assert blame(killed, rule="process/timeout") == ("storage", "comfyui")


@pytest.mark.parametrize(
    ("errors", "taken"),
    [
        ((), True),
        (("network/*",), True),
        (("http/*",), False),
        (("-http/*",), True),
        (("-network/*",), False),
        (("*", "-network/refused"), False),
    ],
)
def test_patterns_of_errors(errors: tuple[str, ...], taken: bool) -> None:
    assert takes(errors, "network/refused") is taken
