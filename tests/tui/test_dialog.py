"""The dialog before a change on a small terminal: what has the focus is to be seen."""

from __future__ import annotations

import pytest
from textual.widgets import Input, Static
from tui_home import StoreServer, running, until, until_shown

from fnr.tui.screens.dialog import Dialog


@pytest.mark.parametrize("size", [(80, 24), (100, 30)])
async def test_the_buttons_stay_to_be_seen_whatever_a_dry_run_says(
    daemon: StoreServer, size: tuple[int, int]
) -> None:
    async with running(daemon.paths, "errors", size=size) as (app, pilot):
        await until_shown(pilot, "TITLE")
        view = app.view
        await until(pilot, lambda: view.table.window.rows)  # type: ignore[attr-defined]  # of a list
        await pilot.press("N")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await until_shown(pilot, "Add rule")
        dialog = app.screen
        assert isinstance(dialog, Dialog)
        dialog.query_one("#ask-text", Input).value = "long " * 100
        await until(pilot, lambda: dialog.query_one("#command").size.height > 6)
        await until_shown(pilot, "Add rule")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: dialog.trial == 1)
        words = "\n".join(f"line {number}" for number in range(40))
        dialog.tried(words, dialog.trial)
        await until(
            pilot, lambda: "line 1" in str(app.screen.query_one("#trial-words", Static).content)
        )
        await until_shown(pilot, "Add rule")
        assert app.focused is not None
        assert app.focused.id == "try"
