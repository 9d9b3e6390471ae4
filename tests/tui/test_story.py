"""A page beside a list: every row of it can be reached, and only what is seen is wrapped."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from tui_home import lines_of

from fnr.tui.widgets import story
from fnr.tui.widgets.story import LINES_MAX, Story, bounded

WIDTH, HEIGHT = 40, 10
WORDS = "\n".join(f"line-{n:03} says {'much ' * (n % 17)}and ends-{n:03}" for n in range(120))


class _OnePage(App[None]):
    """A page and nothing else."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.story = Story()
        self.story.show(words)

    def compose(self) -> ComposeResult:
        yield self.story

    def on_mount(self) -> None:
        self.story.focus()


def rows_of(app: App[Any]) -> list[str]:
    """The rows without the edge and the sign."""
    return [line[2:-2].rstrip() for line in lines_of(app)]


def signs_of(app: App[Any]) -> list[str]:
    return [line[-1] for line in lines_of(app)]


async def pressed(pilot: Pilot[None], *keys: str) -> list[str]:
    await pilot.press(*keys)
    await pilot.pause()
    return rows_of(pilot.app)


async def test_row_by_row_every_word_passes_the_screen() -> None:
    async with _OnePage(WORDS).run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        app = pilot.app
        assert isinstance(app, _OnePage)
        seen = rows_of(app)
        assert signs_of(app) == [*" " * (HEIGHT - 1), "▼"]
        while signs_of(app)[-1] == "▼":
            app.story.action_lines(1)
            rows = rows_of(app)
            assert rows[:-1] == seen[1 - HEIGHT :]
            seen.append(rows[-1])
        assert " ".join(" ".join(seen).split()) == " ".join(WORDS.split())
        assert signs_of(app) == ["▲", *" " * (HEIGHT - 1)]
        back = [rows_of(app)[-1]]
        for _ in range(len(seen) - HEIGHT):
            app.story.action_lines(-1)
            back.append(rows_of(app)[-1])
        assert back == seen[HEIGHT - 1 :][::-1]


async def test_the_keys_go_by_rows_screens_and_to_both_ends() -> None:
    async with _OnePage(WORDS).run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        first = rows_of(pilot.app)
        assert (await pressed(pilot, "k")) == first
        assert (await pressed(pilot, "j"))[:-1] == first[1:]
        assert (await pressed(pilot, "g")) == first
        assert (await pressed(pilot, "pagedown"))[0] == first[-1]
        assert (await pressed(pilot, "pageup")) == first
        last = await pressed(pilot, "G")
        assert last[-1].endswith("ends-119")
        assert (await pressed(pilot, "j")) == last
        await pilot.resize_terminal(WIDTH, 2 * HEIGHT)
        await pilot.pause()
        assert rows_of(pilot.app)[HEIGHT:] == last


async def test_the_same_thing_again_stays_where_it_is_and_another_begins_at_its_top() -> None:
    async with _OnePage(WORDS).run_test(size=(WIDTH, HEIGHT)) as pilot:
        there = await pressed(pilot, *"jjj")
        page = pilot.app.query_one(Story)
        page.show(WORDS + "\nmore", again=True)
        await pilot.pause()
        assert rows_of(pilot.app) == there
        page.show("another")
        await pilot.pause()
        assert rows_of(pilot.app) == ["another", *[""] * (HEIGHT - 1)]
        assert set(signs_of(pilot.app)) == {" "}


async def test_only_what_is_seen_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = story.as_text
    monkeypatch.setattr(story, "as_text", lambda line: made.append(line) or real(line))
    words = "\n".join(["x" * 5_000] * LINES_MAX)
    async with _OnePage(words).run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        assert rows_of(pilot.app) == ["x" * (WIDTH - 4)] * HEIGHT
        # One that fills the screen; for where the page ends, the one at its end.
        assert len(made) == 2
        await pressed(pilot, *"jjj")
        assert len(made) == 2


def test_a_page_has_a_bound_and_says_what_it_leaves_out() -> None:
    assert bounded("a\nb\n\n \n") == ["a", "b"]
    found = bounded("\n".join("x" * (LINES_MAX + 5)))
    assert len(found) == LINES_MAX + 1
    assert found[-1] == "… and 5 more lines"
