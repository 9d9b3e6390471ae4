"""Which values of a task's input an error names."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.evidence import Evidence, ExceptionFact
from fnr.policy.labelled import BadRecordError, evidence_of
from fnr.policy.named_input import LEAVES_MAX, named_keys, with_named_input

CASES = [
    ("its path", "No such file: /srv/in/a.mp4", {"clip": "/srv/in/a.mp4"}, ("clip",)),
    ("made absolute", "cannot open /srv/in/a.mp4", {"clip": "./in/a.mp4"}, ("clip",)),
    ("only its file", "take_7.exr: No such file", {"plate": "/srv/in/take_7.exr"}, ("plate",)),
    ("a Windows path", r"cannot open take_7.exr", {"plate": r"C:\in\take_7.exr"}, ("plate",)),
    ("the host of an address", "no host a.test", {"from": "https://u:p@a.test:1/x"}, ("from",)),
    ("an address that is none", "bad http://[a", {"from": "http://[a"}, ("from",)),
    ("a word in quotes", "unknown preset 'slow'", {"preset": "slow"}, ("preset",)),
    ("in backquotes", "unknown preset `slow`", {"preset": "slow"}, ("preset",)),
    ("the same word by chance", "a slow client", {"preset": "slow"}, ()),
    ("a part of a word", "libx2645 failed", {"codec": "libx264"}, ()),
    ("a longer file", "no file a-b.mp4.part", {"clip": "a-b.mp4"}, ()),
    ("another folder's end", "no file xa-b.mp4", {"clip": "a-b.mp4"}, ()),
    ("at the end of a sentence", "no file a-b.mp4.", {"clip": "a-b.mp4"}, ("clip",)),
    ("nested", "no file a-b.mp4", {"scene": {"clip": "a-b.mp4"}}, ("scene.clip",)),
    ("in a list", "no file a-b.mp4", {"clips": ["c-d.mp4", "a-b.mp4"]}, ("clips",)),
    ("two keys", "a-b.mp4 is c-d.mp4", {"to": "c-d.mp4", "at": "a-b.mp4"}, ("to", "at")),
    ("a number", "width 1025 must be even", {"width": 1025}, ()),
    ("too short", "no 'ab'", {"clip": "ab"}, ()),
    ("empty", "no ''", {"clip": ""}, ()),
    ("signs of expressions", "no file a(1)+.mp4", {"clip": "a(1)+.mp4"}, ("clip",)),
    ("nothing said", "", {"clip": "a-b.mp4"}, ()),
]


@pytest.mark.parametrize(
    ("words", "values", "keys"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_values_are_found_as_errors_write_them(
    words: str, values: dict[str, object], keys: tuple[str, ...]
) -> None:
    assert named_keys(words, values) == keys


def test_the_log_of_a_program_counts_where_no_exception_speaks() -> None:
    values = {"clip": "a-b.mp4"}
    log = Evidence(message="exit status 1", stderr_tail="a-b.mp4: No such file\n")
    assert with_named_input(log, values).named_input == ("clip",)
    spoken = msgspec.structs.replace(log, exceptions=(ExceptionFact(type="OSError"),))
    assert with_named_input(spoken, values).named_input == ()
    cause = ExceptionFact(type="OSError", message="no file a-b.mp4")
    chained = Evidence(message="the job failed", exceptions=(cause,))
    assert with_named_input(chained, values).named_input == ("clip",)


def test_a_large_input_is_looked_at_up_to_a_limit() -> None:
    values = {f"k{number}": f"clip-{number}.mp4" for number in range(2 * LEAVES_MAX)}
    assert named_keys(f"no file clip-{LEAVES_MAX - 1}.mp4", values) == (f"k{LEAVES_MAX - 1}",)
    assert named_keys(f"no file clip-{LEAVES_MAX}.mp4", values) == ()
    deep: dict[str, object] = {"clip": "a-b.mp4"}
    for _ in range(10_000):
        deep = {"k": deep}
    assert named_keys("no file a-b.mp4", deep) == ()


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.unmeasured
@given(st.text(), st.dictionaries(st.text(), _values))
def test_whatever_the_input_is_keys_of_it_come_back(words: str, values: dict[str, object]) -> None:
    for key in named_keys(words, values):
        assert any(key == name or key.startswith(f"{name}.") for name in values)


def test_a_labelled_record_may_have_its_input() -> None:
    record = {"message": "no file a-b.mp4", "category": "validation"}
    assert evidence_of({**record, "input": {"clip": "a-b.mp4"}}).named_input == ("clip",)
    assert evidence_of({**record, "input": None}) == evidence_of(record)
    with pytest.raises(BadRecordError, match="input must be an object or null"):
        evidence_of({**record, "input": "a-b.mp4"})
