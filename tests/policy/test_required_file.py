"""What the packs' expressions cannot match without, kept in a file: never wrong, at most old."""

from __future__ import annotations

from fnr.config.rule_files import read_packs, read_required
from fnr.policy.required_words import dump_required, load_required, required_words
from fnr.policy.rule_set import RuleSet


def test_the_file_says_what_would_be_found_out_again() -> None:
    known = read_required()
    assert known
    sample = list(known)[::50]
    assert {piece: known[piece] for piece in sample} == {
        piece: required_words(piece) for piece in sample
    }


def test_the_file_knows_the_packs_of_today() -> None:
    known = read_required()
    pieces = RuleSet(read_packs(), required=known).patterns.pieces
    unknown = [piece for piece in pieces if piece not in known]
    assert unknown[:3] == [], "run: python tools/make_required_words.py"


def test_a_damaged_file_only_costs_time() -> None:
    whole = dump_required({"lost peer": required_words("lost peer")})
    assert load_required(whole) == {"lost peer": required_words("lost peer")}
    assert load_required(whole[:-4]) == {}
    assert load_required(b"") == {}
