"""Every fault: it takes effect, fnr deals with it, and nothing of it is left.

One daemon for all; each test injects one fault through the api, as the command does.
"""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_home import LiveHome, home_of_its_own

from fnr.api.chaos_requests import AbortDrills, InjectFault, InjectReport, ListDrills
from fnr.api.errors import ConfigError, Failed, FnrError, Refused, UsageError
from fnr.api.requests import ListWorkers, ReloadConfig
from fnr.client.sdk import Client
from fnr.policy.chaos import Drilled
from fnr.policy.faults import CATALOGUE, Acts

TOML = f"""
[chaos]
enabled = true
protect = ["precious*"]
stop_load = 1000.0
stop_failures = 1000000
stop_letters = 1000000
stop_disk_free = "1MiB"
[functions.rock]
python = "chaos_functions:rock"
env = {{ PYTHONPATH = "{Path(__file__).parent}" }}
workers = {{ min = 1, max = 2 }}
timeout = "20s"
grace = "300ms"
retry = {{ max = 20, waits_max = 100, delay = "100ms", delay_max = "200ms", wait = "100ms" }}
limits = {{ memory = "256MiB" }}
[functions.precious]
python = "chaos_functions:rock"
env = {{ PYTHONPATH = "{Path(__file__).parent}" }}
workers = {{ min = 0, max = 1 }}
"""


@pytest.fixture(scope="module")
def home() -> Iterator[LiveHome]:
    with home_of_its_own(TOML) as made:
        yield made


@pytest.fixture
def client(home: LiveHome) -> Iterator[Client]:
    with Client(home.folder, timeout="30s", reconnect="20s") as made:
        yield made
        made.ask(AbortDrills(all=True))
        assert made.ask(ListDrills()) == []


def begin(client: Client, fault: str, **more: object) -> InjectReport:
    more.setdefault("duration_ms", 20_000)
    return client.ask(InjectFault(fault=fault, reason="a test", **more))  # type: ignore[arg-type]  # msgspec checks the fields


def end(client: Client, report: InjectReport) -> Drilled:
    """Abort it; how it stands afterwards."""
    assert client.ask(AbortDrills(ids=[report.injection_id])).unchanged == {}
    return over(client, report)


def over(client: Client, report: InjectReport) -> Drilled:
    [found] = [
        one
        for one in client.ask(ListDrills(past=True))
        if one.injection.injection_id == report.injection_id
    ]
    assert found.state == "over"
    assert found.outcome is not None
    assert found.outcome.reverted, found
    return found


def proven(drilled: Drilled) -> str:
    assert drilled.outcome is not None
    assert drilled.outcome.proven, drilled
    return drilled.outcome.effect


IN_ATTEMPTS = [
    ("hang", {}, "transient", "done"),
    ("busy-loop", {}, "transient", "done"),
    ("exit-code", {"code": "9"}, "unknown", "done"),
    ("segfault", {}, "permanent", "dead"),
    ("exit-silent", {}, "unknown", "done"),
    ("memory", {}, "resource", "done"),
    ("open-files", {}, "resource", "done"),
    ("error", {"message": "connection reset by peer"}, "transient", "done"),
    (
        "error",
        {"exception": "torch.OutOfMemoryError"},
        "resource",
        "done",
    ),
    ("error", {"code": "ENOSPC", "message": "@say"}, "resource", "done"),
    ("error", {"code": "503"}, "transient", "done"),
    ("result-garbage", {}, "permanent", "dead"),
    ("result-too-large", {}, "permanent", "dead"),
]


def test_every_fault_inside_of_attempts_is_tried_here() -> None:
    inside = {name for name, fault in CATALOGUE.items() if fault.acts is Acts.ATTEMPT}
    assert {name for name, *_ in IN_ATTEMPTS} == inside


