"""Results, windows and reconnects: what must be true whoever of daemon and worker goes away."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fake_daemon import FakeDaemon, Peer, WorkerUnderTest, make_run, spooled_frame
from gates import Gate

from fnr.api.frames import (
    Ack,
    Beat,
    Bye,
    Cancel,
    Done,
    Fail,
    Recall,
    Refuse,
    Returned,
    Run,
    Stop,
    Welcome,
    encode,
)
from fnr.worker.link import Link

HERE = Path(__file__).parent


def serve(daemon: FakeDaemon, name: str, **fields: object) -> tuple[WorkerUnderTest, Peer]:
    return daemon.serve(python=f"sample_functions:{name}", cwd=str(HERE), **fields)


def begun(peer: Peer, gate: Gate, **fields: object) -> str:
    """Start an attempt that waits at the gate; its token, once it has begun."""
    token = peer.run({"gate": str(gate)}, **fields)
    while True:
        frame = peer.read()
        if getattr(frame, "done", None) == 1:
            return token


def value(done: Done) -> Any:
    return msgspec.json.decode(done.result)


def test_hello_says_who_it_is(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "nothing")
    hello = peer.hello
    assert (hello.worker_id, hello.secret, hello.pid) == (
        worker.spec.worker_id,
        "secret",
        worker.pid,
    )
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    assert hello.pid_start == int(fields[19])
    assert hello.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_quick_result_is_not_spooled_and_a_slow_one_is_until_its_ack(
    daemon: FakeDaemon, gate: Gate
) -> None:
    worker, peer = serve(daemon, "at_gate")
    gate_text = "x" * 10
    token = begun(peer, gate)
    peer.heard()  # so a tenth of a second has passed
    gate.open(gate_text)
    done = peer.expect(Done)
    assert worker.spooled == [token]
    assert spooled_frame(worker, token) == done
    assert value(done) == gate_text
    peer.send(Ack(tokens=(token,)))
    daemon.dismiss(worker, peer)
    assert worker.spooled == []

    worker, peer = serve(daemon, "nothing")
    peer.run()
    peer.expect(Done)
    assert worker.spooled == []


def test_an_unacknowledged_result_is_sent_again_after_a_reconnect(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "echo")
    tokens = [peer.run({"a": number}) for number in range(3)]
    dones = [peer.expect(Done) for _ in tokens]
    peer.send(Ack(tokens=(tokens[0],)))
    daemon.go_away()
    daemon.listen()
    peer = daemon.accept()
    assert peer.hello.ready
    assert peer.hello.finished == (tokens[1], tokens[2])
    assert [peer.expect(Done), peer.expect(Done)] == dones[1:]
    assert worker.spooled == sorted(tokens[1:])
    peer.send(Ack(tokens=tuple(tokens)))
    assert daemon.dismiss(worker, peer) == 0
    assert worker.spooled == []


def test_work_goes_on_while_the_daemon_is_away_and_its_result_is_spooled(
    daemon: FakeDaemon, gate: Gate
) -> None:
    worker, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    second = Gate(daemon.folder / "second")
    waiting = peer.run({"gate": str(second)})
    peer.heard()
    daemon.go_away()
    gate.open("finished alone")
    second.open("the next one too")
    daemon.listen()
    peer = daemon.accept(welcome=False)
    finished = peer.hello.finished
    assert set(peer.hello.running) | set(finished) == {token, waiting}
    assert token in finished
    assert token in worker.spooled
    peer.send(Welcome())
    done = peer.expect(Done)
    assert (done.token, value(done)) == (token, "finished alone")
    assert value(peer.expect(Done)) == "the next one too"


def test_an_attempt_that_outlasts_the_daemon_is_named_in_the_next_hello(
    daemon: FakeDaemon, gate: Gate
) -> None:
    _, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    waiting = peer.run({"gate": str(gate)})
    peer.heard()
    daemon.go_away()
    daemon.listen()
    peer = daemon.accept()
    assert (peer.hello.running, peer.hello.finished) == ((token, waiting), ())
    assert peer.expect(Beat).token == token
    gate.open("late")
    assert value(peer.expect(Done)) == "late"


def test_what_the_daemon_drops_is_forgotten(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "echo")
    dropped, kept = peer.run({"a": 1}), peer.run({"a": 2})
    peer.expect(Done)
    peer.expect(Done)
    daemon.go_away()
    daemon.listen()
    peer = daemon.accept(drop=[dropped])
    assert peer.expect(Done).token == kept
    assert worker.spooled == [kept]
    peer.send(Ack(tokens=(kept,)))
    assert peer.result({"a": 3}) == [3, "b", None]


def test_a_running_attempt_that_is_dropped_is_stopped_and_never_reported(
    daemon: FakeDaemon,
) -> None:
    note = daemon.folder / "note"
    worker, peer = serve(daemon, "with_finally")
    token = peer.run({"note": str(note)})
    peer.heard()
    daemon.go_away()
    daemon.listen()
    peer = daemon.accept(drop=[token])
    peer.send(Stop())
    said = peer.at_end()
    assert not any(isinstance(frame, Done | Fail) for frame in said)
    assert worker.wait() == 0
    assert note.read_text() == "cleaned up"
    assert worker.spooled == []


def test_a_recall_brings_back_what_has_not_begun(daemon: FakeDaemon, gate: Gate) -> None:
    worker, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    waiting = [peer.run({"gate": str(gate)}) for _ in range(3)]
    peer.send(Recall())
    assert peer.expect(Returned).tokens == tuple(waiting)
    peer.send(Recall())
    assert peer.expect(Returned).tokens == ()
    gate.open("only this one ran")
    assert peer.expect(Done).token == token
    peer.send(Ack(tokens=(token,)))
    daemon.dismiss(worker, peer)
    assert worker.now_path.read_bytes()[:26].decode() == token


def test_a_cancelled_attempt_that_waits_in_the_window_comes_back(
    daemon: FakeDaemon, gate: Gate
) -> None:
    _, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    end = Gate(daemon.folder / "end")
    first, second = (peer.run({"gate": str(end)}) for _ in range(2))
    peer.send(Cancel(token=first, reason="cancel"))
    assert peer.expect(Returned).tokens == (first,)
    gate.open()
    end.open()
    assert [peer.expect(Done).token, peer.expect(Done).token] == [token, second]


def test_a_window_is_run_in_order_and_every_result_arrives(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "echo")
    runs = [make_run({"a": number}) for number in range(200)]
    peer.send(*runs)
    dones = [peer.expect(Done) for _ in runs]
    assert [done.token for done in dones] == [run.token for run in runs]
    assert [value(done)[0] for done in dones] == list(range(200))
    peer.send(Ack(tokens=tuple(run.token for run in runs)))
    assert daemon.dismiss(worker, peer) == 0


def test_a_result_does_not_wait_for_a_long_attempt_behind_it(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """The gate opens only after the quick results have arrived."""
    (daemon.folder / "mixed.py").write_text(
        "def run(gate=None):\n    return open(gate).read() if gate else 'quick'\n"
    )
    _, peer = daemon.serve(python="mixed:run", cwd=str(daemon.folder))
    peer.send(make_run(), make_run(), make_run({"gate": str(gate)}))
    assert [value(peer.expect(Done)) for _ in range(2)] == ["quick", "quick"]
    gate.open("slow")
    assert value(peer.expect(Done)) == "slow"


def test_an_attempt_sent_twice_is_run_once(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "count_calls")
    run = make_run()
    peer.send(run, run)
    assert value(peer.expect(Done)) == 1
    peer.send(run)
    assert peer.result() == 2
    peer.send(Ack(tokens=(run.token,)))
    assert daemon.dismiss(worker, peer) == 0


def test_stop_finishes_the_running_attempt_and_returns_the_rest(
    daemon: FakeDaemon, gate: Gate
) -> None:
    worker, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    waiting = peer.run({"gate": str(gate)})
    peer.send(Stop())
    assert peer.expect(Returned).tokens == (waiting,)
    late = peer.run({"gate": str(gate)})
    assert peer.expect(Returned).tokens == (late,)
    gate.open("the end")
    assert peer.expect(Done).token == token
    peer.send(Ack(tokens=(token,)))
    assert peer.expect(Bye).reason == "stopped"
    assert worker.wait() == 0


def test_a_stopped_worker_stays_until_its_result_is_acknowledged(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "echo")
    token = peer.run({"a": 1})
    peer.expect(Done)
    peer.send(Stop())
    daemon.go_away()
    daemon.listen()
    peer = daemon.accept()
    assert not peer.hello.ready
    assert peer.expect(Done).token == token
    peer.send(Ack(tokens=(token,)))
    assert peer.expect(Bye)
    assert worker.wait() == 0


def test_after_its_last_task_a_worker_returns_the_window_and_leaves(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "count_calls", max_tasks=2)
    runs = [make_run() for _ in range(4)]
    peer.send(*runs)
    said = peer.said(3)
    assert [frame.token for frame in said if isinstance(frame, Done)] == [
        runs[0].token,
        runs[1].token,
    ]
    [returned] = [frame for frame in said if isinstance(frame, Returned)]
    assert returned.tokens == (runs[2].token, runs[3].token)
    peer.send(Ack(tokens=(runs[0].token, runs[1].token)))
    assert peer.expect(Bye).reason == "max_tasks"
    assert worker.wait() == 0


def test_a_refused_worker_says_so_and_ends(daemon: FakeDaemon, gate: Gate) -> None:
    worker = daemon.start(python="sample_functions:at_gate", cwd=str(HERE))
    peer = daemon.accept(welcome=False)
    peer.send(Refuse(why="never heard of you"))
    assert worker.wait() == 69
    assert "never heard of you" in worker.log

    worker, peer = serve(daemon, "at_gate")
    begun(peer, gate)
    daemon.go_away()
    daemon.listen()
    daemon.accept(welcome=False).send(Refuse(why="of another daemon"))
    assert worker.wait() == 69


@pytest.mark.parametrize(
    "garbage",
    [b"not a frame\n", b'{"f":"run"}\n', b'{"f":"none"}\n', b"\xff\xfe\n", b"[" * 5_000 + b"\n"],
    ids=["words", "fields", "kind", "utf8", "depth"],
)
def test_garbage_cuts_the_connection_and_nothing_is_lost(
    daemon: FakeDaemon, garbage: bytes
) -> None:
    worker, peer = serve(daemon, "echo")
    token = peer.run({"a": 1})
    peer.expect(Done)
    peer.sock.sendall(garbage)
    peer.at_end()
    peer = daemon.accept()
    assert peer.hello.finished == (token,)
    assert peer.expect(Done).token == token
    assert "the daemon sent no frame" in worker.log
    assert peer.result({"a": 2}) == [2, "b", None]


def test_garbage_while_a_function_runs_does_not_touch_the_function(
    daemon: FakeDaemon, gate: Gate
) -> None:
    _, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    peer.sock.sendall(b"nonsense\n")
    peer.at_end()
    peer = daemon.accept()
    assert peer.hello.running == (token,)
    gate.open("unharmed")
    assert value(peer.expect(Done)) == "unharmed"


def test_half_a_frame_before_the_end_of_a_connection_is_as_if_never_sent(
    daemon: FakeDaemon,
) -> None:
    _, peer = serve(daemon, "echo")
    line = encode(make_run({"a": 1}))
    peer.sock.sendall(line[: len(line) // 2])
    peer.close()
    peer = daemon.accept()
    assert (peer.hello.running, peer.hello.finished) == ((), ())
    # The other half must not be glued to anything.
    assert peer.result({"a": 2}) == [2, "b", None]


def test_a_frame_in_many_pieces_and_many_frames_in_one_are_the_same(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "echo")
    runs = [make_run({"a": 1}), make_run({"a": 2, "b": "y" * 300_000})]
    data = b"".join(encode(run) for run in runs)
    for start in range(200):
        peer.sock.sendall(data[start : start + 1])
    peer.sock.sendall(data[200:])
    assert [value(peer.expect(Done))[0] for _ in runs] == [1, 2]


def test_a_daemon_that_never_reads_stops_nothing(daemon: FakeDaemon) -> None:
    """Results far larger than the socket's buffer pile up; the attempts go on and all arrive."""
    (daemon.folder / "large.py").write_text(
        "def run(path):\n    open(path, 'a').write('x')\n    return 'y' * 2_000_000\n"
    )
    count = daemon.folder / "count"
    _, peer = daemon.serve(python="large:run", cwd=str(daemon.folder))
    with Gate(daemon.folder / "end") as end:
        peer.send(*[make_run({"path": str(count)}) for _ in range(5)])
        peer.run({"path": str(end)})
        assert end.wait() == "x"
    assert count.read_text() == "xxxxx"
    assert [len(value(peer.expect(Done))) for _ in range(6)] == [2_000_000] * 6


