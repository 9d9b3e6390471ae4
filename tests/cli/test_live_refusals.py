"""What a running daemon, or the command line itself, refuses of what a person or a job asks."""

from __future__ import annotations

import pytest
from cli_runs import Run


@pytest.mark.parametrize(
    "words",
    [
        ["dlq", "resolve", "--where", "tag.no:one", "-y", "--reason"],
        ["task", "cancel", "--where", "tag.no:one", "-y", "--reason"],
        ["errors", "reclassify", "01JD", "--category", "transient", "--why"],
        ["breaker", "reset", "storage", "--reason"],
        ["function", "pause", "say", "--reason"],
    ],
    ids=" ".join,
)
def test_a_reason_has_a_limit(live: Run, words: list[str]) -> None:
    """It is kept with each of what may be a million tasks."""
    found = live(*words, "x" * 1_001)
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "error: the reason is too long\n  why: 1001 characters; at most 1000 are kept\n"
    )


@pytest.mark.parametrize("words", [("dlq", "edit"), ("rules", "edit")], ids=" ".join)
def test_no_editor_is_guessed_where_nobody_can_type(
    live: Run, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a job: vi wrote escape sequences into its log, and waited for keys on its input."""
    task_id = live("submit", "refuse", "n=1", "--wait").err.split()[1]
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    found = live(*words, task_id) if words[0] == "dlq" else live(*words)
    assert (found.code, found.out) == (2, "")
    assert "there is no terminal to edit at" in found.err
