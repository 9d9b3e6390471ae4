"""Python functions in a real worker: calls, results, failures, limits, the SDK."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec
import pytest
from fake_daemon import FakeDaemon, Peer, WorkerUnderTest
from gates import Gate

from fnr.api.frames import Ack, Done, Limits, Progress, Ready, Returned, Stop, Unloadable
from fnr.host.procfs import read_stat
from fnr.policy.evidence import Code, Phase

HERE = Path(__file__).parent


def serve(daemon: FakeDaemon, name: str, **fields: object) -> tuple[WorkerUnderTest, Peer]:
    return daemon.serve(python=f"sample_functions:{name}", cwd=str(HERE), **fields)


def test_the_input_becomes_keyword_arguments(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "echo")
    assert peer.result({"a": 1}) == [1, "b", None]
    assert peer.result({"a": 2, "b": "x", "c": {"deep": [True]}}) == [2, "x", {"deep": [True]}]
    assert daemon.dismiss(worker, peer) == 0


@pytest.mark.parametrize("name", ["kept_in", "as_static", "as_class", "of_object.render"])
def test_what_a_class_keeps_is_called_without_an_object(daemon: FakeDaemon, name: str) -> None:
    _, peer = serve(daemon, f"Renderer.{name}")
    assert peer.result({"scene": "a"}) == "a"


def test_a_function_that_takes_anything_gets_everything(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "anything")
    assert peer.result({"x y": 1, "class": None}) == {"x y": 1, "class": None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "missing input 'a'"),
        ({"a": 1, "d": 2}, "unknown input 'd'; the function takes a, b, c"),
        ([1], "must be a JSON object, not list"),
    ],
)
def test_input_that_does_not_fit_is_named_before_the_call(
    daemon: FakeDaemon, arguments: object, words: str
) -> None:
    _, peer = serve(daemon, "echo")
    evidence = peer.failure(arguments)
    assert words in evidence.message
    assert evidence.phase is Phase.RUN
    assert [fact.type for fact in evidence.exceptions] == ["TypeError"]
    assert evidence.codes == (Code(family="fnr", value="bad_input"),)


def test_a_type_error_from_inside_is_not_taken_for_bad_input(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "fail_with")
    evidence = peer.failure({"kind": "TypeError"})
    assert evidence.codes == ()
    assert "fail_with" in evidence.traceback


def test_who_leaves_no_descriptor_is_told_by_errno_message_and_frames(daemon: FakeDaemon) -> None:
    """What words are made of an exception with is loaded when one is first met."""
    worker, peer = serve(daemon, "opens_all", limits=Limits(files=64))
    evidence = peer.failure()
    assert evidence.codes == (Code(family="errno", value="EMFILE"),)
    assert evidence.message == "OSError: [Errno 24] Too many open files: '/dev/null'"
    assert "in opens_all" in evidence.traceback
    assert daemon.dismiss(worker, peer) == 0


def test_the_module_stays_loaded_between_attempts(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "count_calls")
    assert [peer.result() for _ in range(3)] == [1, 2, 3]


def test_a_coroutine_runs_on_one_loop_kept_between_attempts(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "loop_id")
    assert peer.result() == peer.result({"delay_turns": 3})
    assert peer.failure({"delay_turns": "no"}).exceptions[0].type == "TypeError"
    assert peer.result() == peer.result()


@pytest.mark.parametrize(
    ("what", "kind", "words"),
    [
        ("an object", "TypeError", "object"),
        ("nan", "ValueError", "nan, which is not JSON"),
        ("too much", "fnr.worker.outcome.ResultTooLargeError", "at most 10485760"),
        ("half a pair", "ValueError", "the result holds text that is not Unicode"),
        # The daemon could not read its frame, or not store it, and was told of it for ever.
        ("raw words", "ValueError", "the result holds a msgspec.Raw that is not JSON"),
        ("raw bytes", "ValueError", "the result holds a msgspec.Raw that is not JSON"),
        ("too deep", "fnr.worker.outcome.ResultTooDeepError", "deeper than 500 levels"),
        ("endless", "fnr.worker.outcome.ResultTooDeepError", "deeper than 500 levels"),
    ],
)
def test_a_result_that_is_not_json_fails_after_the_function(
    daemon: FakeDaemon, what: str, kind: str, words: str
) -> None:
    _, peer = serve(daemon, "returns")
    evidence = peer.failure({"what": what})
    assert evidence.phase is Phase.RESULT
    assert evidence.exceptions[0].type == kind
    assert words in evidence.message


def test_a_null_and_raw_json_are_results(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "returns")
    assert peer.result({"what": "a null"}) == {"deep": [None, 1.5]}
    assert peer.result({"what": "raw"}) == {"raw": [1, 2]}
    assert msgspec.json.encode(peer.result({"what": "deep"})) == b"[" * 500 + b"]" * 500


def test_exits_and_interrupts_end_the_attempt_and_not_the_worker(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "leave")
    assert peer.failure().exit_code == 3
    assert peer.failure({"code": None}).exit_code == 0
    assert peer.failure({"code": "with a message"}).exit_code == 1
    _, peer = serve(daemon, "interrupt")
    assert peer.failure().exceptions[0].type == "KeyboardInterrupt"
    assert peer.failure().killed_by is None
    _, peer = serve(daemon, "returns_exit")
    assert peer.failure().exit_code == 7
    assert peer.failure().exit_code == 7


@pytest.mark.parametrize("stops", [False, True])
def test_a_coroutine_whose_loop_was_ended_under_it_does_not_go_on(
    daemon: FakeDaemon, tmp_path: Path, stops: bool
) -> None:
    """It would do its work beside the next attempt at it."""
    _, peer = serve(daemon, "left_by_another_task")
    note = tmp_path / "note"
    evidence = peer.failure({"note": str(note), "stops": stops})
    assert note.read_text() == "cleaned up"
    kind = "RuntimeError" if stops else "SystemExit"
    assert evidence.exceptions[0].type == kind


def test_output_is_a_span_of_the_log(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "prints")
    spans = []
    for text in ("first", "second"):
        token = peer.run({"text": text})
        done = peer.expect(Done)
        peer.send(Ack(tokens=(token,)))
        spans.append((done.output.log_from, done.output.log_to))
        assert done.output.log_path == str(worker.log_path)
        assert done.output.cpu_ms is not None
    written = worker.log_path.read_bytes()
    assert [written[start:end] for start, end in spans] == [b"first\n", b"second\n"]


def test_a_failure_carries_the_end_of_its_own_output(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "fail_with")
    evidence = peer.failure({"message": "broken"})
    assert evidence.message == "ValueError: broken"
    assert evidence.exceptions[0].bases == ("Exception",)
    assert evidence.stderr_tail == "on stdout\non stderr\n"
    assert evidence.traceback.startswith("Traceback")
    assert "fnr/worker" not in evidence.traceback


def test_it_runs_in_its_folder_and_reads_nothing(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "place")
    assert peer.result() == [str(HERE), str(HERE), ""]


def test_every_attempt_begins_in_the_same_folder(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "goes_to")
    begun = [peer.result({"folder": "/"}) for _ in range(2)]
    assert begun == [str(HERE), str(HERE)]


def test_a_stream_that_cannot_be_flushed_costs_no_result(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "replaces_stdout")
    assert [peer.result({}) for _ in range(2)] == ["done", "done"]


def test_a_flood_of_prints_does_not_fill_the_disk(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "prints", log_bytes_max=1 << 20)
    assert peer.result({"text": "x" * 1_000_000, "times": 300}) == 300
    # The result may be sent while the log is still being trimmed.
    daemon.dismiss(worker, peer)
    assert worker.log_path.stat().st_size > 300_000_000
    assert worker.log_path.stat().st_blocks * 512 < 100_000_000


def test_its_priority_is_as_wished(daemon: FakeDaemon) -> None:
    worker, _ = serve(daemon, "nothing", nice=7)
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == 7


def test_memory_over_the_limit_fails_the_attempt_and_the_worker_lives(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "allocate", limits=Limits(memory_mib=150))
    evidence = peer.failure({"mib": 500})
    assert evidence.exceptions[0].type == "MemoryError"
    assert peer.result({"mib": 10}) == 10 << 20


def test_cpu_time_is_limited_anew_for_each_attempt(daemon: FakeDaemon, gate: Gate) -> None:
    worker, peer = serve(daemon, "at_gate", limits=Limits(cpu_time_s=5))
    limits = Path(f"/proc/{worker.pid}/limits")
    assert limits.read_text().split("Max cpu time")[1].split()[:2] == ["unlimited"] * 2
    before_s = cpu_s(worker.pid)
    peer.run({"gate": str(gate)})
    peer.expect(Progress)
    soft, hard = limits.read_text().split("Max cpu time")[1].split()[:2]
    # Whole seconds, from what the start has used; /proc tells that in hundredths, rounded down.
    assert 5 + before_s <= int(soft) < 5 + cpu_s(worker.pid) + 1.1
    assert hard == "unlimited"
    gate.open()


def cpu_s(pid: int) -> float:
    """What a process has used of the processor."""
    stat = read_stat(pid)
    assert stat is not None
    return stat.cpu_ticks / os.sysconf("SC_CLK_TCK")


def test_what_earlier_attempts_printed_does_not_count_as_the_file_of_a_later_one(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    """The log goes on as long as the worker; once it had file_size, every attempt failed."""
    _, peer = serve(daemon, "prints_and_writes", limits=Limits(file_size_mib=1))
    given = {"printed": 400_000, "file": str(tmp_path / "file"), "written": 500_000}
    for _ in range(2):
        assert peer.result(given) == 500_000
    evidence = peer.failure({**given, "written": 2_000_000})
    assert "File too large" in evidence.message
    peer.at_end()  # for the next one there is a worker with a log of its own


def test_a_function_that_lowers_the_limit_for_good_keeps_its_result(daemon: FakeDaemon) -> None:
    """Nobody but root can raise it again; the worker ended of that, and the success with it."""
    _, peer = serve(daemon, "limits_itself", limits=Limits(file_size_mib=2))
    assert peer.result({"bytes_max": 1 << 20}) == peer.result({"bytes_max": 1 << 19}) == "done"


def test_a_crash_leaves_a_trace_in_the_log_and_the_token_in_the_now_file(
    daemon: FakeDaemon,
) -> None:
    worker, peer = serve(daemon, "crash")
    token = peer.run()
    peer.at_end()
    assert worker.wait() == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in worker.log
    assert "in crash" in worker.log
    assert worker.now_path.read_bytes()[:26].decode() == token


def test_a_forked_copy_that_comes_back_reports_nothing(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "forks")
    assert peer.result() == 0
    # As a copy ends by itself everywhere else.
    assert [peer.result({"ends": ends}) for ends in (0, 3, "why")] == [0, 3, 1]


@pytest.mark.parametrize(("last", "exit_code"), [("", 0), ("if not child: raise OSError\n", 1)])
def test_a_copy_that_is_forked_while_importing_serves_nobody(
    daemon: FakeDaemon, gate: Gate, last: str, exit_code: int
) -> None:
    """It has our connection, and took attempts away. Method: importing waits until we have one."""
    (daemon.folder / "forks.py").write_text(
        f"import os\nopen({str(gate)!r}).read()\nchild = os.fork()\n{last}"
        "def run(): return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
    )
    daemon.start(python="forks:run", cwd=str(daemon.folder))
    peer = daemon.accept()
    gate.open()
    peer.expect(Ready)
    assert peer.result() == exit_code


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("no_such_module:run", "ModuleNotFoundError", "no_such_module"),
        ("sample_functions:no_such_function", "AttributeError", "no_such_function"),
        ("sample_functions:not_callable", "TypeError", "cannot be called"),
        ("sample_functions:Renderer.render", "TypeError", "no object to call it on"),
        ("sample_functions:positional_only", "TypeError", "positional-only"),
        ("sample_functions", "ValueError", "package.module:callable"),
        ("exits_on_import:run", "SystemExit", "5"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_reported_and_nothing_is_run(
    daemon: FakeDaemon, name: str, kind: str, words: str
) -> None:
    (daemon.folder / "exits_on_import.py").write_text("raise SystemExit(5)\n")
    env = {"PYTHONPATH": str(HERE)}
    worker = daemon.start(python=name, cwd=str(daemon.folder), env=env)
    peer = daemon.accept()
    assert not peer.hello.ready
    evidence = peer.expect(Unloadable).evidence
    assert evidence.phase is Phase.IMPORT
    assert evidence.exceptions[0].type == kind
    assert words in evidence.message
    token = peer.run()
    assert peer.expect(Returned).tokens == (token,)
    assert daemon.dismiss(worker, peer) == 0


def test_a_missing_folder_is_reported_like_a_failed_import(daemon: FakeDaemon) -> None:
    daemon.start(python="sample_functions:nothing", cwd=str(daemon.folder / "gone"))
    evidence = daemon.accept().expect(Unloadable).evidence
    assert Code(family="errno", value="ENOENT") in evidence.codes


def test_without_a_folder_of_its_own_a_removed_one_of_the_daemon_is_told(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker ended with exit code 1."""
    gone = daemon.folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    daemon.start(python="os:getcwd")
    evidence = daemon.accept().expect(Unloadable).evidence
    assert "the daemon was started is gone, and the function names no cwd" in evidence.message


