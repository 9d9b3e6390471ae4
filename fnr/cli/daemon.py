"""`fnr daemon`: run it in the foreground, start, stop, restart, reload, status."""

from __future__ import annotations

import select
from typing import Annotated

import typer

from fnr.api.errors import DaemonDown, ProtocolMismatch, StorageError, UsageError
from fnr.api.requests import GetStatus, ReloadConfig, ReloadReport, StopDaemon
from fnr.cli import status as status_command
from fnr.cli.config import checked_settings, refuse_without_file
from fnr.cli.daemon_start import (
    ANSWER_MS_MIN,
    LOOK_MS,
    is_running,
    start_daemon,
    wait_for_end,
    wait_until_gone,
)
from fnr.cli.group import examples, group, parse_duration
from fnr.cli.here import RELOAD_TIMEOUT_MS, here, say
from fnr.cli.quick_daemon import serve
from fnr.cli.render import show_one, write_json
from fnr.client.connect import RETRY_MS, TIMEOUT_MS_DEFAULT
from fnr.host.lock import home_holder

app = group("daemon", "The daemon: it supervises the workers and keeps the store.")
app.info.no_args_is_help = False
app.info.invoke_without_command = True

# A socket that was removed is there again sooner.
UNREACHED_MS_MAX = 15_000

Drain = Annotated[bool, typer.Option("--drain", help="First let running attempts finish.")]
Now = Annotated[
    bool, typer.Option("--now", help="Interrupt running attempts; they are put back at no cost.")
]
Within = Annotated[
    str, typer.Option("--within", metavar="TIME", help="How long to wait for it; then exit 124.")
]


@app.callback(
    epilog=examples("fnr daemon start", "fnr daemon --log-level debug", "fnr daemon stop --drain")
)
def run_daemon(
    context: typer.Context,
    log_level: Annotated[
        str | None,
        typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning, error."),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--log-format", metavar="FORMAT", help="text or json.")
    ] = None,
    log_file: Annotated[
        str | None, typer.Option("--log-file", metavar="FILE", help="Instead of stderr; rotated.")
    ] = None,
) -> None:
    """Run the daemon in the foreground, as systemd does, or start, stop and reload it.

    SIGTERM and Ctrl-C drain, a second one hurries, SIGHUP reloads fnr.toml.
    """
    if context.invoked_subcommand is not None:
        if log_level or log_format or log_file:
            raise UsageError(
                "--log-level, --log-format and --log-file are for the daemon in the foreground",
                why=f"`fnr daemon {context.invoked_subcommand}` takes [log] of fnr.toml",
                next_step="fnr help environment",
            )
        return
    flags = {"log.level": log_level, "log.format": log_format}
    given = {key: value for key, value in flags.items() if value is not None}
    raise typer.Exit(serve(here().paths, given, log_file=log_file))


@app.command(epilog=examples("fnr daemon start", "fnr --home /srv/fnr daemon start"))
def start(within: Within = "30s") -> None:
    """Start the daemon in the background and wait until it answers.

    If it does not come up, the reason is shown. Running already is not an error.
    """
    checked_settings()
    pid = start_daemon(here(), within_ms=_within_ms(within))
    if pid is None:
        _show("start", pid=home_holder(here().paths.lock_file), changed=False)
        here().notice("the daemon runs already")
    else:
        _show("start", pid=pid, changed=True)
        here().notice(f"the daemon runs, pid {pid}")


@app.command(epilog=examples("fnr daemon stop", "fnr daemon stop --drain --within 10m"))
def stop(*, drain: Drain = False, now: Now = False, within: Within = "2m") -> None:
    """Stop the daemon; workers go on with what they run and the next daemon adopts them.

    With --drain running attempts finish first, with --now they are interrupted and put back.
    """
    pid = _stop(drain=drain, now=now, within_ms=_within_ms(within))
    _show("stop", pid=pid, changed=pid is not None)


