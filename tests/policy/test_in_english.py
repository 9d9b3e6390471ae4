"""What the system says in the language of a host is read as the English that rules know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.config.rule_files import read_text_model, shipped_rules
from fnr.policy import foreign_host_words, foreign_wire_words
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence
from fnr.policy.facts import gather
from fnr.policy.in_english import foreign_words
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Classification

WORDS = foreign_host_words.WORDS | foreign_wire_words.WORDS
# Said by a shell, with the number of the process before it.
SIGNALS = {"Killed", "Segmentation fault", "Bus error", "Illegal instruction"} | {
    "Floating point exception"
}
# Too short to be told from other words.
SHORT = {"é pasta"}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet(shipped=shipped_rules())


def named(words: str, rules: RuleSet) -> Classification:
    return classify(Evidence(message=words), rules, read_text_model())


def said(english: str) -> Iterator[tuple[str, str]]:
    """What a program would print: in English, and in each of the other languages."""
    how = "job.sh: line 3: 4711 {}   ./render" if english in SIGNALS else "job: /data/out.bin: {}"
    for phrase in WORDS[english].split("|"):
        if phrase not in SHORT:
            yield how.format(english), how.format(phrase)


@pytest.mark.parametrize("english", WORDS)
def test_each_means_what_its_english_means(english: str, rules: RuleSet) -> None:
    for plain, foreign in said(english):
        assert gather(Evidence(message=foreign)).texts[0].lower() == plain.lower(), foreign
    named_plain, named_foreign = (named(words, rules) for words in (plain, foreign))
    assert (named_foreign.category, named_foreign.rule) == (named_plain.category, named_plain.rule)


def test_what_was_matched_is_shown_where_it_stands(rules: RuleSet) -> None:
    message = "cp: »out.bin«: Auf dem Gerät ist kein Speicherplatz mehr verfügbar"
    found = classify(Evidence(message=message), rules)
    assert found.category == "resource"
    texts = gather(Evidence(message=message))
    [source, _] = texts.sources
    at = texts.texts[0].index("No space left")
    span = source.span(at, at + len("No space left"))
    assert message[span.start : span.end] == "Auf dem Gerät ist kein Speicherplatz mehr verfügbar"
    before = source.span(0, 2)
    assert (before.start, before.end) == (0, 2)


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("cat: x: Aucun fichier ou dossier de ce type", ["No such file or directory"]),
        ("S’ha excedit la quota de disc", ["Disk quota exceeded"]),
        ("İşleme izin verilmedi", ["Operation not permitted"]),
        ("STRASSE ẞ İ: İşleme izin verilmedi", ["Operation not permitted"]),
        ("写入失败:设备上没有空间。", ["No space left on device"]),
        ("bash: line 1:  4711 Ucciso   ./render", ["Killed"]),
        ("il processo Ucciso", []),
        ("xno queda espacio en el dispositivo", []),
        ("", []),
    ],
)
def test_only_whole_phrases_count(text: str, english: list[str]) -> None:
    assert [words for _, _, words in foreign_words(text)] == english


PHRASES = [phrase for foreign in WORDS.values() for phrase in foreign.split("|")]


@given(st.lists(st.sampled_from([*PHRASES, "ß", "İ x "])))
def test_places_are_those_of_the_text(parts: list[str]) -> None:
    text = "; ".join(parts)
    position = 0
    for start, end, english in foreign_words(text):
        assert position <= start < end <= len(text)
        assert english in WORDS
        position = end
