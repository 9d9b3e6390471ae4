"""`fnr chaos drill` and `fnr chaos score` as people run them: live, interrupted, compared."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1] / "daemon"))

from live_home import LiveHome

from fnr.api.requests import PauseFunction
from fnr.cli.drill import report
from fnr.cli.main import run
from fnr.host import chaos_records as records
from fnr.host import score_files
from fnr.host.lock import hold_lock
from fnr.host.process import attach
from fnr.policy.chaos_score import FAIL, PASS, FaultScore, Figures, Score

SCORE = Score(
    score_id="01JD0000000000000000000001", at_ms=0, scenario="quick", seed=1, concurrent=64,
    elapsed_ms=1, version="0", python="3", live=False, verdict=PASS, why=[],
    figures=Figures(recovery_rate=1.0, classification_rate=1.0, concurrent_scenarios=64),
    faults=[FaultScore(fault="hang", target="x", effect_proven=True, reverted=True)],
)  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    made = Path(tempfile.mkdtemp(prefix="d-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def processes_of(folder: Path) -> dict[str, str]:
    """Pid -> command line of everybody who names the folder in command line or environment."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if bytes(folder) in command + b"\0" + (process / "environ").read_bytes():
                found[process.name] = command.replace(b"\0", b" ").decode()
    return found


def assert_at_rest(home: LiveHome, *, letters: bool = True) -> None:
    """Nothing that an operator has to look at, and nothing that is still to run."""
    for words in (
        ("task", "list", "--where", "state:queued,waiting,running"),
        ("dlq", "list"),
        ("errors", "groups", "--where", "state:new,regressed"),
    ):
        assert home.fnr(*words).stdout == ""
    kept = home.fnr("dlq", "list", "--where", "state:resolved").stdout
    assert kept or not letters, "they stay on record"


def until_at_rest(home: LiveHome, *, letters: bool = True) -> None:
    """The daemon does it by itself."""
    for _ in range(40):
        try:
            return assert_at_rest(home, letters=letters)
        except AssertionError as error:
            left = error
            select.poll().poll(500)
    raise left


def until_resumed(home: LiveHome, function: str) -> None:
    """The daemon does it by itself, last of all."""
    for _ in range(40):
        shown = home.fnr("function", "show", function).stdout
        if "state:     paused" not in shown:
            return
        select.poll().poll(500)
    pytest.fail(f"{function} is paused: {shown}")


def test_a_live_drill_meets_only_its_own_canaries(folder: Path) -> None:
    home = LiveHome(folder, "[chaos]\nenabled = true\nstop_load = 1000.0\n").up()
    try:
        ran = home.fnr("chaos", "drill", "--live", "--concurrent", "14", "-o", "json")
        assert ran.stdout, ran.stderr + home.log()[-4_000:]
        score = json.loads(ran.stdout)
        assert score["schema"] == "fnr.chaos.score/1"
        assert score["live"] is True
        figures = score["figures"]
        assert (figures["lost"], figures["duplicated"], figures["residue"]) == (0, 0, 0)
        assert figures["recovery_rate"] == figures["actions_logged_rate"] == 1.0, score["remarks"]
        assert figures["detection_ms"]["n"] >= 14
        assert figures["breaker_response_ms"] is None
        assert not any("at once" in line for line in score["why"])
        assert {one["fault"] for one in score["faults"]} >= {"hang", "segfault", "error"}
        assert all(one["effect_proven"] and one["reverted"] for one in score["faults"])
        tasks = json.loads(home.fnr("task", "list", "--limit", "0", "-o", "json").stdout)["items"]
        assert {task["tags"]["drill"] for task in tasks} == {score["score_id"]}
        assert_at_rest(home)
        assert home.fnr("chaos", "list").stdout == ""
        kept = home.fnr("chaos", "score", "-o", "json").stdout
        assert json.loads(kept)["figures"] == figures
    finally:
        home.close()


