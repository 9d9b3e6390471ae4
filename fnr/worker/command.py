"""Run a command line for each attempt, and make a result or evidence of how it ended."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from fnr.api.frames import Limits, Output, Run, WorkerSpec
from fnr.host.clock import Clock
from fnr.host.process import ends_within
from fnr.policy.counted import counted
from fnr.policy.evidence import DAEMON_KILLED, WORKER_GOT, Evidence, KilledBy, Phase
from fnr.worker.capture import capture
from fnr.worker.command_child import CommandChild, Ending, Plan
from fnr.worker.command_template import InputError, Template, fill, fill_all, parse
from fnr.worker.declared_undo import DeclaredStep, read_steps, record_all
from fnr.worker.duty import Duty
from fnr.worker.interrupt import Interrupted, Interrupts
from fnr.worker.outcome import (
    Ended,
    ResultTooLargeError,
    encode_result,
    killer,
    read_json,
    refused_input,
)
from fnr.worker.own_log import OwnLog
from fnr.worker.work_folder import WorkFolder

# For the threads of a daemon that was killed.
DAEMON_ENDS_MS = 1_000
_HASH_BYTES = 1024 * 1024
_FILE = "file:"


class RunInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The input of the built-in kind "run": a command that comes with its task."""

    argv: list[str]
    cwd: str | None = None
    env: dict[str, str] | None = None
    stdin: str | None = None
    limits: Limits | None = None
    nice: int | None = None