def test_a_socket_that_answers_but_never_welcomes_gets_nothing_but_hello(
    daemon: FakeDaemon,
) -> None:
    worker = daemon.start(python="sample_functions:nothing", cwd=str(HERE))
    peer = daemon.accept(welcome=False)
    worker.signal(signal.SIGTERM)
    assert peer.at_end() == []
    assert worker.wait() == 0


def test_a_killed_worker_leaves_the_token_of_what_had_begun(daemon: FakeDaemon, gate: Gate) -> None:
    worker, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    waiting = peer.run({"gate": str(gate)})
    worker.signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    assert worker.now_path.read_bytes()[:26].decode() == token != waiting
    assert not any(isinstance(frame, Done | Fail) for frame in peer.at_end())


def test_a_result_in_the_spool_survives_a_sigkill(daemon: FakeDaemon, gate: Gate) -> None:
    worker, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    peer.heard()
    gate.open("kept")
    peer.expect(Done)
    worker.signal(signal.SIGKILL)
    worker.wait()
    frame = spooled_frame(worker, token)
    assert isinstance(frame, Done)
    assert (frame.token, value(frame)) == (token, "kept")


def test_a_full_spool_is_reported_and_the_result_arrives_all_the_same(
    daemon: FakeDaemon, gate: Gate
) -> None:
    worker, peer = serve(daemon, "at_gate")
    begun(peer, gate)
    peer.heard()
    daemon.spool.rmdir()
    gate.open("not spooled")
    assert value(peer.expect(Done)) == "not spooled"
    assert "could not be spooled" in worker.log


