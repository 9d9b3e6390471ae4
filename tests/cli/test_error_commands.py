"""`fnr errors`: lists, pages and explanations, harmless whatever an error says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cli_runs import Run
from msgspec.structs import replace
from wire_server import Events, Turns, WireServer

from fnr.api.errors import NotFound
from fnr.api.incident_requests import (
    AckIncidents,
    GetError,
    GetIncident,
    ListErrors,
    ListIncidents,
    ListSimilar,
    ReclassifyErrors,
    ResolveIncidents,
    SnoozeIncidents,
)
from fnr.api.question import Changed
from fnr.api.requests import Event, Watch
from fnr.cli import error_tail
from fnr.cli.argv import Globals
from fnr.cli.here import enter
from fnr.client.instants import now_ms
from fnr.policy.evidence import Code, Evidence, ExceptionFact, KilledBy
from fnr.policy.filter import ERROR_FIELDS, parse
from fnr.policy.filter_match import matches
from fnr.policy.fingerprint import fingerprint
from fnr.policy.incident import Incident, IncidentState, Move
from fnr.policy.record import (
    Correction,
    ErrorDetail,
    ErrorLine,
    ErrorRecord,
    IncidentDetail,
    LedgerRow,
    Page,
    SimilarIncident,
)
from fnr.policy.rules import (
    Category,
    Classification,
    Level,
    RunnerUp,
    Severity,
    Span,
    Strategy,
)
from fnr.policy.task import Attempt, Task, TaskState
from fnr.policy.verdict import Action, Decision

NOW_MS = 1_700_000_000_000
HOSTILE = "[rank0]: CUDA error [/b] \x1b[31mred\r\n\tnext"
TASK_ID = "01JD0000000000000000000001"
ERROR_ID = "01JE0000000000000000000001"

LINE = ErrorLine(
    error_id=ERROR_ID,
    task_id=TASK_ID,
    function="render",
    at_ms=NOW_MS,
    category=Category.TRANSIENT,
    was=Category.UNKNOWN,
    rule="unmatched",
    message=HOSTILE,
    incident_id="1:ab",
    exit_code=3,
)
INCIDENT = Incident(
    incident_id="1:ab",
    title=f"E: {HOSTILE}",
    parts=(("function", "render"), ("line", HOSTILE)),
    category=Category.RESOURCE,
    rule="os/no-space",
    function="render",
    functions={"a": 1, "b": 2, "c": 3, "d": 4},
    count=10,
    first_at_ms=NOW_MS - 9_000,
    last_at_ms=NOW_MS,
    last_error_id=ERROR_ID,
    state=IncidentState.SNOOZED,
    snoozed_until_ms=NOW_MS + 9_000,
    reason="known",
    state_by="ann",
    acked_by="ann",
    regressions=2,
)
CLASSIFIED = Classification(
    category=Category.RESOURCE,
    strategy=Strategy.QUEUE_AND_WAIT,
    rule="os/no-space",
    where="os.toml:12",
    level=Level.CODE,
    matched="errno ENOSPC",
    confidence=0.9,
    spans=(
        Span(text="message", start=9, end=25),
        Span(text="exceptions[0].message", start=0, end=5),
        Span(text="stderr_tail", start=90, end=95),
    ),
    captures={"disk": "sda"},
    runners_up=(
        RunnerUp(rule="net/timeout", category=Category.TRANSIENT, level=Level.TEXT, matched="t"),
    ),
    missing=("kernel log: not readable",),
    words=(("space", 1.5),),
    max_retries=7,
    hint="Free some space.",
    runbook="https://wiki/disk",
    severity=Severity.HIGH,
    recycle_worker=True,
    trip=True,
)
EVIDENCE = Evidence(
    message="OSError: No space left on it",
    exceptions=(ExceptionFact(type="OSError", message=HOSTILE),),
    codes=(Code(family="errno", value="ENOSPC"),),
    exit_code=3,
    stderr_tail=f"one\n{HOSTILE}\n",
    oom_killed=False,
    retry_after_ms=500,
    missing=("exit status: not our child",),
)


def detail(**fields: Any) -> ErrorDetail:
    """An error with everything."""
    named = fields.pop("named", CLASSIFIED)
    evidence = fields.pop("evidence", EVIDENCE)
    error = ErrorRecord(
        error_id=ERROR_ID,
        task_id=TASK_ID,
        token="t",
        function="render",
        at_ms=NOW_MS,
        evidence=evidence,
        classification=named,
        incident_id="1:ab",
        correction=Correction(category=Category.TRANSIENT, at_ms=NOW_MS, author="ann", why="w"),
    )
    decision = Decision(action=Action.WAIT, why="wait 1 of 5", rule="os/no-space")
    return ErrorDetail(
        error=error,
        task=Task(task_id=TASK_ID, function="render", state=TaskState.DEAD, retries_max=2),
        fingerprint=fingerprint(evidence, named, "render"),
        attempt=Attempt(
            token="t", task_id=TASK_ID, number=2, worker_id="w", boot_id="b", pid=1, pid_start=1,
            started_at_ms=NOW_MS,
        ),
        incident=INCIDENT,
        decisions=[LedgerRow(seq=8, at_ms=NOW_MS, task_id=TASK_ID, token="t", decision=decision)],
    )  # fmt: skip


LISTS = [
    (["list"], ListErrors, Page(items=[LINE]), "fnr.errors.list/1", ERROR_ID),
    (["groups"], ListIncidents, Page(items=[INCIDENT]), "fnr.errors.groups/1", "1:ab"),
    (
        ["similar", "1:ab"],
        ListSimilar,
        [SimilarIncident(likeness=0.5, incident=INCIDENT, shared=["line"])],
        "fnr.errors.similar/1",
        "1:ab",
    ),
]


@pytest.mark.parametrize(("words", "kind", "answer", "schema", "name"), LISTS)
def test_a_list_has_four_forms_and_is_harmless(
    server: WireServer, fnr: Run, *, words: list[str], kind: type, answer: Any, schema: str,
    name: str,
) -> None:  # fmt: skip
    server.answers[kind] = answer
    envelope = fnr("errors", *words, "-o", "json").json
    assert list(envelope) == ["schema", "items", "total", "next"]
    assert envelope["schema"] == schema
    assert fnr("errors", *words, "-o", "name").out == f"{name}\n"
    assert len(fnr("errors", *words, "-o", "jsonl").out.splitlines()) == 1
    [row] = fnr("errors", *words).out.splitlines()
    assert "\x1b" not in row
    assert "[rank0]: CUDA error [/b] [31mred" in row


def test_filters_since_and_all_are_one_filter(server: WireServer, fnr: Run) -> None:
    server.answers[ListErrors] = server.answers[ListIncidents] = Page(items=[])
    fnr("errors", "list", "--where", "a OR b", "--since", "2026-01-31T18:00+00:00")
    assert server.asked[-1].where == "(a OR b) at>=2026-01-31T18:00:00.000+00:00"
    fnr("errors", "list", "--since", "1h")
    assert server.asked[-1].where.startswith("at>=")
    fnr("errors", "groups", "--all")
    assert server.asked[-1].where == "state:*"
    fnr("errors", "groups", "--all", "--where", "disk")
    assert server.asked[-1].where == "(disk) state:*"
    for flag in ("--all", "--since=1h"):  # for the daemon to refuse
        fnr("errors", "groups", flag, "--where", "a) OR (b")
        assert server.asked[-1].where == "a) OR (b"


def test_the_explanation_tells_everything_and_where_it_came_from(
    server: WireServer, fnr: Run
) -> None:
    server.answers[GetError] = detail()
    told = fnr("errors", "explain", ERROR_ID).out
    for words in (
        "attempt 2 of task 01JD0000000000000000000001, function render",
        "corrected    transient, by ann",
        "classified as resource, with confidence 0.9",
        "rule         os/no-space (os.toml:12), which reads: code",
        "matched      errno ENOSPC",
        "in message   OSError: »No space left on« it",
        "in exceptions[0].message »[rank«0]: CUDA error",
        "(no longer there: the text was shortened)",
        "captured     disk = sda",
        "weighed      space +1.50",
        "not chosen   net/timeout: transient (text: t)",
        "hint         Free some space.",
        "runbook      https://wiki/disk",
        "ended with   exit code 3",
        "memory       the kernel did not kill it",
        "codes        errno:ENOSPC",
        "not known    exit status: not our child",
        "not known    kernel log: not readable",
        "strategy queue_and_wait: wait for what is used up",
        "because      what resource asks for",
        "max_retries  7  (rule os/no-space, os.toml:12)",
        "--retries    2  (the task)",
        "retry after  500 ms  (the other side asked; wait is the longest)",
        "waits_max    5  (default; the function is not in fnr.toml any more)",
        "severity     high: the rule says so",
        "worker       must not be used again: the rule says so",
        "breaker      counts against the service: the rule says so",
        "ledger 8 ",
        "decided: wait: wait 1 of 5",
        "now          the task is dead",
        "incident 1:ab, snoozed, 10 times",
        "note         an earlier version made it",
        "exceptions   OSError",
    ):
        assert words in told, words
    assert "\x1b" not in told


def test_the_numbers_come_with_the_line_of_fnr_toml(server: WireServer, fnr: Run) -> None:
    Path(server.paths.config_dir).mkdir(parents=True, exist_ok=True)
    Path(server.paths.config_file).write_text(
        '[functions.render]\ncommand = ["true"]\nretry = { waits_max = 9 }\n'
    )
    server.answers[GetError] = detail()
    numbers = fnr("errors", "explain", ERROR_ID, "-o", "json").json["numbers"]
    assert {"name": "waits_max", "value": "9", "origin": "fnr.toml:3", "today": True} in numbers
    assert {"name": "wait", "value": "5m", "origin": "default", "today": True} in numbers


def test_no_numbers_are_told_of_a_fnr_toml_with_mistakes(server: WireServer, fnr: Run) -> None:
    """They were fnr's own, of a function that was said to be in the file no more."""
    Path(server.paths.config_dir).mkdir(parents=True, exist_ok=True)
    Path(server.paths.config_file).write_text(
        '[functions.render]\ncommand = ["true"]\nretry = { waits_max = "9" }\n'
    )
    server.answers[GetError] = detail()
    told = fnr("errors", "explain", ERROR_ID).out
    assert "waits_max    not known  (fnr.toml has mistakes)" in told
    assert "not in fnr.toml any more" not in told


