"""Of what was cut no half of a word is kept: it may be half a secret."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.halves import left_out, whole_behind, without_halves
from fnr.policy.redaction import Redaction
from fnr.worker.foreign_text import clean

SECRET = "k1dJ2mQ8xZ4tR7vB0nW3"
WORDS = st.lists(st.sampled_from(["a", "of", "[rank0]:", "naïve", "\n", "x=1,y=2"]), min_size=200)
MARK = re.compile("\n… ([0-9]+) characters left out …\n")


@pytest.mark.unmeasured
@given(before=WORDS, behind=WORDS, chars_max=st.integers(100, 400))
def test_no_half_of_a_word_stands_beside_a_cut(
    before: list[str], behind: list[str], chars_max: int
) -> None:
    text = " ".join([*before, *behind])
    kept = without_halves(clean(text, chars_max))
    first, count, last = MARK.split(kept)
    assert len(first) + int(count) + len(last) == len(text)
    assert text.startswith(first) and text.endswith(last)
    words = re.findall(r"[^\s,]+", text)
    assert re.findall(r"[^\s,]+", first) == words[: len(re.findall(r"[^\s,]+", first))]
    assert set(re.findall(r"[^\s,]+", last)) <= set(words)


@pytest.mark.parametrize("told", ["", "password = ", "password: ", '{"n":1,"token":"', "key "])
@pytest.mark.parametrize("chars_max", [200, 203])
def test_half_a_secret_is_not_kept_wherever_the_cut_is(told: str, chars_max: int) -> None:
    redaction = Redaction(values=[SECRET])
    for shift in range(chars_max):
        text = f'{"w " * 200}{told}{SECRET}" and more words of it {"v " * shift}'
        shown = redaction.text(without_halves(clean(text, chars_max)))
        tail = redaction.text(without_halves(text[-chars_max:], begins_whole=False))
        halves = (SECRET[:4], SECRET[-4:], SECRET[8:12])
        assert not [half for half in halves if half in shown or half in tail], (shift, shown, tail)


def test_a_cut_line_goes_whole_and_one_long_word_stays() -> None:
    assert whole_behind("f a line\nwhole, it is") == "whole, it is"
    assert whole_behind("hunter2 one two three") == "three"
    assert whole_behind("") == ""
    text = f"{'x' * 1_000}{left_out(7)}{'y' * 1_000}"
    assert without_halves(text, begins_whole=False) == text
    assert without_halves("no cut, nothing goes") == "no cut, nothing goes"
