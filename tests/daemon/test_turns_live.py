"""Who is given what is free when several functions wait for it: real daemons, a stand-in driver."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from live_home import LiveHome
from nvml_stub import Gpus, gpu, uuid
from test_conditions_live import wait_until_held
from test_gpus_live import allocations, on_gpu, result_of
from test_task_life import submit

from fnr.api import requests as ask
from fnr.host import disk
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]

SHARED = """
[functions.small]
command = ["sh", "-c", "read line < {gate}; echo $line"]
vram = "256MiB"
workers = 1
result = "stdout"
[functions.big]
command = ["sh", "-c", "read line < {gate}; echo $line"]
vram = "7900MiB"
result = "stdout"
"""


def test_a_large_task_is_first_although_small_ones_would_fit_beside_what_is_free(
    home_at: HomeAt, gpus: Gpus, tmp_path: Path
) -> None:
    """By what was declared both fit; of the rest somebody else has a part. It waited for ever."""
    gpus.say(gpu(0, free_mib=8000))
    home = home_at(SHARED)
    assert home.start(env=gpus.env), home.log()
    gates = [tmp_path / name for name in ("first", "second", "third")]
    for gate in gates:
        os.mkfifo(gate)
    first, second, third = gates
    small = [submit(home, "small", {"gate": str(first)})]
    # It has begun: as long as the GPU was not read, the large one would be the first of all.
    with first.open("w") as opened:
        small.append(submit(home, "small", {"gate": str(third)}))
        big = submit(home, "big", {"gate": str(second)}, priority=9)
        assert "the most free is 7744MiB" in wait_until_held(home, "big")["big"]
        opened.write("1\n")
    assert result_of(home, small[0]) == "1\n"
    second.write_text("2\n")
    assert result_of(home, big) == "2\n"
    third.write_text("3\n")
    assert result_of(home, small[1]) == "3\n"
    starts = [
        home.ask(ask.GetTask(task_id=one)).attempts[0].started_at_ms for one in (big, small[1])
    ]
    assert starts == sorted(starts)


def test_an_idle_worker_that_uses_more_than_it_said_makes_room(home_at: HomeAt, gpus: Gpus) -> None:
    """By what was declared both fit, so nobody asked it to; the other function never started."""
    gpus.say(gpu(0))
    keep, need = on_gpu("keep", "visible_gpus", 'vram = "4GiB"'), 'vram = "3GiB"'
    home = home_at(
        keep + on_gpu("need", "visible_gpus", f"{need}\nworkers = {{ min = 0, max = 1 }}")
    )
    assert home.start(env=gpus.env), home.log()
    assert result_of(home, submit(home, "keep")) == uuid(0)
    home.end()
    with sqlite3.connect(home.paths.store_file) as store:
        # Long enough ago that what it uses is what the reading does not call free.
        store.execute("UPDATE allocation SET since_at_ms = since_at_ms - 60000")
    store.close()
    gpus.say(gpu(0, free_mib=2000))
    assert home.start(env=gpus.env), home.log()
    task_id = submit(home, "need")
    while allocations(home):
        assert home.ask(ask.GetTask(task_id=task_id)).task.state is TaskState.QUEUED
    gpus.say(gpu(0))
    assert result_of(home, task_id) == uuid(0)


def test_who_can_use_only_a_large_gpu_keeps_nobody_from_a_small_one(
    home_at: HomeAt, gpus: Gpus, tmp_path: Path
) -> None:
    """It stood idle for as long as the large one was taken."""
    gpus.say(gpu(0, total_mib=24576, free_mib=24000), gpu(1))
    home = home_at(
        SHARED.replace('"7900MiB"', '"20GiB"\nworkers = 2')
        + on_gpu("keep", "visible_gpus", 'vram = "4GiB"')
        + on_gpu("need", "visible_gpus", 'vram = "6GiB"\nworkers = { min = 0, max = 1 }')
    )
    assert home.start(env=gpus.env), home.log()
    gates = [tmp_path / name for name in ("first", "second")]
    for gate in gates:
        os.mkfifo(gate)
    first, second = (submit(home, "big", {"gate": str(gate)}, priority=9) for gate in gates)
    wait_until_held(home, "big")
    assert result_of(home, submit(home, "small", {"gate": "/dev/null"})) == "\n"
    assert result_of(home, submit(home, "keep")) == uuid(1)
    assert result_of(home, submit(home, "need")) == uuid(1)
    for gate, task_id in zip(gates, (first, second), strict=True):
        gate.write_text("go\n")
        assert result_of(home, task_id) == "go\n"


def test_who_waits_for_room_on_one_disk_keeps_nobody_from_another(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """`waits for the same, and is first`, it said of another file system."""
    if disk.mount_of("/dev/shm") == disk.mount_of(str(tmp_path)):
        pytest.skip("there is one file system only")
    most_mib, _ = disk.room_mib("/dev/shm")
    home = home_at(
        f"""
[functions.large]
command = ["sh", "-c", "read line < {{gate}}; echo $line"]
disk = "/dev/shm:{most_mib * 3 // 4}MiB"
workers = 2
result = "stdout"
[functions.small]
command = ["true"]
disk = "{tmp_path}:1MiB"
"""
    ).up()
    gates = [tmp_path / name for name in ("first", "second")]
    for gate in gates:
        os.mkfifo(gate)
    large = [submit(home, "large", {"gate": str(gate)}, priority=9) for gate in gates]
    wait_until_held(home, "large")
    assert result_of(home, submit(home, "small"))["exit_code"] == 0
    for gate, task_id in zip(gates, large, strict=True):
        gate.write_text("go\n")
        assert result_of(home, task_id) == "go\n"