def test_the_numbers_of_fnr_toml_are_not_said_to_be_those_of_the_error(
    server: WireServer, fnr: Run
) -> None:
    server.answers[GetError] = detail()
    told = fnr("errors", "explain", ERROR_ID).out
    heading = "today        fnr.toml has these; it may have had others then\n"
    kept, _, today = told.partition(heading)
    assert "max_retries  7" in kept
    assert "waits_max    5" not in kept
    assert today.lstrip().startswith("waits_max    5")


def test_a_rule_that_asks_for_another_strategy_is_named(server: WireServer, fnr: Run) -> None:
    named = Classification(
        category=Category.TRANSIENT, strategy=Strategy.FAIL_FAST, rule="mine/x", level=Level.LEDGER,
        matched="killed by timeout", confidence=1, where="mine.toml:3",
    )  # fmt: skip
    evidence = Evidence(killed_by=KilledBy.TIMEOUT, kill_reason="too long", worker_died=True)
    server.answers[GetError] = detail(named=named, evidence=evidence)
    told = fnr("errors", "explain", ERROR_ID).out
    assert "asked for by rule mine/x (mine.toml:3) instead of retry_with_backoff" in told
    assert "ended by fnr timeout: too long" in told
    assert "worker       died with it" in told


@pytest.mark.parametrize("category", [Category.UNKNOWN, Category.VALIDATION])
def test_only_what_nothing_explains_is_said_to_be_tried_for_that(
    server: WireServer, fnr: Run, category: Category
) -> None:
    """A rule of the operator's had asked for one more attempt, and had explained it."""
    named = Classification(
        category=category, strategy=Strategy.RETRY_ONCE, rule="mine/x", level=Level.CODE,
        matched="exit 77", confidence=1, where="mine.toml:3",
    )  # fmt: skip
    server.answers[GetError] = detail(named=named)
    told = fnr("errors", "explain", ERROR_ID).out
    assert "strategy retry_once: try once more" in told
    assert ("because nothing explains it" in told) is (category is Category.UNKNOWN)


