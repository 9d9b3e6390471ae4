"""The demo's object store: stores once whatever goes wrong, and goes wrong as its seed says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

import pytest

from fnr.cli.demo.faults import Fault, fault_of
from fnr.cli.demo.home import Home
from fnr.cli.demo.object_store import HOST, Objects
from fnr.cli.demo.processes import ObjectStore
from fnr.cli.stage.interruptions import Interruptions

SEED = 7


@contextmanager
def running(folder: Path, *, seed: int = SEED) -> Iterator[ObjectStore]:
    """A store in a process of its own."""
    home = Home(folder)
    for part in (home.objects, home.logs):
        part.mkdir(parents=True)
    store = ObjectStore(home, Interruptions(), seed=seed)
    try:
        store.start()
        yield store
    finally:
        store.stop()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    with running(tmp_path) as found:
        yield found


def put(store: ObjectStore, key: str, body: bytes = b"body", *, idempotency_key: str = "t1") -> str:
    """Put once; the status, or the name of what went wrong."""
    connection = HTTPConnection(HOST, store.port, timeout=30)
    try:
        headers = {"Idempotency-Key": idempotency_key}
        connection.request("PUT", f"/objects/{key}", body=body, headers=headers)
        answer = connection.getresponse()
        hint = answer.getheader("Retry-After")
        return f"{answer.status}" + (f" after {hint}" if hint else "")
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def key_that_meets(fault: Fault | None, *, then: Fault | None = None) -> str:
    """A key whose first request meets a fault and whose second meets another or none."""
    return next(
        key
        for number in range(100_000)
        if fault_of(SEED, f"/objects/{(key := f'open/{number}')}", 1) is fault
        and fault_of(SEED, f"/objects/{key}", 2) is then
    )


def test_the_same_seed_treats_the_same_requests_alike(tmp_path: Path) -> None:
    fates = []
    for name, seed in (("one", SEED), ("two", SEED), ("other", SEED + 1)):
        with running(tmp_path / name, seed=seed) as store:
            kinds = [Fault.SLOW, Fault.SHUT]  # these take time, and the next request with them
            keys = [
                key
                for number in range(60)
                if fault_of(seed, f"/objects/{(key := f'open/{number}')}", 1) not in kinds
            ]
            fates.append((keys, [put(store, key) for key in keys], store.ledger().faults))
    assert fates[0] == fates[1] != fates[2]
    assert {"201", "503 after 1", "ConnectionResetError"} <= set(fates[0][1])


@pytest.mark.parametrize(
    ("fault", "answer", "stored"),
    [
        (None, "201", True),
        (Fault.BUSY, "503 after 1", False),
        (Fault.FULL, "507", False),
        (Fault.RESET, "ConnectionResetError", False),
        (Fault.LOST, "ConnectionResetError", True),
        (Fault.SLOW, "201", True),
    ],
)
def test_a_put_that_is_tried_again_is_stored_once(
    store: ObjectStore, fault: Fault | None, answer: str, stored: bool
) -> None:
    key = key_that_meets(fault)
    assert put(store, key) == answer
    assert (key in store.ledger().objects) is stored

    assert put(store, key) == ("200" if stored else "201")
    found = store.ledger().objects[key]
    assert (len(found.versions), found.repeats) == (1, int(stored))
    assert found.sha256 == hashlib.sha256(b"body").hexdigest()
    assert store.read(key) == b"body"


def test_a_key_with_signs_of_its_own_is_read_under_its_name(store: ObjectStore) -> None:
    """As of a file called `a b{c}`: its key is the quoted name."""
    key = next(
        key
        for number in range(100)
        if fault_of(SEED, f"/objects/{(key := f'open/a%20b%7Bc%7D{number}')}", 1) is None
    )
    assert put(store, quote(key)) == "201"
    assert store.read(key) == b"body"


def test_a_shut_door_opens_again(store: ObjectStore) -> None:
    key = key_that_meets(Fault.SHUT)
    assert put(store, key) == "ConnectionResetError"
    tries = [put(store, key)]
    while tries[-1] != "201":
        tries.append(put(store, key))
    assert set(tries[:-1]) <= {"ConnectionRefusedError", "ConnectionResetError"}
    assert store.ledger().faults == {Fault.SHUT.value: 1}


def test_the_vault_is_shut_until_it_is_repaired(store: ObjectStore) -> None:
    fine, faulty = "vault/a.gz", key_that_meets(Fault.RESET)
    assert [put(store, fine), put(store, fine)] == ["403", "403"]
    store.repair()
    assert [put(store, fine), put(store, faulty)] == ["201", "201"]
    assert store.ledger().faults == {"403 from the vault": 2}


def test_requests_that_make_no_sense_are_refused(store: ObjectStore) -> None:
    assert put(store, "open/1", idempotency_key="") in {"400", "503 after 1"}
    assert put(store, "") == "404"
    assert store.ledger().objects == {}


def test_under_another_idempotency_key_an_object_is_stored_a_second_time(tmp_path: Path) -> None:
    objects = Objects(tmp_path)
    assert objects.put("a", b"x", idempotency_key="t1") == 201
    assert objects.put("a", b"x", idempotency_key="t1") == 200
    assert objects.put("a", b"y", idempotency_key="t1") == 409
    assert objects.put("a", b"x", idempotency_key="t2") == 201
    found = objects.ledger.objects["a"]
    assert (len(found.versions), found.repeats, objects.get("a")) == (2, 1, b"x")


def test_a_key_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    folder.mkdir()
    objects = Objects(folder)
    for key in ("../outside", "/etc/passwd", "a/../../b", "."):
        assert objects.put(key, b"x", idempotency_key=key) == 201
        assert objects.get(key) == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["objects"]
    assert len(list(folder.iterdir())) == 4
