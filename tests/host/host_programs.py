"""Programs that the tests of fnr.host start, and how to wait for what they do."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from fnr.host.limits import own_file_limit
from fnr.host.process import Child, Exit, reap, spawn

REPO = Path(__file__).parents[2]

# say() tells the test something, hear() waits for what the test tells.
PRELUDE = """
import os, select, signal, sys
def say(*words): os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def ignore(number): signal.signal(number, signal.SIG_IGN)
EARS = open(os.environ["HEAR"], "rb", buffering=0)
def hear(): return EARS.readline()
def hop(generations):
    "Fork and end, again and again: no pid of ours is true for longer than a scan takes."
    for _ in range(generations):
        select.select([], [], [], 0.002)
        if os.fork(): os._exit(0)
def rest():
    while True: signal.pause()
def fork(then):
    pid = os.fork()
    if pid == 0:
        try: then()
        finally: os._exit(0)
    return pid
def escape(then):
    "In a session of its own, with its parent gone."
    def middle():
        os.setsid()
        me = os.pidfd_open(os.getpid())
        def last():
            select.select([me], [], [])
            then()
        fork(last)
    os.waitpid(fork(middle), 0)
"""


class Program:
    """A running program: its process, and what it says."""

    def __init__(self, child: Child, out: int, ears: tuple[int, int]) -> None:
        self.child = child
        self.out = os.fdopen(out, "rb")
        self.ears = ears

    @property
    def pid(self) -> int:
        return self.child.pid

    def line(self) -> str:
        """The next thing it says."""
        return self.out.readline().decode().rstrip("\n")

    def silent(self) -> bool:
        """Wait until nobody is left who could say something: the program and all it started."""
        return self.out.read() == b""

    def tell(self, text: str = "go") -> None:
        """Give a line to whoever hears."""
        os.write(self.ears[1], text.encode() + b"\n")

    def freeze(self) -> None:
        """Stop it, and wait until it is stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def end(self) -> Exit:
        """Wait until it ends, and how it did."""
        wait_for_end(self.child.pidfd)
        return reap(self.child.pid, self.child.pidfd)

    def close(self) -> None:
        """Leave nothing behind, however the test went."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.child.pidfd, signal.SIGKILL)
            wait_for_end(self.child.pidfd)
        with suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self.child.pidfd, os.WEXITED)
        os.close(self.child.pidfd)
        for fd in self.ears:
            os.close(fd)
        self.out.close()


def wait_for_end(pidfd: int) -> None:
    select.select([pidfd], [], [])


def mark(name: str) -> str:
    """A worker's mark that no other run of these tests on this machine uses."""
    return f"{name}-{os.getpid()}"


def open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Within the block this process can open so many files and no more."""
    most = max(map(int, open_descriptors())) + count + 1
    with own_file_limit(most), ExitStack() as spare:
        # Lower numbers that are free count as well.
        taken: list[int] = []
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        for fd in taken[count:]:
            spare.callback(os.close, fd)
        for fd in taken[:count]:
            os.close(fd)
        yield


def environment(mark: str = "") -> dict[str, str]:
    """What a program needs, the mark of this test run, and the mark of its worker."""
    kept = {name: os.environ[name] for name in ("FNR_TEST_RUN", "PATH") if name in os.environ}
    return kept | ({"FNR_WORKER_ID": mark} if mark else {})


@contextmanager
def running(code: str, *args: object, mark: str = "", fnr: bool = False) -> Iterator[Program]:
    """Run Python code; with fnr it can import fnr, without it starts in 10 ms."""
    out, its_out = os.pipe()
    ears = os.pipe()
    env = environment(mark) | {"HEAR": f"/proc/{os.getpid()}/fd/{ears[0]}"}
    env |= {"PYTHONPATH": os.pathsep.join([str(REPO), *sys.path])} if fnr else {}
    flags = [] if fnr else ["-I", "-S"]
    words = [sys.executable, *flags, "-c", PRELUDE + code, *map(str, args)]
    try:
        child = spawn(words, env=env, stdout=its_out, stderr=2)
    finally:
        os.close(its_out)
    program = Program(child, out, ears)
    try:
        yield program
    finally:
        program.close()
