"""`fnr run`: any command as a supervised task, with its output here and its exit code as ours."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import msgspec
import typer
from msgspec import Raw

from fnr.api.errors import FnrError, StorageError, UsageError
from fnr.api.requests import GetTask, TaskSpec
from fnr.cli import options
from fnr.cli.follow import SILENT_MS, hand_over, patient_ask, task_output, why_it_waits
from fnr.cli.group import examples, group, parse_duration
from fnr.cli.here import here, say
from fnr.cli.inputs import as_text, key_values
from fnr.cli.log_lines import lost_words, pass_on
from fnr.cli.render import drop_output, telling_of, write, write_json
from fnr.cli.run_asked_to_end import AskedToEnd, end_by
from fnr.cli.terminal import block
from fnr.client.log_lines import LogLines
from fnr.config.units import size_bytes
from fnr.host.bookmark import Bookmarks
from fnr.policy.evidence import KilledBy, Phase
from fnr.policy.record import ErrorRecord
from fnr.policy.task import PRIORITY_DEFAULT, TaskState

app = group("run", "Run any command as a supervised task and end with its exit code.")

# What shells and timeout(1) say in these cases.
EXIT_TIMED_OUT, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_SIGNAL = 124, 126, 127, 128
EXIT_CANCELLED = 130
MIB = 1 << 20


@app.command(
    context_settings={"allow_interspersed_args": False},
    epilog=examples(
        "fnr run -- nvidia-smi -L",
        "fnr run --timeout 2h --memory 16GiB --name nightly -- python train.py --resume",
        "fnr run --detach --retries 3 -- rsync -a /data backup:/data",
    ),
)
def run(
    *,
    command: options.Words = None,
    detach: options.Detach = False,
    name: options.Name = None,
    retries: options.RunRetries = 0,
    timeout: options.TaskTimeout = None,
    memory: options.Memory = None,
    cwd: options.Folder = None,
    env: options.Env = None,
    nice: options.Nice = None,
    tags: options.Tags = None,
    priority: options.Priority = PRIORITY_DEFAULT,
) -> None:
    """Run a command under fnr's supervision: its output here, its exit code as ours.

    Its standard input is empty, its environment is the daemon's with --env on top. It goes on when
    the daemon restarts, and when you close the terminal. Ctrl-C cancels it, and so does SIGTERM
    (timeout, systemd); a second one does not wait until it has ended. 128+N is the exit code when
    signal N killed it, 124 when it took too long.
    """
    if not command:
        raise UsageError("which command?", next_step="fnr run -- COMMAND ARG…")
    if not command[0]:
        raise _empty("which command? the word for it is empty")
    argv = [as_text(word) for word in command]
    wanted: dict[str, Any] = {"argv": argv, "cwd": as_text(_folder(cwd))}
    if env:
        wanted["env"] = key_values(env, flag="--env")
    if nice is not None:
        wanted["nice"] = nice
    if memory is not None:
        wanted["limits"] = {"memory_mib": _mebibytes(memory)}
    labels = key_values(tags or [], flag="--tag")
    spec = TaskSpec(
        function="run",
        input=Raw(_encode(wanted)),
        priority=priority,
        timeout_ms=parse_duration(timeout, flag="--timeout"),
        retries_max=retries,
        tags=labels if name is None else {**labels, "name": name},
    )
    task_id = hand_over(here(), spec).task_id
    if detach:
        _show_detached(task_id)
        return
    raise typer.Exit(_follow(task_id))


def _follow(task_id: str) -> int:
    """Pass the output on until the end; the command's exit code."""
    told = threading.Timer(SILENT_MS / 1_000, copy_context().run, (_say_why_it_waits, task_id))
    told.daemon = True
    told.start()
    asked = AskedToEnd(task_id)
    try:
        with asked:
            _pass_output_on(task_id)
            code = _exit_code(task_id)
    except KeyboardInterrupt:
        say(f"not waiting for its end; {here().command} task show {task_id}")
        code = EXIT_CANCELLED
    except BrokenPipeError:
        drop_output()
        say(f"nobody reads its output any more; it goes on: {here().command} task show {task_id}")
        return 0
    except OSError as error:
        drop_output()
        why = error.strerror or str(error)
        say(f"its output cannot be shown: {why}; it goes on: {here().command} task show {task_id}")
        return StorageError.exit_code
    except FnrError as error:
        error.details += (f"the command may go on: {here().command} task show {task_id}",)
        raise
    finally:
        told.cancel()
    if code == EXIT_CANCELLED and asked.by is signal.SIGTERM:
        end_by(asked.by)
    return code