@pytest.mark.parametrize(
    ("fault", "options", "category", "state"),
    IN_ATTEMPTS,
    ids=[f"{name}-{'-'.join(options.values())}" for name, options, *_ in IN_ATTEMPTS],
)
def test_a_fault_inside_of_an_attempt_is_met_once_and_named(
    client: Client, fault: str, options: dict[str, str], category: str, state: str
) -> None:
    report = begin(client, fault, where=f"tag.case:{fault}", options=options)
    # Long enough for the attempt after it, on a busy host too.
    more = {"timeout": "2s"} if fault == "busy-loop" else {}
    tags = {"case": fault, "drill": report.drill_id}
    task_id = client.submit("rock", {"say": "No space left on device"}, tags=tags, **more)
    spared = client.submit("rock", {"say": ""})
    [ended, other] = client.wait_all([task_id, spared], timeout="50s")
    assert other.task.state == "done"
    assert ended.task.state == state
    detail = client.get(task_id)
    assert [error.evidence.drill for error in detail.errors] == [report.drill_id]
    assert detail.errors[0].classification.category == category
    assert f"(drill {report.drill_id})" in detail.ledger[0].decision.why
    if detail.letter is not None:
        assert report.drill_id in detail.letter.reason
    assert client.get(spared).errors == []
    assert task_id in proven(end(client, report))


