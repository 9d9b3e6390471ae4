"""Carry one message to one channel: by a program of the operator's, or by one of our own."""

from __future__ import annotations

import os
import sys
from hashlib import blake2b
from pathlib import Path

import msgspec

from fnr.api.alert_requests import Sent
from fnr.config.alerts import filled
from fnr.config.settings import AlertTable
from fnr.daemon import short_process
from fnr.daemon.parts import Parts
from fnr.host import process
from fnr.host.process import MARK_VARIABLE
from fnr.host.tell import Letter
from fnr.policy.alert import Message

SCHEMA = "fnr.alert/1"
# Our own program ends by itself before it has to be ended.
_SPARE_MS = 1_000
_OF_SYSTEMD = ("NOTIFY_", "WATCHDOG_")


async def send(parts: Parts, table: AlertTable, message: Message, *, mark: str = "") -> Sent:
    """Try once; what came of it. mark: of its process, if the next daemon is to know it."""
    began_ms = parts.clock.boot_ms()
    body = msgspec.json.encode({"schema": SCHEMA, **msgspec.to_builtins(message)})
    mark = mark or f"alert-{parts.ulids.new()}"
    env = {key: value for key, value in os.environ.items() if not key.startswith(_OF_SYSTEMD)}
    try:
        if table.command:
            words = {
                "title": message.title,
                "text": message.text,
                "severity": message.severity,
                "key": message.key,
            }
            argv, stdin = filled(table.command, words), body
        else:
            argv = [sys.executable, "-m", "fnr.host.tell"]
            stdin = msgspec.json.encode(_letter(table, message, body.decode(), env))
        ran = await short_process.run(
            parts,
            argv,
            env=env | {MARK_VARIABLE: mark},
            stdin=stdin,
            mark=mark,
            timeout_ms=table.timeout_ms + (0 if table.command else _SPARE_MS),
            cwd=str(Path(parts.paths.config_file).parent),
        )
    except (OSError, ValueError) as error:
        found = f"it could not be started: {error}"
        return _sent(parts, table, began_ms, found, sent=False)
    found = parts.redactor.text(ran.words)
    if ran.ended is None:
        found = f"it took longer than {table.timeout_ms} ms and was ended: {found}"
    elif ran.ended.signal is not None:
        found = f"killed by signal {ran.ended.signal}: {found}"
    elif ran.ended.code and table.command:
        found = f"{argv[0]} ended with {ran.ended.code}: {found}"
    is_sent = ran.ended is not None and ran.ended.code == 0
    return _sent(parts, table, began_ms, found.removesuffix(": "), sent=is_sent)


def mark_of(parts: Parts, channel: str) -> str:
    """What the processes that tell a channel are known by, one after the other."""
    home = blake2b(os.fsencode(parts.paths.state_dir), digest_size=8).hexdigest()
    return f"alert-{home}-{channel}"


async def end_cut_off(parts: Parts, channel: str) -> None:
    """End what is left of a try that its daemon did not survive: it must not meet the next one."""
    await process.stop_group(
        -1, -1, mark_of(parts, channel), grace_ms=short_process.GRACE_MS, clock=parts.clock
    )


def _letter(table: AlertTable, message: Message, body: str, env: dict[str, str]) -> Letter:
    missing = [name for name in table.headers_env.values() if name not in env]
    if missing:
        raise ValueError(f"the daemon's environment has no {', '.join(missing)}")
    # http.client would show the value, which is a secret.
    odd = [name for name in table.headers_env.values() if not _fits(env[name])]
    if odd:
        raise ValueError(f"the value of {', '.join(odd)} cannot stand in a header")
    return Letter(
        subject=message.title,
        text=message.text,
        body=body,
        timeout_s=table.timeout_ms / 1_000,
        webhook=table.webhook,
        headers={header: env[name] for header, name in table.headers_env.items()},
        to=table.mail,
        sender=table.sender or f"fnr@{message.host}",
        smtp=table.smtp,
    )


def _fits(value: str) -> bool:
    return "\r" not in value and "\n" not in value and all(ord(one) < 256 for one in value)


def _sent(parts: Parts, table: AlertTable, began_ms: int, found: str, *, sent: bool) -> Sent:
    return Sent(
        channel=table.name,
        sent=sent,
        found=found,
        took_ms=max(0, parts.clock.boot_ms() - began_ms),
    )
