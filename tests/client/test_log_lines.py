"""Logs that are shown have no secrets, also where one goes over several records."""

from __future__ import annotations

import pytest
from private_keys import rsa_key

from fnr.client.log_lines import LogLines
from fnr.policy.log_record import LogRecord, encode_lines, encode_part
from fnr.policy.redaction import Redaction

TOKEN = b"ghp_" + b"a1B2" * 9
AT_MS = 1_796_043_539_000


@pytest.fixture(scope="module")
def key() -> bytes:
    return rsa_key().encode()


def shown(*chunks: bytes) -> list[LogRecord]:
    cutter = LogLines(Redaction())
    found = [record for chunk in chunks for record in cutter.feed(chunk)]
    return [*found, *cutter.rest()]


def lines(text: bytes, stream: str = "e") -> bytes:
    return encode_lines(text, at_ms=AT_MS, stream=stream)


def part(text: bytes, stream: str = "o") -> bytes:
    return encode_part(text, at_ms=AT_MS, stream=stream)


@pytest.mark.parametrize("size", [1 << 20, 100, 7])
@pytest.mark.parametrize("before", [b"", b"12:00:01 INFO ", b"  - '"])
def test_of_a_private_key_no_line_is_shown(key: bytes, before: bytes, size: int) -> None:
    """However much of it is there when it is looked at."""
    behind = b"',\n" if before.endswith(b"'") else b"\n"
    text = b"".join(before + line + behind for line in key.splitlines())
    for log in (text + b"done\n", lines(text + b"done\n")):
        found = shown(*(log[at : at + size] for at in range(0, len(log), size)))
        told = [record.text for record in found]
        first, *inner, last, done = told
        assert b"BEGIN RSA PRIVATE KEY" in first
        assert {line.removeprefix(before).rstrip(b"',") for line in inner} == {b"[redacted]"}
        assert b"END RSA PRIVATE KEY" in last
        assert done == b"done"


def test_what_stands_between_the_lines_of_a_key_and_behind_one_that_is_cut_off_stays() -> None:
    text = (
        b"-----BEGIN PRIVATE KEY-----\n" + b"MIIE" * 16 + b"\nframe 7 of 9\n" + b"abCD" * 16 + b"\n"
    )
    told = [record.text for record in shown(lines(text), lines(b"out\n", "o"))]
    assert told[1:] == [b"[redacted]", b"frame 7 of 9", b"[redacted]", b"out"]


def test_a_secret_that_goes_over_the_parts_of_a_line_is_hidden() -> None:
    """A program that prints slowly, or very long lines, has lines of several records."""
    log = part(b"using " + TOKEN[:21]) + lines(b"other\n") + part(TOKEN[21:30], "o")
    log += lines(TOKEN[30:] + b" now\n", "o")
    found = shown(log)
    assert [(record.text, record.ended) for record in found] == [
        (b"using [redacted] now", True),
        (b"other", True),
    ]


def test_parts_of_lines_without_a_secret_stay_as_they_are() -> None:
    log = part(b"10 %\r") + part(b"20 %\r") + lines(b"100 %\n", "o")
    assert shown(log) == [*LogLines(None).feed(log)]
    log += lines(TOKEN + b"\n")
    assert [record.text for record in shown(log)] == [b"10 %\r", b"20 %\r", b"100 %", b"[redacted]"]
