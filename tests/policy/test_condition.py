"""What is waited for: one text, read back exactly, compared with readings, never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.condition import (
    MIB_MAX,
    PORT_MAX,
    Condition,
    Kind,
    Readings,
    admits,
    conditions_of,
    free_text,
    holds,
    never,
    parse,
    size_mib,
    spend,
    written,
)

sizes = st.integers(1, 1 << 20)
paths = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12).map(lambda x: f"/{x}")
names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
conditions = st.one_of(
    st.builds(Condition, kind=st.sampled_from([Kind.VRAM, Kind.MEMORY]), amount=sizes),
    st.builds(Condition, kind=st.just(Kind.GPU), amount=st.integers(1, 64)),
    st.builds(Condition, kind=st.just(Kind.PORT), amount=st.integers(1, PORT_MAX)),
    st.builds(
        Condition,
        kind=st.just(Kind.DISK),
        amount=sizes,
        where=paths.filter(lambda path: " and " not in path and path == path.strip()),
    ),
    st.builds(Condition, kind=st.just(Kind.SERVICE), where=names),
)
several = st.lists(conditions, min_size=1, max_size=3).map(tuple)


@st.composite
def readings_for(draw: st.DrawFn, wanted: tuple[Condition, ...]) -> Readings:
    """Readings in which anything may be unknown."""
    free = draw(st.none() | st.lists(st.integers(0, 1 << 21), max_size=3).map(tuple))
    mib = st.none() | st.integers(0, 1 << 21)
    return Readings(
        vram_free_mib=free,
        vram_total_mib=free,
        gpus_free=draw(st.none() | st.integers(0, 64)),
        memory_free_mib=draw(mib),
        disk_free_mib={
            one.where: found
            for one in wanted
            if one.kind is Kind.DISK and (found := draw(mib)) is not None
        },
        ports_free={
            one.amount: draw(st.booleans())
            for one in wanted
            if one.kind is Kind.PORT and draw(st.booleans())
        },
        services_ready={
            one.where: draw(st.booleans())
            for one in wanted
            if one.kind is Kind.SERVICE and draw(st.booleans())
        },
    )


waits_and_readings = several.flatmap(lambda some: st.tuples(st.just(some), readings_for(some)))


@given(several)
def test_what_is_written_is_read_back(some: tuple[Condition, ...]) -> None:
    assert parse(written(*some)) == some


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("vram:8GiB", 8192),
        ("vram:512MiB", 512),
        ("memory:1.5GiB", 1536),
        ("vram:1KiB", 1),
        ("disk:/a b:c/d:10GiB", 10240),
    ],
)
def test_sizes_are_read_with_their_unit(text: str, mib: int) -> None:
    [one] = parse(text)
    assert one.amount == mib


@pytest.mark.parametrize("text", ["vram", "resource", "", "memory"])
def test_a_bare_word_is_nothing_to_look_at(text: str) -> None:
    assert parse(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "vram:", "vram:8", "vram:GiB", "vram:0MiB", "vram:/x:8GiB", "luck:1", "disk:8GiB",
        "disk:x:1GiB", "port:0", "port:65536", "port:x", "gpu:-1", "gpu:", "service:",
        f"memory:{MIB_MAX + 1}MiB",
        "port:²",
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_words_and_read_as_a_bare_word(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)
    assert conditions_of(text) == ()


@pytest.mark.parametrize(
    ("text", "mib"),
    [("2.00 GiB", 2048), ("512MB", 512), ("20 bytes", 1), ("1,024", None), ("1,2,3", None)],
)
def test_sizes_that_programs_print(text: str, mib: int | None) -> None:
    assert size_mib(text) == mib


@given(waits_and_readings)
def test_what_holds_admits_one_and_what_is_spent_is_gone(
    found: tuple[tuple[Condition, ...], Readings],
) -> None:
    """Method: let tasks in one after the other until nothing is left; never more than fit."""
    some, readings = found
    count = admits(some, readings)
    assert holds(some, readings) is (None if count is None else count > 0)
    if not count or all(one.kind is Kind.SERVICE for one in some):
        return
    let_in, left = 0, readings
    while admits(some, left) and let_in <= 50:
        left = spend(some, left)
        let_in += 1
    assert let_in <= max(count, 1) or let_in > 50
    if readings.memory_free_mib is not None and left.memory_free_mib is not None and let_in <= 50:
        taken = sum(one.amount for one in some if one.kind is Kind.MEMORY)
        assert left.memory_free_mib >= min(0, readings.memory_free_mib - taken * max(1, let_in))


@given(waits_and_readings)
def test_unknown_is_never_free(found: tuple[tuple[Condition, ...], Readings]) -> None:
    some, _ = found
    assert holds(some, Readings()) is None
    assert never(some, Readings()) == ""
    assert all(free_text(one, Readings()).startswith("not known") for one in some)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vram:80GiB", "the largest GPU has 24GiB"),
        ("gpu:4", "this host has 2 GPUs"),
        ("memory:2TiB", "64GiB in all"),
        ("disk:/x:2TiB", "100GiB in all"),
        ("vram:24GiB", ""),
        ("port:80", ""),
        ("service:storage", ""),
    ],
)
def test_what_can_never_hold_is_said_with_its_numbers(text: str, words: str) -> None:
    host = Readings(
        vram_total_mib=(24 * 1024, 8 * 1024),
        gpus=2,
        memory_total_mib=64 * 1024,
        disk_total_mib={"/x": 100 * 1024},
    )
    found = never(parse(text), host)
    assert words in found
    assert bool(found) is bool(words)


def test_one_that_does_not_hold_decides_whatever_is_not_known() -> None:
    some = parse("memory:1GiB and vram:1GiB")
    assert holds(some, Readings(memory_free_mib=0)) is False
    assert holds(some, Readings(memory_free_mib=4096)) is None
