"""Functions that the daemon's tests run in real workers."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fnr


def noop(**_: Any) -> None:
    """Do nothing."""


def echo(**given: Any) -> dict[str, Any]:
    """Give back what came in."""
    return given


def mark(path: str, line: str) -> str:
    """Append a line to a file: proof, outside the store, that this ran to its end."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)
    return line


def mark_unless(path: str, line: str, bad: str = "") -> str:
    """Append a line, unless the service that takes it is ill."""
    if bad and Path(bad).exists():
        raise ConnectionResetError(104, "Connection reset by peer")
    return mark(path, line)


def mark_in_two_lives(path: str, line: str) -> str:
    """Keep how far it got and be killed; the next attempt appends what was kept."""
    begun = fnr.attempt().checkpoint
    if begun is None:
        while not fnr.checkpoint({"line": line}):
            pass
        os.kill(os.getpid(), signal.SIGKILL)
    kept: str = begun["line"]
    return mark(path, kept)


def sleep_in_the_kernel(fifo: str, started: str) -> str:
    """Sleep where no signal wakes it (state D) and with the interpreter's lock, as by a disk that
    does not answer, until the FIFO is opened for writing: CLONE_VFORK lets the copy end first."""
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    clone_vfork = 0x4000
    if ctypes.PyDLL(None).syscall(number, clone_vfork | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        Path(started).write_text(str(os.getppid()))
        Path(fifo).read_text()
        os._exit(0)
    os.wait()
    return "awake"


def block_on(fifo: str, started: str = "") -> str:
    """Say on one FIFO that it began, then wait until somebody opens the other for writing."""
    if started:
        with Path(started).open("w") as bell:
            bell.write(f"{os.getpid()}\n")
    with Path(fifo).open() as gate:
        return gate.read()


def leave_or_mark(path: str, line: str = "", asked: str = "", gate: str = "") -> None:
    """Append a line, or run a program that, asked to end, says so and first waits at a gate."""
    if line:
        mark(path, line)
        return
    script = (
        'trap \'echo > "$0"; cat "$1" > /dev/null; echo left >> "$2"; exit\' TERM\n'
        'echo > "$0"; while :; do sleep 1 & wait; done'
    )
    with subprocess.Popen(["sh", "-c", script, asked, gate, path]):
        pass


def block_with_lock(fifo: str, started: str) -> str:
    """The same with the interpreter's lock held, as a call into a driver may."""
    with Path(started).open("w") as bell:
        bell.write(f"{os.getpid()}\n")
    with os.fdopen(ctypes.PyDLL(None).open(fifo.encode(), os.O_RDONLY)) as gate:
        return gate.read()


def block_if(
    fifo: str = "", started: str = "", path: str = "", line: str = "", bad: bool = False
) -> None:
    """Block where there is something to wait for; else append a line, fail, or do nothing."""
    if fifo:
        block_on(fifo, started)
    if bad:
        raise ValueError("no good")
    if path:
        mark(path, line)


def fail(kind: str = "ValueError", message: str = "no good", began: str = "") -> None:
    """Raise a builtin exception; say before it on a FIFO that it began."""
    if began:
        mark(began, str(os.getpid()))
    raise getattr(__import__("builtins"), kind)(message)


def fail_until(path: str, times: int) -> int:
    """Be refused until tried often enough."""
    marks = Path(path)
    tried = marks.read_text().count("x") if marks.exists() else 0
    with marks.open("a") as file:
        file.write("x")
    if tried < times:
        raise ConnectionResetError(104, "Connection reset by peer")
    return tried


def die(signal_number: int = signal.SIGKILL) -> None:
    """End the worker from inside."""
    os.kill(os.getpid(), signal_number)


def leave(code: int = 3) -> None:
    """End the interpreter at once, without a word."""
    sys.stdout.flush()
    os._exit(code)


def ignore_sigterm(started: str, gate: str) -> None:
    """Refuse to end when asked nicely."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    block_on(gate, started)


def leave_a_thread() -> int:
    """Start a thread that never ends, and that the interpreter waits for at its exit."""
    threading.Thread(target=threading.Event().wait).start()
    return os.getpid()


def wait_for_nobody() -> None:
    """Start programs, one in a session of its own, and leave their ends to whoever wants them."""
    for apart in (False, True):
        pid = os.posix_spawnp("true", ["true"], os.environ, setsid=apart)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def start_and_block(started: str, gate: str) -> str:
    """Start another program, say who that is, and wait until somebody opens the gate."""
    child = subprocess.Popen(["sleep", "infinity"], start_new_session=True)
    try:
        with Path(started).open("w") as bell:
            bell.write(f"{child.pid}\n")
        return Path(gate).read_text()
    finally:
        child.kill()


def leave_escapees(pids: str) -> None:
    """Start a process that leaves the session and the line of descent, then wait for ever."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            with Path(pids).open("w") as bell:
                bell.write(f"{os.getpid()}\n")
            signal.pause()
        os._exit(0)
    os.waitpid(pid, 0)
    signal.pause()


def shout(mib: int) -> int:
    """Print this much to standard error."""
    line = b"x" * 1023 + b"\n"
    for _ in range(mib):
        os.write(2, line * 1024)
    return mib


def big(mib: int) -> str:
    """A result of this size."""
    return "x" * (mib * 1024 * 1024)


def garble() -> None:
    """Write garbage into the connection to the daemon."""
    for fd in _sockets():
        os.write(fd, b"\x00\xff not a frame\n")


def hang_up() -> None:
    """Close the connection to the daemon."""
    for fd in _sockets():
        with socket.socket(fileno=os.dup(fd)) as ours:
            ours.shutdown(socket.SHUT_RDWR)


def close_socket() -> None:
    """Close the descriptor of the connection to the daemon, as a program that tidies up would."""
    for fd in _sockets():
        os.close(fd)


def lose_result(path: str, *, dies: bool = False) -> str:
    """At the first try hang up where nothing can be spooled either, or die at once."""
    if Path(path).exists():
        return "told"
    Path(path).touch()
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    close_socket()
    return "never told"


def lie(token: str, gate: str = "", started: str = "") -> None:
    """Say that an attempt is done, whosever it is; with a gate wait for it, and then be gone."""
    if gate:
        block_on(gate, started)
    for fd in _sockets():
        os.write(fd, b'{"f":"done","token":"%s","result":"made up"}\n' % token.encode())
    if gate:
        os._exit(3)


def misreport(said: str) -> None:
    """Say of this very attempt how it ended, in words of its own; then it goes on for ever."""
    head = f'{{"f":"done","token":"{fnr.attempt().token}",'
    for fd in _sockets():
        os.write(fd, f"{head}{said}}}\n".encode("latin-1"))
    signal.pause()


def _sockets() -> list[int]:
    """This process's connected Unix sockets."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:"):
            found.append(int(link.name))
    return found


def needs_room(batch_size: int, where: str = "gpu") -> dict[str, Any]:
    """Run out of memory unless the batch is small."""
    if batch_size > 4:
        raise MemoryError(f"cannot hold {batch_size} at once on the {where}")
    return {"batch_size": batch_size, "where": where}


def never_fits(**given: Any) -> None:
    """Run out of memory whatever is asked for."""
    raise MemoryError(f"no room for {given}")


def fail_or_block(path: str = "", times: int = 0) -> None:
    """Without a path: take 100 ms of the processor. With one: be refused so many times."""
    if path:
        fail_until(path, times)
        return
    until_ns = time.thread_time_ns() + 100_000_000
    while time.thread_time_ns() < until_ns:
        pass


def go_on(bell: str = "") -> Any:
    """Keep how far it got and be killed; the next attempt says where it began."""
    begun = fnr.attempt().checkpoint
    if begun is None:
        assert fnr.checkpoint({"frame": 41, "why": "ü"})
        os.kill(os.getpid(), signal.SIGKILL)
    return begun


def keep_and_hang(started: str, gate: str) -> Any:
    """Keep how far it got, then wait until somebody opens the gate, or for ever."""
    begun = fnr.attempt().checkpoint
    if begun is None:
        kept = fnr.checkpoint("half")
        block_on(gate, started)
        return kept
    return begun


def call_service(bad: str, gate: str = "", began: str = "") -> str:
    """Use a service that is ill while a file is there; guard nothing."""
    if began:
        mark(began, str(os.getpid()))
    if gate:
        block_on(gate)
    if Path(bad).exists():
        raise ConnectionResetError(104, "Connection reset by peer")
    return "well"


def guard_early(bad: str, gate: str, began: str) -> str:
    """Use it through its breaker first; what came of that is known long before the end."""
    import fnr

    try:
        with fnr.breaker("storage"):
            return call_service(bad)
    finally:
        Path(began).write_text("began")
        Path(gate).read_text()


def guard_call(bad: str, service: str = "storage", gate: str = "", began: str = "") -> str:
    """Use it through its breaker."""
    import fnr

    with fnr.breaker(service):
        return call_service(bad, gate, began)
