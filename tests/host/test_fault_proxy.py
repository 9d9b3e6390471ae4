"""A service that misbehaves does it to whoever asks, however much is asked."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fnr.host import chaos_records as records

# More than the kernel takes for a peer that does not read.
BODY = b"x" * (16 << 20)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """The folder of an injection whose dead-man process lives."""
    folder = tmp_path / "injection"
    folder.mkdir()
    (folder / records.HELD).touch()
    fd = records.hold(str(folder))
    yield folder
    os.close(fd)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    """A fault proxy in front of nobody."""
    words = ["0", "127.0.0.1:9", str(tmp_path), str(os.getpid())]
    proxy = subprocess.Popen(
        [sys.executable, "-m", "fnr.host.faults.proxy", *words], stdout=subprocess.PIPE, text=True
    )
    assert proxy.stdout is not None
    with proxy.stdout:
        yield proxy.stdout.readline().strip()
    proxy.kill()
    proxy.wait()


@pytest.mark.parametrize(
    ("fault", "status"), [("service-500", 500), ("service-429", 429), ("service-half", 200)]
)
def test_who_uploads_much_is_answered_and_not_reset(
    held: Path, port: str, tmp_path: Path, fault: str, status: int
) -> None:
    mode = {"fault": fault, "folder": str(held), "options": {"retry_after": "1"}}
    (tmp_path / f"{port}.json").write_text(json.dumps(mode))
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
    connection.request("PUT", "/large", body=BODY)
    answer = connection.getresponse()
    assert answer.status == status
    if fault == "service-half":
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    else:
        assert answer.read() == b""
    connection.close()