def test_a_longest_delay_that_the_rule_made_longer_is_said_to_be_the_rules(
    server: WireServer, fnr: Run
) -> None:
    Path(server.paths.config_dir).mkdir(parents=True, exist_ok=True)
    Path(server.paths.config_file).write_text(
        '[functions.render]\ncommand = ["true"]\nretry = { delay_max = "2s" }\n'
    )
    named = Classification(
        category=Category.TRANSIENT, strategy=Strategy.RETRY_WITH_BACKOFF, rule="mine/x",
        level=Level.TEXT, matched="text 'x'", confidence=1, where="mine.toml:3", delay_ms=30_000,
    )  # fmt: skip
    server.answers[GetError] = detail(named=named)
    numbers = fnr("errors", "explain", ERROR_ID, "-o", "json").json["numbers"]
    said = {number["name"]: (number["value"], number["origin"]) for number in numbers}
    assert said["delay"] == said["delay_max"] == ("30s", "rule mine/x, mine.toml:3")


def test_every_number_that_bounds_the_next_attempt_is_told(server: WireServer, fnr: Run) -> None:
    """Of 20 minutes that a server had asked for the decision kept five, and nothing said whose."""
    named = Classification(
        category=Category.TRANSIENT, strategy=Strategy.RETRY_WITH_BACKOFF, rule="mine/x",
        level=Level.TEXT, matched="text 'x'", confidence=1, where="mine.toml:3",
    )  # fmt: skip
    for evidence, more in (
        (Evidence(retry_after_ms=1_200_000), ["wait 5m"]),
        (Evidence(worker_died=True), ["deaths_max 3"]),
        (Evidence(worker_died=True, killed_by=KilledBy.TIMEOUT), []),
    ):
        server.answers[GetError] = detail(named=named, evidence=evidence)
        numbers = fnr("errors", "explain", ERROR_ID, "-o", "json").json["numbers"]
        told = [f"{number['name']} {number['value']}" for number in numbers if "today" in number]
        assert told[-2 - len(more) :] == ["per_window 5", "window 5m", *more]


