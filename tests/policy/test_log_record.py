"""Log records: what a program wrote comes back byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.log_record import STDERR, STDOUT, LogRecord, decode, encode_lines, encode_part

AT_MS = 1_700_000_000_123


@given(lines=st.lists(st.binary().map(lambda line: line.replace(b"\n", b"")), min_size=1))
def test_whole_lines_come_back(lines: list[bytes]) -> None:
    text = b"\n".join(lines) + b"\n"
    records = [
        decode(line) for line in encode_lines(text, at_ms=AT_MS, stream=STDOUT).split(b"\n")[:-1]
    ]
    assert records == [
        LogRecord(at_ms=AT_MS, stream=STDOUT, ended=True, text=line) for line in lines
    ]
    assert b"".join(record.written for record in records if record) == text


@given(text=st.binary().map(lambda part: part.replace(b"\n", b"")))
def test_a_part_of_a_line_comes_back(text: bytes) -> None:
    record = decode(encode_part(text, at_ms=AT_MS, stream=STDERR))
    assert record == LogRecord(at_ms=AT_MS, stream=STDERR, ended=False, text=text)
    assert record.written == text


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"plain words\n",
        b"1700000000123\n",
        b"1700000000123 o.\n",
        b"1700000000123 x. text\n",
        b"1700000000123 o- text\n",
        b"1700000000123 o.text\n",
        b"12 o. text\n",
        b"-170000000012 o. text\n",
    ],
)
def test_other_lines_are_no_records(line: bytes) -> None:
    assert decode(line) is None


def test_a_record_reads_like_this() -> None:
    assert encode_lines(b"a\nb\n", at_ms=AT_MS, stream=STDERR) == (
        b"1700000000123 e. a\n1700000000123 e. b\n"
    )
    assert encode_part(b"50%", at_ms=AT_MS, stream=STDOUT) == b"1700000000123 o+ 50%\n"