def test_a_drill_whose_daemon_is_killed_and_started_again_keeps_its_own_tasks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Method: the daemon after the kill put a drill to rest that was still played."""
    command = ["chaos", "drill", "--concurrent", "1", "-o", "json"]
    assert run(["--home", str(folder / "h"), *command]) in {0, 1}
    score = json.loads(capsys.readouterr().out)
    assert {one["fault"] for one in score["faults"]} >= {"daemon-kill"}
    assert not [line for line in score["remarks"] if "cancelled" in line]


@contextmanager
def drill_under_way(folder: Path, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """A drill whose faults act."""
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "fnr", "--home", str(folder / "h"), "chaos", "drill"],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as drill:
        assert drill.stderr is not None
        for line in drill.stderr:
            if "meet them at once" in line:
                break
        yield drill


def test_an_interrupted_drill_leaves_no_process_and_no_folder(folder: Path) -> None:
    temporary = folder / "t"
    with drill_under_way(folder, temporary) as drill:
        drill.send_signal(signal.SIGINT)
        out, err = drill.communicate()
    assert drill.returncode == 130, err
    assert out == ""
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == {}


def test_a_killed_drill_leaves_no_process_and_no_folder(folder: Path) -> None:
    temporary = folder / "t"
    with drill_under_way(folder, temporary) as drill:
        [caretaker] = [
            int(pid) for pid, words in processes_of(temporary).items() if "caretaker" in words
        ]
        pidfd = os.pidfd_open(caretaker)
        drill.kill()
        drill.communicate()
    try:
        gone, _, _ = select.select([pidfd], [], [], 60)
    finally:
        os.close(pidfd)
    assert gone
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == {}


@contextmanager
def live_drill(home: LiveHome, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A drill on a daemon that works, from when its canaries meet faults."""
    with subprocess.Popen(
        [sys.executable, "-m", "fnr", "--home", str(home.folder), *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as drill:
        assert drill.stderr is not None
        while "meet them at once" not in (line := drill.stderr.readline()):
            assert line, home.log()[-4_000:]
        yield drill


def test_a_killed_live_drill_leaves_no_fault(folder: Path) -> None:
    """Its faults would go on for 90 s; what it left on disk goes with the next one."""
    home = LiveHome(folder, "[chaos]\nenabled = true\nstop_load = 1000.0\n").up()
    command = ["chaos", "drill", "--live", "--concurrent", "9"]
    try:
        with live_drill(home, *command) as drill:
            begun = [records.holder(one.folder) for one in records.active(home.paths.chaos_dir)]
            holders = [attach(one.pid, one.pid_start) for one in begun if one is not None]
            drill.kill()
        assert len(holders) > 5
        for holder in filter(None, holders):
            assert select.select([holder], [], [], 60)[0]
            os.close(holder)
        assert records.active(home.paths.chaos_dir) == []
        until_at_rest(home, letters=False)
        until_resumed(home, "canary")
        home.ask(PauseFunction(functions=["canary"], reason="as in the middle of a wave"))
        again = home.fnr(*command, "-o", "json")
        assert json.loads(again.stdout)["figures"]["lost"] == 0, again.stderr
        assert [*Path(home.paths.chaos_dir).glob("marks-*")] == []
        assert_at_rest(home)
    finally:
        home.close()


@pytest.mark.parametrize("outlives", [True, False])
def test_a_live_drill_whose_daemon_was_stopped_is_put_to_rest_by_the_next(
    folder: Path, outlives: bool
) -> None:
    """Its letters were open until somebody drilled again; whether its player waited or not."""
    home = LiveHome(folder, "[chaos]\nenabled = true\nstop_load = 1000.0\n").up()
    try:
        with live_drill(home, "chaos", "drill", "--live", "--concurrent", "14") as drill:
            while not home.fnr("dlq", "list").stdout:
                pass
            assert home.fnr("daemon", "stop").returncode == 0
            if not outlives:
                drill.kill()
                drill.wait()
            home.up()
            if outlives:
                drill.kill()
        until_at_rest(home)
    finally:
        home.close()


def test_two_drills_at_once_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "state/chaos").mkdir(parents=True)
    lock = hold_lock(str(folder / "state/chaos/drill.lock"))
    try:
        assert run(["--home", str(folder), "chaos", "drill"]) == 6
        assert "another drill is under way" in capsys.readouterr().err
    finally:
        lock.release()


def test_scores_are_listed_shown_and_compared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = str(folder / "state/chaos/scores")
    score_files.keep(scores, SCORE)
    newer = "01JD0000000000000000000002"
    score_files.keep(scores, replace(SCORE, score_id=newer))
    command = ["--home", str(folder), "chaos", "score"]
    assert run([*command, "--all"]) == 0
    assert capsys.readouterr().out.count("pass") == 2
    # Neither by itself nor by a beginning that both have: a score would be no worse than itself.
    for one in (newer, newer[:20]):
        assert run([*command, "--against", one]) == 6
    out, err = capsys.readouterr()
    assert "no later one is kept" in err
    assert f"{newer}, {SCORE.score_id}" in err
    assert "no worse" not in err
    assert run([*command, "--against", SCORE.score_id[:25] + "1"]) == 0
    out, err = capsys.readouterr()
    assert newer in out
    assert "no worse" in err
    worse = replace(
        SCORE,
        score_id="01JD0000000000000000000003",
        verdict=FAIL,
        figures=replace(SCORE.figures, lost=1),
        why=["tasks lost: 1"],
        remarks=["T1 was lost"],
    )
    score_files.keep(scores, worse)
    assert run([*command, "--against", newer]) == 1
    out, err = capsys.readouterr()
    assert "T1 was lost" in out
    assert "worse" in err
    assert run([*command, "01JX"]) == 4


def test_a_score_fits_the_terminal_and_is_whole_elsewhere() -> None:
    """The terminal broke the table of faults in two, on eighty columns."""
    effect = "met 2 times, first by pid 26175, task 01JD0000000000000000000001"
    score = replace(SCORE, faults=[replace(SCORE.faults[0], effect=effect)])
    assert max(map(len, report.text(score, width=80).splitlines())) == 80
    assert effect in report.text(score)


def test_a_port_that_somebody_has_is_said_to_be_so(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["--home", str(folder), "chaos", "proxy", "--upstream", "127.0.0.1:9"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run([*command, "--listen", port]) == 6
    assert capfd.readouterr().err.splitlines() == [
        f"error: port {port} of loopback cannot be listened on",
        "  why: Address already in use",
        f"  try: ss -ltnp 'sport = :{port}'",
    ]
    assert run([*command, "--listen", port, "--upstream", "127.0.0.1:99999"]) == 2


def test_nothing_kept_and_nothing_known_are_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--home", str(folder), "chaos"]
    assert run([*command, "score"]) == 4
    assert run([*command, "score", "--all"]) == 0
    assert capsys.readouterr().err.endswith(f"are kept: fnr --home {folder} chaos drill\n")
    assert run([*command, "drill", "--scenario", "none"]) == 2
    assert run([*command, "drill", "--live", "--concurrent", "65"]) == 2
    assert run([*command, "abort"]) == 2
    assert run([*command, "abort", "--all"]) == 0
    assert run([*command, "inject", "none", "--duration", "1s", "--reason", "x"]) == 4
    assert run([*command, "proxy", "--listen", "1", "--upstream", "x"]) == 2
    assert run([*command, "scenarios", "-o", "name"]) == 0
    assert capsys.readouterr().out.split()[-3:] == ["quick", "standard", "full"]