class Command:
    """The command of this worker, or, for the kind "run", whichever a task brings."""

    def __init__(
        self, spec: WorkerSpec, *, duty: Duty, interrupts: Interrupts, log: OwnLog, clock: Clock
    ) -> None:
        self._spec = spec
        self._duty = duty
        self._interrupts = interrupts
        self._log = log
        self._clock = clock
        self._argv: list[Template] = []
        self._stdin = Template(("",))
        self._file: Template | None = None
        self._work_folder = WorkFolder(spec.spool_dir, spec.worker_id)
        self._needs_work_dir = False
        self._undo: list[DeclaredStep] = []

    def load(self) -> Evidence | None:
        """Read the templates; evidence when one makes no sense."""
        result = self._spec.result
        try:
            self._argv = [parse(argument) for argument in self._spec.command]
            self._stdin = parse(self._spec.stdin)
            self._undo = read_steps(self._spec.undo)
            if result.startswith(_FILE):
                self._file = parse(result.removeprefix(_FILE))
            elif result not in {"", "stdout", "json"}:
                raise ValueError(f"result = {result!r}: must be stdout, json or file:PATH")
        except ValueError as error:
            return self._capture(error, Phase.IMPORT)
        templates = [*self._argv, self._stdin, *([self._file] if self._file else [])]
        templates += [template for step in self._undo for template in step.templates]
        self._needs_work_dir = any("workdir" in template.names for template in templates)
        return None

    def run(self, run: Run) -> Ended:
        """Run one attempt."""
        try:
            plan, file = self._plan(run)
        except OSError as error:
            return Ended(evidence=replace(self._capture(error, Phase.START), traceback=""))
        except (InputError, msgspec.DecodeError, RecursionError) as error:
            return Ended(evidence=refused_input(ValueError, str(error)))
        try:
            return self._run(plan, file)
        finally:
            if self._needs_work_dir:
                self._remove_work_folder()

    def close(self) -> None:
        """Nothing stays between attempts."""

    def _plan(self, run: Run) -> tuple[Plan, str]:
        """What to start, and the file it promises; raises InputError or ValidationError."""
        spec = self._spec
        if spec.cwd is not None:
            # The folder of this name may be another one by now: a deployment puts it there anew.
            os.chdir(spec.cwd)
        env = {
            **os.environ,
            "FNR_TASK_ID": run.task_id,
            "FNR_ATTEMPT": str(run.attempt),
            "FNR_TOKEN": run.token,
            "FNR_WORKER_ID": spec.worker_id,
        }
        if run.gpus:
            env["CUDA_VISIBLE_DEVICES"] = ",".join(run.gpus)
        if spec.kind == "run":
            return self._plan_of(msgspec.json.decode(run.input, type=RunInput), env), ""
        given = msgspec.json.decode(run.input, type=dict[str, Any])
        own = {"task_id": run.task_id, "attempt": run.attempt, "workdir": self._work_folder.path}
        values = own | given
        plan = Plan(
            argv=fill_all(self._argv, values),
            env=env,
            stdin=fill(self._stdin, values, among=self._argv).encode(),
            limits=spec.limits,
            grace_ms=spec.grace_ms,
            whole_stdout=spec.result in {"stdout", "json"},
        )
        file = ""
        if self._file is not None:
            [file] = fill_all([self._file], values)
            if not file:
                raise InputError(f'result = "{spec.result}" names no file: its path is empty')
        # Last, and before anything is started: from here on the command may act.
        record_all(self._duty.journal, self._undo, values)
        return plan, file

    def _plan_of(self, given: RunInput, env: Mapping[str, str]) -> Plan:
        if not given.argv or not given.argv[0]:
            raise InputError("argv is empty; it must name a program")
        extra = given.env or {}
        if any("\0" in text for text in (*given.argv, given.cwd or "", *extra, *extra.values())):
            raise InputError("argv, cwd or env holds a NUL byte; no program can take it")
        if any("=" in name or not name for name in extra):
            raise InputError("a name in env is empty or holds '='")
        return Plan(
            argv=given.argv,
            env={**env, **extra, **{key: env[key] for key in env if key.startswith("FNR_")}},
            cwd=given.cwd,
            stdin=(given.stdin or "").encode(),
            limits=given.limits or self._spec.limits,
            nice=given.nice,
            grace_ms=self._spec.grace_ms,
            read_along=True,
        )

    def _run(self, plan: Plan, file: str) -> Ended:
        log_from = self._log.size()
        try:
            if self._needs_work_dir:
                self._work_folder.make()
            child = CommandChild(
                plan,
                duty=self._duty,
                interrupts=self._interrupts,
                log=self._log,
                clock=self._clock,
            )
        except OSError as error:
            # The frames would be ours and the library's, not the command's.
            return Ended(evidence=replace(self._capture(error, Phase.START), traceback=""))
        ending = child.finish()
        if ending.left:
            many = counted(ending.left, "process", "processes")
            self._log.say(f"killed {many} that the command left behind")
        result = self._result(child, ending, file)
        done = ending.exit
        output = Output(
            log_path=self._log.path,
            log_from=log_from,
            log_to=self._log.size(),
            cpu_ms=done.cpu_ms if done else None,
            peak_mib=done.peak_mib if done else None,
        )
        leave = "" if ending.proven else "a process of its command cannot be ended"
        if isinstance(result, bytes):
            return Ended(result=result, output=output, leave=leave)
        evidence = replace(
            result,
            exit_code=done.code if done else None,
            signal=done.signal if done else None,
            core_dumped=done.core_dumped if done else False,
            stop_proven=ending.proven,
            stdout_tail=child.stdout.tail,
            stderr_tail=child.stderr.tail,
            missing=(*result.missing, *(done.missing if done else ("exit: it has not ended",))),
        )
        return Ended(
            evidence=evidence,
            output=output,
            leave=leave,
            pid=child.pid,
            pid_start=child.pid_start,
        )

    def _result(self, child: CommandChild, ending: Ending, file: str) -> bytes | Evidence:
        if ending.asked:
            return self._killed()
        if ending.exit is None or ending.exit.code != 0:
            return Evidence(message=_headline(child, ending))
        try:
            return self._take_result(child, file)
        except Interrupted:
            return self._killed()
        except (OSError, ValueError) as error:
            return replace(self._capture(error, Phase.RESULT), traceback="")

    def _take_result(self, child: CommandChild, file: str) -> bytes:
        """What the command promised; raises OSError or ValueError when it is not there.

        Interrupted when it takes too long to read and nobody wants it any more.
        """
        if file:
            return encode_result(self._file_facts(child, file))
        mode = "" if self._spec.kind == "run" else self._spec.result
        if not mode:
            return encode_result({"exit_code": 0, "stdout_tail": child.stdout.tail})
        text = child.stdout.whole
        if text is None:
            raise ResultTooLargeError(child.stdout.size_bytes, "stdout")
        return read_json(text) if mode == "json" else encode_result(text.decode("utf-8", "replace"))

    def _file_facts(self, child: CommandChild, path: str) -> dict[str, object]:
        import hashlib  # noqa: PLC0415 - 3 MiB that only results in files need

        digest, until_ms = hashlib.sha256(), None
        with _promised(path) as file:
            while chunk := file.read(_HASH_BYTES):
                digest.update(chunk)
                now_ms = self._clock.boot_ms()
                child.attend(now_ms)
                if self._duty.cancel is None:
                    continue
                # It has done its work: what is soon read still counts.
                until_ms = now_ms + self._spec.grace_ms if until_ms is None else until_ms
                if now_ms >= until_ms:
                    raise Interrupted
            size_bytes = file.tell()
        return {"path": path, "bytes": size_bytes, "sha256": digest.hexdigest()}

    def _killed(self) -> Evidence:
        cancel = self._duty.cancel
        if cancel is None and self._spec.die_with_daemon and self._daemon_is_gone():
            return Evidence(
                message=DAEMON_KILLED, killed_by=KilledBy.DRAIN, kill_reason=DAEMON_KILLED
            )
        if cancel is None:
            reason, why = KilledBy.OPERATOR, f"{WORKER_GOT} {self._interrupts.signal.name}"
        else:
            reason = killer(cancel.reason)
            why = cancel.why or f"ended: {reason}"
        return Evidence(message=why, killed_by=reason, kill_reason=why)

    def _daemon_is_gone(self) -> bool:
        daemon_pid = self._spec.daemon_pid
        if daemon_pid is None or os.getppid() != daemon_pid:
            return True
        # SIGHUP comes when the first of its threads goes, and it has others.
        return self._interrupts.wished and ends_within(daemon_pid, DAEMON_ENDS_MS)

    def _remove_work_folder(self) -> None:
        path = self._work_folder.path
        if not self._work_folder.remove():
            self._log.say(f"what the command left in {path} cannot be removed, and stays there")

    def _capture(self, error: BaseException, phase: Phase) -> Evidence:
        return capture(error, phase=phase, now_ms=self._clock.now_ms())


def _headline(child: CommandChild, ending: Ending) -> str:
    """The end in one line, with the command's own last words."""
    done = ending.exit
    if done is None:
        what = "the command cannot be ended"
    elif done.signal is not None:
        name = str(done.signal)
        with suppress(ValueError):  # a real-time signal has no name
            name = signal.Signals(done.signal).name
        what = f"killed by {name}" + (" (core dumped)" if done.core_dumped else "")
    else:
        what = f"exit code {done.code}"
    last = child.stderr.last_line or child.stdout.last_line
    return f"{what}: {last}" if last else what


def _promised(path: str) -> BinaryIO:
    """The file that the command was to write; raises OSError or ValueError.

    Where it is missing that is no OSError: of those that the input names, the submitter would be
    to blame.
    """
    try:
        file = open(path, "rb", opener=_at_once)  # noqa: SIM115 - its caller closes it
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"the command ended well and has not written its result {path}") from None
    except IsADirectoryError:
        raise ValueError(f"the result {path} is not a regular file") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError(f"the result {path} is not a regular file")
    return file


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for anybody, as a FIFO would have us do."""
    return os.open(path, flags | os.O_NONBLOCK)
