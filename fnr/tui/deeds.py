"""Carry out what was wished: ask first, show the exact command, run it, say how it went.

Whatever changes something is a command of fnr, and runs as one: with its checks, its words and its
entry in the audit log. While locked nothing of that is even begun.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from textual import on
from textual.app import App

from fnr.api.plain_text import one_line
from fnr.client.own_command import OwnCommand, run_own_aside
from fnr.config.paths import Paths
from fnr.tui.aside import aside
from fnr.tui.screens.view import View
from fnr.tui.widgets.said import Said
from fnr.tui.wishes import TrialWanted, Wished


class Deeds(App[None]):
    """The part of the application that may change something.

    locked: it may not; read_only: nor will it ever. done: what was run, and its exit codes.
    """

    def __init__(self, paths: Paths, *, read_only: bool) -> None:
        super().__init__()
        self.paths = paths
        self.read_only = read_only
        self.locked = read_only
        self.done: list[tuple[str, int | None]] = []
        self._said = Said(id="said")

    def deed_is_done(self) -> None:
        """Look again: something has changed."""

    async def run_action(
        self, action: Any, default_namespace: Any = None, namespaces: Any = None
    ) -> bool:
        """Nothing that changes something is begun while locked."""
        name = action[1] if isinstance(action, tuple) else str(action).partition("(")[0]
        if self.locked and changes(name):
            self.refuse()
            return False
        return await super().run_action(action, default_namespace, namespaces)

    def refuse(self) -> None:
        """Say that nothing is changed now."""
        why = "fnr tui --read-only" if self.read_only else "locked; L unlocks"
        self._said.say(f"nothing is changed: {why}", bad=True)

    @on(View.Told)
    def _told(self, message: View.Told) -> None:
        if message.over:
            self._said.unsay(message.words)
        else:
            self._said.say(message.words, bad=message.bad)

    @on(Wished)
    def _wished(self, message: Wished) -> None:
        wish = message.wish
        if wish.changes and self.locked:
            self.refuse()
            return
        if wish.at_once:
            self._agreed(wish.command({}))
        else:
            from fnr.tui.screens.dialog import Dialog  # noqa: PLC0415 - the first screen needs none

            self.push_screen(Dialog(wish, self.paths), self._agreed if wish.changes else None)

    @on(TrialWanted)
    def _trial_wanted(self, message: TrialWanted) -> None:
        # Of the dialog: what it tries ends when it is closed.
        aside(message.dialog, partial(self._try, message.dialog, message.own), group="trial")

    async def _try(self, dialog: Any, own: OwnCommand) -> None:
        number = dialog.trial
        done = await run_own_aside(self.paths, own)
        words = str(done) if isinstance(done, OSError) else (done.out + done.err).strip()
        if dialog.is_current:
            dialog.tried(words or "(it prints nothing)", number)

    def _agreed(self, own: OwnCommand | None) -> None:
        if own is not None:
            aside(self, partial(self.carry_out, own), group="deeds")

    async def carry_out(self, own: OwnCommand) -> None:
        """Run a command that somebody has agreed to, and say how it went."""
        if self.locked:
            self.refuse()
            return
        shown = own.shown(self.paths).removeprefix(f"{self.paths.command} ")
        self._said.say(f"running: fnr {shown}")
        done = await run_own_aside(self.paths, own, changes=True)
        if isinstance(done, OSError):
            self._said.say(f"not run: {done}", bad=True)
            return
        self.done.append((shown, done.code))
        if done.code == 0:
            words = " ".join((done.out or done.err).split())
            self._said.say(f"ok: fnr {shown}" + (f": {one_line(words)}" if words else ""))
        else:
            # Why comes first: a command with the ids of some rows fills the line.
            why = " ".join((done.err or done.out).split()).removeprefix("error: ")
            self._said.say(f"exit {done.code}: {one_line(why)} · fnr {shown}", bad=True)
        self.deed_is_done()


def changes(action: str) -> bool:
    """Does an action of this name change something?"""
    return action.rpartition(".")[2].startswith("change_")
