"""What stands behind a dialog: darker, live, and no more work than what has changed there."""

from __future__ import annotations

import pytest
from textual.renderables.background_screen import BackgroundScreen
from tui_home import StoreServer, lines_of, running, settled, until, until_shown

from fnr.tui.screens.dialog import Dialog


async def test_what_changes_behind_a_dialog_is_seen_and_nothing_else_is_darkened_again(
    daemon: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    darkened: list[str] = []
    real = BackgroundScreen.process_segments

    def counted(segments, color):
        darkened.append("".join(part.text for part in segments))
        return real(segments, color)

    async with running(daemon.paths, "tasks", size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "of 200")
        await settled(pilot)
        await pilot.press("P", "C")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await settled(pilot)
        monkeypatch.setattr(BackgroundScreen, "process_segments", counted)
        app._said.say("something new")
        await until_shown(pilot, "something new")
        await settled(pilot)
        assert any("something new" in line for line in darkened)
        darkened.clear()
        app._said.say("something newer")
        await until_shown(pilot, "something newer")
        await settled(pilot)
        changed = [line for line in darkened if "PAUSED" not in line]
        assert len(changed) == 1
        assert "something newer" in changed[0]


async def test_a_dialog_on_a_terminal_that_grows_has_the_screen_behind_it(
    daemon: StoreServer,
) -> None:
    async with running(daemon.paths, "tasks", size=(60, 12)) as (app, pilot):
        await until_shown(pilot, "of 200")
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.resize_terminal(120, 40)
        await until_shown(pilot, "? help")
        await until(pilot, lambda: any("? help" in line for line in lines_of(app)[39:]))
        assert len(lines_of(app)) == 40
        assert {len(line) for line in lines_of(app)} == {120}