@app.command(epilog=examples("fnr daemon restart", "fnr daemon restart --drain"))
def restart(*, drain: Drain = False, now: Now = False, within: Within = "2m") -> None:
    """Stop the daemon and start it again; running work is neither ended nor repeated."""
    checked_settings()
    within_ms = _within_ms(within)
    if is_running(here().paths):
        # The next one would refuse to begin.
        refuse_without_file("the daemon runs on", timeout_ms=_answer_ms(within_ms))
        _stop(drain=drain, now=now, within_ms=within_ms)
    pid = start_daemon(here(), within_ms=within_ms) or home_holder(here().paths.lock_file)
    _show("restart", pid=pid, changed=True)
    here().notice(f"the daemon runs, pid {pid}")


@app.command(epilog=examples("fnr daemon reload"))
def reload() -> None:
    """Make a changed fnr.toml count; one with mistakes changes nothing and says which."""
    report = here().ask(ReloadConfig(), offline=False, timeout_ms=RELOAD_TIMEOUT_MS)
    show_one("fnr.daemon.reload/1", report, lambda: _reload_text(report), name="reloaded")


app.command("status", epilog=examples("fnr daemon status", "fnr daemon status -o json | jq .pid"))(
    status_command.status
)


def _show(verb: str, *, pid: int | None, changed: bool) -> None:
    """For programs; people are told on stderr."""
    if here().as_json:
        write_json({"schema": f"fnr.daemon.{verb}/1", "pid": pid, "changed": changed}, pretty=True)


def _stop(*, drain: bool, now: bool, within_ms: int) -> int | None:
    """The pid of the daemon that has ended; None if there was none."""
    if drain and now:
        raise UsageError("--drain and --now exclude each other")
    pid = _ask_to_end(StopDaemon(drain=drain, now=now), within_ms=within_ms)
    if pid is None:
        here().notice("the daemon does not run")
        return None
    try:
        wait_until_gone(here(), pid, within_ms=within_ms)
    except KeyboardInterrupt:
        # It was asked, and nothing calls that back.
        rest = f"and no other is started; {here().command} daemon start"
        say(f"the daemon, pid {pid}, goes on ending, {rest}")
        raise
    here().notice("the daemon has ended" + ("" if drain or now else "; workers go on"))
    return pid


def _ask_to_end(wish: StopDaemon, *, within_ms: int) -> int | None:
    """The pid of the daemon that was asked; None if there is none.

    One that only begins cannot be asked yet, and one that ends not any more: it is waited for.
    """
    clock, lock_file = here().clock, here().paths.lock_file
    give_up_at_ms = clock.boot_ms() + min(within_ms, UNREACHED_MS_MAX)
    timeout_ms = _answer_ms(within_ms)
    while True:
        try:
            pid = _pid(timeout_ms)
            here().ask(wish, timeout_ms=timeout_ms)
        except DaemonDown:
            if not is_running(here().paths):
                return None
            left_ms = give_up_at_ms - clock.boot_ms()
            if left_ms <= 0:
                raise
            if wait_for_end(home_holder(lock_file), within_ms=min(left_ms, LOOK_MS)):
                # Its last moments, or a process that cannot be seen from here.
                select.select([], [], [], RETRY_MS / 1_000)
        else:
            return pid


def _answer_ms(within_ms: int) -> int:
    """How long one answer may take of a daemon that is waited for so long."""
    return min(max(within_ms, ANSWER_MS_MIN), TIMEOUT_MS_DEFAULT)


def _pid(timeout_ms: int) -> int | None:
    """A daemon whose store cannot be read does not say how it is, and one of another version not in
    words that we know; it can be ended all the same."""
    try:
        return here().ask(GetStatus(), offline=False, timeout_ms=timeout_ms).pid
    except (StorageError, ProtocolMismatch):
        pid = home_holder(here().paths.lock_file)
        if pid is None:
            raise
        return pid


def _within_ms(written: str) -> int:
    within_ms = parse_duration(written, flag="--within")
    assert within_ms is not None, written
    return within_ms


def _reload_text(report: ReloadReport) -> str:
    lines = [
        f"{words}: {', '.join(names)}\n"
        for words, names in (
            ("added", report.added),
            ("removed", report.removed),
            ("changed", report.changed),
            ("settings changed", report.settings),
            ("needs a restart of the daemon", report.needs_restart),
        )
        if names
    ]
    return "".join(lines) or "nothing has changed\n"
