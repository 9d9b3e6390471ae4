"""Limits hold, for the process and for what it starts, and for one that was just spawned."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest
from host_programs import running

from fnr.host.limits import (
    apply_limits,
    apply_nice,
    words_of_file_size,
)


def test_memory_that_is_written_to_is_limited_and_reserved_addresses_are_free() -> None:
    """CUDA reserves far more addresses than any limit; that must not count."""
    code = """
import mmap
from fnr.host.limits import apply_limits
apply_limits(memory_mib=256)
reserved = mmap.mmap(-1, 1 << 36, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, prot=0)
say("reserved 64 GiB")
try:
    bytearray(512 << 20)
except MemoryError:
    say("MemoryError")
"""
    with running(code, fnr=True) as program:
        assert [program.line(), program.line()] == ["reserved 64 GiB", "MemoryError"]
        assert program.end().code == 0


def test_cpu_time_ends_with_sigxcpu() -> None:
    with running("while True: pass") as program:
        apply_limits(program.pid, cpu_time_s=1)
        soft, hard = resource.prlimit(program.pid, resource.RLIMIT_CPU)
        assert (soft, hard) == (1, 6)
        assert program.end().signal == signal.SIGXCPU


def test_files_and_file_size_are_limited_for_what_it_starts_too(tmp_path: Path) -> None:
    code = """
from fnr.host.limits import apply_limits
import errno, resource
apply_limits(files=32, file_size_mib=1)
def child():
    try:
        for _ in range(40): os.open("/dev/null", os.O_RDONLY)
    except OSError as error: say(errno.errorcode[error.errno])
    os.closerange(3, 32)
    fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x" * (1 << 20))
    try: os.write(fd, b"x")
    except OSError as error: say(errno.errorcode[error.errno])
os.waitpid(fork(child), 0)
"""
    with running(code, tmp_path / "file", fnr=True) as program:
        assert [program.line(), program.line()] == ["EMFILE", "EFBIG"]
        assert program.end().code == 0
        assert (tmp_path / "file").stat().st_size == 1 << 20


def test_a_limit_above_the_ceiling_becomes_the_ceiling() -> None:
    with running("say('up')\nrest()") as program:
        assert program.line() == "up"
        apply_limits(program.pid, files=64)
        apply_limits(program.pid, files=10_000)
        assert resource.prlimit(program.pid, resource.RLIMIT_NOFILE) == (64, 64)


def test_no_limit_changes_nothing() -> None:
    kinds = (resource.RLIMIT_DATA, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE)
    before = [resource.getrlimit(kind) for kind in kinds]
    apply_limits()
    assert [resource.getrlimit(kind) for kind in kinds] == before


def test_a_process_that_is_gone_cannot_be_limited() -> None:
    with running("") as program:
        assert program.end().code == 0
        with pytest.raises(ProcessLookupError):
            apply_limits(program.pid, files=10)


def test_niceness_of_another_process() -> None:
    with running("say('up')\nrest()") as program:
        assert program.line() == "up"
        apply_nice(7, program.pid)
        assert os.getpriority(os.PRIO_PROCESS, program.pid) == 7


def test_a_file_that_may_not_grow_is_named_with_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(5_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert words_of_file_size(str(file), more_bytes=1) == ""
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, before[1]))
    try:
        assert words_of_file_size(str(file), more_bytes=(8 << 20) - 5_000) == ""
        said = words_of_file_size(str(file), more_bytes=(8 << 20) - 4_999)
        assert said.endswith(f"lets {file} grow to 8192 KiB only")
        assert words_of_file_size(str(tmp_path / "none"), more_bytes=8 << 20) == ""
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
