"""The rows around the cursor: whatever comes and goes, the cursor and the marks keep their rows."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fnr.policy.record import Page
from fnr.tui.widgets.wanted import Wanted, Where
from fnr.tui.widgets.window import ROWS_MAX, Window


class LongList:
    """Numbers, the highest first, as the store would page them."""

    def __init__(self, count: int) -> None:
        self.rows = list(range(count, 0, -1))

    def add(self, count: int) -> None:
        top = self.rows[0] if self.rows else 0
        self.rows = list(range(top + count, top, -1)) + self.rows

    def page(self, wanted: Wanted) -> Page[int]:
        if wanted.backwards:
            before = [r for r in self.rows if wanted.after is None or r > int(wanted.after)]
            items = before[-wanted.limit :]
            more = len(before) > len(items)
            return Page(items=items, next=str(items[0]) if more else None, total=len(self.rows))
        behind = [r for r in self.rows if wanted.after is None or r < int(wanted.after)]
        items = behind[: wanted.limit]
        more = len(behind) > len(items)
        return Page(items=items, next=str(items[-1]) if more else None, total=len(self.rows))


class Searched(LongList):
    """Under a filter that few rows pass: each page looks at so many rows, then leads on."""

    def __init__(self, count: int, *, passes: set[int], looked_at_max: int) -> None:
        super().__init__(count)
        self.passes = passes
        self.looked_at_max = looked_at_max

    @property
    def found(self) -> list[int]:
        return [row for row in self.rows if row in self.passes]

    def page(self, wanted: Wanted) -> Page[int]:
        sign = -1 if wanted.backwards else 1
        ahead = [
            row
            for row in self.rows[::sign]
            if wanted.after is None or sign * row < sign * int(wanted.after)
        ]
        looked_at = ahead[: self.looked_at_max]
        items = [row for row in looked_at if row in self.passes][: wanted.limit]
        if len(items) == wanted.limit:
            looked_at = looked_at[: looked_at.index(items[-1]) + 1]
        more = len(ahead) > len(looked_at)
        return Page(items=items[::sign], next=str(looked_at[-1]) if more else None)


def opened(source: LongList, *, height: int = 10) -> Window:
    window = Window(key_of=str, id_of=str)
    window.resize(height)
    window.take(wanted := window.begin(), source.page(wanted))
    feed(window, source)
    return window


def feed(window: Window, source: LongList) -> None:
    """Answer whatever is asked for."""
    while (wanted := window.wanted()) is not None:
        window.take(wanted, source.page(wanted))


def check(window: Window, source: LongList) -> None:
    """The rows are one stretch of the list, and the cursor is on the screen."""
    rows = window.rows
    assert rows == sorted(rows, reverse=True)
    assert len(set(rows)) == len(rows) <= ROWS_MAX
    if rows:
        assert [r for r in source.rows if rows[-1] <= r <= rows[0]] == rows
        assert window.top <= window.cursor < window.top + window.height
        assert 0 <= window.top <= max(0, len(rows) - 1)


STEPS = st.one_of(
    st.tuples(st.just("move"), st.integers(-400, 400)),
    st.tuples(st.just("scroll"), st.integers(-50, 50)),
    st.tuples(st.just("add"), st.integers(1, 500)),
    st.tuples(st.just("again"), st.just(0)),
    st.tuples(st.just("head"), st.just(0)),
    st.tuples(st.just("tail"), st.just(0)),
    st.tuples(st.just("size"), st.integers(1, 80)),
    st.tuples(st.just("mark"), st.just(0)),
)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 6_000), steps=st.lists(STEPS, max_size=25))
def test_a_window_is_a_stretch_of_its_list_whatever_happens(
    count: int, steps: list[tuple[str, int]]
) -> None:
    source = LongList(count)
    window = opened(source)
    for step, number in steps:
        wanted: Wanted | None = None
        match step:
            case "move":
                window.move(number)
            case "scroll":
                window.scroll(number)
            case "add":
                source.add(number)
            case "again":
                before = window.item
                wanted = window.again()
                if wanted is not None:
                    window.take(wanted, source.page(wanted))
                    followed = window.cursor == 0 and window.at_head
                    assert followed or window.item == before
                wanted = None
            case "head":
                wanted = window.to_head()
            case "tail":
                wanted = window.to_tail()
            case "size":
                window.resize(number)
            case "mark":
                window.toggle_mark()
        if wanted is not None:
            window.take(wanted, source.page(wanted))
        feed(window, source)
        check(window, source)


def test_walking_down_sees_every_row_once_and_back_again() -> None:
    source = LongList(9_000)
    window = opened(source)
    seen = [window.item]
    for _ in range(len(source.rows) - 1):
        window.move(1)
        feed(window, source)
        seen.append(window.item)
    assert seen == source.rows
    assert window.position == len(source.rows)
    back = []
    for _ in range(len(source.rows)):
        back.append(window.item)
        window.move(-1)
        feed(window, source)
    assert back == source.rows[::-1]


def test_the_end_of_a_list_is_one_question_away() -> None:
    source = LongList(100_000)
    window = opened(source)
    wanted = window.to_tail()
    assert wanted is not None
    assert wanted.where is Where.TAIL
    window.take(wanted, source.page(wanted))
    assert window.item == 1
    assert window.position == 100_000
    window.move(-500)
    feed(window, source)
    assert window.item is not None
    check(window, source)


def test_on_the_first_row_the_cursor_stays_with_what_is_new() -> None:
    source = LongList(50)
    window = opened(source)
    source.add(5)
    window.take(wanted := window.again(), source.page(wanted))
    assert window.item == 55
    window.move(1)
    source.add(5)
    window.take(wanted := window.again(), source.page(wanted))
    assert window.item == 54
    assert window.newer == 5


def test_a_flood_above_leaves_the_cursor_where_it_is() -> None:
    """So many new rows that no page reaches from the first of them down to the cursor."""
    source = LongList(300)
    window = opened(source)
    window.move(3)
    chosen = window.item
    source.add(5_000)
    window.take(wanted := window.again(), source.page(wanted))
    assert window.item == chosen
    assert window.newer is None
    feed(window, source)
    assert window.item == chosen
    check(window, source)


def test_an_answer_of_another_life_is_dropped() -> None:
    source = LongList(300)
    window = opened(source)
    late = window.again()
    assert late is not None
    window.begin()
    window.take(late, source.page(late))
    assert window.rows == []
    assert not window.loaded


def test_what_a_long_search_has_found_is_still_there_when_something_new_comes() -> None:
    """Method: the rows that pass are the last ones; a page looks at a tenth of the list."""
    source = Searched(10_000, passes={1, 2, 3, 12_000}, looked_at_max=1_000)
    window = opened(source)
    assert window.rows == [3, 2, 1]
    assert window.complete
    for _ in range(19):
        source.add(100)
        window.take(wanted := window.again(), source.page(wanted))
        assert window.rows == [3, 2, 1]
        assert window.complete
    source.add(100)
    window.take(wanted := window.again(), source.page(wanted))
    assert window.rows == [12_000, 3, 2, 1]


def test_a_search_that_goes_on_has_not_found_nothing() -> None:
    source = Searched(10_000, passes=set(), looked_at_max=1_000)
    window = Window(key_of=str, id_of=str)
    window.take(wanted := window.begin(), source.page(wanted))
    assert window.loaded
    assert not window.complete
    feed(window, source)
    assert window.complete


def test_a_found_row_that_passes_no_longer_goes_while_the_others_stay() -> None:
    source = Searched(10_000, passes={9_990, 50, 40, 30}, looked_at_max=1_000)
    window = opened(source)
    source.passes.remove(40)
    wanted = window.again()
    while wanted is not None:
        window.take(wanted, source.page(wanted))
        assert {9_990, 50, 30} <= set(window.rows)
        wanted = window.wanted()
    assert window.rows == [9_990, 50, 30]


def test_a_row_that_is_gone_is_shown_no_longer_and_the_cursor_is_on_the_next() -> None:
    """Method: the list goes on behind the page that is asked for again."""
    source = LongList(1_000)
    window = opened(source)
    window.move(3)
    assert window.item == 997
    source.rows.remove(997)
    source.add(2)
    window.take(wanted := window.again(), source.page(wanted))
    feed(window, source)
    assert window.rows[:6] == [1_002, 1_001, 1_000, 999, 998, 996]
    assert window.item == 996


class Told(LongList):
    """Each row with how often something has happened to it."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.times: dict[int, int] = {}

    def page(self, wanted: Wanted) -> Page[Any]:
        found = super().page(wanted)
        items = [(row, self.times.get(row, 0)) for row in found.items]
        return Page(items=items, next=found.next, total=found.total)


