"""Commands in a real worker: arguments, results, output, limits, ends."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fake_daemon import FakeDaemon, Peer, WorkerUnderTest
from gates import Gate

from fnr.api.frames import Ack, Beat, Bye, Cancel, Done, Fail, Limits, Returned, Unloadable
from fnr.host.worker_log import read_span
from fnr.policy.evidence import TAIL_BYTES_MAX, Code, Evidence, KilledBy, Phase
from fnr.policy.log_record import decode

PROGRAM = str(Path(__file__).parent / "sample_command.py")


def serve(daemon: FakeDaemon, *command: str, **fields: Any) -> tuple[WorkerUnderTest, Peer]:
    return daemon.serve(kind="command", command=(sys.executable, "-S", PROGRAM, *command), **fields)


def kill_evidence(peer: Peer, token: str) -> Evidence:
    fail = peer.expect(Fail)
    assert fail.token == token
    peer.send(Ack(tokens=(token,)))
    return fail.evidence


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("value", "argument"),
    [
        ("two words", "two words"),
        ("; rm -rf / $(id) `id` * ~ '\" \n", "; rm -rf / $(id) `id` * ~ '\" \n"),
        ("", ""),
        ("--option", "--option"),
        ("{b}", "{b}"),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ([1, "a b"], '[1,"a b"]'),
        ({"k": "v"}, '{"k":"v"}'),
    ],
)
def test_a_value_stays_inside_one_argument(
    daemon: FakeDaemon, value: object, argument: str
) -> None:
    _, peer = serve(daemon, "show_arguments", "{a}", "x={a}.", "{{a}}", result="json")
    assert peer.result({"a": value}) == [argument, f"x={argument}.", "{a}"]


def test_the_attempt_itself_can_be_named(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "show_arguments", "{task_id}/{attempt}", result="json")
    assert peer.result({}, task_id="T7") == ["T7/1"]
    assert peer.result({"attempt": "mine"}, task_id="T7") == ["T7/mine"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"b": 1}, "missing input 'a'; the command needs a, b"),
        ({"a": "x\0y", "b": 1}, "NUL byte"),
        ([], "Expected `object`"),
    ],
)
def test_input_that_does_not_fill_the_command_is_named_and_nothing_is_started(
    daemon: FakeDaemon, given: object, words: str
) -> None:
    _, peer = serve(daemon, "show_arguments", "{a}", "{b}")
    evidence = peer.failure(given)
    assert words in evidence.message
    assert evidence.codes == (Code(family="fnr", value="bad_input"),)
    assert evidence.exit_code is None


def test_a_template_that_makes_no_sense_cannot_be_loaded(daemon: FakeDaemon) -> None:
    worker = daemon.start(kind="command", command=("awk", "{print $1}"))
    peer = daemon.accept()
    evidence = peer.expect(Unloadable).evidence
    assert "write {{ and }} for braces" in evidence.message
    assert daemon.dismiss(worker, peer) == 0


def test_the_environment_names_the_attempt_and_the_worker(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "show_environment", result="json", cwd=str(daemon.folder))
    token = peer.run(task_id="T1")
    done = peer.expect(Done)
    seen = msgspec.json.decode(done.result)
    assert seen == seen | {
        "FNR_TASK_ID": "T1",
        "FNR_ATTEMPT": "1",
        "FNR_TOKEN": token,
        "FNR_WORKER_ID": worker.spec.worker_id,
        "cwd": str(daemon.folder),
        "group": True,
    }


def test_stdin_is_filled_from_the_input_and_else_empty(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "copy_stdin", stdin="{{{a}}}\n", result="stdout")
    assert peer.result({"a": "x" * 300_000}) == "{" + "x" * 300_000 + "}\n"
    _, peer = serve(daemon, "copy_stdin", result="stdout")
    assert peer.result() == ""


def test_json_from_stdout_may_stand_on_many_lines(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "copy_stdin", stdin="{text}", result="json")
    assert peer.result({"text": '{\n "a": [1,\n 2]\n}\n'}) == {"a": [1, 2]}
    for text in ("", "no json", "NaN", '{"a": 1} trailing'):
        evidence = peer.failure({"text": text})
        assert evidence.phase is Phase.RESULT
        assert "stdout is not JSON" in evidence.message
        assert evidence.exit_code == 0
        assert evidence.stdout_tail == text


def test_a_result_over_the_limit_fails_with_its_size(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "print_bytes", "{count}", result="stdout")
    assert len(peer.result({"count": 9_000_000})) == 9_000_000
    evidence = peer.failure({"count": 10 * 1024 * 1024 + 1})
    assert evidence.phase is Phase.RESULT
    assert "stdout is 10485761 bytes; at most 10485760" in evidence.message


def test_a_file_result_says_where_how_much_and_its_hash(daemon: FakeDaemon) -> None:
    path = daemon.folder / "out file"
    command = ("write_file", "{out}", "{text}")
    _, peer = serve(daemon, *command, result="file:{out}")
    assert peer.result({"out": str(path), "text": "hello"}) == {
        "path": str(path),
        "bytes": 5,
        "sha256": hashlib.sha256(b"hello").hexdigest(),
    }
    _, peer = serve(daemon, "show_arguments", "{out}", result="file:{out}")
    evidence = peer.failure({"out": str(daemon.folder / "none")})
    assert evidence.phase is Phase.RESULT
    assert "has not written its result" in evidence.message
    for out in ("/dev/null", str(daemon.folder)):
        assert "not a regular file" in peer.failure({"out": out}).message
    # "stdout is 3 bytes; at most 10485760 are taken", it said, and the deployment was to blame.
    evidence = peer.failure({"out": ""})
    assert evidence.message == 'result = "file:{out}" names no file: its path is empty'
    assert evidence.phase is Phase.RUN


def test_a_file_result_that_is_a_fifo_is_refused_and_not_waited_for(daemon: FakeDaemon) -> None:
    os.mkfifo(fifo := daemon.folder / "fifo")
    _, peer = serve(daemon, "show_arguments", "{out}", result="file:{out}")
    assert "not a regular file" in peer.failure({"out": str(fifo)}).message


def test_every_attempt_runs_in_the_folder_that_has_the_name_now(daemon: FakeDaemon) -> None:
    """A deployment moves the old one away and puts a new one in its place."""
    (folder := daemon.folder / "current").mkdir()
    _, peer = serve(daemon, "show_environment", result="json", cwd=str(folder))
    assert peer.result({})["cwd"] == str(folder)
    folder.rename(daemon.folder / "former")
    assert Code(family="errno", value="ENOENT") in peer.failure({}).codes
    folder.mkdir()
    assert peer.result({})["cwd"] == str(folder)


def test_without_a_result_the_exit_and_the_last_output_are_it(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "show_arguments", "{a}")
    assert peer.result({"a": 1}) == {"exit_code": 0, "stdout_tail": '["1"]\n'}


def test_an_exit_code_is_a_failure_with_the_last_words(daemon: FakeDaemon) -> None:
    _, peer = daemon.serve(
        kind="command", command=("sh", "-c", "echo out; echo one >&2; echo two >&2; exit 3")
    )
    evidence = peer.failure()
    assert (evidence.exit_code, evidence.signal) == (3, None)
    assert evidence.message == "exit code 3: two"
    assert (evidence.stdout_tail, evidence.stderr_tail) == ("out\n", "one\ntwo\n")
    assert evidence.stop_proven
    assert evidence.killed_by is None


def test_the_last_words_are_those_above_a_stack(daemon: FakeDaemon) -> None:
    said = "Error: no licence\\n    at run (/srv/app.js:1:7)\\n\\nNode.js v20.20.2\\n"
    _, peer = daemon.serve(kind="command", command=("sh", "-c", f"printf '{said}' >&2; exit 1"))
    assert peer.failure().message == "exit code 1: Error: no licence"


def test_what_a_finalizer_raises_is_not_the_last_word(daemon: FakeDaemon) -> None:
    code = (
        "class A:\n def __del__(self): raise RuntimeError('closed')\n"
        "a = A()\nraise ValueError('no licence')"
    )
    _, peer = daemon.serve(kind="command", command=(sys.executable, "-S", "-c", code))
    evidence = peer.failure()
    assert "RuntimeError: closed" in evidence.stderr_tail
    assert evidence.message == "exit code 1: ValueError: no licence"


def test_the_last_words_of_a_record_are_what_it_says(daemon: FakeDaemon) -> None:
    record = '{{"level": "error", "msg": "job failed", "error": {{"message": "no room"}}}}'
    _, peer = daemon.serve(kind="command", command=("sh", "-c", f"echo '{record}' >&2; exit 3"))
    evidence = peer.failure()
    assert evidence.message == "exit code 3: job failed: no room"
    assert evidence.stderr_tail == record.replace("{{", "{").replace("}}", "}") + "\n"


def test_a_signal_is_a_failure_by_its_name(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "die", "{number}")
    evidence = peer.failure({"number": int(signal.SIGUSR1)})
    assert (evidence.exit_code, evidence.signal) == (None, signal.SIGUSR1)
    assert evidence.message == "killed by SIGUSR1: last words"


@pytest.mark.parametrize(
    ("code", "command"),
    [
        ("ENOENT", ("no-such-program",)),
        ("EACCES", ("{folder}/plain",)),
        ("ENOEXEC", ("{folder}/not a program",)),
        ("E2BIG", ("echo", "{long}")),
    ],
)
def test_a_command_that_cannot_start_is_reported_by_its_errno(
    daemon: FakeDaemon, code: str, command: tuple[str, ...]
) -> None:
    (daemon.folder / "plain").write_text("#!/bin/sh\n")
    (daemon.folder / "not a program").write_bytes(b"\0\1\2\3")
    (daemon.folder / "not a program").chmod(0o700)
    _, peer = daemon.serve(kind="command", command=command)
    # Even as root, who may execute what anybody may.
    evidence = peer.failure({"folder": str(daemon.folder), "long": "x" * 200_000})
    assert evidence.phase is Phase.START
    assert Code(family="errno", value=code) in evidence.codes
    # The worker is unharmed.
    assert peer.failure({"folder": str(daemon.folder), "long": "x" * 200_000}) == evidence


def test_the_last_64_kib_of_each_stream_are_kept(daemon: FakeDaemon) -> None:
    script = "seq 1 40000; seq 50001 90000 >&2; exit 1"
    _, peer = daemon.serve(kind="command", command=("sh", "-c", script))
    evidence = peer.failure()
    assert len(evidence.stdout_tail) == len(evidence.stderr_tail) == TAIL_BYTES_MAX
    assert evidence.stdout_tail.endswith("\n39999\n40000\n")
    assert evidence.stderr_tail.endswith("\n89999\n90000\n")


def test_the_log_separates_the_streams_and_gives_back_every_byte(daemon: FakeDaemon) -> None:
    script = r"printf 'a\n\nb'; printf 'e1\ne2\n' >&2; printf '\r50%%'; printf '\377\n'; printf end"
    worker, peer = daemon.serve(kind="command", command=("sh", "-c", script))
    token = peer.run()
    output = peer.expect(Done).output
    peer.send(Ack(tokens=(token,)))
    assert output.log_from is not None
    span = worker.log_path.read_bytes()[output.log_from : output.log_to]
    records = [decode(line) for line in span.split(b"\n")[:-1]]
    written = {"o": b"", "e": b""}
    for record in records:
        assert record is not None
        written[record.stream] += record.written
    assert written == {"o": b"a\n\nb\r50%\xff\nend", "e": b"e1\ne2\n"}


def test_a_line_without_an_end_is_in_the_log_while_the_command_waits(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """The beat comes a second after the start, long after the prompt is due."""
    script = 'printf "Password: "; cat "$0"; echo secret'
    worker, peer = daemon.serve(kind="command", command=("sh", "-c", script, str(gate)))
    peer.run()
    peer.expect(Beat)
    record = decode(worker.log_path.read_bytes().splitlines()[-1])
    assert record is not None
    assert (record.text, record.ended) == (b"Password: ", False)
    gate.open()
    peer.expect(Done)


def test_a_flood_of_output_fills_neither_disk_nor_memory(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "print_bytes", str(64 << 20), "2", log_bytes_max=1 << 20)
    token = peer.run()
    output = peer.expect(Done).output
    assert output.log_to is not None and output.log_to > 64 << 20
    assert worker.log_path.stat().st_blocks * 512 <= 3 << 20
    status = Path(f"/proc/{worker.pid}/status").read_text()
    [peak_kib] = [int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line]
    assert peak_kib < 40 * 1024
    peer.send(Ack(tokens=(token,)))


def test_a_log_that_was_removed_or_moved_away_goes_on_where_people_look(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """What was printed behind it went nowhere. Positions of what was before stay what they were."""
    worker, peer = daemon.serve(kind="run", log_bytes_max=1 << 20)
    peer.run({"argv": ["sh", "-c", 'echo early; cat "$0"; echo late', str(gate)]})
    peer.expect(Beat)
    log = worker.log_path
    before = log.stat().st_size
    log.unlink()
    gate.open()
    output = peer.expect(Done).output
    assert output.log_from is not None and output.log_from < before
    assert read_span(str(log), output.log_from, output.log_to).endswith(b" o. late\n")
    assert b"early" not in read_span(str(log), 0)
    log.rename(log.with_suffix(".1"))
    peer.run({"argv": ["echo", "again"]})
    output = peer.expect(Done).output
    assert output.log_from is not None and output.log_from > before
    [line] = read_span(str(log), output.log_from, output.log_to).splitlines()
    assert line.endswith(b" o. again")
    assert b"\0" not in read_span(str(log), 0)


def test_a_log_that_was_emptied_goes_on_behind_what_there_was(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """Who followed it, or asked for it later, was shown nothing of what came then."""
    worker, peer = daemon.serve(kind="run")
    peer.run({"argv": ["sh", "-c", 'seq 5000; cat "$0"; echo late', str(gate)]})
    peer.expect(Beat)
    before = worker.log_path.stat().st_size
    os.truncate(worker.log_path, 0)
    gate.open()
    output = peer.expect(Done).output
    assert output.log_to is not None and output.log_to > before
    told, line = read_span(str(worker.log_path), before, output.log_to).splitlines()
    assert told == b"fnr: this log was emptied, and goes on here"
    assert line.endswith(b" o. late")


def test_memory_over_the_limit_ends_the_command_and_not_the_worker(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "allocate", "{mib}", limits=Limits(memory_mib=100))
    assert "MemoryError" in peer.failure({"mib": 500}).stderr_tail
    assert peer.result({"mib": 1})["exit_code"] == 0


def test_what_a_script_starts_at_once_is_limited_as_the_script_is(daemon: FakeDaemon) -> None:
    """Limits came just after the start, and half of all scripts were further by then."""
    limits = Limits(memory_mib=200, cpu_time_s=7, files=40, file_size_mib=3)
    script = "(ulimit -H -d; ulimit -t; ulimit -H -t; ulimit -H -n; ulimit -H -f; true)"
    _, peer = daemon.serve(
        kind="command", command=("sh", "-c", script), limits=limits, result="stdout"
    )
    found = {peer.result() for _ in range(10)}
    assert found == {f"{200 * 1024}\n7\n12\n40\n{3 * 2048}\n"}


def test_cpu_and_memory_of_the_command_are_measured(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "allocate", "200")
    peer.run()
    output = peer.expect(Done).output
    assert output.cpu_ms is not None and output.cpu_ms >= 10
    assert output.peak_mib is not None and output.peak_mib >= 200


def test_an_output_that_is_closed_early_does_not_end_the_attempt(
    daemon: FakeDaemon, gate: Gate
) -> None:
    script = 'exec >&- 2>&-; read line < "$0"; exit 4'
    _, peer = daemon.serve(kind="command", command=("sh", "-c", script, str(gate)))
    peer.run()
    peer.heard()
    gate.open("go\n")
    assert peer.expect(Fail).evidence.exit_code == 4


def test_a_work_folder_is_empty_at_the_start_and_gone_at_the_end(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "fill_folder", "{workdir}", result="json")
    for _ in range(2):
        folder, content = peer.result()
        assert content == []
        assert not Path(folder).exists()


# ── ending ───────────────────────────────────────────────────────────────────


def test_a_cancelled_command_gets_its_grace_and_its_output_is_drained(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """It prints a MiB after SIGTERM: with nobody reading it could never end by itself."""
    note = daemon.folder / "note"
    _, peer = serve(daemon, "tidy", str(gate), str(note), grace_ms=25_000)
    token = peer.run()
    gate.wait()
    peer.send(Cancel(token=token, reason="timeout", why="took too long", force=True))
    evidence = kill_evidence(peer, token)
    assert note.read_text() == "tidied up"
    assert (evidence.killed_by, evidence.kill_reason) == (KilledBy.TIMEOUT, "took too long")
    assert evidence.exit_code == 0
    assert evidence.stop_proven
    assert len(evidence.stdout_tail) == TAIL_BYTES_MAX


def test_a_deaf_command_is_killed_after_its_grace(daemon: FakeDaemon, gate: Gate) -> None:
    _, peer = serve(daemon, "deaf", str(gate), grace_ms=100)
    token = peer.run()
    pid = int(gate.wait())
    peer.send(Cancel(token=token, reason="cancel"))
    evidence = kill_evidence(peer, token)
    assert evidence.killed_by is KilledBy.CANCEL
    assert evidence.signal == signal.SIGKILL
    assert evidence.stop_proven
    assert not alive(pid)


def test_whoever_escaped_is_found_and_killed(daemon: FakeDaemon, gate: Gate) -> None:
    """A grandchild of its own session, with no parent, no mark and no ear for SIGTERM."""
    told = Gate(Path(f"{gate}.told"))
    _, peer = serve(daemon, "escape", str(gate), grace_ms=100)
    token = peer.run()
    pid = int(gate.wait())
    told.wait()
    assert os.getsid(pid) != os.getsid(0)
    peer.send(Cancel(token=token, reason="cancel"))
    assert kill_evidence(peer, token).stop_proven
    assert not alive(pid)


def test_what_a_finished_command_leaves_behind_is_killed_before_the_next_attempt(
    daemon: FakeDaemon, gate: Gate
) -> None:
    with Gate(Path(f"{gate}.told")):
        worker, peer = serve(daemon, "escape_and_end", str(gate))
        token = peer.run()
        pid = int(gate.wait())
        assert peer.expect(Done).token == token
        assert not alive(pid)
        assert "killed 1 process that the command left behind" in worker.log


def test_the_end_of_a_pipeline_may_outlast_the_command_a_little(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """The shell ends at once; its child still has a line to write."""
    script = '(read line < "$0"; echo "$line") & echo first'
    worker, peer = daemon.serve(
        kind="command", command=("sh", "-c", script, str(gate)), result="stdout"
    )
    gate_is_open = gate.path
    token = peer.run()
    gate_is_open.write_text("second\n")
    assert msgspec.json.decode(peer.expect(Done).result) in {"first\nsecond\n", "second\nfirst\n"}
    peer.send(Ack(tokens=(token,)))
    assert "left behind" not in worker.log


def test_a_command_that_is_no_longer_owned_is_ended_without_a_report(
    daemon: FakeDaemon, gate: Gate
) -> None:
    _, peer = serve(daemon, "deaf", str(gate), grace_ms=100)
    token = peer.run()
    pid = int(gate.wait())
    daemon.go_away()
    daemon.listen()
    peer = daemon.accept(drop=[token])
    next_token = peer.run()
    second_pid = int(gate.wait())
    assert not alive(pid)
    peer.send(Cancel(token=next_token, reason="cancel"))
    assert kill_evidence(peer, next_token).killed_by is KilledBy.CANCEL
    assert not alive(second_pid)


def test_a_command_that_has_ended_well_when_its_worker_is_told_to_go_is_done(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """Method: the worker is stopped when the command ends, and finds both when it goes on."""
    script = 'echo $$ > "$0"; cat "$0"'
    worker, peer = daemon.serve(
        kind="command", command=("sh", "-c", script, str(gate)), result="stdout"
    )
    token = peer.run()
    command = os.pidfd_open(int(gate.wait()))
    worker.signal(signal.SIGSTOP)
    gate.open("done")
    select.select([command], [], [])
    os.close(command)
    worker.signal(signal.SIGTERM)
    worker.signal(signal.SIGCONT)
    done = peer.expect(Done)
    assert (done.token, msgspec.json.decode(done.result)) == (token, "done")
    peer.send(Ack(tokens=(token,)))
    worker.wait()


def test_sigterm_ends_the_command_and_gives_the_window_back(daemon: FakeDaemon, gate: Gate) -> None:
    worker, peer = serve(daemon, "deaf", str(gate), grace_ms=100)
    token = peer.run()
    waiting = peer.run()
    pid = int(gate.wait())
    peer.heard()
    worker.signal(signal.SIGTERM)
    fail = peer.expect(Fail)
    assert (fail.token, fail.evidence.killed_by) == (token, KilledBy.OPERATOR)
    assert peer.expect(Returned).tokens == (waiting,)
    peer.send(Ack(tokens=(token,)))
    assert peer.expect(Bye)
    assert worker.wait() == 0
    assert not alive(pid)


def test_a_command_outlives_the_daemon_and_is_delivered(daemon: FakeDaemon, gate: Gate) -> None:
    script = 'cat "$0"'
    _, peer = daemon.serve(kind="command", command=("sh", "-c", script, str(gate)), result="stdout")
    token = peer.run()
    peer.heard()
    daemon.go_away()
    gate.open("alone")
    daemon.listen()
    peer = daemon.accept()
    assert {*peer.hello.running, *peer.hello.finished} == {token}
    assert msgspec.json.decode(peer.expect(Done).result) == "alone"


# ── the kind "run" ───────────────────────────────────────────────────────────


def test_a_task_can_bring_its_own_command(daemon: FakeDaemon) -> None:
    _, peer = daemon.serve(kind="run")
    given = {
        "argv": [sys.executable, "-S", PROGRAM, "show_environment"],
        "cwd": str(daemon.folder),
        "env": {"FNR_EXTRA": "x y", "FNR_TOKEN": "forged"},
        "nice": 5,
    }
    token = peer.run(given)
    result = msgspec.json.decode(peer.expect(Done).result)
    seen = json.loads(result["stdout_tail"])
    assert (seen["cwd"], seen["FNR_EXTRA"], seen["FNR_TOKEN"]) == (
        str(daemon.folder),
        "x y",
        token,
    )
    assert result["exit_code"] == 0
    assert peer.result({"argv": ["cat"], "stdin": "given"})["stdout_tail"] == "given"
    assert peer.result({"argv": ["echo", "{not} a template"]})["stdout_tail"] == (
        "{not} a template\n"
    )
    assert peer.failure({"argv": ["false"]}).exit_code == 1


def test_a_task_can_bring_its_own_priority(daemon: FakeDaemon, gate: Gate) -> None:
    _, peer = daemon.serve(kind="run")
    peer.run({"argv": ["sh", "-c", 'read line < "$0"; nice', str(gate)], "nice": 5})
    gate.open("go\n")
    assert msgspec.json.decode(peer.expect(Done).result)["stdout_tail"] == "5\n"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "missing required field `argv`"),
        ({"argv": []}, "argv is empty"),
        ({"argv": "ls"}, "Expected `array`"),
        ({"argv": ["a\0b"]}, "NUL byte"),
        ({"argv": ["ls"], "env": {"A=B": "c"}}, "holds '='"),
        ({"argv": ["ls"], "shell": True}, "unknown field `shell`"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(
    daemon: FakeDaemon, given: object, words: str
) -> None:
    _, peer = daemon.serve(kind="run")
    evidence = peer.failure(given)
    assert words in evidence.message
    assert Code(family="fnr", value="bad_input") in evidence.codes


def test_a_folder_that_is_missing_or_a_limit_that_is_refused_stops_the_start(
    daemon: FakeDaemon,
) -> None:
    _, peer = daemon.serve(kind="run")
    evidence = peer.failure({"argv": ["ls"], "cwd": str(daemon.folder / "none")})
    assert evidence.phase is Phase.START
    assert Code(family="errno", value="ENOENT") in evidence.codes
    limits = {"memory_mib": 50}
    hungry = {"argv": [sys.executable, "-S", PROGRAM, "allocate", "500"], "limits": limits}
    assert "MemoryError" in peer.failure(hungry).stderr_tail