def test_without_a_place_for_the_now_file_the_worker_works_and_says_so(
    daemon: FakeDaemon,
) -> None:
    now_path = daemon.folder / "no such folder" / "now"
    worker, peer = serve(daemon, "echo", now_path=str(now_path))
    assert peer.result({"a": 1}) == [1, "b", None]
    assert "cannot say which attempt has begun" in worker.log
    assert peer.hello.one_by_one


def test_a_beat_a_second_while_an_attempt_runs(daemon: FakeDaemon, gate: Gate) -> None:
    _, peer = serve(daemon, "at_gate")
    token = begun(peer, gate)
    assert [peer.read(), peer.read()] == [Beat(token=token), Beat(token=token)]


def test_an_idle_worker_has_two_threads_and_no_timer_that_repeats(daemon: FakeDaemon) -> None:
    """What was set for the last attempt expires once; nothing else ever wakes it up."""
    worker, peer = serve(daemon, "echo")
    peer.result({"a": 1})
    assert len(list(Path(f"/proc/{worker.pid}/task").iterdir())) == 2
    infos = [path.read_text() for path in Path(f"/proc/{worker.pid}/fdinfo").iterdir()]
    timers = [info for info in infos if "it_value" in info]
    assert len(timers) == 1
    assert "it_interval: (0, 0)" in timers[0]


