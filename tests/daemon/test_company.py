"""Who speaks alone is committed as soon as he has settled down; who comes together shares."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fnr.daemon.line_socket import LineSocket
from fnr.store import pace
from fnr.store.beginning import ALONE_MIN, LOOK_EVERY
from fnr.store.connection import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from store_values import accept, new_task

ROUNDS = ALONE_MIN + 3 * LOOK_EVERY


class Speakers:
    """Connections whose lines are each answered with a line once a task of theirs is on disk."""

    def __init__(self, store: Store, count: int) -> None:
        self.store = store
        self.commits = 0
        store.on_written(self._written)
        self.theirs: list[socket.socket] = []
        self.links: list[LineSocket] = []
        for _ in range(count):
            ours, theirs = socket.socketpair()
            theirs.setblocking(False)
            self.theirs.append(theirs)
            self._serve(ours)

    def _serve(self, sock: socket.socket) -> None:
        def heard(lines: list[bytes]) -> None:
            for _ in lines:
                self.store.post(
                    lambda tx: accept(tx, new_task()), lambda *_: link.write(b"on disk\n")
                )

        link = LineSocket(
            sock,
            on_lines=heard,
            speaker=self.store.beginning,
            on_end=lambda _: None,
            line_bytes_max=100,
            unsent_bytes_max=10_000,
        )
        self.links.append(link)

    def close(self) -> None:
        for sock in self.theirs:
            sock.close()
        for link in self.links:
            link.end("the test is over")

    def _written(self) -> None:
        self.commits += 1

    async def speak(self, lines: int = 1) -> int:
        """Each says so many lines at once, and hears the answers: how many COMMITs it took."""
        before = self.commits
        for sock in self.theirs:
            sock.send(b"go\n" * lines)
        for sock in self.theirs:
            left = lines * len(b"on disk\n")
            while left:
                left -= len(await asyncio.get_running_loop().sock_recv(sock, left))
        return self.commits - before


@contextmanager
def speakers(store: Store, count: int) -> Iterator[Speakers]:
    made = Speakers(store, count)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """On a disk that is quick, whatever else goes on here."""
    monkeypatch.setattr(pace, "QUICK_COMMIT_S", 60.0)
    monkeypatch.setattr(pace, "HANGING_COMMIT_S", 60.0)
    made = await Store.open(tmp_path / "fnr.db")
    for _ in range(pace.COMMITS):
        await made.write(lambda tx: accept(tx, new_task()))
    yield made
    await made.close()


async def test_all_that_one_says_at_once_shares_a_commit(store: Store) -> None:
    with speakers(store, 1) as one:
        assert [await one.speak(lines=3) for _ in range(ROUNDS)] == [1] * ROUNDS


async def test_who_is_alone_has_his_answer_when_he_has_been_heard(store: Store) -> None:
    """All but one in so many, for which others are looked for."""
    with speakers(store, 1) as one:
        for _ in range(ALONE_MIN):
            await one.speak()
    at_once = 0
    for _ in range(LOOK_EVERY):
        while store.busy:  # noqa: ASYNC110 - it makes room in its log now and then, and tells nobody
            await asyncio.sleep(0)
        on_disk = asyncio.Event()
        store.beginning.speak()
        store.post(lambda tx: accept(tx, new_task()), lambda *_, told=on_disk: told.set())
        assert not on_disk.is_set()
        store.beginning.settle_down()
        at_once += on_disk.is_set()
        await on_disk.wait()
    assert at_once == LOOK_EVERY - 1


async def test_two_who_come_together_are_found_out_and_share(store: Store) -> None:
    with speakers(store, 1) as one:
        for _ in range(ALONE_MIN):
            await one.speak()
    with speakers(store, 2) as two:
        took = [await two.speak() for _ in range(ROUNDS)]
    assert took[0] == 2, "nobody knew yet"
    assert took[-LOOK_EVERY:] == [1] * LOOK_EVERY


async def test_what_is_posted_by_nobody_who_speaks_is_committed_too(store: Store) -> None:
    written = [
        await asyncio.wait_for(store.write(lambda tx: accept(tx, new_task())), 30)
        for _ in range(ROUNDS)
    ]
    assert len(written) == ROUNDS
