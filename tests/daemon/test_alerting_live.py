"""Who is told what by a running daemon: once for each cause, also after its death."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from live_home import FUNCTIONS, LiveHome
from test_task_life import end_of, submit
from webhook import Webhook

from fnr.api import requests as ask
from fnr.api.alert_requests import ListAlerts
from fnr.api.breaker_requests import ResetBreakers
from fnr.api.incident_requests import AckIncidents, ListIncidents
from fnr.cli import alert

sys.path.insert(0, str(Path(__file__).parent.parent))

HomeAt = Callable[[str], LiveHome]
REFUSE = """
[functions.refuse]
command = ["sh", "-c", "echo permission denied: {n} >&2; exit 77"]
"""


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with Webhook() as made:
        yield made


def channel(hook: Webhook, extra: str = "") -> str:
    return f'[alerts.ops]\nwebhook = "{hook.url}"\nseverity = "notice"\npause = "0s"\n{extra}\n'


def states(home: LiveHome) -> list[tuple[str, str, int]]:
    found = home.ask(ListAlerts())
    return [(one.alert.about.partition(":")[0], one.state.value, one.count) for one in found]


def until_noted(home: LiveHome) -> None:
    """The daemon has noted what it has sent; each look is a round trip."""
    while {state for _, state, _ in states(home)} != {"told"}:
        pass


def test_many_letters_of_one_cause_are_one_message(home_at: HomeAt, hook: Webhook) -> None:
    home = home_at(REFUSE + channel(hook)).up()
    answer = home.fnr(
        "submit", "refuse", "--jsonl", "-", stdin="".join(f'{{"n": {n}}}\n' for n in range(200))
    )
    assert answer.returncode == 0, answer.stderr
    hook.wait_for(lambda: bool(hook.came))
    ids = answer.stdout.split()
    assert len(ids) == 200
    home.ask(ask.WaitTasks(task_ids=ids, timeout_ms=30_000))
    message = hook.came[0]
    assert message["schema"] == "fnr.alert/1"
    [told] = message["alerts"]
    assert told["alert"]["title"] == "refuse: a task is dead (permanent, permanent)"
    assert "permission denied" in told["alert"]["detail"]
    assert f"fnr --home {home.folder} dlq show" in message["text"]
    assert len(hook.came) == 1, "the others wait for `every`"
    # The outbox is emptied behind the ends; each look is a round trip.
    while (counted := states(home)) and counted[0][2] < len(ids):
        pass
    assert [(about, count) for about, _, count in counted] == [("letter", 200)]


def test_a_daemon_that_dies_behind_a_message_sends_it_again_under_its_key(
    home_at: HomeAt, hook: Webhook
) -> None:
    home = home_at(REFUSE + channel(hook))
    assert home.start(env={"FNR_FAILPOINT": "alert-sent-not-noted"}), home.log()
    submit(home, "refuse", {"n": 1})
    assert home.process is not None
    home.process.wait()
    home.up()
    hook.wait_for(lambda: len(hook.came) == 2)
    first, second = hook.came
    assert first["key"] == second["key"]
    assert [one["count"] for one in second["alerts"]] == [1]


def test_a_channel_that_fails_is_seen_and_told_once_it_is_back(
    home_at: HomeAt, hook: Webhook
) -> None:
    hook.status = 503
    home = home_at(REFUSE + channel(hook)).up()
    end_of(home, submit(home, "refuse", {"n": 1}))
    hook.wait_for(lambda: bool(hook.came))
    tested = home.fnr("alert", "test", "ops")
    assert (tested.returncode, "HTTP 503" in tested.stdout) == (1, True)
    # A new daemon need not wait longer than what is noted; the next cause does not either.
    shown = home.fnr("status")
    assert "alerts do not reach ops: HTTP 503" in shown.stdout
    hook.status = 200
    assert home.fnr("alert", "test").returncode == 0
    assert hook.came[-1]["title"].endswith("a test of the channel ops")
    home.write(REFUSE)
    home.ask(ask.ReloadConfig())
    assert "do not reach" not in home.fnr("status").stdout
    assert home.fnr("alert", "test", "ops").returncode == 4


def test_an_open_breaker_is_told_and_that_it_is_over(
    home_at: HomeAt, hook: Webhook, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    bad.touch()
    home = home_at(f"""
