"""Every screen on a small and on a large terminal: what it shows, and every key of it."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from tui_home import (
    SIZES,
    StoreServer,
    cards,
    lines_of,
    running,
    settled,
    shown,
    until,
    until_gone,
    until_shown,
)

from fnr.api.requests import Event
from fnr.api.resource_requests import GpuList
from fnr.client.instants import now_ms
from fnr.config.paths import Paths
from fnr.tui.app import VIEWS, FnrApp
from fnr.tui.deeds import changes
from fnr.tui.feed import Contact
from fnr.tui.pulse import DONE, ERRORS, Pulse
from fnr.tui.screens.dashboard import DashboardView
from fnr.tui.screens.dialog import Dialog
from fnr.tui.screens.help import HelpPage
from fnr.tui.screens.list_view import ListView
from fnr.tui.screens.palette import Palette
from fnr.tui.screens.rules import complaint
from fnr.tui.widgets import said as said_lines
from fnr.tui.widgets.said import Said
from fnr.tui.work_lines import pulse_lines

# Something that only stands on this screen.
SIGNS = {
    "dashboard": "needs attention",
    "tasks": "WHY",
    "errors": "TITLE",
    "dlq": "CAUSE",
    "rules": "HITS",
    "breakers": "BREAKER",
    "chaos": "WHAT HAPPENS",
    "logs": "all workers",
}


@pytest.mark.parametrize("size", SIZES)
async def test_every_screen_shows_what_it_is_for(
    daemon: StoreServer, size: tuple[int, int]
) -> None:
    async with running(daemon.paths, size=size) as (app, pilot):
        await until_shown(pilot, "render")
        for number, name in enumerate(VIEWS, start=1):
            await pilot.press(str(number))
            await until_shown(pilot, SIGNS.get(name, name.upper()))
            await until_shown(pilot, "● running")
            assert all(len(line) <= size[0] for line in lines_of(app))
            await until(pilot, lambda: "? help" in lines_of(app)[-1])


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", VIEWS)
async def test_every_key_of_a_screen_does_something_and_breaks_nothing(
    daemon: StoreServer, name: str
) -> None:
    """Method: press each key that the screen offers; a dialog that opens is cancelled.

    Dialogs have to fit on small terminals too; keys that only look are the same on all.
    """
    small, large = SIZES
    async with running(daemon.paths, name, size=large) as (app, pilot):
        await until_shown(pilot, SIGNS.get(name, name.upper()))
        view = app.view
        if isinstance(view, ListView):
            await until(pilot, lambda: view.table.window.loaded)
        actions = {
            one.binding.action: one.binding.key
            for one in app.screen.active_bindings.values()
            if one.node is not app and one.binding.key not in {"ctrl+q", "ctrl+c"}
        }
        for action, key in actions.items():
            if not changes(action):
                await pilot.press(key)
                while len(app.screen_stack) > 1:
                    await closed(app, pilot)
                view.focus_first()
        await settled(pilot)
        asking = [key for action, key in actions.items() if changes(action)]
        for size in (large, small):
            await pilot.resize_terminal(*size)
            for key in tuple(asking):
                if not await press_and_cancel(app, pilot, key):
                    asking.remove(key)
                view.focus_first()
        assert app.is_running


async def closed(app: FnrApp, pilot: Pilot[None]) -> None:
    """Close what is open before the screens."""
    depth = len(app.screen_stack)
    await pilot.press("escape")
    await until(pilot, lambda: len(app.screen_stack) < depth, what="an end of the dialog")


async def press_and_cancel(app: FnrApp, pilot: Pilot[None], key: str) -> bool:
    """A key that changes something asks first, or says why not; or is the one safe thing.

    Was there a dialog?
    """
    app._said.words = ""
    await pilot.press(key)
    await until(pilot, lambda: len(app.screen_stack) > 1 or app._said.words, what=key)
    if isinstance(app.screen, Dialog):
        await until(pilot, lambda: app.focused is not None and app.focused.id == "cancel")
        await until_shown(pilot, "$ fnr --home")
        await closed(app, pilot)
        return True
    if "chaos abort --all" in app._said.words:
        await settled(pilot)
    else:
        assert app._said.has_class("-bad"), f"{key}: {app._said.words}"
    return False


async def test_the_keys_that_work_everywhere(daemon: StoreServer) -> None:
    async with running(daemon.paths, "tasks") as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.loaded)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpPage))
        await until_shown(pilot, "cancel")
        help_page = app.screen
        assert isinstance(help_page, HelpPage)
        lines = str(help_page.words()).splitlines()
        assert [line.split() for line in lines if "next row" in line] == [
            ["down", "j", "next", "row"]
        ]
        assert [line.split() for line in lines if line.endswith("back")] == [
            ["q", "escape", "back"]
        ]
        await pilot.press("q")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == view.subject)
        await pilot.press("Y")
        command = f"fnr --home {daemon.home} task history {view.subject}"
        await until(pilot, lambda: app.clipboard == command)
        await pilot.press("P")
        await until_shown(pilot, "PAUSED")
        await pilot.press("P", "L")
        await until_shown(pilot, "LOCKED")
        await pilot.press("C")
        await until_shown(pilot, "L unlocks")
        assert len(app.screen_stack) == 1
        await pilot.press("L", "colon")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await closed(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: view.has_class("-opened"))
        await pilot.press("q")
        await until(pilot, lambda: not view.has_class("-opened"))
        await pilot.press("q")
        await until_shown(pilot, "needs attention")
        await pilot.press("q")
        await until(pilot, lambda: app.return_code == 0)


async def test_the_palette_bears_keys_that_come_before_it_is_laid_out(filled: Paths) -> None:
    """As of somebody who types ahead. Method: pressed at every step of the loop."""
    async with running(filled) as (app, pilot):
        await until_shown(pilot, "needs attention")
        palette = Palette()
        app.push_screen(palette)
        for _ in range(300):
            palette._action_command_list("page_up")
            await asyncio.sleep(0)
        await until_shown(pilot, "Search for commands")
        assert app.is_running


@pytest.fixture
def rules_d(daemon: StoreServer) -> Iterator[Path]:
    """An empty rules.d in the home, which other tests have, too."""
    folder = Path(daemon.paths.rules_dir)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(("more", "state"), [("", "● in force"), ("rules = 3\n", "✗ not in force")])
async def test_many_rules_of_ones_own_are_shown_with_whether_they_count(
    daemon: StoreServer, rules_d: Path, more: str, state: str
) -> None:
    """Method: hundreds of them, without and with a mistake that takes all out of force."""
    rule = '[[rule]]\nname = "lens-{0}"\ncategory = "transient"\ntext = "no lens-{0}"\n'
    (rules_d / "studio.toml").write_text(more + "".join(map(rule.format, range(500))))
    async with running(daemon.paths, "rules") as (app, pilot):
        await until_shown(pilot, state)
        assert isinstance(app.view, ListView)
        assert app.view.table.window.item.name == "studio/lens-0"
        if more:
            await until_shown(pilot, "rules.d has a problem, so none of its rules is in force")


@pytest.mark.parametrize(
    ("err", "words"),
    [
        ('notice: x\n{"error":{"code":"internal","message":"no","why":"E: 1"}}\n', "no: E: 1"),
        ('{"error":{"message":"no"}}', "no"),
        ("Killed\n", "Killed"),
        ("", ""),
    ],
)
def test_why_no_rules_can_be_listed_is_told_in_words(err: str, words: str) -> None:
    assert complaint(err) == words


async def test_a_filter_is_typed_kept_and_recalled(daemon: StoreServer) -> None:
    async with running(daemon.paths, "tasks") as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until_shown(pilot, "of 200")
        await pilot.press("slash", *"state:nonsense", "enter")
        await until_shown(pilot, "nonsense")
        assert view.where == ""
        await pilot.press("escape", "slash", *"state:done", "enter")
        await until_shown(pilot, "of 40")
        assert {task.state for task in view.table.window.rows} == {"done"}
        assert "of 40 · only state:done" in shown(app)
        await pilot.press("slash", *" tag:none", "enter")
        await until_shown(pilot, "nothing fits state:done tag:none; esc shows all")
        await pilot.press("escape")
        await until_shown(pilot, "of 200")
        assert "only state" not in shown(app)
        await pilot.press("slash", "up", "up", "enter")
        await until_shown(pilot, "of 40")
        await pilot.press("escape")
        await pilot.press("slash", "up", "enter")
        await until_shown(pilot, "of 40")


async def test_what_is_wrong_with_a_filter_is_said_until_it_is_mended_or_given_up(
    daemon: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said_lines, "SHOWN_S", 3_600.0)
    async with running(daemon.paths, "tasks") as (app, pilot):
        await until_shown(pilot, "of 200")
        said = app.query_one("#said", Said)
        await pilot.press("slash", *"state:nonsense")
        for mend in ("backspace", "escape"):
            await pilot.press("enter")
            await until(pilot, lambda: said.has_class("-open"))
            await pilot.press(mend)
            await until(pilot, lambda: not said.has_class("-open"))
        assert isinstance(app.view, ListView)
        assert app.view.where == ""


async def test_marks_and_the_cursor_survive_a_refresh(daemon: StoreServer) -> None:
    async with running(daemon.paths, "dlq") as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.loaded)
        await pilot.press("j", "space", "space", "j")
        await until(pilot, lambda: view.table.window.cursor == 4)
        chosen, marked = view.subject, set(view.table.window.marked)
        view.look()
        await settled(pilot)
        assert view.subject == chosen
        assert set(view.table.window.marked) == marked
        assert len(marked) == 2
        await until_shown(pilot, "2 marked")
        await pilot.press("R")
        await until_shown(pilot, "replay 2 dead letters")
        await until(pilot, lambda: all(name in shown(app) for name in marked))


async def test_the_dashboard_leads_to_what_needs_attention(daemon: StoreServer) -> None:
    daemon.problems = ["the disk is nearly full"]
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "the disk is nearly full")
        await until_shown(pilot, "incident")
        await pilot.press("tab", "down", "enter")
        await until_shown(pilot, "TITLE")
        view = app.view
        assert isinstance(view, ListView)
        assert view.where.startswith("id:")


async def test_the_dashboard_knows_the_half_hour_before_it_was_opened(daemon: StoreServer) -> None:
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until(pilot, lambda: app.pulse.in_last(DONE, 1_800_000, now_ms=now_ms()) == 40)
        assert sum(app.pulse.done_of("render", 180, now_ms=now_ms())) == 20
        assert app.pulse.is_whole(DONE, 1_800_000, now_ms=now_ms())


async def test_the_half_hour_is_counted_anew_when_the_daemon_is_back(filled: Paths) -> None:
    """Method: what was told and is not in the store stands for what the store knows better."""
    server = StoreServer(Path(filled.home)).start()
    try:
        async with running(filled, size=(120, 40)) as (app, pilot):

            def done() -> int:
                return app.pulse.in_last(DONE, 1_800_000, now_ms=now_ms())

            await until(pilot, lambda: done() == 40)
            server.tell(Event(kind="task", what="done", at_ms=now_ms(), function="render"))
            await until(pilot, lambda: done() == 41)
            server.stop()
            await until(pilot, lambda: app.feed.state.contact is Contact.DOWN)
            server.start()
            await until(pilot, lambda: done() == 40)
            await settled(pilot)
            assert done() == 40
    finally:
        server.close()


def test_what_events_tell_is_not_put_in_once_more() -> None:
    pulse, heard_ms = Pulse(), now_ms() - 60_000
    pulse.put_in(ERRORS, [heard_ms - 1], whole=False)
    pulse.begin(heard_from_ms=heard_ms)
    assert pulse.is_whole(ERRORS, 1_800_000, now_ms=now_ms())
    pulse.take(Event(kind="error", what="unknown", at_ms=heard_ms + 5))
    pulse.put_in(ERRORS, [heard_ms - 2, heard_ms - 1, heard_ms, heard_ms + 5], whole=True)
    pulse.put_in_done([("render", heard_ms - 1), ("render", heard_ms)], whole=True)
    assert pulse.in_last(ERRORS, 1_800_000, now_ms=now_ms()) == 3
    assert pulse.in_last(DONE, 1_800_000, now_ms=now_ms()) == 1


def test_counts_that_were_cut_say_so() -> None:
    pulse = Pulse()
    pulse.put_in_done([("render", now_ms())] * 7, whole=False)
    pulse.put_in(ERRORS, [now_ms()] * 3, whole=True)
    errors, _, _, done, _ = pulse_lines(pulse, 60)
    assert done.plain.endswith("7+")
    assert errors.plain.endswith("3")


@pytest.mark.parametrize("size", SIZES)
async def test_the_dashboard_shows_breakers_with_their_countdown(
    daemon: StoreServer, size: tuple[int, int]
) -> None:
    async with running(daemon.paths, size=size) as (app, pilot):
        await until_shown(pilot, "needs attention")
        # What comes later would push it down again.
        await settled(pilot)
        # Below what fits on a small screen; the keys lead there.
        await pilot.press("tab", "tab")
        await until_shown(pilot, "✗ storage open")
        line = next(one for one in lines_of(app) if "✗ storage open" in one)
        assert re.search(r" (30|[12]?\d)s left", line)
        await until_shown(pilot, "1 closed")
        await until_gone(pilot, "GPUs")


async def test_the_dashboard_shows_gpus_when_there_are_any(daemon: StoreServer) -> None:
    daemon.cards = cards()
    async with running(daemon.paths, size=(200, 60)) as (app, pilot):
        await until_shown(pilot, "GPUs")
        line = next(one for one in lines_of(app) if "40.0GiB of 80.0GiB free" in one)
        assert "█████·····" in line
        assert "97 % 61 °C" in line
        assert "render" in line
        await until_shown(pilot, "✗ GPU is lost")
        # What cannot be read any more is not shown as it was.
        view = app.view
        assert isinstance(view, DashboardView)
        daemon.cards = GpuList(missing="the driver is gone")
        view._cards_at_ms = 0
        await until_shown(pilot, "cannot be seen: the driver is gone")
        await until_gone(pilot, "40.0GiB")


async def test_what_stands_behind_a_dialog_is_still_to_be_seen(daemon: StoreServer) -> None:
    async with running(daemon.paths, "tasks", size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "● running")
        await until_shown(pilot, "of 200")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await until_shown(pilot, "output of task")
        await until(pilot, lambda: "● running" in lines_of(app)[0])
        assert isinstance(app.screen, Dialog)


async def test_to_purge_one_types_the_count(daemon: StoreServer) -> None:
    async with running(daemon.paths, "dlq") as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.loaded)
        await pilot.press("space", "space", "space", "X")
        await until_shown(pilot, "type 3 to go on")
        dialog = app.screen
        await pilot.click("#do")
        await until_shown(pilot, "type 3 first")
        assert app.screen is dialog
        await pilot.press("escape")
        assert not app.done


async def test_a_terminal_that_shrinks_to_nothing_and_grows_again(daemon: StoreServer) -> None:
    async with running(daemon.paths, size=(100, 30)) as (app, pilot):
        for name in VIEWS:
            await app.show_view(name)
            await pilot.pause()
            for size in ((20, 5), (1, 1), (100, 30)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
                assert all(len(line) <= size[0] for line in lines_of(app))
        await pilot.press("1")
        await until_shown(pilot, "needs attention")


async def test_a_breaker_shows_its_window_and_its_countdown(daemon: StoreServer) -> None:
    async with running(daemon.paths, "breakers", size=(160, 40)) as (app, pilot):
        await until_shown(pilot, "storage")
        line = next(one for one in lines_of(app) if "storage" in one)
        assert "✗ open" in line
        # It counts down.
        assert re.search(r" (30|[12]?\d)s ", line)
        assert "··█·█████" in line
        await pilot.press("j")
        await until_shown(pilot, "6 of the last 9 calls failed, 5 in a row")
        await until_shown(pilot, "closed → open")
        await pilot.press("O")
        await until_shown(pilot, "breaker open storage --for 30m")
        await pilot.press("escape")
        assert not app.done


async def test_the_page_of_a_breaker_counts_down_as_its_list_does(daemon: StoreServer) -> None:
    async with running(daemon.paths, "breakers", size=(80, 24)) as (app, pilot):
        await until_shown(pilot, "storage")
        await pilot.press("j", "enter")
        # Nothing happens that would be told; the daemon would say 30 s again if it were asked.
        await until(pilot, lambda: re.search(r", [12]?\ds left", "\n".join(lines_of(app))))
        assert any("state:     open, for" in line for line in lines_of(app))


async def test_the_page_of_a_task_that_waits_says_for_how_long_it_has(daemon: StoreServer) -> None:
    async with running(daemon.paths, "tasks", size=(80, 24)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.loaded)
        view.show_filtered("state:queued")
        await until_shown(pilot, "of 40")
        await pilot.press("enter")
        await until_shown(pilot, "state:     queued since")
        first = view.story.words
        await until(pilot, lambda: view.story.words != first)
        assert "state:     queued since" in view.story.words


@pytest.fixture
def hides(daemon: StoreServer) -> Iterator[Callable[[str], None]]:
    """Let fnr.toml say what is secret."""
    config = Path(daemon.paths.config_file)

    def write(pattern: str) -> None:
        config.write_text(f'[redact]\npatterns = ["{pattern}"]\n')

    yield write
    config.unlink()


@pytest.mark.parametrize("name", ["tasks", "dlq"])
async def test_secrets_of_an_input_are_hidden_as_the_settings_say_now(
    daemon: StoreServer, hides: Callable[[str], None], name: str
) -> None:
    hides("a[.]blend")
    async with running(daemon.paths, name, size=(200, 60)) as (app, pilot):
        await until_shown(pilot, '{"scene":"[redacted]","frame":')
        await pilot.press("enter")
        await until(pilot, lambda: app.view.has_class("-opened"))
        await until_shown(pilot, '{"scene":"[redacted]","frame":')
        before = app.feed.redaction
        hides("frame")
        daemon.tell(Event(kind="config", what="reloaded", at_ms=now_ms()))
        await until(pilot, lambda: app.feed.redaction is not before)
        await pilot.press("escape")
        await until(pilot, lambda: not app.view.has_class("-opened"))
        await pilot.press("down", "enter")
        await until_shown(pilot, '{"scene":"a.blend","[redacted]":')
        assert '"frame"' not in shown(app)
