"""The report: what is counted is what happened, grouped by what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from demo_figures import CRASH, FIGURES, PROOF, UPLOAD
from msgspec import Raw
from msgspec.structs import replace

from fnr.cli.demo.accepted import Role
from fnr.cli.demo.inputs import Trouble
from fnr.cli.demo.report import Figures, Recovered, dead_rows, failed_before, recovered, text
from fnr.policy.dead_letter import DeadLetter, DeathCause
from fnr.policy.evidence import Evidence
from fnr.policy.record import ErrorRecord, TaskDetail
from fnr.policy.rules import STRATEGY_OF, Category, Classification, Level
from fnr.policy.task import Task, TaskState


def lines_of(figures: Figures) -> list[str]:
    """The report with single spaces."""
    return [" ".join(line.split()) for line in text(figures).splitlines()]


def detail(task_id: str, state: TaskState, errors: Sequence[tuple[Category, str]]) -> TaskDetail:
    """A task with errors of these categories and rules, oldest first."""
    task = Task(task_id=task_id, function="upload", state=state)
    records = [
        ErrorRecord(
            error_id=f"{task_id}-{index}",
            task_id=task_id,
            token="t",
            function="upload",
            at_ms=index,
            evidence=Evidence(),
            classification=Classification(
                category=category,
                strategy=STRATEGY_OF[category],
                rule=rule,
                level=Level.CODE,
                matched="",
                confidence=1,
            ),
        )
        for index, (category, rule) in enumerate(errors)
    ]
    return TaskDetail(task=task, input=Raw(b"{}"), errors=records)


def test_a_recovered_task_counts_once_under_its_last_failure() -> None:
    network, full = (Category.TRANSIENT, "network"), (Category.RESOURCE, "disk-full")
    found = recovered(
        [
            detail("a", TaskState.DONE, [full, network]),
            detail("b", TaskState.DONE, [network]),
            detail("c", TaskState.DONE, [network, network, full]),
            detail("d", TaskState.DEAD, [full]),
            detail("e", TaskState.DONE, []),
        ]
    )
    assert found == [
        Recovered(category="transient", rule="network", count=2),
        Recovered(category="resource", rule="disk-full", count=1),
    ]


def test_only_tasks_with_a_failure_on_their_account_are_looked_into() -> None:
    task = Task(task_id="a", function="upload", attempts=2, interruptions=1)
    assert not failed_before(task)
    for account in ("retries", "unknowns", "waits", "deaths"):
        assert failed_before(replace(task, **{account: 1})), account


def test_letters_are_grouped_by_what_is_wrong_and_paths_shown_within_the_home() -> None:
    letters = [
        DeadLetter(
            task_id=task_id,
            function=function,
            cause=DeathCause.PERMANENT,
            category=Category.PERMANENT,
            reason="retrying cannot help",
            message=message,
            died_at_ms=1,
        )
        for task_id, function, message in [
            ("a", "digest", "no such file: '/tmp/home/trouble/gone.py'"),
            ("b", "upload", "HTTP 403 Forbidden"),
            ("c", "upload", "HTTP 403 Forbidden"),
            ("d", "upload", ""),
        ]
    ]
    roles = {"a": Role(function="digest", trouble=Trouble(name="missing file", function="digest"))}
    rows = dead_rows(letters, roles, home="/tmp/home")
    assert [(row.function, row.count, row.trouble, row.why) for row in rows] == [
        ("upload", 2, "", "HTTP 403 Forbidden"),
        ("digest", 1, "missing file", "no such file: 'trouble/gone.py'"),
        ("upload", 1, "", "retrying cannot help"),
    ]


def test_the_report_adds_up() -> None:
    lines = lines_of(FIGURES)
    assert "10 of 700 files of /lib/python, 2.0 MiB, seed 1" in lines
    assert "accepted 39 1 more refused at the door" in lines
    assert "recovered 6 failed, were tried again, and are done" in lines
    assert "brought home 3 of 3 replayed dead letters" in lines
    assert "upload 3 0 permanent, permanent 403" in lines
    assert "crash 1 1 unknown, poison crash SIGSEGV" in lines
    assert lines[-1] == "nothing lost, nothing done or stored twice, in 9.6s"


def test_what_is_too_wide_for_the_terminal_goes_on_below() -> None:
    """The terminal broke it within words."""
    wide = text(FIGURES).splitlines()
    narrow = text(FIGURES, width=40).splitlines()
    assert max(map(len, wide)) > 40 >= max(map(len, narrow))
    assert [line for line in narrow if line and line in wide]
    assert [line for line in narrow if line.startswith("10 of 700 files of")]
    assert " ".join(" ".join(narrow).split()) == " ".join(" ".join(wide).split())
    assert text(FIGURES, width=200) == text(FIGURES)


def test_files_that_were_left_out_are_told() -> None:
    told = "10 of 700 files of /lib/python, 3 too large or not to be read, 2.0 MiB, seed 1"
    assert told in lines_of(replace(FIGURES, files_left_out=3))


def test_what_died_only_after_the_repair_is_shown_too() -> None:
    late = replace(UPLOAD, why="HTTP 500")
    lines = lines_of(replace(FIGURES, dead_after=[CRASH, late]))
    assert "upload 0 3 permanent, permanent HTTP 500" in lines


def test_a_flaw_is_named_with_its_ids_and_never_called_good() -> None:
    figures = replace(FIGURES, ok=False, proof=replace(PROOF, stored_twice=["open/a\x1b[31m"]))
    lines = lines_of(figures)
    assert "FLAW stored_twice (1): open/a[31m" in lines
    assert lines[-1].startswith("NOT AS PROMISED")
    assert "objects stored 10 1 stored twice" in lines