[breakers.storage]
failures = 3
open = "1h"
open_max = "1d"
[functions.call]
python = "worked_functions:call_service"
cwd = "{FUNCTIONS}"
services = ["storage"]
retry = {{ max = 10, delay = "1ms", delay_max = "2ms", per_window = 1000 }}
{channel(hook)}""").up()
    submit(home, "call", {"bad": str(bad)})
    hook.wait_for(lambda: "the breaker of storage is open" in hook.titles())
    # The next daemon knows that it was told.
    until_noted(home)
    home.kill()
    home.up()
    bad.unlink()
    home.ask(ResetBreakers(names=["storage"], reason="mended"))
    hook.wait_for(lambda: "over: the breaker of storage is open" in hook.titles())
    assert hook.titles() == [
        "the breaker of storage is open",
        "over: the breaker of storage is open",
    ]


def test_an_incident_that_somebody_has_acknowledged_is_quiet(
    home_at: HomeAt, hook: Webhook
) -> None:
    home = home_at(REFUSE + channel(hook, 'every = "1ms"')).up()
    end_of(home, submit(home, "refuse", {"n": 1}))
    hook.wait_for(lambda: len(hook.came) == 1)
    [incident] = home.ask(ListIncidents()).items
    home.ask(AckIncidents(incident_ids=[incident.incident_id], reason="known"))
    end_of(home, submit(home, "refuse", {"n": 2}))
    home.ask(AckIncidents(incident_ids=[incident.incident_id], reason="still"))
    assert [count for _, _, count in states(home)] == [1]


def test_what_was_not_told_yet_when_somebody_acknowledged_it_is_told_no_more(
    home_at: HomeAt, hook: Webhook
) -> None:
    home = home_at(REFUSE + channel(hook, 'every = "1h"')).up()
    end_of(home, submit(home, "refuse", {"n": 1}))
    hook.wait_for(lambda: len(hook.came) == 1)
    until_noted(home)
    end_of(home, submit(home, "refuse", {"n": 2}))
    while {state for _, state, _ in states(home)} != {"due"}:
        pass
    [incident] = home.ask(ListIncidents()).items
    home.ask(AckIncidents(incident_ids=[incident.incident_id], reason="known"))
    home.kill()
    home.up()
    until_noted(home)
    assert len(hook.came) == 1
    assert [count for _, _, count in states(home)] == [2]


def test_a_channel_that_is_gone_when_it_has_failed_is_no_problem(
    home_at: HomeAt, hook: Webhook, tmp_path: Path
) -> None:
    began, goes_on = tmp_path / "began", tmp_path / "goes-on"
    os.mkfifo(began)
    os.mkfifo(goes_on)
    program = f'["sh", "-c", "echo > {began}; read x < {goes_on}; exit 3"]'
    home = home_at(REFUSE + f"[alerts.slow]\ncommand = {program}\n").up()
    submit(home, "refuse", {"n": 1})
    began.read_text()
    home.write(REFUSE + channel(hook))
    home.ask(ask.ReloadConfig())
    goes_on.write_text("\n")
    while "alerts do not reach slow" not in home.log():
        pass
    assert "do not reach" not in home.fnr("status").stdout


def test_a_secret_that_no_header_can_hold_is_not_shown(home_at: HomeAt, hook: Webhook) -> None:
    home = home_at(channel(hook, 'headers_env = { Authorization = "OPS_TOKEN" }'))
    assert home.start(env={"OPS_TOKEN": "s3cret-of-ops\r"})
    tested = home.fnr("alert", "test")
    assert tested.returncode == 1
    assert "OPS_TOKEN cannot stand in a header" in tested.stdout
    assert "s3cret" not in tested.stdout + home.log()


def test_a_test_waits_for_as_long_as_the_channel_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def ask_daemon(_: object, **how: object) -> list[object]:
        asked.append(how)
        return []

    monkeypatch.setattr(alert, "here", lambda: SimpleNamespace(ask=ask_daemon))
    monkeypatch.setattr(alert, "show_list", lambda *_, **__: None)
    alert.test_alerts(None)
    assert asked == [{"timeout_ms": None}]


def test_a_function_that_cannot_run_is_told(home_at: HomeAt, hook: Webhook) -> None:
    home = home_at(
        '[functions.broken]\npython = "no_such_module:run"\n' + channel(hook, 'every = "1h"')
    ).up()
    submit(home, "broken")
    hook.wait_for(lambda: "broken cannot run" in hook.titles())
    told = [one["alert"] for message in hook.came for one in message["alerts"]]
    [lasts] = [one for one in told if one["standing"]]
    assert "no_such_module" in lasts["detail"]


def test_a_program_is_told_as_it_is_asked_for(home_at: HomeAt, tmp_path: Path) -> None:
    out = tmp_path / "told"
    program = f'["sh", "-c", "echo $0 > {out}; cat >> {out}", "{{severity}}|{{title}}"]'
    home = home_at(REFUSE + f"[alerts.desk]\ncommand = {program}\n").up()
    tested = home.fnr("alert", "test", "-o", "json")
    assert tested.returncode == 0, tested.stdout
    first, body = out.read_text().splitlines()
    assert first.startswith("notice|[fnr ")
    assert body.startswith('{"schema":"fnr.alert/1","key":"desk:test:')
    assert "alerts.desk" not in home.log()


def test_an_end_waits_for_no_channel(home_at: HomeAt, tmp_path: Path) -> None:
    began = tmp_path / "began"
    os.mkfifo(began)
    program = f'["sh", "-c", "echo $$ > {began}; exec sleep 1000"]'
    home = home_at(REFUSE + f'[alerts.slow]\ncommand = {program}\ntimeout = "1h"\n').up()
    submit(home, "refuse", {"n": 1})
    pidfd = os.pidfd_open(int(began.read_text()))
    assert home.end() == 0
    assert select.select([pidfd], [], [], 30)[0], "and what it began ends with it"
    os.close(pidfd)
    assert "cut off" not in home.log()


def test_a_try_that_outlived_its_daemon_is_ended_before_the_next(
    home_at: HomeAt, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    os.mkfifo(began)
    program = f'["sh", "-c", "echo $$ > {began}; exec sleep 1000"]'
    home = home_at(REFUSE + f'[alerts.slow]\ncommand = {program}\ntimeout = "1h"\n').up()
    submit(home, "refuse", {"n": 1})
    pidfd = os.pidfd_open(int(began.read_text()))
    home.kill()
    home.up()
    began.read_text()
    assert select.select([pidfd], [], [], 0)[0]
    os.close(pidfd)
    assert home.end() == 0
