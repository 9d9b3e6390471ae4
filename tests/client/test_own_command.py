"""Run one of fnr's own commands, and hear events on the connection that questions go over."""

from __future__ import annotations

import asyncio

import pytest
from wire_server import Events, WireServer

from fnr.api.errors import DaemonDown
from fnr.api.requests import Event, GetStatus, Watch
from fnr.client.async_link import AsyncLink
from fnr.client.own_command import OwnCommand, run_own, run_own_aside
from fnr.config.paths import find_paths


def test_a_command_runs_in_the_home_it_was_shown_for(tmp_path) -> None:
    paths = find_paths(str(tmp_path))
    own = OwnCommand(words=("config", "path", "-o", "json"))
    assert own.shown(paths) == f"fnr --home {tmp_path} config path -o json"
    done = run_own(paths, own)
    assert done.code == 0
    assert str(tmp_path) in done.out


def test_a_command_says_what_was_wrong_and_its_words_are_quoted(tmp_path) -> None:
    paths = find_paths(str(tmp_path))
    own = OwnCommand(words=("dlq", "replay", "--where", "a b"), unasked=("-y",))
    assert own.shown(paths).endswith("dlq replay --where 'a b'")
    done = run_own(paths, own)
    assert done.code == 3
    assert "the daemon is not running" in done.err
    # As it is typed in a shell that knows nothing of this home.
    assert f"try: fnr --home {tmp_path} daemon start" in done.err


@pytest.mark.parametrize("word", ["a\0b", "half \ud800"])
async def test_a_word_that_no_command_line_can_hold_is_told_of(
    server: WireServer, word: str
) -> None:
    done = await run_own_aside(server.paths, OwnCommand(words=("status", word)))
    assert isinstance(done, OSError)
    assert "cannot be written" in str(done)


async def test_events_come_over_the_connection_that_also_answers(server: WireServer) -> None:
    told = [Event(kind="task", what="done", at_ms=1), Event(kind="error", what="unknown", at_ms=2)]
    server.answers[Watch] = Events(*told)
    heard: list[Event] = []
    both = asyncio.Event()

    def tell(event: Event) -> None:
        heard.append(event)
        if len(heard) == len(told):
            both.set()

    link = await AsyncLink.open(server.paths, timeout_ms=5_000)
    await link.watch(Watch(), tell, timeout_ms=5_000)
    await asyncio.wait_for(both.wait(), 10)
    assert heard == told
    assert (await link.ask(GetStatus(), timeout_ms=5_000)).state == "running"

    server.stop()
    await asyncio.wait_for(link.ended(), 10)
    with pytest.raises(DaemonDown):
        await link.ask(GetStatus(), timeout_ms=5_000)
