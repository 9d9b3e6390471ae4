"""A question has one answer, whether the daemon gives it or the store's file does."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "daemon"))

from live_home import LiveHome

from fnr.api.alert_requests import ListAlerts
from fnr.api.any_request import AnyRequest
from fnr.api.breaker_requests import GetBreaker, ListBreakerMoves, ListBreakers
from fnr.api.errors import FnrError
from fnr.api.incident_requests import (
    GetError,
    GetIncident,
    ListErrors,
    ListIncidents,
    ListSimilar,
)
from fnr.api.letter_requests import (
    ExportLetters,
    GetLetterStats,
    ListLetters,
    PreviewPurge,
    PreviewResolve,
)
from fnr.api.question import Read
from fnr.api.replay_requests import GetReplay, ListReplayEntries, ListReplays, StartReplay
from fnr.api.requests import (
    GetStatus,
    GetTask,
    ListFunctions,
    ListLogSpans,
    ListTasks,
    PreviewCancel,
)
from fnr.api.resource_requests import ListAllocations
from fnr.api.rule_requests import ListCorrections, ListErrorRecords, ListRuleCounts
from fnr.api.undo_requests import GetUndo, ListUndo
from fnr.client.offline import answer_offline
from fnr.client.sdk import Client
from fnr.policy.replay import EntryState

TOML = f"""
[functions.count]
python = "live_functions:count_lines"
env = {{ PYTHONPATH = "{Path(__file__).parent}" }}
[functions.refuse]
python = "live_functions:refuse"
env = {{ PYTHONPATH = "{Path(__file__).parent}" }}
"""


@pytest.fixture(scope="module")
def home() -> Iterator[LiveHome]:
    """A home in which some tasks are done, some dead and some wait, and nothing moves any more."""
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), TOML).up()
    with Client(made.folder) as client:
        ended = [client.submit("count", {"text": "a\n"}) for _ in range(3)]
        ended += [client.submit("refuse", {"n": n}) for n in range(3)]
        client.submit("count", {"text": ""}, delay="1h", tags={"k": "v"})
        client.wait_all(ended, timeout="30s")
    plan = made.ask(StartReplay(task_ids=ended[:1] + ended[3:4]))
    wait_for_replay(made, plan.plan_id)
    yield made
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


def wait_for_replay(home: LiveHome, plan_id: str) -> None:
    """Wait until a replay has ended."""
    found = home.fnr("replay", "show", plan_id, "--wait")
    assert found.returncode == 0, found.stderr


QUESTIONS = [
    ListTasks(),
    ListTasks(where="state:dead", limit=2),
    ListTasks(where="tag.k:v OR attempts>0", limit=3),
    ListLetters(),
    ListLetters(where="category:validation -message~nothing", limit=1),
    ExportLetters(),
    GetLetterStats(),
    GetLetterStats(where="function:refuse"),
    PreviewPurge(where="function:refuse", open=True, limit=1),
    PreviewPurge(task_ids=["01ZZZZ"]),
    PreviewResolve(where="function:refuse", limit=1),
    PreviewResolve(task_ids=["01ZZZZ"]),
    PreviewCancel(where="function:*"),
    PreviewCancel(task_ids=["nobody"]),
    PreviewCancel(where="nonsense:1"),
    ListFunctions(),
    ListLogSpans(function="count"),
    ListErrors(),
    ListErrors(where="function:refuse category:validation", limit=2),
    ListErrors(where="state:dead"),
    ListIncidents(),
    ListUndo(),
    ListUndo(where="state:undone kind:call tries>1"),
    GetUndo(undo_id="zz"),
    ListIncidents(where="state:resolved"),
    GetError(error_id="zz"),
    GetIncident(incident_id="zz"),
    ListSimilar(incident_id="2:"),
    ListErrorRecords(),
    ListErrorRecords(nameless=True, limit=1),
    ListErrorRecords(since_ms=2**50),
    ListCorrections(),
    ListCorrections(after="nonsense"),
    ListRuleCounts(),
    ListBreakers(),
    GetBreaker(name="storage"),
    GetBreaker(name="nobody"),
    ListBreakerMoves(),
    ListBreakerMoves(name="storage", limit=1),
    ListBreakerMoves(name="nobody"),
    ListAlerts(),
    ListAlerts(channel="ops", limit=1),
    ListAllocations(),
    ListReplays(),
    ListReplays(active=True),
    ListReplays(after="0"),
    GetReplay(plan_id="zz"),
    ListReplayEntries(plan_id="not an id"),
    ListLetters(where="incident:1:* -incident:none"),
    ListTasks(where="nonsense:1"),
    ListLetters(where="(", limit=5),
    ListTasks(after="nonsense"),
    GetTask(task_id="01"),
    GetTask(task_id="01ZZZZ"),
    GetTask(task_id="not an id"),
]


def outcome(answer: Any) -> bytes:
    """An answer or an error as JSON."""
    try:
        return msgspec.json.encode(answer())
    except FnrError as error:
        return msgspec.json.encode(error.as_json())


@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
def test_live_and_offline_agree(home: LiveHome, question: Any) -> None:
    live = outcome(lambda: home.ask(question))
    assert outcome(lambda: answer_offline(home.paths, question)) == live


@pytest.mark.parametrize("number", [-(2**63) - 1, -1, 2**63 - 1, 2**63])
def test_any_number_is_answered_also_one_that_the_store_cannot_hold(
    home: LiveHome, number: int
) -> None:
    for kind in filter(lambda one: issubclass(one, Read), get_args(AnyRequest)):
        fields = msgspec.structs.fields(kind)
        needed = {one.name: "01" for one in fields if one.required}
        for name in (one.name for one in fields if one.type in {int, int | None}):
            question = kind(**needed, **{name: number})
            live = outcome(lambda asked=question: home.ask(asked))
            assert b'"internal"' not in live, question
            assert outcome(lambda asked=question: answer_offline(home.paths, asked)) == live


def test_live_and_offline_agree_on_every_replay(home: LiveHome) -> None:
    [plan] = home.ask(ListReplays()).items
    for question in (
        GetReplay(plan_id=plan.plan_id[:20]),
        ListReplayEntries(plan_id=plan.plan_id, limit=1),
        ListReplayEntries(plan_id=plan.plan_id, state=EntryState.SKIPPED),
    ):
        answer = home.ask(question)
        assert answer_offline(home.paths, question) == answer
    assert answer.items[0].why == "no dead letter of this id"


def test_live_and_offline_agree_on_every_task(home: LiveHome) -> None:
    for task in home.ask(ListTasks()).items:
        question = GetTask(task_id=task.task_id)
        assert answer_offline(home.paths, question) == home.ask(question)


def test_live_and_offline_agree_on_every_error_and_incident(home: LiveHome) -> None:
    lines = home.ask(ListErrors()).items
    assert lines
    for line in lines:
        for question in (GetError(error_id=line.error_id), GetIncident(incident_id=line.error_id)):
            assert answer_offline(home.paths, question) == home.ask(question)


def test_the_status_agrees_on_the_counts(home: LiveHome) -> None:
    live, offline = home.ask(GetStatus()), answer_offline(home.paths, GetStatus())
    assert offline.state == "down"
    assert (offline.counts, offline.letters_open) == (live.counts, live.letters_open)
    found = {line.function: line.counts for line in offline.functions}
    assert found == {line.function: line.counts for line in live.functions}
