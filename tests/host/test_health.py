"""Health probes: what answers is well, what does not is not waited for, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fnr.host.health import Health, ask

TIMEOUT_MS = 10_000
SHORT_MS = 50


@contextmanager
def answering(line: bytes | None, heard: list[bytes] | None = None) -> Iterator[int]:
    """A server on loopback that says this to whoever asks; None: it never says anything.

    heard: what it was asked.
    """
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                asking, _ = door.accept()
                with asking:
                    asked = asking.recv(1 << 16)
                    if heard is not None:
                        heard.append(asked)
                    if line is not None:
                        asking.sendall(line)
                    else:
                        asking.recv(1 << 16)

        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1]
        # Closing alone does not wake a thread that waits in accept.
        with suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)
        thread.join()


def probe_of(line: bytes | None, make: Callable[[int], tuple[str, ...]], timeout_ms: int) -> Health:
    with answering(line) as port:
        return asyncio.run(ask(make(port), timeout_ms=timeout_ms))


@pytest.mark.parametrize(
    ("line", "healthy", "found"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, "HTTP 200 OK"),
        (b"HTTP/1.1 302 Found\r\n\r\n", True, "HTTP 302 Found"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", False, "HTTP 503 Busy"),
        (b"HTTP/1.1 404\r\n\r\n", False, "HTTP 404"),
        (b"SSH-2.0-x\r\n", False, "not in HTTP"),
        (b"", False, "not in HTTP"),
        (b"x" * 70_000, False, "not in HTTP"),
        (b"HTTP/1.1 " + b"9" * 100_000 + b"\r\n", False, ""),
    ],
)
def test_an_http_answer(line: bytes, healthy: bool, found: str) -> None:
    health = probe_of(line, lambda port: ("GET", f"http://127.0.0.1:{port}/x?y=1"), TIMEOUT_MS)
    assert health.healthy is healthy
    assert found in health.found


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ("", b""),
        ("bob:p%40ss@", b"Authorization: Basic " + b64encode(b"bob:p@ss") + b"\r\n"),
        ("bob@", b"Authorization: Basic " + b64encode(b"bob:") + b"\r\n"),
    ],
)
def test_the_name_and_the_password_of_a_url_are_told(login: str, header: bytes) -> None:
    heard: list[bytes] = []
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", heard) as port:
        url = f"http://{login}127.0.0.1:{port}/"
        assert asyncio.run(ask(("GET", url), timeout_ms=TIMEOUT_MS)).healthy
    [asked] = heard
    assert asked.startswith(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode())
    assert (b"Authorization" in asked, header in asked) == (bool(login), True)


def test_a_server_that_says_nothing_has_a_deadline() -> None:
    health = probe_of(None, lambda port: ("GET", f"http://127.0.0.1:{port}/"), SHORT_MS)
    assert health == Health(healthy=False, found=f"no answer within {SHORT_MS} ms")


def test_a_port_that_takes_connections_is_enough() -> None:
    assert probe_of(b"x", lambda port: ("TCP", f"127.0.0.1:{port}"), TIMEOUT_MS).healthy


def test_a_port_that_nobody_listens_on() -> None:
    with answering(b"") as port:
        pass
    health = asyncio.run(ask(("TCP", f"127.0.0.1:{port}"), timeout_ms=TIMEOUT_MS))
    assert not health.healthy
    assert "Connect" in health.found


@pytest.mark.parametrize(
    ("argv", "healthy", "found"),
    [
        (["true"], True, "ended with 0"),
        (["false"], False, "exit code 1"),
        (["sh", "-c", "kill -9 $$"], False, "signal 9"),
        (["no such program"], False, "FileNotFoundError"),
    ],
)
def test_a_command(argv: list[str], healthy: bool, found: str) -> None:
    health = asyncio.run(ask(("COMMAND", *argv), timeout_ms=TIMEOUT_MS))
    assert health.healthy is healthy
    assert found in health.found


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    """Method: its child holds the writing end of a FIFO; when that is closed, it is gone."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    script = f"exec 9>{fifo}; sleep 1000 & wait"
    health = asyncio.run(ask(("COMMAND", "sh", "-c", script), timeout_ms=300))
    assert health.found == "no answer within 300 ms"
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""
    os.close(reading)
