"""A code that no error can have is a mistake in the rule that asks for it."""

from __future__ import annotations

import pytest

from fnr.policy.code_check import code_problem


@pytest.mark.parametrize(
    "pattern",
    ["http:503", "http:500-599", "http:5*", "errno:ENOSPC", "errno:EN*", "errno:*", "exit:0",
     "exit:126-127", "signal:SIGKILL", "grpc:UNAVAILABLE", "grpc:CANCELED", "errno:EHWPOISON",
     "sqlstate:53*", "xid:79", "aws:Throttling",
     "studio:no-seat", "mysql:1205", "ora:12170-12200"],
)  # fmt: skip
def test_what_may_be_found(pattern: str) -> None:
    assert code_problem(pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("htp:503", "did you mean http?"),
        ("http:999", "must be 100 to 599"),
        ("http:599-500", "write http:500-599"),
        ("http:9*", "no http begins like"),
        ("http:busy", "must be 100 to 599"),
        ("http:503-", "must be 100 to 599 for http, got '503-'"),
        ("http:0503", "must be 100 to 599 for http, got '0503'"),
        ("errno:ENOSPCX", "did you mean ENOSPC?"),
        ("errno:28", "write errno:ENOSPC"),
        ("errno:Q*", "no errno begins like"),
        ("signal:SIGFOO", "there is no signal 'SIGFOO'"),
        ("signal:9", "write signal:SIGKILL"),
        ("exit:300", "must be 0 to 255"),
        ("grpc:14", "there is no grpc '14'"),
        ("grpc:unavailable", "did you mean UNAVAILABLE?"),
    ],
)
def test_what_no_error_has(pattern: str, words: str) -> None:
    assert words in code_problem(pattern)
