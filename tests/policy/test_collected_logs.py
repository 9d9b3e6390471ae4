"""An error is the same error in whatever a collector of logs has wrapped its lines."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.config.rule_files import read_text_model, shipped_rules
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence
from fnr.policy.facts import Facts, gather
from fnr.policy.rule_set import RuleSet
from fnr.policy.structured_log import in_words, records_of

PLAIN = (
    "loading shard 3\n"
    "Traceback (most recent call last):\n"
    '  File "/srv/app/job.py", line 5, in read\n'
    "    retry_transient_timeouts(block)\n"
    "OSError: [Errno 28] No space left on device: '/scratch/out.bin'"
)
SAID = "loading shard 3\nOSError: [Errno 28] No space left on device: '/scratch/out.bin'"

Wrap = Callable[[str], str]


def each_line(before: str, after: str = "") -> Wrap:
    """Something before and behind every line."""
    return lambda text: "\n".join(f"{before}{line}{after}" for line in text.split("\n"))


def as_records(text: str) -> str:
    """Each line a record of its own."""
    return "\n".join(json.dumps({"ts": 1.5, "level": "error", "msg": line}) for line in lines(text))


def as_pairs(text: str) -> str:
    """The same as key=value."""
    said = (f"time=2026-11-29T10:20:31Z level=error msg={json.dumps(one)}" for one in lines(text))
    return "\n".join(said)


def lines(text: str) -> list[str]:
    return text.split("\n")


WRAPS: dict[str, Wrap] = {
    "a terminal of Windows": lambda text: text.replace("\n", "\r\n"),
    "colours": each_line("\x1b[31m", "\x1b[0m"),
    "compose": each_line("web-1  | "),
    "Kubernetes": each_line("2026-11-29T10:20:31.123456789Z stderr F "),
    "the journal": each_line("Nov 29 10:20:31 gpu01 python[812]: "),
    "srun -l": each_line("3: "),
    "Celery": each_line("[2026-11-29 10:20:31,123: ERROR/ForkPoolWorker-3] "),
    "a record a line": as_records,
    "pairs": as_pairs,
    "a progress bar": lambda text: " 45%|##  | 9/20\r 50%|### | 10/20\r" + text,
    "words of a tracker": lambda text: text + "\nwandb: Find logs at: ./wandb/offline/logs",
    "words of a launcher": lambda text: text + "\nmake: *** [Makefile:12: train] Error 1",
    "other levels": lambda text: f"INFO: up and ready\n{text}\nDEBUG no retry after a timeout",
}


def facts_of(log: str) -> Facts:
    """What rules look at when a program has left this and nothing else."""
    said = "the worker ended with exit status 1"
    return gather(Evidence(message=said, worker_died=True, exit_code=1, stderr_tail=log))


@pytest.mark.parametrize("how", WRAPS)
def test_only_what_was_said_is_read(how: str) -> None:
    assert facts_of(PLAIN).texts[1] == SAID
    read = facts_of(WRAPS[how](PLAIN)).texts[1]
    assert [line.strip() for line in lines(read)] == lines(SAID)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return RuleSet(shipped=shipped_rules())


@pytest.mark.parametrize("how", WRAPS)
def test_it_gets_the_same_name(how: str, rules: RuleSet) -> None:
    found = [
        classify(facts_of(log).evidence, rules, read_text_model())
        for log in (PLAIN, WRAPS[how](PLAIN))
    ]
    assert [one.category for one in found] == ["resource"] * 2
    assert found[0].rule == found[1].rule


def test_a_record_of_an_error_with_its_traceback() -> None:
    error = {"type": "OSError", "message": "No space left on device", "stack": PLAIN}
    log = "\n".join(
        [
            json.dumps({"level": "INFO", "message": "retrying the connection soon"}),
            json.dumps({"level": "ERROR", "message": "job failed", "error": error}),
        ]
    )
    [near, far] = facts_of(log).texts
    assert near == ""
    assert far.startswith("job failed\nOSError: No space left on device\n")
    assert "retry" not in far
    source = facts_of(log).sources[1]
    span = source.span(far.index("No space"), far.index("No space") + 8)
    assert json.loads(log[span.start : span.end])["message"] == "job failed"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (json.dumps({"level": "error", "msg": "job failed"}), "job failed"),
        (
            json.dumps(
                {
                    "msg": "job failed",
                    "err": {"type": "OSError", "message": "no room", "stack": PLAIN},
                }
            ),
            "job failed: OSError: no room: " + SAID.rpartition("\n")[2],
        ),
        (
            json.dumps({"message": "x: no room", "stack": "Traceback\n  at y\nx: no room"}),
            "x: no room",
        ),
        ('time=1 level=error msg="no \\"room\\" left"', 'no "room" left'),
        (json.dumps({"msg": ""}), None),
        (json.dumps({"loss": 0.5}), None),
        ("ValueError: a=1", None),
    ],
)
def test_a_record_in_one_line(line: str, words: str | None) -> None:
    assert in_words(line) == words


@pytest.mark.parametrize(
    "log",
    [
        "",
        "x = 3\ny = 4",
        '{"loss": 0.25, "step": 10}\nValueError: no',
        "{not json}\nlevel=error\nValueError: no",
        "ValueError: a=1 b=2",
    ],
)
def test_what_is_no_log_of_records_is_read_as_it_is(log: str) -> None:
    assert records_of(log) == []


@given(st.text(max_size=300), st.sampled_from(["{", '{"msg": "', "msg=", 'level=error msg="', ""]))
def test_any_text_can_be_read(text: str, begin: str) -> None:
    log = f"{begin}{text}\n{begin}{text}"
    for record in records_of(log):
        assert 0 <= record.start < record.end <= len(log)
        assert record.words.strip()
    assert isinstance(facts_of(log).texts[1], str)
