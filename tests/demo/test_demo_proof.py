"""The proof: each kind of flaw is found by its own witness, and a clean run has none."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fnr.cli.demo.accepted import Role
from fnr.cli.demo.inputs import Source, Trouble
from fnr.cli.demo.object_store import StoredObject
from fnr.cli.demo.proof import Witnesses, prove
from fnr.policy.task import AttemptOutcome, TaskState

DONE, DEAD, FAILED = TaskState.DONE, TaskState.DEAD, AttemptOutcome.FAILED
FILE = Source(path="/f/a.py", key="open/a.py.gz", sha256="aa", size_bytes=3, lines=1)
STORED = StoredObject(sha256="gz", size_bytes=9, versions={"t3": "gz"}, repeats=1)
CLEAN = Witnesses(
    roles={
        "t1": Role(function="digest", source=FILE),
        "t2": Role(function="compress", source=FILE),
        "t3": Role(function="upload", source=FILE),
        "t4": Role(function="crash", trouble=Trouble(name="crash", function="crash")),
        "t5": Role(
            function="patient",
            trouble=Trouble(name="killed", function="patient", comes_home=True),
        ),
    },
    states={"t1": DONE, "t2": DONE, "t3": DONE, "t4": DEAD, "t5": DONE},
    letters=frozenset({"t4"}),
    results={
        "t1": {"sha256": "aa", "bytes": 3, "lines": 1},
        "t2": {"path": "/f/a.py.gz", "sha256": "gz", "bytes": 9},
    },
    marks={"t1": ["x1"], "t3": ["x3"], "t5": ["x5"]},
    objects={FILE.key: STORED},
    contents={FILE.key: "aa"},
)


def test_a_clean_run_holds() -> None:
    proof = prove(CLEAN)
    assert proof.holds
    assert not any(proof.flaws().values())
    assert (proof.puts_repeated, proof.work_repeated, proof.objects_compared) == (1, 0, 1)


def merged(name: str, change: dict[str, Any]) -> Witnesses:
    """The clean run with one witness telling something else; None takes it away."""
    told = {**getattr(CLEAN, name), **change}
    return replace(
        CLEAN, **{name: {key: value for key, value in told.items() if value is not None}}
    )


@pytest.mark.parametrize(
    ("known", "flaw", "who"),
    [
        (merged("states", {"t2": None}), "lost", "t2"),
        (merged("states", {"t3": TaskState.RUNNING}), "lost", "t3"),
        (merged("states", {"t5": TaskState.WAITING}), "lost", "t5"),
        (merged("states", {"t9": DONE}), "uninvited", "t9"),
        (replace(CLEAN, letters=frozenset()), "without_letter", "t4"),
        (merged("marks", {"t3": ["x3", "x4"]}), "done_twice", "t3"),
        (merged("marks", {"t1": ["x1", "x1"]}), "done_twice", "t1"),
        (merged("marks", {"t1": None}), "done_unmarked", "t1"),
        (
            merged("objects", {FILE.key: replace(STORED, versions={"t3": "gz", "t8": "gz"})}),
            "stored_twice",
            FILE.key,
        ),
        (merged("objects", {FILE.key: None}), "not_stored", FILE.key),
        (merged("contents", {FILE.key: "bb"}), "wrong_objects", FILE.key),
        (merged("contents", {"stranger": "bb"}), "wrong_objects", "stranger"),
        (
            merged("results", {"t1": {"sha256": "aa", "bytes": 3, "lines": 2}}),
            "wrong_results",
            "t1",
        ),
        (merged("results", {"t2": {"sha256": "other"}}), "wrong_results", "t2"),
        (merged("states", {"t1": DEAD}), "unplanned_dead", "t1"),
        (merged("states", {"t5": DEAD}), "unplanned_dead", "t5"),
        (merged("states", {"t4": DONE}), "unplanned_done", "t4"),
    ],
)
def test_each_flaw_is_found_and_named(known: Witnesses, flaw: str, who: str) -> None:
    proof = prove(known)
    assert not proof.holds
    assert who in proof.flaws()[flaw]


def test_a_broken_invariant_breaks_the_proof() -> None:
    assert not prove(replace(CLEAN, findings=1)).holds


@pytest.mark.parametrize("unheard", [FAILED, AttemptOutcome.INTERRUPTED])
def test_work_repeated_after_a_death_on_record_is_counted_and_no_flaw(
    unheard: AttemptOutcome,
) -> None:
    """The worker died between the mark and the report; the second attempt did the work again."""
    known = replace(
        merged("marks", {"t3": ["x3", "x4"]}),
        outcomes={"x3": unheard, "x4": AttemptOutcome.DONE},
    )
    proof = prove(known)
    assert (proof.holds, proof.work_repeated) == (True, 1)


@pytest.mark.parametrize("outcome", [AttemptOutcome.DONE, AttemptOutcome.RETURNED])
def test_a_repeat_without_a_death_on_record_is_a_flaw(outcome: AttemptOutcome) -> None:
    known = replace(
        merged("marks", {"t3": ["x3", "x4"]}),
        outcomes={"x3": outcome, "x4": AttemptOutcome.DONE},
    )
    assert prove(known).done_twice == ["t3"]


def test_a_third_mark_is_not_excused_by_one_death() -> None:
    known = replace(
        merged("marks", {"t3": ["x3", "x4", "x5"]}),
        outcomes={"x3": FAILED, "x4": AttemptOutcome.DONE, "x5": AttemptOutcome.DONE},
    )
    assert prove(known).done_twice == ["t3"]


def test_a_cancelled_task_is_not_lost() -> None:
    known = replace(merged("states", {"t1": TaskState.CANCELLED}), results={}, marks=CLEAN.marks)
    assert prove(known).lost == []
