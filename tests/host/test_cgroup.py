"""The memory group of a process is found in both versions, on hosts and in containers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fnr.host import cgroup
from fnr.host.cgroup import host_oom_kills, memory_room, oom_counter_file, oom_kills

V1 = "4:memory:/system.slice/fnr\n3:cpuset:/\n0::/\n"
V2 = "0::/system.slice/fnr\n"

Fake = Callable[..., None]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A kernel that shows these mounts and groups; its cgroup files are below tmp_path."""

    def show(*, group: str, mounts: str) -> None:
        files = {
            "/proc/5/cgroup": group,
            "/proc/self/mountinfo": mounts.replace("/sys/", f"{tmp_path}/"),
        }
        real = cgroup.read_bytes
        monkeypatch.setattr(
            cgroup, "read_bytes", lambda path: files[path].encode() if path in files else real(path)
        )

    return show


def _put(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


MOUNT_V1 = "35 31 0:32 {root} /sys/memory rw,relatime - cgroup cgroup rw,memory\n"
MOUNT_V2 = "41 31 0:38 {root} /sys/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n"


def test_version_1(kernel: Fake, tmp_path: Path) -> None:
    text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
    path = _put(tmp_path / "memory/system.slice/fnr/memory.oom_control", text)
    kernel(group=V1, mounts=MOUNT_V1.format(root="/") + MOUNT_V2.format(root="/"))
    assert oom_counter_file(5) == path
    assert oom_kills(path) == 3


def test_version_2(kernel: Fake, tmp_path: Path) -> None:
    text = "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n"
    path = _put(tmp_path / "unified/system.slice/fnr/memory.events", text)
    kernel(group=V2, mounts=MOUNT_V2.format(root="/"))
    assert oom_counter_file(5) == path
    assert oom_kills(path) == 1


def test_a_container_that_sees_only_its_own_group(kernel: Fake, tmp_path: Path) -> None:
    path = _put(tmp_path / "memory/memory.oom_control", "oom_kill 0\n")
    kernel(group=V1, mounts=MOUNT_V1.format(root="/system.slice/fnr"))
    assert oom_counter_file(5) == path


@pytest.mark.parametrize("mounts", ["", MOUNT_V2.format(root="/"), "1 2 0:3 / / rw - ext4 x rw\n"])
def test_without_a_memory_group_there_is_no_counter(kernel: Fake, mounts: str) -> None:
    kernel(group=V1, mounts=mounts)
    assert oom_counter_file(5) == ""
    assert oom_kills("") is None


def test_a_small_group_in_one_that_is_nearly_full(kernel: Fake, tmp_path: Path) -> None:
    """All there is was the large group's limit, and more was given than the small one may use."""
    for name, limit_mib, used_mib in (("system.slice", 32, 31), ("system.slice/fnr", 4, 1)):
        _put(tmp_path / "unified" / name / "memory.max", f"{limit_mib << 20}\n")
        folder = tmp_path / "unified" / name
        (folder / "memory.current").write_text(f"{used_mib << 20}\n")
        (folder / "memory.stat").write_text("inactive_file 0\n")
    (tmp_path / "unified/memory.max").write_text("max\n")
    kernel(group=V2, mounts=MOUNT_V2.format(root="/"))
    assert memory_room(5) == (4, 1)


def test_a_process_that_is_gone_has_no_group() -> None:
    assert oom_counter_file(2**22 + 1) == ""


def test_a_counter_that_went_away_is_unknown(tmp_path: Path) -> None:
    assert oom_kills(str(tmp_path / "memory.events")) is None


def test_the_host_counts_too() -> None:
    text = Path("/proc/vmstat").read_text()
    assert (host_oom_kills() is not None) == ("\noom_kill " in text)
