"""Kill injector, dead-man process or undoer in the middle of faults, and see that nothing is left.

    python tests/crash/chaos_campaign.py [COUNT] [SEED]

One round: a fault is committed and held by a real dead-man process; it dies at a named point, or
somebody is killed while the fault acts; then whoever is left, or an abort, puts it right. Prints
the seed, and exits 1 at the first round that leaves something. tests/host/test_chaos_kills.py runs
a few rounds of it.
"""

from __future__ import annotations

import os
import random  # noqa: TID251 - seeded, and the seed is printed
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fnr.host import chaos_records as records
from fnr.host.clock import Clock, Dice, Ulids
from fnr.host.faults.undoing import abort
from fnr.host.procfs import pid_start, read_stat
from fnr.policy.chaos import Injection, Target

FAULTS = ("worker-stop", "config-broken", "disk-full", "output-read-only", "hang")
# Where the dead-man process dies by itself; "" at none of them.
POINTS = (
    "holder-started",
    "holder-noted",
    "holder-begun",
    "holder-told",
    "holder-about-to-undo",
    "undo-locked",
    "undo-undone",
    "undo-closed",
    "holder-undone",
    "",
)
# Who is killed while the fault acts: the injector (its end of the socket closes), the dead-man
# process, both at once, or nobody until the deadline.
VICTIMS = ("injector", "holder", "both", "deadline")
CLOCK = Clock()
WAIT_S = 30


class Place:
    """Something to break: a process, a configuration, a folder; and how it should be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "fnr.toml"
        self.config.write_text("version = 1\n")
        self.output = root / "output"
        self.output.mkdir(mode=0o755)
        self.result = self.output / "result"
        self.result.write_text("before")
        self.victim = subprocess.Popen(["sleep", "1000"], start_new_session=True)

    def injection(self, fault: str, *, duration_ms: int) -> Injection:
        injection_id = Ulids(CLOCK, Dice()).new()
        path = {"disk-full": self.result, "output-read-only": self.output}.get(fault)
        target = Target(
            worker_id="W",
            function="f",
            pid=self.victim.pid,
            pid_start=pid_start(self.victim.pid) or 0,
        )
        return Injection(
            injection_id=injection_id,
            drill_id=injection_id,
            fault=fault,
            reason="a campaign",
            by="a test",
            begun_at_ms=CLOCK.now_ms(),
            duration_ms=duration_ms,
            until_boot_ms=CLOCK.boot_ms() + duration_ms,
            boot_id=CLOCK.boot_id(),
            folder=records.injection_folder(str(self.root / "chaos"), injection_id),
            options={"path": str(path)} if path else {},
            targets=(target,) if fault == "worker-stop" else (),
            places={"config": str(self.config)},
        )

    def residue(self) -> list[str]:
        """Everything that is not as it was."""
        found = []
        stat = read_stat(self.victim.pid)
        if stat is None or stat.state == "T":
            found.append(f"the process is {stat.state if stat else 'gone'}")
        if self.config.read_text() != "version = 1\n":
            found.append("fnr.toml is broken")
        if not self.result.is_file() or self.result.is_symlink():
            found.append("the file is not a file")
        elif self.result.read_text() != "before":
            found.append("the file has other content")
        if [file.name for file in self.output.iterdir()] != ["result"]:
            found.append(f"in the folder: {[file.name for file in self.output.iterdir()]}")
        if self.output.stat().st_mode & 0o777 != 0o755:
            found.append("the folder has another mode")
        probe = self.output / "probe"
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            found.append(f"the folder is read-only: {error}")
        found += [f"a record is active: {one.fault}" for one in records.active(self.chaos)]
        return found

    @property
    def chaos(self) -> str:
        return str(self.root / "chaos")


@contextmanager
def place() -> Iterator[Place]:
    """A place for many rounds."""
    root = Path(tempfile.mkdtemp(prefix="fnr-"))
    made = Place(root)
    try:
        yield made
    finally:
        made.victim.kill()
        made.victim.wait()
        shutil.rmtree(root, ignore_errors=True)


def play(where: Place, *, fault: str, point: str, victim: str) -> None:
    """One round, up to the moment when everybody is dead who was to die."""
    injection = where.injection(fault, duration_ms=300 if victim == "deadline" else 20_000)
    records.commit(injection)
    ours, theirs = socket.socketpair()
    with (
        ours,
        subprocess.Popen(
            [sys.executable, "-m", "fnr.host.faults", injection.folder],
            stdout=theirs.fileno(),
            env=os.environ | {"FNR_FAILPOINT": point},
        ) as holder,
    ):
        theirs.close()
        # It says that the fault is there, or dies before.
        ours.settimeout(WAIT_S)
        ours.recv(65_536)
        if victim in {"holder", "both"}:
            holder.kill()
        if victim in {"injector", "both"}:
            ours.shutdown(socket.SHUT_WR)
        holder.wait(WAIT_S)


def put_right(where: Place) -> None:
    """What the next daemon, or `fnr chaos abort --all`, does."""
    for one in records.active(where.chaos):
        abort(one, by="a test", clock=CLOCK)


def killed_undo(where: Place, point: str) -> None:
    """Somebody undoes what is left, and is killed in the middle of it."""
    code = (
        "import sys; from fnr.host import chaos_records as r; from fnr.host.clock import Clock;"
        "from fnr.host.faults.undoing import abort;"
        "[abort(one, by='killed', clock=Clock()) for one in r.active(sys.argv[1])]"
    )
    subprocess.run(
        [sys.executable, "-c", code, where.chaos],
        env=os.environ | {"FNR_FAILPOINT": point},
        check=False,
    )


def main(words: list[str]) -> int:
    """The campaign; the exit code."""
    count = int(words[0]) if words else 500
    seed = int(words[1]) if len(words) > 1 else int.from_bytes(os.urandom(4), "little")
    dice = random.Random(seed)
    print(f"seed {seed}, {count} rounds")
    killed = 0
    with place() as where:
        for number in range(count):
            fault, point = dice.choice(FAULTS), dice.choice(POINTS)
            victim = dice.choice(VICTIMS)
            play(where, fault=fault, point=point, victim=victim)
            killed += 1 + (victim == "both")
            if dice.random() < 0.3:
                killed_undo(where, dice.choice([p for p in POINTS if p.startswith("undo")]))
                killed += 1
            put_right(where)
            if left := where.residue():
                print(f"round {number}: {fault}, {point or 'no point'}, {victim}: {left}")
                return 1
            if number % 50 == 49:
                print(f"{number + 1} rounds, {killed} kills, residue 0", flush=True)
    print(f"{count} rounds, {killed} kills, residue 0")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
