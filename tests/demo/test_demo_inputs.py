"""The demo's inputs: real files, the same for the same seed, and troubles that are real."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from fnr.api.errors import BadData
from fnr.cli.demo.inputs import FILE_BYTES_MAX, Sources, copy_sources, standard_library, troubles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    for number in range(30):
        file = root / f"pkg{number % 3}" / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"line\n" * number)
    return root


def copied(folder: Path | None, target: Path, *, seed: int = 1, files_max: int = 10) -> Sources:
    target.mkdir()
    return copy_sources(folder, target, seed=seed, files_max=files_max)


def test_a_seed_chooses_the_same_files_again_and_another_seed_others(
    folder: Path, tmp_path: Path
) -> None:
    one, two, other = (
        [file.key for file in copied(folder, tmp_path / name, seed=seed).files]
        for name, seed in (("one", 1), ("two", 1), ("other", 2))
    )
    assert one == two
    assert len(one) == len(set(one)) == 10
    assert set(one) != set(other)


def test_what_is_said_of_a_copy_is_true(folder: Path, tmp_path: Path) -> None:
    sources = copied(folder, tmp_path / "out", files_max=100)
    assert (len(sources.files), sources.found, sources.left_out) == (30, 30, 0)
    for file in sources.files:
        body = Path(file.path).read_bytes()
        assert file.sha256 == hashlib.sha256(body).hexdigest()
        assert (file.size_bytes, file.lines) == (len(body), body.count(b"\n"))


def test_at_least_one_file_belongs_into_the_vault(folder: Path, tmp_path: Path) -> None:
    for seed in range(5):
        files = copied(folder, tmp_path / str(seed), seed=seed, files_max=1).files
        assert [file.key.partition("/")[0] for file in files] == ["vault"]


def test_links_are_left_and_odd_names_become_plain_ones(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "link").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff \n{x}")).write_bytes(b"odd")
    [file] = copied(root, tmp_path / "out").files
    assert file.key.isascii()
    assert file.key.isprintable()
    assert Path(file.path).read_bytes() == b"odd"


@pytest.mark.parametrize(
    "name",
    [
        "n" * 255,
        "n" * 252,
        "\N{CJK UNIFIED IDEOGRAPH-5B66}" * 60,
        "/".join(["d" * 200] * 10) + "/x",
        "/".join(["\N{CJK UNIFIED IDEOGRAPH-5B66}" * 30] * 14) + "/x",
    ],
)
def test_a_file_whose_name_is_nearly_too_long_is_worked_on_too(tmp_path: Path, name: str) -> None:
    """The demo blamed fnr, or left it out, as soon as .gz or percent signs made it too long."""
    root = tmp_path / "in"
    file = root / name
    file.parent.mkdir(parents=True)
    for where in (file, file.parent / "b"):
        where.write_text("here")
    files = copied(root, tmp_path / "out").files
    assert len(files) == len({file.key for file in files}) == 2
    for source in files:
        assert Path(source.path).read_text() == "here"
        Path(source.path + ".gz").write_text("there is room behind it")


def test_what_a_file_is_compressed_to_is_in_no_other_files_place(tmp_path: Path) -> None:
    """`a` beside `a.gz` was compressed over it, and the demo blamed fnr."""
    root = tmp_path / "in"
    (root / "b.gz").mkdir(parents=True)
    for name in ("a", "a.gz", "a.gz.gz", "b", "b.gz/c"):
        (root / name).write_text(name)
    files = copied(root, tmp_path / "out").files
    assert len(files) == len({file.key for file in files}) == 5
    assert not [file.path for file in files if Path(f"{file.path}.gz").exists()]


def test_what_cannot_be_looked_at_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Method: a path too long for the kernel, because root may enter every folder."""
    root = tmp_path / "in"
    root.mkdir()
    (root / "plain").write_text("plain")
    monkeypatch.chdir(root)
    while len(os.fsencode(root)) < 3_900:
        root /= "d" * 100
        Path("d" * 100).mkdir()
        os.chdir("d" * 100)
    Path("f" * 250).write_text("too far")
    assert copied(tmp_path / "in", tmp_path / "out").found == 1


def test_the_standard_library_comes_without_its_tests_and_without_packages(tmp_path: Path) -> None:
    sources = copied(None, tmp_path / "out", files_max=5)
    assert (len(sources.files), sources.folder) == (5, str(standard_library()))
    assert all(file.key.endswith(".py.gz") for file in sources.files)
    every_py = sum(1 for _ in standard_library().rglob("*.py"))
    assert 100 < sources.found < every_py


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in" / "empty").mkdir(parents=True)
    with pytest.raises(BadData):
        copied(tmp_path / "in", tmp_path / "out")


def test_a_folder_whose_files_are_all_too_large_is_refused_with_the_reason(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    with (root / "large").open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 1)
    with pytest.raises(BadData) as refused:
        copied(root, tmp_path / "out")
    assert refused.value.why == "1 file, too large (over 16 MiB) or not to be read"


def test_the_troubles_are_what_they_are_called(folder: Path, tmp_path: Path) -> None:
    [source] = copied(folder, tmp_path / "out", files_max=1).files
    found = {trouble.name: trouble for trouble in troubles(tmp_path / "trouble", source)}
    assert not Path(str(found["missing file"].input["path"])).exists()
    assert Path(str(found["a folder, not a file"].input["path"])).is_dir()
    with pytest.raises(EOFError):
        gzip.decompress(Path(str(found["truncated .gz"].input["path"])).read_bytes())
    assert [name for name, trouble in found.items() if trouble.comes_home] == [
        "SIGKILL before the restart",
        "SIGKILL after the restart",
    ]
