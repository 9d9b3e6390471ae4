"""Words that were escaped on their way into a message are read as they were."""

from __future__ import annotations

import html
import json

import pytest

from fnr.policy.escaped import unescaped
from fnr.policy.evidence import Evidence
from fnr.policy.facts import gather

LOG = (
    "Traceback (most recent call last):\n"
    '  File "/srv/app/job.py", line 5, in read\n'
    "    retry_timeouts(block)\n"
    "KeyError: 'prompt' is not in <Template>"
)
SAID = "KeyError: 'prompt' is not in <Template>"


@pytest.mark.parametrize(
    "message",
    [
        json.dumps(LOG)[1:-1],
        json.dumps(json.dumps(LOG)[1:-1])[1:-1],
        html.escape(LOG),
        html.escape(json.dumps(LOG)[1:-1]),
    ],
    ids=["JSON", "JSON in JSON", "HTML", "JSON in HTML"],
)
def test_a_log_in_a_message_says_what_it_says_unescaped(message: str) -> None:
    assert gather(Evidence(message=message)).texts[0] == SAID


def test_a_log_that_is_escaped_as_a_whole_does_too() -> None:
    tail = json.dumps(LOG)[1:-1]
    assert gather(Evidence(worker_died=True, stderr_tail=tail)).texts[1].endswith(SAID)


def test_what_was_read_stands_somewhere_in_the_message() -> None:
    """Characters were several: no place within it is exact."""
    message = html.escape(LOG)
    [source, _] = gather(Evidence(message=message)).sources
    span = source.span(0, len("KeyError"))
    assert (span.start, span.end) == (0, len(message))


@pytest.mark.parametrize(
    "words",
    [
        "no such file: C:\\render\\new\\textures",
        "a\\nb",
        "two\nlines\nand one \\n",
        "cats & dogs &c. R&D; &unknown;",
        "",
    ],
)
def test_what_only_looks_escaped_stays(words: str) -> None:
    assert unescaped(words) is None
