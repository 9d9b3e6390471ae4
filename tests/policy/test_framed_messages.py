"""A message with a traceback of another process in it is read without that one's frames."""

from __future__ import annotations

import pytest

from fnr.policy.evidence import Evidence
from fnr.policy.facts import gather

FRAME = '  File "/srv/app/job.py", line 5, in read\n    retry_transient_timeouts(block)\n'


def near(message: str) -> str:
    """What rules look at first."""
    return gather(Evidence(message=message)).texts[0]


def test_source_lines_are_not_what_was_said() -> None:
    """Method: as Ray tells what happened elsewhere."""
    message = f"ray::Read() (pid=7)\n{FRAME}    ^^^^^^^^^^^^^^^\nKeyError: 'prompt'"
    assert near(message) == "ray::Read() (pid=7)\nKeyError: 'prompt'"


def test_of_a_long_one_beginning_and_end_are_read() -> None:
    rest = "first words\n" * 300 + "more words\n" * 300 + "ValueError: last"
    told = near(f"it failed\n{FRAME * 200}{rest}")
    assert told.startswith("it failed\nfirst words")
    assert told.endswith("words\nValueError: last")
    assert 3_000 < len(told) < 5_000
    assert "File" not in told


def test_places_are_those_of_the_message() -> None:
    message = f"it failed\n{FRAME}KeyError: 'prompt'"
    [source, _] = gather(Evidence(message=message)).sources
    start = source.words.index("KeyError")
    span = source.span(start, start + 8)
    assert message[span.start : span.end] == "KeyError"


def test_nothing_but_frames_is_read_as_it_is() -> None:
    assert "transient" in near(f"\n{FRAME}")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        pytest.param(
            "Error: Command failed\n    at retryWhenBusy (/srv/app/queue.js:7:11)\nsend refused",
            "Error: Command failed\nsend refused",
            id="Node",
        ),
        pytest.param(
            "java.io.IOException: no room\n\tat org.acme.Retry.again(Retry.java:7)\n\t... 9 more",
            "java.io.IOException: no room",
            id="JVM",
        ),
        pytest.param(
            "\n".join(f"> {line}" for line in f"it failed\n{FRAME}KeyError: 'prompt'".split("\n")),
            "it failed\nKeyError: 'prompt'",
            id="quoted",
        ),
        pytest.param(
            'it failed Traceback (most recent call last): File "/srv/app/job.py", line 5, in read'
            " retry_timeouts(block) KeyError: 'prompt'",
            "it failed \nKeyError: 'prompt'",
            id="on one line",
        ),
    ],
)
def test_other_programs_and_ways_to_pass_one_on(message: str, told: str) -> None:
    assert near(message) == told
