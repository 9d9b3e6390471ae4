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


class OneAtATime:
    """What is done again and again, and never twice at once: asked for meanwhile, once more.

    Of a slow daemon, who asks anew before it has answered gets either no answer or too many.
    """

    def __init__(
        self, node: DOMNode, do: Callable[[], Coroutine[Any, Any, None]], *, group: str
    ) -> None:
        self._node = node
        self._do = do
        self._group = group
        self._wanted = False
        self._under_way = False

    def again(self) -> None:
        """Do it now, or as soon as it is done."""
        self._wanted = True
        if not self._under_way:
            self._under_way = True
            aside(self._node, self._go_on, group=self._group)

    async def _go_on(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                await self._do()
        finally:
            self._under_way = False