def test_who_goes_up_again_sees_what_has_happened_there_meanwhile() -> None:
    """Method: while the screen is far below, a row above it changes and new ones come; nothing
    happens after that.
    """
    source = Told(1_000)
    window = Window(key_of=lambda item: str(item[0]), id_of=lambda item: str(item[0]))
    window.resize(10)
    window.take(wanted := window.begin(), source.page(wanted))
    for _ in range(500):
        window.move(1)
        feed(window, source)
    source.times = {1_000: 1, 777: 1, 700: 1}
    source.add(2)
    window.take(wanted := window.again(), source.page(wanted))
    feed(window, source)
    seen = set()
    while window.top:
        window.move(-1)
        feed(window, source)
        seen.update(window.rows[window.top : window.top + window.height])
    lowest = min(row for row, _ in seen)
    assert seen == {(row, source.times.get(row, 0)) for row in source.rows if row >= lowest}


def test_the_first_row_is_the_newest_though_nothing_happens_any_more() -> None:
    source = LongList(300)
    window = opened(source)
    window.move(50)
    source.add(2)
    window.take(wanted := window.again(), source.page(wanted))
    assert window.to_head() is None
    feed(window, source)
    assert window.item == 302


def test_what_happens_while_an_answer_is_on_its_way_is_asked_for_behind_it() -> None:
    """The answer may be older, and nobody tells of it again: of the first one, and of another."""
    source = LongList(300)
    window = Window(key_of=str, id_of=str)
    window.resize(10)
    for ask in (window.begin, window.again):
        wanted = ask()
        page = source.page(wanted)
        source.add(1)
        assert window.again() is None
        window.take(wanted, page)
        feed(window, source)
        assert window.item == source.rows[0]