def test_a_worker_that_shall_die_with_its_daemon_does(daemon: FakeDaemon, gate: Gate) -> None:
    """Method: a process in between is the worker's parent, and ends when its gate opens."""
    spec = daemon.spec(python="sample_functions:nothing", cwd=str(HERE), die_with_daemon=True)
    parent = (
        "import subprocess, sys\n"
        "worker = subprocess.Popen([sys.executable, '-m', 'fnr.worker'], stdin=subprocess.PIPE)\n"
        "worker.stdin.write(sys.stdin.buffer.read())\n"
        "worker.stdin.close()\n"
        "open(sys.argv[1]).read()\n"
    )
    between = subprocess.Popen([sys.executable, "-c", parent, str(gate)], stdin=subprocess.PIPE)
    assert between.stdin is not None
    between.stdin.write(msgspec.json.encode(spec))
    between.stdin.close()
    peer = daemon.accept().ready()
    assert peer.hello.pid != between.pid
    gate.open()
    between.wait()
    assert peer.at_end() == []


def test_a_bad_specification_is_refused_in_one_line(daemon: FakeDaemon) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "fnr.worker"], input=b"{}", capture_output=True, check=False
    )
    assert result.returncode == 78
    assert result.stderr.startswith(b"fnr.worker is started by the daemon")
    assert result.stderr.count(b"\n") == 1


def test_run_and_ack_in_one_segment_are_both_taken(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "echo")
    token = peer.run({"a": 1})
    peer.expect(Done)
    second: Run = make_run({"a": 2})
    peer.send(Ack(tokens=(token,)), second)
    assert peer.expect(Done).token == second.token
    daemon.go_away()
    daemon.listen()
    assert daemon.accept().hello.finished == (second.token,)
    assert worker.process.poll() is None


def test_who_is_hung_up_on_again_and_again_comes_back_less_and_less_often(tmp_path: Path) -> None:
    """Else a worker whose frames the daemon cannot read would fill the daemon's log."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(path)
        door.listen()
        link = Link(path)
        pauses = []
        for now_ms in range(0, 8_000, 1_000):
            assert link.connect(now_ms)
            link.welcome()
            link.drop(now_ms + 5)
            pauses.append(link.retry_at_ms - now_ms - 5)
        assert pauses == [10, 20, 40, 80, 160, 320, 500, 500]
        assert link.connect(20_000)
        link.welcome()
        link.drop(21_000)
        assert link.retry_at_ms == 21_000


def test_who_may_open_nothing_more_tries_again_later(tmp_path: Path) -> None:
    """The thread that connects while a function runs ended of it, and all it does with it."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(path)
        door.listen()
        link = Link(path)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            assert not link.connect(1_000)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert link.retry_at_ms == 1_010
        assert link.connect(1_010)
        link.close()


def test_reconnecting_survives_a_daemon_that_hangs_up_at_once(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "echo")
    peer.close()
    for _ in range(4):
        daemon.accept(welcome=False).close()
    peer = daemon.accept()
    assert peer.result({"a": 1}) == [1, "b", None]
    assert isinstance(peer.sock, socket.socket)