def test_a_list_without_open_incidents_says_that_there_may_be_others(
    server: WireServer, fnr: Run
) -> None:
    """All were snoozed, and "no incidents" was what it said."""
    server.answers[ListIncidents] = Page(items=[])
    for words in ((), ("--where", "function:render")):
        assert "no open incidents; --all lists" in fnr("errors", "groups", *words).err
    for words in (("--all",), ("--where", "state:snoozed")):
        assert fnr("errors", "groups", *words).err == "no incidents\n"


def test_of_an_incident_the_latest_error_is_explained(server: WireServer, fnr: Run) -> None:
    """Its id is what `errors groups` shows."""
    server.answers[GetError] = detail()
    server.answers[GetIncident] = IncidentDetail(incident=INCIDENT, moves=[], errors=[LINE])
    assert fnr("errors", "explain", "1:ab").out.startswith(f"error {ERROR_ID}")
    assert [type(one) for one in server.asked][-2:] == [GetIncident, GetError]
    assert server.asked[-1].error_id == ERROR_ID


def test_of_an_incident_the_latest_error_that_is_kept_is_explained(
    server: WireServer, fnr: Run
) -> None:
    """The very latest one had gone with its task, and explain knew no error of that id."""

    def kept(request: GetError) -> ErrorDetail | NotFound:
        return detail() if request.error_id == ERROR_ID else NotFound("no error has that id")

    gone = replace(INCIDENT, last_error_id="01JE0000000000000000000009")
    server.answers[GetError] = kept
    server.answers[GetIncident] = IncidentDetail(incident=gone, moves=[], errors=[LINE])
    for written in ("1:ab", "ab"):
        assert fnr("errors", "explain", written).out.startswith(f"error {ERROR_ID}")
    server.answers[GetIncident] = IncidentDetail(incident=gone, moves=[], errors=[])
    left = fnr("errors", "explain", "1:ab")
    assert (left.code, "no error of incident 1:ab is kept any more" in left.err) == (4, True)
    assert "none is kept" in fnr("errors", "show", "1:ab").out


