"""What the breakers of a daemon do when workers cannot be shown them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fnr.daemon.breakers import Breakers


def test_however_many_miss_the_file_it_is_tried_again_once_for_all(tmp_path: Path) -> None:
    """Each of them had a timer of its own, and none of those ended before the trouble did."""
    in_the_way = tmp_path / "breakers"
    in_the_way.mkdir()
    waiting: list[Callable[[], None]] = []
    parts = SimpleNamespace(
        paths=SimpleNamespace(breaker_file=str(in_the_way)),
        boot_id="boot",
        problems={},
        store=SimpleNamespace(on_undone=lambda _: None),
        later=lambda _, call: waiting.append(call) or SimpleNamespace(cancel=lambda: None),
    )
    breakers = Breakers(cast("Any", parts))
    for _ in range(3):
        breakers.publish()
    assert len(waiting) == 1
    waiting.pop()()
    assert len(waiting) == 1
    assert "workers cannot be shown" in parts.problems["breakers"]
    in_the_way.rmdir()
    waiting.pop()()
    assert (waiting, parts.problems) == ([], {})
    breakers.close()
