"""A service that misbehaves, as seen through its fault proxy: see proxy.py for how.

The proxy looks at one small file for each connection, and believes it only while the dead-man
process of the injection lives.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

from fnr.host.disk import write_durably
from fnr.policy.chaos import Injection

HOST = "127.0.0.1"
PROBE_S = 5.0
_PROBE = b"GET /fnr-chaos-probe HTTP/1.1\r\nHost: fnr\r\nConnection: close\r\n\r\n"


def begin(injection: Injection) -> None:
    """Tell the proxy."""
    options = {name: value for name, value in injection.options.items() if name != "port"}
    mode = {"fault": injection.fault, "folder": injection.folder, "options": options}
    Path(injection.places["proxies"]).mkdir(mode=0o700, exist_ok=True)
    write_durably(_file(injection), json.dumps(mode).encode())


def proof(injection: Injection) -> str:
    """Ask through the proxy, and see."""
    answer = _ask(injection)
    match injection.fault:
        case "service-500" if answer.startswith(b"HTTP/1.1 500"):
            return "it answers 500"
        case "service-429" if b"\r\nRetry-After:" in answer and b" 429 " in answer[:16]:
            return "it answers 429 with Retry-After"
        case "service-reset" if answer == b"reset":
            return "it resets the connection"
        case "service-slow" if answer == b"late":
            return "it does not answer in time"
        case "service-half" if b"Content-Length: 1000" in answer and len(answer) < 900:
            return f"it ends after {len(answer)} bytes"
    return ""


def undo(injection: Injection) -> None:
    """Take the file away, if it is ours."""
    if _is_ours(injection):
        Path(_file(injection)).unlink(missing_ok=True)


def residue(injection: Injection) -> str:
    """The file."""
    return f"{_file(injection)} is still there" if _is_ours(injection) else ""


def _file(injection: Injection) -> str:
    return f"{injection.places['proxies']}/{injection.options['port']}.json"


def _is_ours(injection: Injection) -> bool:
    try:
        found = json.loads(Path(_file(injection)).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(found.get("folder") == injection.folder)


def _ask(injection: Injection) -> bytes:
    """What comes back: the bytes, or "reset", or "late"."""
    slow = injection.fault == "service-slow"
    patience_s = int(injection.options["delay"]) / 2_000 if slow else PROBE_S
    answer = b""
    try:
        port = int(injection.options["port"])
        with socket.create_connection((HOST, port), timeout=patience_s) as sock:
            sock.sendall(_PROBE)
            while part := sock.recv(65_536):
                answer += part
    except TimeoutError:
        return b"late"
    except ConnectionResetError:
        return b"reset"
    except OSError:
        return b""
    return answer
