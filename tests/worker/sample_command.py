"""A program for the command workers under test: does what its first argument says."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path


def show_arguments(*arguments: str) -> None:
    print(json.dumps(arguments))


def show_environment() -> None:
    own = {key: value for key, value in os.environ.items() if key.startswith("FNR_")}
    print(json.dumps(own | {"cwd": str(Path.cwd()), "group": os.getpgid(0) == os.getpid()}))


def copy_stdin() -> None:
    sys.stdout.buffer.write(sys.stdin.buffer.read())


def print_bytes(count: str, stream: str = "1") -> None:
    os.set_blocking(int(stream), True)
    block, left = b"0123456789abcde\n" * 4096, int(count)
    while left > 0:
        left -= os.write(int(stream), block[:left])


def deaf(ready: str) -> None:
    """Ignores SIGTERM; SIGKILL is the only end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _tell(ready)


def tidy(ready: str, note: str) -> None:
    """Takes SIGTERM as a request, and has a lot to say before it goes."""

    def end(*_: object) -> None:
        print_bytes(str(1 << 20))
        Path(note).write_text("tidied up")
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    _tell(ready)


def escape(ready: str, *, then: str = "wait") -> None:
    """Leaves a grandchild in a session of its own, without environment or living parent."""
    end_of_story = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.close(end_of_story[0])
            os.execve(
                sys.executable,
                [sys.executable, __file__, "stay", ready, str(os.getppid())],
                {"PATH": os.environ["PATH"]},
            )
        os._exit(0)
    os.wait()
    os.close(end_of_story[1])
    if then == "wait":
        threading.Event().wait()
    # Until the grandchild has told who it is.
    Path(ready + ".told").read_text()


def escape_and_end(ready: str) -> None:
    escape(ready, then="end")


def stay(ready: str, _: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    told = Path(ready + ".told")
    _tell(ready, told=told)


def allocate(mib: str) -> None:
    print(len(bytearray(int(mib) << 20)))


def die(number: str) -> None:
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), int(number))


def write_file(path: str, text: str) -> None:
    Path(path).write_text(text)


def fill_folder(folder: str) -> None:
    """Needs the folder to be there and empty."""
    print(json.dumps([folder, [path.name for path in Path(folder).iterdir()]]))
    Path(folder, "scratch").write_text("x")


def _tell(ready: str, told: Path | None = None) -> None:
    Path(ready).write_text(str(os.getpid()))
    if told is not None:
        told.write_text("told")
    threading.Event().wait()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
