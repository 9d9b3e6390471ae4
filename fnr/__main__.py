"""The `fnr` command: the fast path first, then the whole program, and a net under both."""

from __future__ import annotations

import gc
import os
import sys


def main() -> int:
    """Run the command line; the exit code, whatever happens."""
    _open_what_is_closed()
    # Paths and arguments may hold bytes that are no characters; saying so must not fail.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough of it (`fnr … | head`): no reason to complain.
        _drop_the_rest()
        return 0
    except OSError as error:
        _drop_the_rest()
        return _not_written(error)
    except KeyboardInterrupt:
        return 130
    return code


def _not_written(error: OSError) -> int:
    from fnr.api.errors import StorageError  # noqa: PLC0415 - the fast path has none of these
    from fnr.cli.argv import FlagError, Globals, hoist  # noqa: PLC0415 - as above
    from fnr.cli.main import told  # noqa: PLC0415 - as above

    try:
        flags, _ = hoist(sys.argv[1:])
    except FlagError:
        flags = Globals()
    why = error.strerror or str(error)
    return told(StorageError("the output cannot be written", why=why), flags)


def _open_what_is_closed() -> None:
    """Parents may close standard streams; what is opened next must not take their places."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, fd)
            if null != fd:
                os.close(null)
            setattr(sys, name, os.fdopen(fd, "r" if fd == 0 else "w"))


def _drop_the_rest() -> None:
    """The interpreter would complain when it flushes what is left at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(words: list[str]) -> int:
    from fnr.cli.quick import quick_status  # noqa: PLC0415 - each way loads only what it needs

    code = quick_status(words)
    if code is not None:
        return code
    from fnr.cli.quick_tui import quick_tui  # noqa: PLC0415 - as above

    code = quick_tui(words)
    if code is not None:
        return code
    if "daemon" in words:
        from fnr.cli.quick_daemon import quick_daemon  # noqa: PLC0415 - as above

        code = quick_daemon(words)
        if code is not None:
            return code
    from fnr.cli.loading import loading  # noqa: PLC0415 - as above

    with loading():
        from fnr.cli.main import run  # noqa: PLC0415 - typer costs 40 ms, `fnr status` needs none

    gc.freeze()
    return run(words)


if __name__ == "__main__":
    sys.exit(main())