def test_show_finds_errors_and_incidents(server: WireServer, fnr: Run) -> None:
    moves = [
        Move(
            at_ms=NOW_MS,
            before=IncidentState.NEW,
            after=IncidentState.SNOOZED,
            by="ann",
            why=HOSTILE,
        )
    ]
    server.answers[GetError] = detail()
    server.answers[GetIncident] = IncidentDetail(incident=INCIDENT, moves=moves, errors=[LINE])
    page = fnr("errors", "show", ERROR_ID).out
    assert "transient, says ann: w; classified as resource (rule os/no-space)" in page
    assert f"why so: fnr --home {server.home} errors explain {ERROR_ID}" in page
    page = fnr("errors", "show", "1:ab").out
    assert re.search("^state:     snoozed until .* ago, wakes with the daemon$", page, re.MULTILINE)
    for words in ("because:   known (ann)", "came back: 2 times",
                  "functions: d 4, c 3, b 2, a 1", "new → snoozed", "exit code 3"):  # fmt: skip
        assert words in page, words
    assert "\x1b" not in page
    asleep = replace(INCIDENT, snoozed_until_ms=now_ms() + 3_600_000)
    server.answers[GetIncident] = IncidentDetail(incident=asleep, moves=moves, errors=[LINE])
    assert "state:     snoozed, wakes in 59m" in fnr("errors", "show", "1:ab").out
    server.answers[GetError] = NotFound("no error has an id that begins with 'ab'")
    assert fnr("errors", "show", "ab", "-o", "json").json["incident"]["incident_id"] == "1:ab"
    server.answers[GetIncident] = NotFound("no incident has an id that begins with 'ab'")
    found = fnr("errors", "show", "ab")
    assert (found.code, "no error has" in found.err) == (4, True)


@pytest.mark.parametrize(
    ("words", "asked", "done"),
    [
        (["ack", "--reason", "r"], AckIncidents(incident_ids=["1:ab"], reason="r"), "acknowledged"),
        (
            ["snooze", "--for", "2h"],
            SnoozeIncidents(incident_ids=["1:ab"], for_ms=7_200_000),
            "snoozed",
        ),
        (["resolve"], ResolveIncidents(incident_ids=["1:ab"]), "resolved"),
        (
            ["reclassify", "--category", "transient", "--why", "w"],
            ReclassifyErrors(error_ids=["1:ab"], category=Category.TRANSIENT, why="w"),
            "reclassified",
        ),
    ],
)
def test_a_move_by_hand_is_asked_for_and_told(
    server: WireServer, fnr: Run, *, words: list[str], asked: Any, done: str
) -> None:
    server.answers[type(asked)] = Changed(changed=["1:ab"])
    found = fnr("errors", *words, "1:ab")
    assert (found.code, found.out, found.err) == (0, "1:ab\n", f"one {done}\n")
    assert server.asked[-1] == asked
    server.answers[type(asked)] = Changed(unchanged={"1:ab": "it is over"})
    found = fnr("errors", *words, "-", stdin="1:ab\n")
    assert (found.code, found.err) == (1, "error: 1:ab: it is over\n")


