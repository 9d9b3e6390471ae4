"""A port is taken while somebody listens on it, in either family, and only then."""

from __future__ import annotations

import socket

import pytest

from fnr.host import ports


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("asked", [True, False], ids=["sock_diag", "proc"])
def test_a_port_is_taken_while_somebody_listens(
    monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily, asked: bool
) -> None:
    if not asked:
        monkeypatch.setattr(ports, "_asked", _refuse)
    with socket.socket(family) as door:
        try:
            door.bind(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0))
        except OSError as error:
            pytest.skip(f"no loopback of this family: {error}")
        number = door.getsockname()[1]
        assert number not in (ports.listening() or {number})
        door.listen()
        assert number in (ports.listening() or ())
    assert number not in (ports.listening() or {number})


def _refuse(family: int) -> set[int]:
    raise OSError("no such protocol")


def test_where_the_kernel_shows_nothing_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_asked", _refuse)
    monkeypatch.setattr(ports, "read_bytes", lambda _: None)
    assert ports.listening() is None


def test_an_answer_that_is_an_error_is_no_answer() -> None:
    refused = ports._HEADER.pack(ports._HEADER.size, ports._ERROR, 0, 1, 0)
    with pytest.raises(OSError, match="does not answer"):
        ports._take(refused, set())
