"""Lines that are drawn once: what a key costs, and that what is sent is what is known as sent."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip
from tui_home import lines_of

from fnr.policy.record import Page
from fnr.tui.widgets.paged_table import PagedTable, TableColumn

ROWS = [f"row-{number:03}" for number in range(90)]


class _Counting(PagedTable):
    """Counts what is drawn, and which lines are asked to be sent."""

    def __init__(self, says: dict[str, str]) -> None:
        columns = (TableColumn(title="ROW", cell=lambda one: says.get(one, one), flexible=True),)
        super().__init__(columns, key_of=str, id_of=str, empty="", whole=True)
        self.made: list[Hashable] = []
        self.sent: list[int] = []

    def drawn(self, content: Any) -> Strip:
        self.made.append(content)
        return super().drawn(content)

    def refresh(self, *regions: Region, repaint: bool = True, **more: bool) -> Any:
        if hasattr(self, "sent"):
            self.sent += [region.y for region in regions]
        return super().refresh(*regions, repaint=repaint, **more)

    def count_from_here(self) -> None:
        self.made, self.sent = [], []


class _OneTable(App[None]):
    """A table of ninety rows, and what each of them says now."""

    def __init__(self) -> None:
        super().__init__()
        self.says: dict[str, str] = {}
        self.table = _Counting(self.says)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.give(self.table.window.begin(), Page(items=ROWS, total=len(ROWS)))
        self.table.focus()


def shown(app: App[None], row: str) -> bool:
    return any(row in line for line in lines_of(app))


async def begun(pilot: Pilot[None]) -> _OneTable:
    await pilot.pause()
    app = pilot.app
    assert isinstance(app, _OneTable)
    assert shown(app, "row-000")
    app.table.count_from_here()
    return app


async def test_a_key_that_scrolls_draws_the_new_row_only() -> None:
    async with _OneTable().run_test(size=(60, 20)) as pilot:
        app = await begun(pilot)
        await pilot.press("pagedown", *"jjj")
        await pilot.pause()
        assert app.table.window.top > 0
        app.table.count_from_here()
        await pilot.press("j")
        await pilot.pause()
        # The row that came, the one that the cursor left, and the line that counts.
        assert len(app.table.made) <= 3
        assert shown(app, app.table.window.item)


async def test_a_key_within_the_screen_sends_three_lines() -> None:
    async with _OneTable().run_test(size=(60, 20)) as pilot:
        app = await begun(pilot)
        await pilot.press("j")
        await pilot.pause()
        assert sorted(set(app.table.sent)) == [1, 2, 19]


async def test_the_same_rows_again_send_nothing() -> None:
    async with _OneTable().run_test(size=(60, 20)) as pilot:
        app = await begun(pilot)
        wanted = app.table.window.again()
        assert wanted is not None
        app.table.give(wanted, Page(items=list(ROWS), total=len(ROWS)))
        await pilot.pause()
        assert app.table.sent == []
        assert app.table.made == []


async def test_a_line_that_was_not_sent_is_not_taken_for_sent() -> None:
    async with _OneTable().run_test(size=(60, 20)) as pilot:
        app = await begun(pilot)
        app.says["row-009"] = "something else"
        app.table.refresh(Region(0, 2, 60, 1))
        await pilot.pause()
        assert shown(app, "row-009")
        app.table.show_changes()
        await pilot.pause()
        assert shown(app, "something else")
        assert app.table.sent == [2, 10]


async def test_in_other_styles_everything_is_drawn_again() -> None:
    async with _OneTable().run_test(size=(60, 20)) as pilot:
        app = await begun(pilot)
        app.set_focus(None)
        await pilot.pause()
        assert len(app.table.made) >= 18
