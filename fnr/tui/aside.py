"""Begin something that takes its time, beside what the screen does meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

from textual.dom import DOMNode


def aside(
    node: DOMNode,
    begin: Callable[[], Coroutine[Any, Any, object]],
    *,
    group: str,
    exclusive: bool = False,
) -> None:
    """Begin it; exclusive: what is still under way in its group is given up.

    A function and not a coroutine: one that is given up before it began would be a coroutine that
    nobody awaits.
    """
    # Textual's own type for this is a union that no type checker finds the way through.
    node.run_worker(cast("Any", begin), group=group, exclusive=exclusive)