def test_a_killed_worker_costs_other_peoples_tasks_nothing(client: Client, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    theirs = client.submit("rock", {"say": "", "wait_for": str(tmp_path / "go")})
    wait_until_running(client, theirs)
    # Its first attempt waits for the file's removal, its next finds that the file has gone.
    report = begin(client, "worker-kill", where=f"id:{theirs}")
    (tmp_path / "go").unlink()
    assert client.wait(theirs, timeout="30s").task.state == "done"
    task = client.get(theirs).task
    assert (task.retries, task.unknowns, task.deaths) == (0, 0, 0)
    assert task.interruptions == 1
    assert "gone" in proven(end(client, report))


def test_a_stopped_worker_costs_other_peoples_tasks_nothing(client: Client, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    theirs = client.submit("rock", {"say": "", "wait_for": str(tmp_path / "go")})
    wait_until_running(client, theirs)
    # The stopped worker cannot see that the file has gone: it is ended as hung.
    report = begin(client, "worker-stop", where=f"id:{theirs}")
    (tmp_path / "go").unlink()
    assert client.wait(theirs, timeout="30s").task.state == "done"
    found = client.get(theirs)
    assert (found.task.retries, found.task.unknowns, found.task.deaths) == (0, 0, 0)
    assert found.task.interruptions == 1
    assert report.drill_id in found.ledger[0].decision.why
    assert "stopped" in proven(end(client, report))


def wait_until_running(client: Client, task_id: str) -> None:
    for _ in range(2_000):
        if any(worker.task_id == task_id for worker in client.ask(ListWorkers())):
            return
        threading.Event().wait(0.01)
    raise AssertionError("it does not run")


def test_a_stopped_worker_is_noticed_and_let_go(client: Client, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    mine = client.submit("rock", {"say": "", "wait_for": str(tmp_path / "go")}, tags={"drill": "x"})
    wait_until_running(client, mine)
    report = begin(client, "worker-stop", where=f"id:{mine}")
    [target] = report.targets
    stat = Path(f"/proc/{target.pid}/stat").read_text().rpartition(")")[2].split()
    assert stat[0] == "T"
    (tmp_path / "go").unlink()
    drilled = end(client, report)
    assert "stopped" in proven(drilled)
    assert client.wait(mine, timeout="30s").task.state == "done"


def test_a_slow_start_and_a_failed_import_end_with_the_fault(client: Client) -> None:
    report = begin(client, "import-failure", where="function:rock")
    task_id = client.submit("rock", {"say": ""}, tags={"drill": report.drill_id})
    ended = client.wait(task_id, timeout="30s")
    assert (ended.task.state, ended.category) == ("dead", "permanent")
    assert client.get(task_id).errors[0].evidence.drill == report.drill_id
    assert proven(end(client, report))
    report = begin(client, "slow-start", where="function:rock", options={"delay": "60000"})
    task_id = client.submit("rock", {"say": ""})
    wait_until_met(client, report)
    assert proven(end(client, report))
    assert client.wait(task_id, timeout="30s").task.state == "done"


def wait_until_met(client: Client, report: InjectReport) -> None:
    folder = client.paths.chaos_dir
    file = Path(folder) / "active" / report.injection_id / "effects"
    for _ in range(2_000):
        if file.stat().st_size:
            return
        threading.Event().wait(0.01)
    raise AssertionError("nobody met it")


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def proxied(home: LiveHome) -> Iterator[int]:
    """A port on which a fault proxy forwards to a service."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = Path(home.paths.chaos_dir) / "proxies"
    folder.mkdir(parents=True, exist_ok=True)
    where = [f"127.0.0.1:{server.server_port}", str(folder), str(os.getpid())]
    command = [sys.executable, "-m", "fnr.host.faults.proxy", "0", *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        yield int(proxy.stdout.readline())
        proxy.kill()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        ("service-500", "transient"),
        ("service-429", None),
        ("service-reset", "transient"),
        ("service-slow", "transient"),
        ("service-half", "transient"),
    ],
)
def test_a_service_misbehaves_through_its_proxy_and_recovers(
    client: Client, proxied: int, fault: str, category: str | None
) -> None:
    report = begin(client, fault, options={"port": str(proxied)})
    task_id = client.submit("rock", {"say": "", "port": proxied}, tags={"drill": report.drill_id})
    wait_until_failed(client, task_id)
    assert proven(end(client, report))
    assert client.wait(task_id, timeout="30s").task.state == "done"
    [first, *_] = client.get(task_id).errors
    assert category in {None, first.classification.category}, first.evidence.message


def wait_until_failed(client: Client, task_id: str) -> None:
    for _ in range(2_000):
        if client.get(task_id).errors:
            return
        threading.Event().wait(0.01)
    raise AssertionError("it does not fail")


def test_a_full_disk_and_a_read_only_folder_are_put_back(client: Client, tmp_path: Path) -> None:
    output = tmp_path / "out" / "result.txt"
    output.parent.mkdir()
    output.write_text("before")
    report = begin(client, "disk-full", options={"path": str(output)})
    task_id = client.submit("rock", {"say": "", "write": str(output)}, tags={"drill": "x"})
    wait_until_failed(client, task_id)
    assert client.get(task_id).errors[0].classification.category == "resource"
    assert "No space left" in proven(end(client, report))
    assert client.wait(task_id, timeout="30s").task.state == "done"
    assert output.read_text() == "written"
    assert [file.name for file in output.parent.iterdir()] == ["result.txt"]

    mode = output.parent.stat().st_mode
    report = begin(client, "output-read-only", options={"path": str(output.parent)})
    new = output.with_name("new.txt")
    task_id = client.submit("rock", {"say": "", "write": str(new)}, tags={"drill": "x"})
    assert client.wait(task_id, timeout="30s").category == "permanent"
    assert proven(end(client, report))
    assert output.parent.stat().st_mode == mode
    new.touch()


def test_a_locked_store_makes_submits_wait_and_loses_none(client: Client) -> None:
    report = begin(client, "store-locked", duration_ms=700)
    task_id = client.submit("rock", {"say": ""})
    assert client.wait(task_id, timeout="30s").task.state == "done"
    wait_until_over(client, report)
    assert "holds the write lock" in proven(over(client, report))


def wait_until_over(client: Client, report: InjectReport) -> None:
    folder = Path(client.paths.chaos_dir) / "active" / report.injection_id
    for _ in range(2_000):
        if not folder.exists():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it does not end")


def test_a_clock_that_jumps_is_true_again_afterwards(client: Client) -> None:
    report = begin(client, "clock-jump", options={"by": "-7200000"})
    early = client.get(client.submit("rock", {"say": ""})).task.created_at_ms
    assert proven(end(client, report))
    after = client.get(client.submit("rock", {"say": ""})).task.created_at_ms
    assert 7_100_000 < after - early < 7_300_000


def test_a_flood_is_drained_again(client: Client) -> None:
    report = begin(client, "queue-flood", options={"function": "canary", "count": "1500"})
    assert proven(end(client, report))
    left = [*client.tasks(f"tag.flood:{report.injection_id} state:queued,waiting")]
    assert left == []
    assert len([*client.tasks(f"tag.flood:{report.injection_id}")]) == 1_500


def test_a_broken_configuration_is_refused_and_put_back(client: Client) -> None:
    good = Path(client.paths.config_file).read_bytes()
    report = begin(client, "config-broken")
    with pytest.raises(ConfigError):
        client.ask(ReloadConfig())
    assert proven(end(client, report))
    assert Path(client.paths.config_file).read_bytes() == good
    client.ask(ReloadConfig())


def test_a_killed_daemon_is_started_again(client: Client) -> None:
    before = client.status().pid
    report = begin(client, "daemon-kill")
    wait_until_over(client, report)
    assert client.wait(client.submit("rock", {"say": ""}), timeout="30s").task.state == "done"
    assert client.status().pid != before
    # Where people look, and rotated: it went on in chaos.log, which grew for as long as it ran.
    log = Path(client.paths.log_dir)
    assert f"ready pid={client.status().pid}" in (log / "daemon.log").read_text()
    assert "ready" not in (log / "chaos.log").read_text()
    assert "gone" in proven(over(client, report))


# ── what is refused ──────────────────────────────────────────────────────────


def test_two_drills_at_once_are_refused(client: Client) -> None:
    report = begin(client, "error", where="tag.case:none")
    with pytest.raises(Refused, match="another drill"):
        begin(client, "hang", where="tag.case:none")
    # The same drill may do several things.
    begin(client, "hang", where="tag.case:none", drill_id=report.drill_id)


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"fault": "hang", "where": "tag.x:y", "duration_ms": 0}, Refused, "duration"),
        ({"fault": "hang", "where": "tag.x:y", "duration_ms": 10**9}, Refused, "duration"),
        ({"fault": "hang", "where": "tag.x:y", "reason": " "}, Refused, "reason"),
        ({"fault": "hang"}, UsageError, "target"),
        ({"fault": "hang", "where": "function:("}, UsageError, "filter"),
        ({"fault": "exit-code", "where": "tag.x:y", "options": {"code": "256"}}, UsageError, "255"),
        ({"fault": "exit-code", "where": "tag.x:y", "options": {"kode": "2"}}, UsageError, "kode"),
        ({"fault": "worker-kill", "where": "function:precious"}, Refused, "hit nothing"),
        ({"fault": "worker-kill", "where": "function:nobody"}, Refused, "hit nothing"),
        ({"fault": "slow-start", "where": "function:precious"}, Refused, "precious"),
        ({"fault": "disk-full"}, UsageError, "path"),
        ({"fault": "disk-full", "options": {"path": "/etc/passwd"}}, Refused, "system"),
        ({"fault": "disk-full", "options": {"path": "/tmp"}}, Failed, "GiB"),
    ],
)
def test_what_must_not_be_is_refused_before_anything_happens(
    client: Client, request_: dict[str, object], error: type[FnrError], words: str
) -> None:
    with pytest.raises(error) as found:
        client.ask(InjectFault(**({"reason": "a test", "duration_ms": 1_000} | request_)))  # type: ignore[arg-type]  # msgspec checks the fields
    assert words in " ".join(found.value.lines())
    assert client.ask(ListDrills()) == []


def test_a_dry_run_names_what_it_would_hit_and_does_nothing(client: Client) -> None:
    [worker, *_] = client.ask(ListWorkers(function="rock"))
    report = begin(client, "worker-stop", where="function:rock", dry_run=True)
    assert report.injection_id == ""
    assert report.targets[0].function == "rock"
    assert report.kept_out == ["precious"]
    assert any("undo record" in deed for deed in report.deeds)
    stat = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    assert stat[0] != "T"
