"""Run a program to its end, and keep what it prints, as far as somebody will read it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

KEPT_BYTES_MAX = 256 * 1024


class Printed(Struct, frozen=True, kw_only=True):
    """How a program ended, and the end of what it printed; code is negative for a signal.

    code is None when it was stopped because it took too long.
    """

    code: int | None
    out: str
    err: str


def run_captured(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: bytes = b"",
    timeout_ms: int,
    kept_bytes_max: int = KEPT_BYTES_MAX,
    started: Callable[[Callable[[], None]], None] | None = None,
) -> Printed:
    """Run it in a session of its own, away from our terminal. Raises OSError if it cannot start.

    kept_bytes_max: of what it prints, only the end is kept; what a program reads has to be whole.
    started: is given what stops the program, for callers that may want no more of it.
    """
    with subprocess.Popen(
        list(argv),
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as program:
        if started is not None:
            started(program.kill)
        code: int | None
        try:
            out, err = program.communicate(stdin, timeout=timeout_ms / 1_000)
            code = program.returncode
        except subprocess.TimeoutExpired:
            program.kill()
            out, err = program.communicate()
            code = None
    return Printed(code=code, out=_end(out, kept_bytes_max), err=_end(err, kept_bytes_max))


def _end(data: bytes, bytes_max: int) -> str:
    return data[-bytes_max:].decode("utf-8", "replace")
