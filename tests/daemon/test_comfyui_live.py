"""ComfyUI workflows in a running daemon: done, taken back, and not rendered twice."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from breaker_news import BreakerNews
from fake_comfyui import GRAPH, OUT_OF_MEMORY, FakeComfyui
from live_home import LiveHome
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


@pytest.fixture
def server() -> Iterator[FakeComfyui]:
    with FakeComfyui(at_once=False) as fake:
        yield fake


@pytest.fixture
def cats(home_at: HomeAt, server: FakeComfyui, tmp_path: Path) -> Callable[..., LiveHome]:
    def make(extra: str = "") -> LiveHome:
        workflow = tmp_path / "cat.json"
        workflow.write_text(json.dumps(GRAPH))
        return home_at(f"""
[functions.cat]
comfyui = "comfyui"
url = "{server.url}"
workflow = "{workflow}"
nodes = {{ "6.text" = "prompt" }}
input = {{ prompt = "str" }}
save_to = "{tmp_path}/renders"
retry.delay = "1ms"
retry.delay_max = "2ms"
{extra}
""").up()

    return make


def queued(server: FakeComfyui, count: int = 1) -> list[str]:
    """Ids of the prompts that came, once so many have."""
    server.wait_for(lambda: len(server.queued) >= count and bool(server.waiting))
    return [one["prompt_id"] for one in server.queued]


def worker_of(home: LiveHome) -> int:
    [worker] = home.ask(ask.ListWorkers())
    pid: int = worker.pid
    return pid


def attempts(home: LiveHome, task_id: str) -> Any:
    return home.ask(ask.GetTask(task_id=task_id)).attempts


def test_a_workflow_is_rendered_and_saved(
    cats: Callable[..., LiveHome], server: FakeComfyui, tmp_path: Path
) -> None:
    home = cats()
    task_id = submit(home, "cat", {"prompt": "a dog"})
    [prompt_id] = queued(server)
    server.end(prompt_id)
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DONE, end
    assert server.queued[0]["prompt"]["6"]["inputs"]["text"] == "a dog"
    saved = msgspec.json.decode(end.result)["saved"]
    assert saved == [f"{tmp_path}/renders/{task_id}/{name}" for name in ("a.png", "2-a.png")]
    shown = home.fnr("config", "show")
    assert shown.returncode == 0
    assert f'url = "{server.url}"' in shown.stdout
    assert 'nodes = { "6.text" = "prompt" }' in shown.stdout


def test_a_cancelled_task_leaves_no_prompt(
    cats: Callable[..., LiveHome], server: FakeComfyui
) -> None:
    home = cats()
    task_id = submit(home, "cat", {"prompt": "x"})
    [prompt_id] = queued(server)
    home.ask(ask.CancelTasks(task_ids=[task_id], reason="changed my mind"))
    assert end_of(home, task_id).task.state is TaskState.CANCELLED
    server.wait_for(lambda: prompt_id in server.cancelled)
    assert not server.waiting


def test_a_worker_that_was_killed_does_not_render_twice(
    cats: Callable[..., LiveHome], server: FakeComfyui
) -> None:
    home = cats()
    task_id = submit(home, "cat", {"prompt": "x"})
    [prompt_id] = queued(server)
    pid = worker_of(home)
    home.kill()
    os.kill(pid, signal.SIGKILL)
    home.up()
    server.end(prompt_id)
    end = end_of(home, task_id)
    assert (end.task.state, len(attempts(home, task_id))) == (TaskState.DONE, 2)
    assert msgspec.json.decode(end.result)["prompt_id"] == prompt_id
    assert len(server.queued) == 1
    assert home.end() == 0
    assert home.fnr("db", "check").returncode == 0


def test_a_task_that_ends_for_good_takes_its_prompt_back(
    cats: Callable[..., LiveHome], server: FakeComfyui
) -> None:
    """Method: its worker is killed, and the task dies with it."""
    home = cats("retry.deaths_max = 1")
    task_id = submit(home, "cat", {"prompt": "x"})
    [prompt_id] = queued(server)
    os.kill(worker_of(home), signal.SIGKILL)
    assert end_of(home, task_id).task.state is TaskState.DEAD
    server.wait_for(lambda: prompt_id in server.cancelled)
    assert not server.waiting


def test_a_prompt_that_takes_too_long_is_taken_back(
    cats: Callable[..., LiveHome], server: FakeComfyui
) -> None:
    home = cats('timeout = "500ms"\nretry.max = 0')
    task_id = submit(home, "cat", {"prompt": "x"})
    end = end_of(home, task_id)
    assert (end.task.state, end.category) == (TaskState.DEAD, "transient")
    server.wait_for(lambda: bool(server.cancelled))
    assert not server.waiting


def test_a_server_that_is_gone_opens_the_breaker_and_parks_the_rest(
    cats: Callable[..., LiveHome], server: FakeComfyui
) -> None:
    home = cats("retry.per_window = 1000\nretry.max = 10")
    server.close()
    task_ids: list[str] = []
    BreakerNews(home).until(
        "comfyui open", act=lambda: task_ids.append(submit(home, "cat", {"prompt": "x"}))
    )
    parked = home.ask(ask.GetTask(task_id=task_ids[0])).task
    assert parked.state in {TaskState.WAITING, TaskState.QUEUED}


def test_out_of_memory_there_waits_as_it_would_here(
    cats: Callable[..., LiveHome], server: FakeComfyui
) -> None:
    server.at_once, server.failure = True, OUT_OF_MEMORY
    home = cats("retry.waits_max = 0")
    end = end_of(home, submit(home, "cat", {"prompt": "x"}))
    assert (end.task.state, end.category) == (TaskState.DEAD, "resource")
    assert "node 3 (KSampler) failed: CUDA out of memory" in end.message
