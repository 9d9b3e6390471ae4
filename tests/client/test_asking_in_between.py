"""A signal handler that asks, or raises, while the program waits for an answer."""

from __future__ import annotations

from signal import SIGUSR1, pthread_kill, signal
from threading import Event, main_thread

import pytest
from wire_server import WireServer

from fnr.api.requests import CancelTasks, Changed, GetStatus, Status, WaitTasks
from fnr.client.sdk import Client
from fnr.client.signal_handler import of_a_handler
from fnr.policy.record import TaskEnd
from fnr.policy.task import Task, TaskState

STATUS = Status(state="running", version="1", home="/h")
CANCELLED = TaskEnd(task=Task(task_id="T", function="f", state=TaskState.CANCELLED))


def test_a_signal_handler_cancels_the_task_that_is_waited_for(server: WireServer) -> None:
    told: list[Changed] = []
    has_asked = Event()

    def interrupt(_: WaitTasks) -> list[TaskEnd]:
        pthread_kill(main_thread().ident or 0, SIGUSR1)
        has_asked.wait()
        return [CANCELLED]

    server.answers |= {
        WaitTasks: interrupt,
        CancelTasks: lambda request: Changed(changed=request.task_ids),
        GetStatus: STATUS,
    }
    with Client(server.home) as client:

        def stop(*_: object) -> None:
            try:
                told.append(client.cancel("T"))
            finally:
                has_asked.set()

        before = signal(SIGUSR1, stop)
        try:
            assert client.wait("T") == CANCELLED
        finally:
            signal(SIGUSR1, before)
        assert told == [Changed(changed=["T"])]
        assert client.status() == STATUS
    assert server.connections == 2


class _Alarm:
    def __init__(self, error: OSError) -> None:
        self.error = error

    def __call__(self, *_: object) -> None:
        raise self.error


@pytest.mark.parametrize("error", [TimeoutError("it takes too long"), ConnectionError("no more")])
@pytest.mark.parametrize("kind", ["object", "method", "function"])
def test_what_a_signal_handler_raises_is_the_programs_own(
    server: WireServer, error: OSError, kind: str
) -> None:
    """As an alarm does: it is no time of ours that is up, and nothing is asked again for it."""

    def interrupt(_: WaitTasks) -> list[TaskEnd]:
        pthread_kill(main_thread().ident or 0, SIGUSR1)
        let_go.wait()
        return [CANCELLED]

    def give_up(*_: object) -> None:
        raise error

    let_go, alarm = Event(), _Alarm(error)
    handler = {"object": alarm, "method": alarm.__call__, "function": give_up}[kind]
    server.answers |= {WaitTasks: interrupt, GetStatus: STATUS}
    before = signal(SIGUSR1, handler)
    try:
        with Client(server.home) as client:
            with pytest.raises(type(error)) as raised:
                client.wait("T")
            assert raised.value is error
            let_go.set()
            assert client.status() == STATUS
    finally:
        let_go.set()
        signal(SIGUSR1, before)


def test_what_a_socket_written_in_python_raises_is_no_handlers() -> None:
    """As that of gevent is."""

    def receive() -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")

    with pytest.raises(ConnectionResetError) as raised:
        receive()
    assert not of_a_handler(raised.value)
