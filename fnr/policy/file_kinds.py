"""What a file is for, by its name and place: settings, code, a model, or what a task works on.

An error's wording often leaves open whose mistake it is; "mapping values are not allowed" in
/etc/worker/config.yaml is the administrator's, in upload/scene.yaml the submitter's.
"""

from __future__ import annotations

import re

_SETTINGS = ("yaml", "yml", "toml", "ini", "cfg", "conf", "cnf", "env", "properties")
_CODE = (
    "py", "pyc", "js", "mjs", "cjs", "ts", "tsx", "jsx", "so", "dll", "jar", "go", "rs", "c", "cc",
    "cpp", "h", "hpp", "java", "rb", "php", "pl", "pm", "lua", "sh",
)  # fmt: skip
_MODELS = (
    "pt", "pth", "ckpt", "safetensors", "onnx", "gguf", "ggml", "bin", "pkl", "joblib", "h5",
    "tflite", "engine", "pb", "npz", "model",
)  # fmt: skip
_INPUTS = (
    "png", "jpg", "jpeg", "gif", "webp", "tif", "tiff", "bmp", "svg", "psd", "exr", "hdr", "mp4",
    "mov", "mkv", "avi", "webm", "wav", "mp3", "flac", "ogg", "csv", "tsv", "parquet", "xml",
    "html", "pdf", "docx", "xlsx", "pptx", "md", "rst", "txt", "zip", "tar", "gz", "xz", "7z",
    "blend", "obj", "fbx", "glb", "gltf", "stl", "ply", "usd", "fasta", "fastq", "vcf", "bam",
    "jsonl", "json",
)  # fmt: skip
# Endings that say what a file is for.
ENDINGS = (*_SETTINGS, *_CODE, *_MODELS, *_INPUTS)


def _ends(endings: tuple[str, ...]) -> str:
    return rf"\.(?:{'|'.join(endings)})$"


def _stands_in(*folders: str) -> str:
    return rf"(?:^|/)(?:{'|'.join(folders)})/"


# In the order in which they count: a settings file among inputs is still a settings file.
_KINDS = tuple(
    (kind, re.compile("|".join(signs)))
    for kind, signs in (
        (
            "settings",
            (
                _ends(_SETTINGS),
                _stands_in("etc", r"\.?conf", r"\.?config", "configs", r"\.?settings"),
                r"(?:^|/)(?:conf|config|settings)\.",
                r"(?:^|/)(?:package|tsconfig|composer|package-lock)\.json$",
                r"(?:^|/)dockerfile|makefile$|requirements\S*\.txt$|cmakelists\.txt$",
            ),
        ),
        ("code", (_ends(_CODE), _stands_in("site-packages", "dist-packages", "node_modules"))),
        ("model", (_ends(_MODELS), _stands_in("models?", "weights", "checkpoints?", "loras?"))),
        (
            "input",
            (_ends(_INPUTS), _stands_in("in", "inputs?", "uploads?", "incoming", "datasets?")),
        ),
    )
)


def kind_of_file(path: str) -> str:
    """ "settings", "code", "model" or "input"; "" where neither name nor place tells."""
    path = path.lower().replace("\\", "/")
    return next((kind for kind, signs in _KINDS if signs.search(path)), "")
