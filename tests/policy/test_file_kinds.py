"""Whose file it is tells whose mistake it is."""

from __future__ import annotations

import pytest

from fnr.policy.file_kinds import kind_of_file
from fnr.policy.text_features import words_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc/worker/limits", "settings"),
        ("conf/farm.xml", "settings"),
        ("in/scene.yaml", "settings"),
        ("package.json", "settings"),
        ("upload_771.json", "input"),
        ("/srv/job/in/urls", "input"),
        ("C:\\work\\in\\a.PNG", "input"),
        ("/usr/lib/python3/dist-packages/x/y", "code"),
        ("handler.mjs", "code"),
        ("models/sd/unet.safetensors", "model"),
        ("/data/job-17/out", ""),
        ("example.com", ""),
    ],
)
def test_a_file_is(path: str, kind: str) -> None:
    assert kind_of_file(path) == kind


def test_the_wording_has_the_kind_in_place_of_the_name() -> None:
    assert words_of("bad mapping in worker.yaml, not upload_771.jpg of /data/x/y") == [
        "bad", "mapping", "in", "<settings>", "not", "<input>", "of", "<path>",
    ]  # fmt: skip
    assert words_of("os.path v1.2.3 of example.com") == [
        "os", "path", "v", "<number>", "of", "example", "com",
    ]  # fmt: skip
