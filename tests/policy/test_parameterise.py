"""What varies between two errors of one cause is replaced; what names the cause stays."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.parameterise import LINE_CHARS_MAX, SHAPE_CHARS_MAX, parameterise

SHAPES = [
    (
        "[Errno 28] No space left on device: '/data/f_0012.png'",
        "[Errno 28] No space left on device: <str>",
    ),
    ("connect ECONNREFUSED 127.0.0.1:6379", "connect ECONNREFUSED <addr>"),
    ("connect to ::1 port 8000 failed", "connect to <addr> port # failed"),
    ("could not connect to db-17.prod.example.com:5432", "could not connect to <addr>"),
    (
        "HTTP 503 Service Unavailable from https://h/v1?id=12",
        "HTTP 503 Service Unavailable from <url>",
    ),
    (
        "Error code: 429 - {'message': 'Rate limit for gpt-4'}",
        "Error code: 429 - {'message': 'Rate limit for gpt-#'}",
    ),
    ("404 Client Error: Not Found for url", "404 Client Error: Not Found for url"),
    (
        "(1213, 'Deadlock found when trying to get lock')",
        "(1213, 'Deadlock found when trying to get lock')",
    ),
    ("SQLSTATE[40001]: Serialization failure: 7", "SQLSTATE[40001]: Serialization failure: #"),
    ("ORA-00942: table or view does not exist", "ORA-00942: table or view does not exist"),
    ("error[E0308]: mismatched types", "error[E0308]: mismatched types"),
    ("returned non-zero exit status 137.", "returned non-zero exit status 137."),
    ("killed by signal 9", "killed by signal 9"),
    ("NVRM: Xid (PCI:0000:3b:00): 79, pid=1234", "NVRM: Xid 79, pid=#"),
    ("CUDA error 700: an illegal memory access", "CUDA error 700: an illegal memory access"),
    (
        "Tried to allocate 2.00 GiB (GPU 0; 23.6 GiB total)",
        "Tried to allocate <size> (GPU #; <size> total)",
    ),
    ("timed out after 12.5s", "timed out after <time>"),
    ("2024-01-02T03:04:05Z worker-12 gave up", "<time> worker-# gave up"),
    ("ERROR 06-13 12:00:01 [core.py:123] failed", "ERROR <time> [core.py] failed"),
    ("could not open C:\\Users\\bob\\x.txt", "could not open <path>"),
    ("std::bad_alloc at src/foo.cpp:123", "std::bad_alloc at foo.cpp"),
    ("could not read 73/49/785/836f07b/out.png", "could not read <path>"),
    ("2024/01/02 03:04:05 could not read a/49/785/out.png", "<time> could not read <path>"),
    ("task 01JD0000000000000000000001 failed", "task <id> failed"),
    ("job 8f14e45fceea167a5a36dedd4bea2543 failed", "job <id> failed"),
    ("<Foo object at 0x7f1b2c3d4e50>", "<Foo object at <id>>"),
    ("<Foo object at 0x701020304050>", "<Foo object at <id>>"),
    ("read at 0x00000123, len 0x4000", "read at <id>, len <id>"),
    ("0x7 and 2x2 tiles", "# and # tiles"),
    ("id 123e4567-e89b-12d3-a456-426614174000 gone", "id <id> gone"),
    ("requestId:8B1C2F0E-3f5d-0044-93c2-9d1c1c1f2e77 refused", "requestId:<id> refused"),
    ("GPU-8f9c12ab-1234-5678-9abc-def012345678 is lost", "GPU-<id> is lost"),
    ("handle for GPU 0000:E1:00.0: Unknown Error", "handle for GPU #: Unknown Error"),
    ("handle for GPU 0000:41:00.0: Unknown Error", "handle for GPU #: Unknown Error"),
    (
        "RequestID: 4ZNPCDCDB4CCZDAB, HostID: v2sSXt1TaMF1k/Qz+R7uYd0QpLmXc3VbNw5Hj8KeT/QDw, no",
        "RequestID: <id>, HostID: <id>, no",
    ),
    ("pod web-7d4b9c6f5-x2x9z is gone", "pod web-<id> is gone"),
    ("pod render-sldpp is gone", "pod render-<id> is gone"),
    ("connect to fe80::1%eth0 failed", "connect to <addr> failed"),
    ("connect to [fe80::a1%enp3s0]:8188", "connect to [<addr>]<addr>"),
    ("52:54:00:12:34:56, of 52:54:00:ab:34:56", "<addr>, of <addr>"),
    ("no answer for 1h2m3.5s", "no answer for <time>"),
    ("no answer for 2m30s", "no answer for <time>"),
    ("arn:aws:s3:::b/k1 is not there", "<url> is not there"),
    ("Client error '404 Not Found' for url", "Client error '404 Not Found' for url"),
    ("returned 17 rows", "returned # rows"),
    ("failed with 404 items, error of 0.5", "failed with # items, error of #"),
    ('{"port":404,"status":503} "a b"', '{"port"<addr>,"status":503} <str>'),
    ("digest q83vEjRWeJASNFZ4kKvN7w== of it", "digest <id> of it"),
    ("job_1a2b3c4d5e of lane_7 is gone", "job_<id> of lane_# is gone"),
    # Names stay, however many digits and capitals are in them.
    ("only ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "only ABCDEFGHIJKLMNOPQRSTUVWXYZ#"),
    (
        "undefined symbol: _ZN3c1021throwNullDataPtrErrorEv",
        "undefined symbol: _ZN#c#throwNullDataPtrErrorEv",
    ),
    ("no stabilityAi/stableDiffusionXlRefiner", "no stabilityAi/stableDiffusionXlRefiner"),
    ("no backend-pgsql, proxy-https, model-bs256", "no backend-pgsql, proxy-https, model-bs#"),
    (
        "no JackShmReadWritePtr, no OpenAI-o4-mini-high",
        "no JackShmReadWritePtr, no OpenAI-o#-mini-high",
    ),
    ("needs Flask-SQLAlchemy==3 and threshold=0", "needs Flask-SQLAlchemy==# and threshold=#"),
    ("nvmlPciInfoExt_v1 not supported", "nvmlPciInfoExt_v# not supported"),
    ("shapes cannot be multiplied (77x2048 and 768x320)", "shapes cannot be multiplied (# and #)"),
    ("torch.Size([1, 4, 64, 64])", "torch.Size([#])"),
    ("No module named 'torch'", "No module named 'torch'"),
    ("'NoneType' object has no attribute 'shape'", "'NoneType' object has no attribute 'shape'"),
    ("invalid literal for int(): 'abc'", "invalid literal for int(): <str>"),
    ("\x1b[31mred\x1b[0m alert 3", "red alert #"),
    ("", ""),
]


@pytest.mark.parametrize(("line", "shape"), SHAPES)
def test_a_line_has_this_shape(line: str, shape: str) -> None:
    assert parameterise(line) == shape


@pytest.mark.parametrize(
    "template",
    [
        "connect to 10.0.0.7:{} failed",
        "port {} is in use",
        "request {} failed",
        "cannot open '/data/{}.png'",
        "frame_{}.exr is damaged",
        "worker-{} is gone",
        "took {} ms",
        "needs {} bytes",
        "[rank{}]: NCCL error",
        "no response {} times",
    ],
)
@given(one=st.integers(10, 65_535), other=st.integers(10, 65_535))
def test_a_number_that_is_no_code_makes_no_difference(template: str, one: int, other: int) -> None:
    assert parameterise(template.format(one)) == parameterise(template.format(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP 503", "HTTP 404"),
        ("exit status 1", "exit status 137"),
        ("No module named 'torch'", "No module named 'numpy'"),
        ("Xid (PCI:0000:3b:00): 79", "Xid (PCI:0000:3b:00): 48"),
        ("cudaError: 2 on device 0", "cudaError: 700 on device 0"),
        ("CUDA failure 2", "CUDA failure 100"),
        ("CUBLAS_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED"),
        ("[Errno 28] x", "[Errno 13] x"),
        ("Client error '404 Not Found' for url", "Client error '403 Forbidden' for url"),
        ("the child exited with 3", "the child exited with 17"),
        ("failed with return value 3", "failed with return value 17"),
        ("ld returned 1 exit status", "ld returned 5 exit status"),
        ("ib_write failed, err=-5", "ib_write failed, err=-110"),
        ("failed: <Response [503]>", "failed: <Response [401]>"),
        ("Bad response: 503", "Bad response: 401"),
        ("npm error code E404", "npm error code E401"),
        ("  exitcode  : -6 (pid: 31)", "  exitcode  : -9 (pid: 31)"),
        *(
            (form.format(401), form.format(503))
            for form in (
                '{{"error":{{"code":{},"path":"/v1"}}}}',
                "{{'status': {}, 'details': 'x'}}",
                '{{\\"statusCode\\": {}, \\"x\\": 1}}',
                '<error status="{}" id="7">',
                "http_status={} for url",
                "error-code: {}",
                "operation ost_write failed: rc = {}",
                "the status code was {}",
                "responded with a status of {} ()",
                "upload failed with {} for url",
                "the server replied {}",
            )
        ),
    ],
)
def test_what_names_the_cause_makes_a_difference(one: str, other: str) -> None:
    assert parameterise(one) != parameterise(other)


def _url_safe(chance: bytes, count: int) -> str:
    return base64.urlsafe_b64encode(chance).decode()[:count]


def _pod(chance: bytes) -> str:
    found = "".join("bcdfghjklmnpqrstvwxz2456789"[byte % 27] for byte in chance)
    return f"web-{found[:9]}-{found[9:14]}"


MADE_BY_CHANCE: list[Callable[[bytes], str]] = [
    lambda chance: _url_safe(chance, 21),  # a nanoid
    lambda chance: _url_safe(chance, 22),  # 128 bits
    lambda chance: _url_safe(chance, 43),  # 256 bits
    _pod,
    lambda chance: f"fe80::{chance[:2].hex()}%eth0",
]


@pytest.mark.parametrize("make", MADE_BY_CHANCE)
@pytest.mark.parametrize("template", ["request {} is gone", "gave up [{}], no answer", "id={}"])
def test_what_a_random_generator_made_makes_no_difference(
    make: Callable[[bytes], str], template: str
) -> None:
    """Of a hundred errors of one cause one or two stand apart; of nanoids, every third did."""
    by_chance = (blake2b(bytes([one, other])).digest() for one in range(4) for other in range(250))
    shapes = Counter(parameterise(template.format(make(chance))) for chance in by_chance)
    assert sum(count for _, count in shapes.most_common(2)) >= 980


@pytest.mark.parametrize(
    "written",
    [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
        "%a %b %e %H:%M:%S UTC %Y",
        "%b %e %H:%M:%S",
        "%b %e %H:%M:%S %Y GMT",
        "%d-%b-%Y %H:%M:%S",
        "%B %d, %Y %I:%M:%S %p",
        "%d %B %Y",
        "%A, %d %B %Y",
        "%d/%b/%Y:%H:%M:%S +0000",
    ],
)
def test_a_time_with_names_in_it_makes_no_difference(written: str) -> None:
    month_s = 30 * 24 * 3_600 + 3_700
    times = [time.strftime(written, time.gmtime(number * month_s)) for number in range(700, 712)]
    for line in ("the lease ended at {} and was not taken again", "{}", "{} disk 3: lost it"):
        shapes = {parameterise(line.format(at)) for at in times}
        assert len(shapes) == 1, shapes


def test_words_that_are_no_time_stay() -> None:
    for line in ("May # files be lost", "Marching # cubes", "since March # on", "Sat # in #"):
        assert parameterise(line.replace("#", "5")) == line


def test_a_long_line_is_cut_where_what_varies_in_it_cannot_shift_the_end() -> None:
    """One cause had as many incidents as its addresses and paths had lengths."""
    line = "storage {} refused {} of the render farm, which was asked for it by {} and waited, {}"
    tail = "and nothing else was tried because the policy of this share allows one way only " * 3
    told = [
        line.format("10.0.0.1:80", "/s/a.exr", "1a2b3c4d", tail),
        line.format("10.100.200.144:49152", f"/shots/{'deep/' * 30}a.exr", "e1" * 20, tail),
        line.format("10.0.30.1:8080", "/s/frame.0001.exr", "0x7f12", tail),
    ]
    assert len({len(one) > LINE_CHARS_MAX for one in told}) == 1
    [shape] = {parameterise(one) for one in told}
    assert "the policy" in shape
    assert len(shape) <= SHAPE_CHARS_MAX


def test_a_line_that_is_not_long_keeps_the_shape_it_had() -> None:
    line = "2 s and " * (LINE_CHARS_MAX // 8)
    assert parameterise(line) == ("<time> and " * (LINE_CHARS_MAX // 8)).rstrip()


@given(st.text(max_size=2 * LINE_CHARS_MAX))
def test_any_text_has_a_shape_on_one_line(text: str) -> None:
    """Placeholders are longer than what they stand for by a few characters at most."""
    shape = parameterise(text)
    assert not {"\n", "\r", "\t", "\x1b"} & set(shape)
    assert len(shape) <= 6 * LINE_CHARS_MAX