def test_what_is_missing_is_said(fnr: Run) -> None:
    found = fnr("errors", "snooze", "1:ab")
    assert (found.code, "try: --for 2h" in found.err) == (2, True)
    found = fnr("errors", "reclassify", ERROR_ID, "--category", "odd")
    assert (found.code, "it is one of transient, resource," in found.err) == (2, True)


def error_line(number: int) -> ErrorLine:
    return ErrorLine(
        error_id=f"01JE{number:022}", task_id=TASK_ID, function="f", at_ms=NOW_MS + number,
        category=Category.UNKNOWN, rule="r", message="m", incident_id="1:ab",
    )  # fmt: skip


def test_tail_begins_with_the_last_and_goes_on_with_each_new_one(server: WireServer) -> None:
    """Method: the events only say that there is something; what it is comes from the list."""
    line = error_line
    event = Event(kind="error", what="unknown", at_ms=NOW_MS)
    server.answers[Watch] = Events(event, event)
    found = Turns(
        Page(items=[line(3), line(2)]),
        Page(items=[line(5), line(4), line(3)]),
        Page(items=[line(5)]),
        Page(items=[line(6)], next="c"),
        Page(items=[line(5), line(4)]),
    )
    server.answers[ListErrors] = lambda request: (
        found.next() if request.where else Page(items=[line(3)])
    )
    flags = Globals()
    flags.home = str(server.home)
    news = error_tail.followed(enter(flags), "a OR b", 2)
    assert [next(news).error_id[-1] for _ in range(4)] == ["2", "3", "4", "5"]
    assert next(request for request in server.asked if isinstance(request, Watch)).kinds == [
        "error"
    ]
    asked = [request.where for request in server.asked if isinstance(request, ListErrors)]
    wheres = [where for where in asked if where]
    assert wheres[:2] == ["a OR b", f"(a OR b) at>={'2023-11-14T22:13:20.003+00:00'}"]
    news.close()


def test_tail_shows_as_news_nothing_that_was_there_before(server: WireServer) -> None:
    """A filter that the latest 20,000 errors do not meet found none, and what it met long ago was
    told with the next error of whatever kind; and of `-n` no more was looked at."""
    pages = Turns(
        Page(items=[], next="further"), Page(items=[error_line(1)]),
        Page(items=[error_line(8), error_line(1)]),
    )  # fmt: skip
    server.answers[Watch] = Events(Event(kind="error", what="unknown", at_ms=NOW_MS))
    server.answers[ListErrors] = lambda request: (
        pages.next() if request.where else Page(items=[error_line(7)])
    )
    flags = Globals()
    flags.home = str(server.home)
    news = error_tail.followed(enter(flags), "message~rare", 3)
    assert [next(news).error_id[-1] for _ in range(2)] == ["1", "8"]
    news.close()

    none = Turns(Page(items=[], next="further"), Page(items=[error_line(8), error_line(1)]))
    server.answers[ListErrors] = lambda request: (
        none.next() if request.where else Page(items=[error_line(7)])
    )
    news = error_tail.followed(enter(flags), "message~rare", 0)
    assert next(news).error_id[-1] == "8"
    news.close()


def test_tail_goes_on_after_the_clock_was_set_back(server: WireServer) -> None:
    """Method: the last error is of tomorrow, and today's next one has the larger id."""
    before = replace(error_line(1), at_ms=now_ms() + 24 * 3_600_000)
    after = replace(error_line(2), at_ms=now_ms())
    event = Event(kind="error", what="unknown", at_ms=NOW_MS)
    server.answers[Watch] = Events(event)
    first, second = Page(items=[before]), Page(items=[after, before])
    server.answers[ListErrors] = Turns(first, first, second, second)
    flags = Globals()
    flags.home = str(server.home)
    news = error_tail.followed(enter(flags), "", 1)
    assert [next(news), next(news)] == [before, after]
    asked = [request.where for request in server.asked if isinstance(request, ListErrors)][-1]
    assert matches(parse(asked, fields=ERROR_FIELDS), {"at": after.at_ms}, now_ms())
    news.close()
