"""The dialog before a change on a small terminal: what has the focus is to be seen."""

from __future__ import annotations

import pytest
from textual.widgets import Input, Static
from tui_home import StoreServer, running, shown, until, until_shown

from fnr.client.own_command import OwnCommand
from fnr.tui.screens.dialog import Dialog
from fnr.tui.wishes import Ask, Wish


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


async def test_all_that_is_asked_is_seen_at_once_on_80_by_24(daemon: StoreServer) -> None:
    asks = tuple(Ask(name=f"n{number}", label=f"label {number}") for number in range(7))
    wish = Wish(
        title="inject error", text="It ends by itself.", verb="Inject", asks=asks,
        command=lambda _: OwnCommand(words=("chaos", "inject", "error")),
    )  # fmt: skip
    async with running(daemon.paths, "chaos", size=(80, 24)) as (app, pilot):
        app.push_screen(Dialog(wish, daemon.paths))
        for words in (*(ask.label for ask in asks), "chaos inject error", "Inject", "ends by"):
            await until_shown(pilot, words)
        seen = shown(app)
        assert all(ask.label in seen for ask in asks)
        assert "Cancel" in seen


async def test_a_dry_run_that_ends_while_the_program_is_left_breaks_nothing(
    daemon: StoreServer,
) -> None:
    """It ended in a traceback of fnr instead: what is in a dialog goes before the dialog."""
    wish = Wish(
        title="purge", text="It is gone then.", verb="Purge",
        command=lambda _: OwnCommand(words=("dlq", "purge")),
        trial=lambda _: OwnCommand(words=("dlq", "purge", "-n")),
    )  # fmt: skip
    async with running(daemon.paths, "dlq", size=(80, 24)) as (app, pilot):
        dialog = Dialog(wish, daemon.paths)
        await app.push_screen(dialog)
        await until_shown(pilot, "Purge")
        await dialog.remove_children()
        assert dialog.is_current
        dialog.tried("would purge 3", dialog.trial)


@pytest.mark.parametrize("verb", ["Replay", "Reclassify"])
async def test_its_buttons_fit_on_40_columns(daemon: StoreServer, verb: str) -> None:
    wish = Wish(
        title="replay 1 dead letter", text="", verb=verb, trial_verb="Preview",
        command=lambda _: OwnCommand(words=("dlq", "replay")),
        trial=lambda _: OwnCommand(words=("dlq", "list")),
    )  # fmt: skip
    async with running(daemon.paths, "dlq", size=(40, 12)) as (app, pilot):
        app.push_screen(Dialog(wish, daemon.paths))
        await until_shown(pilot, verb)
        assert all(words in shown(app) for words in ("Cancel", "Preview"))


@pytest.mark.parametrize("given", ["{\n}", "{\n}\n"])
async def test_the_last_line_that_is_handed_over_counts_without_its_end_too(
    daemon: StoreServer, given: str
) -> None:
    own = OwnCommand(words=("dlq", "edit", "x", "--input", "-"), stdin=given)
    wish = Wish(title="edit", text="", verb="Take it", command=lambda _: own)
    async with running(daemon.paths, "dlq", size=(80, 24)) as (app, pilot):
        app.push_screen(Dialog(wish, daemon.paths))
        await until_shown(pilot, "Take it")
        assert "with 2 lines on standard input" in shown(app)