def go_to(window: Window, source: LongList, row: int) -> None:
    """Row by row, as far as the list is loaded, and on."""
    while window.item != row:
        window.move(1 if row < window.item else -1)
        feed(window, source)


def test_a_mark_goes_with_its_row_and_no_other_does() -> None:
    """Method: marks on the screen and far below it; of each two, one goes."""
    source = LongList(1_000)
    window = opened(source)
    for row in (998, 993, 700, 699):
        go_to(window, source, row)
        window.toggle_mark()
    source.rows.remove(998)
    source.rows.remove(699)
    window.take(wanted := window.again(), source.page(wanted))
    assert list(window.marked) == ["998", "993", "700"]
    go_to(window, source, 1_000)
    window.take(wanted := window.again(), source.page(wanted))
    assert list(window.marked) == ["993", "700"]


SEARCH_STEPS = st.one_of(
    st.tuples(st.sampled_from(["again", "head", "tail"]), st.just(0)),
    st.tuples(st.just("move"), st.integers(-40, 40)),
    st.tuples(st.sampled_from(["add", "gone", "comes"]), st.integers(1, 100)),
)


@settings(max_examples=60, deadline=None)
@given(
    passes=st.sets(st.integers(1, 400), max_size=60),
    looked_at_max=st.integers(20, 200),
    steps=st.lists(SEARCH_STEPS, max_size=15),
)
def test_a_window_on_a_search_comes_to_hold_what_passes(
    passes: set[int], looked_at_max: int, steps: list[tuple[str, int]]
) -> None:
    source = Searched(200, passes=passes, looked_at_max=looked_at_max)
    window = opened(source, height=5)
    for step, number in steps:
        wanted: Wanted | None = None
        match step:
            case "move":
                window.move(number)
            case "add":
                source.add(number)
            case "gone":
                source.passes.discard(number)
            case "comes":
                source.passes.add(number)
            case "again":
                wanted = window.again()
            case "head":
                wanted = window.to_head()
            case "tail":
                wanted = window.to_tail()
        if wanted is not None:
            window.take(wanted, source.page(wanted))
        feed(window, source)
        assert window.rows == sorted(set(window.rows), reverse=True)
    wanted = window.to_head() or window.again()
    assert wanted is not None
    window.take(wanted, source.page(wanted))
    feed(window, source)
    assert window.rows == source.found[: len(window.rows)]
    assert not window.complete or window.rows == source.found
