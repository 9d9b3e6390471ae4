"""What a sentence of the daemon says to type, as it is typed for the home that it is about."""

from __future__ import annotations

import pytest

from fnr.client.next_step import told_here

OURS = "fnr --home /h"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("it needs an operator: fnr undo list T", f"it needs an operator: {OURS} undo list T"),
        ("rules.d is gone; then fnr rules reload", f"rules.d is gone; then {OURS} rules reload"),
        ("not in force; fnr rules check", f"not in force; {OURS} rules check"),
        ("look: fnr --home /other status", "look: fnr --home /other status"),
        ("its worker is loading fnr", "its worker is loading fnr"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_command_at_the_end_of_a_sentence_is_for_this_home(said: str, told: str) -> None:
    assert told_here(said, OURS) == told
    assert told_here(said, "fnr") == said
