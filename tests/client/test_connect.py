"""The blocking connection: typed answers, and for every way to fail an error that helps."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec import Raw as RawJson
from wire_server import Close, Events, Hang, Raw, Turns, WireServer

from fnr.api import wire
from fnr.api.errors import (
    BadData,
    ConfigError,
    DaemonDown,
    FnrError,
    PermissionDenied,
    ProtocolMismatch,
    TimedOut,
    TryAgain,
    error_types,
)
from fnr.api.requests import (
    CancelTasks,
    Changed,
    Event,
    GetStatus,
    ListTasks,
    PauseFunction,
    Status,
    StopDaemon,
    Submit,
    Submitted,
    TaskSpec,
    Watch,
)
from fnr.client import connect, patience
from fnr.client.async_link import AsyncLink
from fnr.client.connect import Connection, ConnectionLost, ask, not_connected
from fnr.client.patience import connect_again
from fnr.config.paths import Paths, find_paths
from fnr.host.lock import hold_home
from fnr.policy.record import Page
from fnr.policy.task import Task

STATUS = Status(state="running", version="1", home="/h", pid=7)


def test_an_answer_has_its_requests_type(server: WireServer) -> None:
    server.answers[ListTasks] = {"items": [{"task_id": "T", "function": "f"}], "next": "T"}
    with Connection(server.paths) as connection:
        found = connection.ask(ListTasks(where="state:dead"))
    assert found == Page(items=[Task(task_id="T", function="f")], next="T")
    assert server.asked == [ListTasks(where="state:dead")]


@pytest.mark.parametrize("kind", error_types().values(), ids=lambda kind: kind.__name__)
def test_an_error_arrives_as_what_it_was(server: WireServer, kind: type[FnrError]) -> None:
    server.answers[GetStatus] = kind("what", why="why", next_step="next", details=("one", "two"))
    with Connection(server.paths) as connection, pytest.raises(FnrError) as caught:
        connection.ask(GetStatus())
    assert type(caught.value) is kind
    assert caught.value.lines() == [
        "error: what",
        "  why: why",
        "  one",
        "  two",
        "  try: next",
    ]


def test_after_an_error_the_connection_goes_on(server: WireServer) -> None:
    server.answers[GetStatus] = Turns(BadData("no"), STATUS)
    with Connection(server.paths) as connection:
        with pytest.raises(BadData):
            connection.ask(GetStatus())
        assert not connection.broken
        assert connection.ask(GetStatus()) == STATUS


def test_without_a_daemon_the_error_names_the_command_that_starts_it(tmp_path: Path) -> None:
    with pytest.raises(DaemonDown) as caught:
        Connection(find_paths(str(tmp_path)))
    assert caught.value.next_step == f"fnr --home {tmp_path} daemon start"
    assert str(tmp_path) in caught.value.why


def test_with_the_home_from_the_environment_the_command_is_short(tmp_path: Path) -> None:
    with pytest.raises(DaemonDown) as caught:
        Connection(find_paths(environ={"FNR_HOME": str(tmp_path)}))
    assert caught.value.next_step == "fnr daemon start"


def test_a_socket_that_nobody_listens_on_is_a_daemon_that_is_down(server: WireServer) -> None:
    Path(server.paths.socket_file).rename(f"{server.paths.socket_file}.kept")
    server.stop()
    Path(f"{server.paths.socket_file}.kept").rename(server.paths.socket_file)
    with pytest.raises(DaemonDown, match="not running"):
        Connection(server.paths)


def test_a_path_that_no_socket_can_have_is_said_with_its_length() -> None:
    with pytest.raises(ConfigError) as caught:
        Connection(find_paths("/tmp/" + "x" * 100))
    assert "bytes; a Unix socket can have 107" in caught.value.why


def test_no_permission_is_not_mistaken_for_no_daemon(tmp_path: Path) -> None:
    error = not_connected(find_paths(str(tmp_path)), PermissionError(13, "Permission denied"))
    assert isinstance(error, PermissionDenied)
    assert error.exit_code == 77


def test_a_daemon_that_does_not_answer_is_given_up(server: WireServer) -> None:
    server.answers[GetStatus] = Hang()
    with Connection(server.paths, timeout_ms=50) as connection:
        with pytest.raises(TimedOut, match="in time"):
            connection.ask(GetStatus())
        assert connection.broken


@pytest.mark.parametrize("answer", [Close(), Close(b'{"id": 1, "o')])
def test_a_daemon_that_goes_away_is_said_and_that_the_outcome_is_unknown(
    server: WireServer, answer: Close
) -> None:
    server.answers[PauseFunction] = answer
    with Connection(server.paths) as connection:
        with pytest.raises(ConnectionLost, match="went away") as caught:
            connection.ask(PauseFunction(functions=["f"]))
        assert connection.broken
    assert "not known" in caught.value.why
    assert caught.value.exit_code == 3


def test_what_is_no_reply_is_refused(server: WireServer) -> None:
    server.answers[GetStatus] = Raw(b"HTTP/1.1 200 OK\n")
    with Connection(server.paths) as connection, pytest.raises(BadData, match="not a reply"):
        connection.ask(GetStatus())


def test_an_answer_of_another_version_is_called_that(server: WireServer) -> None:
    """It was called a mistake of ours, and to a program nothing that it could catch."""
    server.answers[GetStatus] = Raw(b'{"id":1,"ok":{"state":"running"}}\n')
    with Connection(server.paths) as connection:
        with pytest.raises(ProtocolMismatch, match="different versions") as caught:
            connection.ask(GetStatus())
        assert not connection.broken
    assert caught.value.next_step.endswith("daemon restart")


def test_a_reply_to_no_request_in_particular_is_ours(server: WireServer) -> None:
    server.answers[GetStatus] = Raw(b'{"id":0,"error":{"code":"bad_data","message":"m"}}\n')
    with Connection(server.paths) as connection, pytest.raises(BadData, match="m"):
        connection.ask(GetStatus())


@pytest.fixture
def full_house() -> Iterator[tuple[Paths, Callable[[], None]]]:
    """A home whose daemon takes nobody, and what makes it say so to who has just connected."""
    with TemporaryDirectory(prefix="fnr-") as home, socket.socket(socket.AF_UNIX) as door:
        paths = find_paths(home=home)
        Path(paths.run_dir).mkdir()
        door.bind(paths.socket_file)
        door.listen()

        def hang_up() -> None:
            connected, _ = door.accept()
            connected.sendall(wire.encode_error(0, TryAgain("too many clients")))
            connected.close()

        yield paths, hang_up


def test_a_daemon_that_takes_nobody_more_is_not_mistaken_for_none(
    full_house: tuple[Paths, Callable[[], None]],
) -> None:
    """Method: it hangs up before it is asked, so that the question cannot even be sent."""
    paths, hang_up = full_house
    with Connection(paths) as connection:
        hang_up()
        with pytest.raises(TryAgain, match="too many clients"):
            connection.ask(GetStatus())
        assert connection.broken
        with pytest.raises(ConnectionLost):
            connection.ask(GetStatus())


async def test_an_async_client_is_told_so_too(
    full_house: tuple[Paths, Callable[[], None]],
) -> None:
    paths, hang_up = full_house
    link = await AsyncLink.open(paths, timeout_ms=10_000)
    hang_up()
    await link.ended()
    with pytest.raises(TryAgain, match="too many clients"):
        await link.ask(StopDaemon(), timeout_ms=10_000)
    await link.close()


def test_a_request_over_the_limit_is_not_sent(
    server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "REQUEST_BYTES_MAX", 100)
    with Connection(server.paths) as connection, pytest.raises(BadData, match="too large"):
        connection.ask(Submit(task=TaskSpec(function="f" * 200)))
    assert server.asked == []


def test_raw_json_must_not_cut_a_request_in_two(server: WireServer) -> None:
    spec = TaskSpec(function="f", input=RawJson(b'{\n"a": 1}'))
    with Connection(server.paths) as connection, pytest.raises(BadData, match="one line"):
        connection.ask(Submit(task=spec))
    assert server.asked == []


def test_several_requests_are_under_way_at_once(server: WireServer) -> None:
    """Method: the first answer is held back until the client wants to send the fifth request."""
    four = threading.Semaphore(0)

    def serve(request: CancelTasks) -> Changed:
        if request.task_ids == ["0"]:
            assert four.acquire(timeout=30)
        return Changed(changed=request.task_ids)

    server.answers[CancelTasks] = serve

    def watched() -> Iterator[CancelTasks]:
        for number in range(6):
            if number == connect.PIPELINE_MAX:
                four.release()
            yield CancelTasks(task_ids=[str(number)])

    with Connection(server.paths) as connection:
        answers = list(connection.ask_each(watched()))
    assert answers == [Changed(changed=[str(number)]) for number in range(6)]


def test_one_error_in_a_pipeline_spoils_no_other_answer(server: WireServer) -> None:
    server.answers[GetStatus] = Turns(STATUS, BadData("no"), STATUS)
    with Connection(server.paths) as connection:
        answers = list(connection.ask_each(GetStatus() for _ in range(3)))
    assert [type(answer) for answer in answers] == [Status, BadData, Status]


def test_events_are_told_as_they_come(server: WireServer) -> None:
    events = [Event(kind="task", what=what, at_ms=1, task_id="T") for what in ("running", "done")]
    server.answers[Watch] = Events(*events)
    begun: list[bool] = []
    with Connection(server.paths) as connection:
        stream = connection.watch(Watch(task_ids=["T"]), on_watching=lambda: begun.append(True))
        assert [next(stream), next(stream)] == events
        server.stop()
        with pytest.raises(ConnectionLost):
            next(stream)
    assert begun == [True]


def test_many_clients_wait_for_room_in_the_backlog() -> None:
    """Method: a door with hardly a backlog, opened only when everybody stands before it."""
    server = WireServer()
    server.answers[GetStatus] = STATUS
    server.start(backlog=1)
    found: list[Status] = []
    together = threading.Barrier(40)

    def client() -> None:
        together.wait()
        with Connection(server.paths, timeout_ms=30_000) as connection:
            found.append(connection.ask(GetStatus()))

    threads = [threading.Thread(target=client) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.close()
    assert found == [STATUS] * 40


def test_a_daemon_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Method: the server starts only after the first attempt to connect has failed."""
    server = WireServer()
    server.answers[GetStatus] = STATUS
    Path(server.paths.run_dir).mkdir()
    failures: list[DaemonDown] = []

    class Starting(Connection):
        def __init__(self, paths: Paths, *, timeout_ms: int | None) -> None:
            try:
                super().__init__(paths, timeout_ms=timeout_ms)
            except DaemonDown as error:
                # Followers of other homes, left by other tests, connect again as well.
                if paths == server.paths:
                    if not failures:
                        server.start()
                    failures.append(error)
                raise

    monkeypatch.setattr(patience, "Connection", Starting)
    with connect_again(server.paths, timeout_ms=1_000, patience_ms=30_000) as connection:
        assert connection.ask(GetStatus()) == STATUS
    assert failures
    server.close()


