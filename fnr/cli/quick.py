"""`fnr status` in a few milliseconds: the question people ask most, from a shell prompt too.

Loads neither typer nor msgspec; whatever is out of the ordinary (another flag, no daemon, a
daemon of another version) is left to the whole program, which says it properly.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from fnr.cli.argv import FlagError, Globals, hoist
from fnr.cli.status_text import SCHEMA, exit_code, for_people, for_pipes
from fnr.cli.terminal import is_terminal, may_colour, width, writes_utf8
from fnr.config.paths import SOCKET_PATH_BYTES_MAX, find_paths
from fnr.host.clock import Clock

# api.wire would encode the same; it needs msgspec, and a test compares the two.
QUESTION = b'{"v":1,"id":1,"ask":{"op":"GetStatus"}}\n'
PATIENCE_S = 10.0


def quick_status(words: list[str]) -> int | None:
    """The exit code when this was a plain `fnr status` and it was answered; None otherwise."""
    if "status" not in words or len(words) > 6:
        return None
    try:
        flags, rest = hoist(words)
    except FlagError:
        return None
    if rest != ["status"] or flags.timeout or flags.output not in {"", "table", "json"}:
        return None
    paths = find_paths(flags.home or None, flags.config or None)
    path = paths.socket_file
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        return None
    try:
        status = json.loads(_asked(path))["ok"]
        code, text = exit_code(status), _text(status, flags, paths.command)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        # No daemon, an error, or what a daemon of another version calls its status.
        return None
    sys.stdout.write(text)
    return code


def _asked(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
        connected.settimeout(PATIENCE_S)
        connected.connect(path)
        connected.sendall(QUESTION)
        with connected.makefile("rb") as reader:
            return reader.readline()


def _text(status: dict[str, object], flags: Globals, command: str) -> str:
    out = sys.stdout
    if flags.output == "json":
        answer = {"schema": SCHEMA, **status}
        return json.dumps(answer, ensure_ascii=not writes_utf8(out)) + "\n"
    if is_terminal(out):
        colour = may_colour(out, no_color=flags.no_color)
        now_ms = Clock().now_ms()
        return for_people(status, now_ms=now_ms, colour=colour, command=command, width=width())
    return for_pipes(status, command=command)
