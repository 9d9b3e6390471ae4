"""One message, sent by a process of its own: by webhook, by mail, or by nobody."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from webhook import Webhook

from fnr.host.tell import Letter


def tell(**fields: Any) -> subprocess.CompletedProcess[str]:
    env = fields.pop("env", {})
    given = {"subject": "disk\nfull", "text": "next: df", "body": '{"a":1}', "timeout_s": 20.0}
    letter = msgspec.convert({**given, **fields}, Letter)
    return subprocess.run(
        [sys.executable, "-m", "fnr.host.tell"],
        input=msgspec.json.encode(letter).decode(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **env},
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.strip().splitlines()[-1]


def test_a_webhook_gets_the_message_and_the_headers() -> None:
    with Webhook() as hook:
        done = tell(webhook=hook.url, headers={"Authorization": "Bearer x"})
        assert (done.returncode, last_line(done)) == (0, "HTTP 204")
        assert hook.came == [{"a": 1}]
        assert hook.headers[0]["Authorization"] == "Bearer x"
        assert hook.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_is_not_taken_says_why(status: int) -> None:
    with Webhook() as hook:
        hook.status = status
        done = tell(webhook=hook.url)
        assert done.returncode == 1
        assert last_line(done).startswith(f"HTTP {status}")
        assert len(hook.came) == 1, "and is led nowhere else"


@pytest.mark.parametrize("secret", ["s3cret-of-ops", "Bearer s3cret-of-ops", "s3cret-of-ops\r"])
def test_the_secret_that_was_sent_is_in_no_words(secret: str) -> None:
    with Webhook() as hook:
        hook.status = 401
        hook.says = "who is {Authorization}?"
        done = tell(webhook=hook.url, headers={"Authorization": secret})
        assert done.returncode == 1
        assert "s3cret" not in done.stdout + done.stderr


def test_nobody_there_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    done = tell(webhook=f"http://127.0.0.1:{port}/")
    assert (done.returncode, last_line(done)) == (1, "[Errno 111] Connection refused")
    assert tell(to=["ops@example.org"], sender="a@b", smtp=f"127.0.0.1:{port}").returncode == 1


@contextmanager
def mail_server(*, takes: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """Speaks as much SMTP as one mail needs; its address, and what came."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            asking, _ = door.accept()
            with asking, asking.makefile("rwb", buffering=0) as link:
                link.write(b"220 here\r\n")
                is_mail = False
                for line in link:
                    came.append(line)
                    if is_mail:
                        if line == b".\r\n":
                            is_mail = False
                            link.write(b"250 taken\r\n")
                    elif line.upper().startswith(b"DATA"):
                        is_mail = True
                        link.write(b"354 go on\r\n")
                    elif line.upper().startswith(b"RCPT") and not takes:
                        link.write(b"550 nobody of that name\r\n")
                    elif line.upper().startswith(b"QUIT"):
                        link.write(b"221 bye\r\n")
                        return
                    else:
                        link.write(b"250 fine\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{door.getsockname()[1]}", came
        thread.join(30)


def test_a_mail_goes_to_the_server_that_is_named() -> None:
    with mail_server() as (address, came):
        done = tell(to=["ops@example.org", "b@example.org"], sender="fnr@gpu1", smtp=address)
        assert (done.returncode, last_line(done)) == (0, f"{address} took it")
    text = b"".join(came).decode()
    assert "mail FROM:<fnr@gpu1>" in text
    assert text.count("rcpt TO:") == 2
    assert "Subject: disk full\r\n" in text
    assert "To: ops@example.org, b@example.org\r\n" in text
    assert "\r\n\r\nnext: df\r\n" in text


def test_a_mail_that_the_server_refuses_says_why() -> None:
    with mail_server(takes=False) as (address, _):
        done = tell(to=["ops@example.org"], sender="fnr@gpu1", smtp=address)
    assert done.returncode == 1
    assert "nobody of that name" in last_line(done)


def test_a_mail_without_a_server_goes_to_sendmail(tmp_path: Path) -> None:
    program = tmp_path / "sendmail"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/args\ncat > {tmp_path}/mail\n')
    program.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = tell(to=["ops@example.org"], sender="fnr@gpu1", env=path)
    assert (done.returncode, last_line(done)) == (0, f"{program} took it")
    assert (tmp_path / "args").read_text() == "-i -t\n"
    assert "To: ops@example.org" in (tmp_path / "mail").read_text()
    program.write_text("#!/bin/sh\necho no route >&2; exit 75\n")
    done = tell(to=["ops@example.org"], sender="fnr@gpu1", env=path)
    assert (done.returncode, last_line(done)) == (1, f"{program} ended with 75: no route")