def test_a_daemon_that_hangs_when_it_is_back_is_given_the_same_time(server: WireServer) -> None:
    server.answers[GetStatus] = Turns(Hang(), STATUS)
    with connect_again(server.paths, timeout_ms=50, patience_ms=60_000) as connection:
        assert connection.ask(GetStatus()) == STATUS
    server.answers[GetStatus] = Hang()
    with pytest.raises(TimedOut):
        connect_again(server.paths, timeout_ms=50, patience_ms=1)


def test_a_daemon_that_stays_away_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(DaemonDown):
        connect_again(find_paths(str(tmp_path)), timeout_ms=10, patience_ms=30)


def test_a_read_is_answered_offline_with_a_notice(tmp_path: Path) -> None:
    said: list[str] = []
    found = ask(find_paths(str(tmp_path)), ListTasks(), notice=said.append)
    assert found == Page(items=[], total=0)
    assert said == [f"daemon is not running; there is no store yet at {tmp_path}/state/fnr.db"]


def test_a_daemon_that_has_the_home_is_not_said_to_be_down(tmp_path: Path) -> None:
    """Somebody has removed its socket; it makes another within seconds."""
    paths = find_paths(str(tmp_path))
    Path(paths.state_dir).mkdir()
    lock, said = hold_home(paths.lock_file), list[str]()
    ask(paths, ListTasks(), notice=said.append)
    lock.release()
    assert said == [f"daemon cannot be reached; there is no store yet at {tmp_path}/state/fnr.db"]


def test_the_notice_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ask(find_paths(str(tmp_path)), ListTasks())
    out, err = capfd.readouterr()
    assert (out, err.startswith("daemon is not running; there is no store")) == ("", True)


def test_a_write_is_never_answered_offline(tmp_path: Path) -> None:
    with pytest.raises(DaemonDown):
        ask(find_paths(str(tmp_path)), Submit(task=TaskSpec(function="f")))


def test_a_read_that_must_be_live_is_not_answered_offline(tmp_path: Path) -> None:
    with pytest.raises(DaemonDown):
        ask(find_paths(str(tmp_path)), ListTasks(), offline=False)


def test_submitted_ids_come_back(server: WireServer) -> None:
    server.answers[Submit] = Submitted(task_id="T", duplicate=True)
    assert ask(server.paths, Submit(task=TaskSpec(function="f"))) == Submitted(
        task_id="T", duplicate=True
    )