def test_an_import_that_takes_long_says_hello_first_and_ready_later(
    daemon: FakeDaemon, gate: Gate
) -> None:
    (daemon.folder / "slow.py").write_text(f"open({str(gate)!r}).read()\ndef run(): return 1\n")
    daemon.start(python="slow:run", cwd=str(daemon.folder))
    peer = daemon.accept()
    assert not peer.hello.ready
    gate.open()
    assert peer.expect(Ready).import_ms >= 100
    assert peer.result() == 1


def test_a_stop_ends_an_import_that_takes_long(daemon: FakeDaemon, gate: Gate) -> None:
    (daemon.folder / "slow.py").write_text(f"open({str(gate)!r}).read()\ndef run(): return 1\n")
    worker = daemon.start(python="slow:run", cwd=str(daemon.folder))
    peer = daemon.accept()
    peer.send(Stop())
    assert worker.wait() == 0
    assert not any(isinstance(frame, Unloadable | Ready) for frame in peer.at_end())


def test_progress_is_sent_at_a_bounded_rate_and_the_last_one_arrives(
    daemon: FakeDaemon, gate: Gate
) -> None:
    _, peer = serve(daemon, "report")
    token = peer.run({"steps": 20_000, "gate": str(gate)})
    seen: list[Progress] = []
    while not seen or seen[-1].done < 20_000:
        seen.append(peer.expect(Progress))
    gate.open()
    done = peer.expect(Done)
    assert {(one.token, one.total, one.stage) for one in seen} == {(token, 20_000, "counting")}
    # Ten a second: even a machine that needs seconds for the loop sends far fewer than it counts.
    assert len(seen) <= done.duration_ms // 100 + 2


def test_the_sdk_knows_the_attempt(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "attempt_info")
    token = peer.run(task_id="T1")
    done = peer.expect(Done)
    assert bytes(done.result) == (
        b'{"task_id":"T1","number":1,"token":"'
        + token.encode()
        + b'","key":"T1","checkpoint":null}'
    )


def test_children_of_a_function_are_left_alone_between_attempts(daemon: FakeDaemon) -> None:
    """A pool of processes that a function keeps is part of what stays loaded."""
    note = daemon.folder / "pid"
    _, peer = serve(daemon, "run_child")
    assert peer.result({"note": str(note)}) == "done"
    assert Path(f"/proc/{note.read_text()}/stat").read_text().split()[2] not in "ZX"


def test_what_a_module_takes_out_of_pythons_own_is_not_missed(daemon: FakeDaemon) -> None:
    """As eventlet does with select.poll when it is imported; the worker ended of it."""
    module = "import select\ndel select.poll\ndef run() -> str:\n    return 'done'\n"
    (daemon.folder / "patches.py").write_text(module)
    _, peer = daemon.serve(python="patches:run", cwd=str(daemon.folder))
    peer.close()
    again = daemon.accept()
    assert again.result() == "done"