def _say_why_it_waits(task_id: str) -> None:
    """Nothing, when it runs: what it has printed by then is its own business."""
    with suppress(FnrError), here().connect() as connection:
        for reason in why_it_waits(connection, task_id):
            here().notice(block(f"notice: it waits: {reason}"))


def _pass_output_on(task_id: str) -> None:
    cutters: dict[str, LogLines] = {}
    lost_bytes = 0
    with Bookmarks() as bookmarks:
        for output in task_output(here(), task_id, patient=True, bookmarks=bookmarks):
            cutter = cutters.setdefault(output.place, LogLines(None))
            if output.lost_bytes:
                lost_bytes += output.lost_bytes
                cutter.cut()
            pass_on(cutter.feed(output.data), from_ms=output.from_ms)
    for cutter in cutters.values():
        pass_on(cutter.rest())
    if lost_bytes:
        say(f"fnr: {lost_words(lost_bytes)}")


def _exit_code(task_id: str) -> int:
    detail = patient_ask(here(), GetTask(task_id=task_id))
    if detail.task.state is TaskState.DONE:
        return 0
    if detail.task.state is TaskState.CANCELLED or not detail.errors:
        say(f"{detail.task.state}: {block(detail.task.reason)}")
        return EXIT_CANCELLED if detail.task.state is TaskState.CANCELLED else FnrError.exit_code
    error = detail.errors[-1]
    code = exit_code_of(error)
    if error.evidence.exit_code is None or error.evidence.killed_by is not None:
        say(f"fnr: {block(error.evidence.message or error.evidence.kill_reason)}")
    if code == EXIT_NOT_FOUND and error.evidence.phase is Phase.START:
        _say_where_it_is(msgspec.json.decode(detail.input)["argv"][0])
    here().notice(f"notice: dead letter {task_id}; {here().command} dlq show {task_id}")
    return code


def _say_where_it_is(program: str) -> None:
    """Whoever has it in a PATH of their own wonders why it is not found."""
    import shutil  # noqa: PLC0415 - hardly ever needed

    found = None if "/" in program else shutil.which(program)
    if found is not None:
        here().notice(
            f"notice: here it is {block(found)}; where the daemon's PATH lacks it,"
            ' type that or --env PATH="$PATH"'
        )


def exit_code_of(error: ErrorRecord) -> int:
    """The exit code that says how the command ended, as shells say it."""
    evidence = error.evidence
    if evidence.killed_by in {KilledBy.TIMEOUT, KilledBy.PROGRESS_TIMEOUT}:
        return EXIT_TIMED_OUT
    if evidence.phase is Phase.START:
        codes = {code.value for code in evidence.codes if code.family == "errno"}
        if codes & {"EACCES", "ENOEXEC", "EISDIR"}:
            return EXIT_NOT_EXECUTABLE
        return EXIT_NOT_FOUND if "ENOENT" in codes else FnrError.exit_code
    if evidence.signal is not None:
        return EXIT_SIGNAL + evidence.signal
    return evidence.exit_code or FnrError.exit_code


def _show_detached(task_id: str) -> None:
    with telling_of(task_id):
        if here().as_json:
            write_json({"schema": "fnr.submitted/1", "task_id": task_id, "duplicate": False})
            return
        write(f"{task_id}\n")
    here().hint(f"{here().command} task logs {task_id} -f")


def _empty(what: str) -> UsageError:
    return UsageError(
        what,
        why='in a shell, "$NAME" is an empty word while NAME is not set',
        next_step="fnr run -- COMMAND ARG…",
    )


def _folder(cwd: str | None) -> str:
    if cwd == "":
        # Here is where it would run without the flag, and whoever gives one does not mean that.
        raise _empty("--cwd: which folder? the word for it is empty")
    try:
        folder = os.path.abspath(cwd or "")  # noqa: PTH100 - a text is what is wanted
    except FileNotFoundError as error:
        raise UsageError(
            "the folder that you are in is gone",
            why="the command would run there",
            next_step=f"{here().command} run --cwd DIR -- COMMAND ARG…",
        ) from error
    if cwd is None:
        return folder
    if not os.path.isdir(folder):  # noqa: PTH112 - as above
        raise UsageError(f"--cwd: there is no folder {folder}")
    return folder


def _mebibytes(written: str) -> int:
    try:
        found_bytes = size_bytes(written)
    except ValueError as error:
        raise UsageError(f"--memory: {error}") from error
    if not found_bytes:
        raise UsageError("--memory must be more than 0", next_step="leave it out for no limit")
    return -(-found_bytes // MIB)


def _encode(wanted: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(wanted)
    except UnicodeEncodeError as error:
        raise UsageError("the command is not UTF-8", why=str(error)) from error
