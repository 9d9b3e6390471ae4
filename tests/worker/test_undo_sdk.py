"""What functions may record: checked before anything is written, bounded, and told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fake_daemon import FakeDaemon
from gates import Gate

import fnr
import fnr.testing
from fnr.api.undo_order import Hopeless, UndoOrder
from fnr.host.clock import Clock
from fnr.policy.undo import (
    DATA_BYTES_MAX,
    JOURNAL_BYTES_MAX,
    STEPS_MAX,
    Step,
    StepState,
    read_journal,
)
from fnr.worker import undo
from fnr.worker.command_template import InputError
from fnr.worker.declared_undo import read_steps, record_all
from fnr.worker.undo_http import http_delete
from fnr.worker.undo_journal import Journal

HERE = Path(__file__).parent
TOKEN = "A" * 26


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Callable[[], list[Step]]]:
    """Steps go to a folder of the test; reads what is there."""
    undo.set_journal(Journal(str(tmp_path), lambda: TOKEN, clock=Clock()))
    file = tmp_path / f"{TOKEN}.undo"
    yield lambda: read_journal(
        file.read_bytes() if file.exists() else b"", token=TOKEN, task_id="T", function="f",
        now_ms=1,
    )  # fmt: skip
    undo.set_journal(None)


def test_a_step_is_on_disk_when_its_call_returns(
    journal: Callable[[], list[Step]], tmp_path: Path
) -> None:
    fnr.undo.command(["rm", "x"])
    step = fnr.undo.call("pkg.mod:func", {"n": [1, "ü", None]})
    assert [one.kind for one in journal()] == ["command", "call"]
    step.done(etag="x")
    step.drop()
    [_, call] = journal()
    assert (call.data, call.receipt) == (
        {"function": "pkg.mod:func", "data": {"n": [1, "ü", None]}}, {"etag": "x"},
    )  # fmt: skip
    assert call.state is StepState.DROPPED


def test_a_path_is_kept_by_its_real_folder(
    journal: Callable[[], list[Step]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    monkeypatch.chdir(link)
    fnr.undo.remove_file("new")
    (real / "old").write_text("x")
    fnr.undo.remove_file(link / "old")
    new, old = journal()
    assert new.data == {"path": str(real / "new")}
    assert old.data["path"] == str(real / "old")
    assert len(old.data["before"]) == 4


BAD: list[Callable[[], Any]] = [
    lambda: fnr.undo.remove_file("a\0b"),
    lambda: fnr.undo.remove_file(""),
    lambda: fnr.undo.remove_file("/tmp/"),
    lambda: fnr.undo.remove_file(".."),
    lambda: fnr.undo.http_delete("ftp://host/x"),
    lambda: fnr.undo.http_delete("file:///etc/passwd"),
    lambda: fnr.undo.http_delete("http://host/x", headers_env={"A": 3}),  # type: ignore[dict-item]  # wrong on purpose
    lambda: fnr.undo.http_delete("http://host/x", headers_env=["A"]),  # type: ignore[arg-type]  # as above
    lambda: fnr.undo.http_delete("http://host/x", headers_env={"A": "Bearer s3cret"}),
    lambda: fnr.undo.command([]),
    lambda: fnr.undo.command("rm -f x"),
    lambda: fnr.undo.command(["a\0"]),
    lambda: fnr.undo.call("os.system"),
    lambda: fnr.undo.call("a:b", object()),
    lambda: fnr.undo.call("a:b", msgspec.Raw(b"no JSON")),
    lambda: fnr.undo.call("a:b", "x" * DATA_BYTES_MAX),
    lambda: fnr.undo.cancel_task(""),
    lambda: fnr.undo.record("pray", {}),
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_what_could_never_be_carried_out_is_refused_at_once(
    journal: Callable[[], list[Step]], bad: Callable[[], Any]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        bad()
    assert journal() == []


def test_steps_are_bounded(journal: Callable[[], list[Step]]) -> None:
    for _ in range(STEPS_MAX):
        fnr.undo.command(["true"])
    with pytest.raises(fnr.undo.UndoLimitError, match="200 undo steps"):
        fnr.undo.command(["true"])
    assert len(journal()) == STEPS_MAX


def test_a_declared_step_that_is_too_large_is_the_inputs_mistake(tmp_path: Path) -> None:
    """A call is given all of the input; an error of another kind would end the worker."""
    journal = Journal(str(tmp_path), lambda: TOKEN, clock=Clock())
    steps = read_steps([{"call": "undo_functions:note"}])
    with pytest.raises(InputError, match="undo call: its undo steps are more than"):
        record_all(journal, steps, {"text": "x" * JOURNAL_BYTES_MAX})
    record_all(journal, steps, {"text": "short"})


def test_folders_can_be_the_only_ones(tmp_path: Path) -> None:
    within = (str(tmp_path / "data"),)
    undo.set_journal(Journal(str(tmp_path), lambda: TOKEN, clock=Clock(), within=within))
    try:
        fnr.undo.remove_file(tmp_path / "data" / "x")
        for path in ("data", "data2/x", "x", "data/../x"):
            with pytest.raises(ValueError, match="is outside of"):
                fnr.undo.remove_file(f"{tmp_path}/{path}")
    finally:
        undo.set_journal(None)


def test_without_a_disk_to_write_to_the_function_does_not_go_on(tmp_path: Path) -> None:
    undo.set_journal(Journal(str(tmp_path / "gone"), lambda: TOKEN, clock=Clock()))
    try:
        with pytest.raises(FileNotFoundError):
            fnr.undo.command(["true"])
    finally:
        undo.set_journal(None)


def test_no_step_belongs_to_no_attempt(tmp_path: Path) -> None:
    undo.set_journal(Journal(str(tmp_path), lambda: "", clock=Clock()))
    try:
        with pytest.raises(RuntimeError, match="no attempt is running"):
            fnr.undo.command(["true"])
    finally:
        undo.set_journal(None)


def test_a_forked_copy_that_outlives_its_attempt_is_told_that_nothing_is_recorded(
    daemon: FakeDaemon, gate: Gate, tmp_path: Path
) -> None:
    """As a pool of processes does that is kept between attempts; nobody would read its step."""
    _, peer = daemon.serve(python="sample_functions:outlived_by_copy", cwd=str(HERE))
    with Gate(tmp_path / "note") as note:
        assert peer.result({"gate": str(gate), "note": str(note)}) is None
        gate.open()
        assert "no attempt is running" in note.wait()


def test_a_test_of_a_function_sees_its_steps() -> None:
    def function(path: str) -> None:
        fnr.undo.remove_file(path).done(made=True)

    outcome = fnr.testing.run(function, {"path": "/nowhere/x"})
    assert outcome.undo == (("remove_file", {"path": "/nowhere/x"}),)


def test_in_a_plain_script_it_says_once_that_nothing_is_recorded() -> None:
    script = "import fnr\nfnr.undo.command(['x']).done()\nfnr.undo.call('a:b').drop()\n"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.count("RuntimeWarning") == 1
    assert done.stderr.startswith("<string>:2:"), done.stderr
    assert "fnr.undo.command() records nothing here" in done.stderr


def test_a_secret_that_can_be_in_no_header_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read from a file, say, with the end of its line."""
    monkeypatch.setenv("UPLOAD_TOKEN", "k4tze-auf-dem-dach\n")
    data = {"url": "http://127.0.0.1:9/x", "headers_env": {"Authorization": "UPLOAD_TOKEN"}}
    order = UndoOrder(undo_id="T.001", kind="http_delete", data=data, parent_pid=os.getppid())
    with pytest.raises(Hopeless, match="UPLOAD_TOKEN") as caught:
        http_delete(order)
    assert "k4tze" not in str(caught.value)
