"""What a fault may be aimed at: nothing protected, nothing that is not there, only own files."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_home import LiveHome, home_of_its_own

from fnr.api.chaos_requests import InjectFault, InjectReport, ListDrills
from fnr.api.errors import Failed, Refused

TOML = """
[chaos]
enabled = true
protect = ["precious*"]
stop_load = 1000.0
[functions.precious]
python = "fnr.worker.canary:canary"
workers = { min = 1, max = 1 }
[functions.choosy]
command = ["true", "{name}"]
input = { name = "str" }
"""


@pytest.fixture(scope="module")
def home() -> Iterator[LiveHome]:
    with home_of_its_own(TOML) as made:
        yield made


def inject(home: LiveHome, fault: str, *, dry_run: bool = True, **options: str) -> InjectReport:
    request = InjectFault(
        fault=fault, options=options, duration_ms=20_000, reason="a test", dry_run=dry_run
    )
    report: InjectReport = home.ask(request)
    return report


@pytest.mark.parametrize(
    ("function", "why"),
    [("precious", "protect keeps precious"), ("nobody", "there is no function 'nobody'")],
)
def test_a_flood_of_what_is_protected_or_not_there_is_refused(
    home: LiveHome, function: str, why: str
) -> None:
    with pytest.raises(Refused, match="hit nothing") as found:
        inject(home, "queue-flood", function=function)
    assert why in found.value.why


def test_a_flood_that_its_function_refuses_is_told_of_and_over_at_once(home: LiveHome) -> None:
    with pytest.raises(Refused, match="was not injected") as found:
        inject(home, "queue-flood", dry_run=False, function="choosy")
    assert "name" in found.value.why
    assert home.ask(ListDrills()) == []
    over = home.ask(ListDrills(past=True))[0]
    assert (over.injection.fault, over.outcome.reverted) == ("queue-flood", True)


def test_a_service_without_a_proxy_says_how_to_put_one_in_front_of_it(home: LiveHome) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = str(nobody.getsockname()[1])
        with pytest.raises(Failed, match="was not injected") as found:
            inject(home, "service-500", dry_run=False, port=port)
    assert found.value.next_step == f"fnr chaos proxy --listen {port} --upstream 127.0.0.1:PORT"
    assert home.ask(ListDrills()) == []


def test_a_worker_that_is_protected_is_said_to_be_so(home: LiveHome) -> None:
    """ "no worker fits 'function:precious' now", with one there."""
    request = InjectFault(
        fault="worker-stop", where="function:precious", duration_ms=20_000, reason="a test"
    )
    with pytest.raises(Refused, match="hit nothing") as found:
        home.ask(request)
    assert found.value.why == "[chaos] protect keeps precious"


def test_what_spares_nobody_does_not_say_that_it_spares_somebody(home: LiveHome) -> None:
    assert inject(home, "store-locked").kept_out == []
    assert inject(home, "queue-flood", function="canary").kept_out == []


@pytest.mark.parametrize(
    ("fault", "path", "words"),
    [
        ("disk-full", "/tmp/../etc/new", "system"),
        ("disk-full", "/sbin/new", "system"),
        ("output-read-only", "/", "everybody"),
        ("output-read-only", "/tmp", "everybody"),
        ("disk-full", "{home}/state/fnr.db", "fnr's own"),
        ("disk-full", "{home}/fnr.toml", "fnr's own"),
        ("output-read-only", "{home}/state/chaos", "fnr's own"),
        ("output-read-only", "{home}/run", "fnr's own"),
    ],
)
def test_files_of_the_system_and_of_fnr_are_no_place_for_a_fault(
    home: LiveHome, fault: str, path: str, words: str
) -> None:
    Path(home.paths.chaos_dir).mkdir(exist_ok=True)
    with pytest.raises(Refused, match=words):
        inject(home, fault, path=path.format(home=home.folder))


def test_a_folder_whose_name_only_begins_like_one_of_the_system_is_a_place(home: LiveHome) -> None:
    (Path(home.folder) / "etc").mkdir(exist_ok=True)
    assert inject(home, "output-read-only", path=f"{home.folder}/etc").deeds
    # Its parent is there, and /libraries is not /lib.
    assert inject(home, "disk-full", path="/libraries").deeds


def test_a_plan_says_times_as_people_do(home: LiveHome) -> None:
    request = InjectFault(
        fault="error", where="function:canary", duration_ms=90_000, reason="a test", dry_run=True
    )
    deeds = "\n".join(home.ask(request).deeds)
    assert "each task once" in deeds
    assert "after 1m30s at most" in deeds
