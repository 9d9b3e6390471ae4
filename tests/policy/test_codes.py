"""Codes in words: only unmistakable spellings count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.codes import TEXT_CHARS_MAX, code_facts

SPELLED = [
    ("[Errno 28] No space left on device", "errno:ENOSPC"),
    ("failed: errno=104", "errno:ECONNRESET"),
    ("npm error errno -28", "errno:ENOSPC"),
    ('Os { code: 111, kind: ConnectionRefused, message: "no" }', "errno:ECONNREFUSED"),
    ("denied (os error 13)", "errno:EACCES"),
    ("ENOSPC: no space left on device, write", "errno:ENOSPC"),
    ("Error: EIO: i/o error, read", "errno:EIO"),
    ("{ errno: -5, code: 'EIO', syscall: 'read' }", "errno:EIO"),
    ("spawn E2BIG", "errno:E2BIG"),
    ("[Errno -3] Temporary failure in name resolution", "resolver:EAI_AGAIN"),
    ("[Errno -7] ai_socktype not supported", "resolver:EAI_SOCKTYPE"),
    ("getaddrinfo EAI_AGAIN store.local", "resolver:EAI_AGAIN"),
    ("HTTP 503", "http:503"),
    ("HTTP/1.1 429 Too Many Requests", "http:429"),
    ("server returned HTTP status 500", "http:500"),
    ("status code: 404", "http:404"),
    ('{"status": 422, "detail": []}', "http:422"),
    ("probe failed with statuscode: 503", "http:503"),
    ("Error code: 400 - {'detail': 1}", "http:400"),
    ("502 Bad Gateway", "http:502"),
    ("504 Gateway Time-out", "http:504"),
    ('fe app/s1 0/0/0/-1/1001 504 198 - - sH-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"', "http:504"),
    ("returned non-zero exit status 127.", "exit:127"),
    ("exited with code 3", "exit:3"),
    ("Exit Code:  137", "exit:137"),
    ("died with <Signals.SIGSEGV: 11>.", "signal:SIGSEGV"),
    ("terminated by signal 9", "signal:SIGKILL"),
    ("*** SIGTERM received at time=1 ***", "signal:SIGTERM"),
    ("status = StatusCode.UNAVAILABLE", "grpc:UNAVAILABLE"),
    ("rpc error: code = DeadlineExceeded desc = slow", "grpc:DEADLINE_EXCEEDED"),
    ("SQLSTATE[40001]: deadlock", "sqlstate:40001"),
    ("NVRM: Xid (PCI:0000:3b:00): 79, pid=1", "xid:79"),
    ("Xid 79", "xid:79"),
    ("GPU 0 reported Xid: 13", "xid:13"),
    ("CUDA error: an illegal memory access", "cuda:cudaErrorIllegalAddress"),
    ("CUDA error: out of memory", "cuda:cudaErrorMemoryAllocation"),
    (
        "cuda runtime error (59) : device-side assert triggered at THC/generic.cu:32",
        "cuda:cudaErrorAssert",
    ),
]

PLAIN = [
    "",
    "Error 404 items were skipped",
    "port 503 is closed",
    "HTTP 200",
    "GET /socket.io/?EIO=4&transport=polling",
    "Xid 7900 of transaction xid 79",
    "CUDA error: nobody knows",
    "took 500 ms for 422 frames",
    "TransferEncodingError: 400, message",
    "EVERY ERROR ENDS EARLY",
    "exit 0",
    "signal lost after 9 frames",
    "StatusCode.OK",
    "[Errno 99999] who knows",
    "[Errno -33] NetCDF: Not a valid ID",
]


@pytest.mark.parametrize(("text", "code"), SPELLED, ids=[text for text, _ in SPELLED])
def test_a_spelled_out_code_is_found(text: str, code: str) -> None:
    assert code in [f"{found.family}:{found.value}" for found in code_facts(text)]


@pytest.mark.parametrize("text", PLAIN)
def test_a_number_without_its_word_stays_a_number(text: str) -> None:
    assert code_facts(text) == ()


@given(st.text())
def test_any_text_is_read_and_each_code_named_once(text: str) -> None:
    found = code_facts(text)
    assert len(set(found)) == len(found)


def test_only_the_beginning_of_an_endless_text_is_read() -> None:
    assert code_facts("x" * TEXT_CHARS_MAX + " HTTP 503") == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CUDA driver error: CUDA_ERROR_ILLEGAL_ADDRESS", "cuda:CUDA_ERROR_ILLEGAL_ADDRESS"),
        ("failed: cudaErrorMemoryAllocation (2)", "cuda:cudaErrorMemoryAllocation"),
        ("CUDA error 700 at x.cu:12", "cuda:700"),
        ("cuda runtime error (2) : out of memory", "cuda:2"),
        ("got CUBLAS_STATUS_ALLOC_FAILED here", "cublas:CUBLAS_STATUS_ALLOC_FAILED"),
        ("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "cudnn:CUDNN_STATUS_NOT_INITIALIZED"),
        ("ncclSystemError: System call failed", "nccl:ncclSystemError"),
        ("ncclInvalidUsage: no", "nccl:ncclInvalidUsage"),
        ("hipErrorNoBinaryForGpu: x", "hip:hipErrorNoBinaryForGpu"),
        ("An error occurred (SlowDown) when calling the PutObject operation", "aws:SlowDown"),
        ("<Error><Code>NoSuchKey</Code>", "aws:NoSuchKey"),
        ("ORA-00060: deadlock", "ora:ORA-00060"),
        ("curl: (28) timed out", "curl:28"),
        ('(1205, "Lock wait timeout exceeded")', "mysql:1205"),
        ("ERROR 1045 (28000): Access denied", "mysql:1045"),
        ("ERROR 1045 (28000): Access denied", "sqlstate:28000"),
        ("code: 11000, codeName: 'DuplicateKey'", "mongo:11000"),
        ("SQLITE_BUSY: database is locked", "sqlite:SQLITE_BUSY"),
        ("exited with EX_TEMPFAIL", "exit:75"),
        ("503 Server Error: x for url", "http:503"),
    ],
)  # fmt: skip
def test_codes_of_many_families_are_read_out(text: str, code: str) -> None:
    assert code in [f"{found.family}:{found.value}" for found in code_facts(text)]
