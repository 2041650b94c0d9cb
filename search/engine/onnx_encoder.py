"""The built model: tokenizers and onnxruntime, without torch.

The folder is checked against its manifest before it is used. A text's vector never hangs on what is encoded with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from search.engine.e5_weights import SOURCE_SHA256
from search.engine.tuning.delta import fingerprint

MANIFEST, MODEL, TOKENIZER = "manifest.json", "model.onnx", "tokenizer.json"

# The model was trained with a prefix; questions meet questions here, so both sides take the same one.
PROMPT = "query: "

# A customer's question is 10 to 30 tokens (3 ms), and 128 (18 ms) hold some 180 Chinese characters; what is asked
# stands at the front. More would only make the longest texts slow: attention grows with the square of the tokens.
MAX_TOKENS = 128

_CPUINFO = Path("/proc/cpuinfo")

# Raise it with every change of the graph or the tokenizer that changes a vector.
GRAPH_VERSION = 1

RECIPE = (
    f"multilingual-e5-small;weights={SOURCE_SHA256[:16]};tuned={fingerprint()};int8-v{GRAPH_VERSION};"
    f"prompt={PROMPT};tokens={MAX_TOKENS}"
)


class BuiltModelError(RuntimeError):
    """The built model is missing, damaged or out of date: build it again."""


class OnnxEncoder:
    """The built model in one folder; an `Encoder`. Safe to call from several threads, which then run side by side."""

    recipe = RECIPE

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Loads the folder. Raises BuiltModelError if it is missing, damaged, truncated or of another recipe."""
        check_folder(folder)
        self.folder = folder
        try:
            self.tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            self._session = _session(folder / MODEL, threads)
        except Exception as exc:  # both libraries raise bare Exceptions of their own
            raise BuiltModelError(f"{folder} cannot be loaded ({exc})") from exc
        self.dimension: int = self._session.get_outputs()[0].shape[1]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Row i is the vector of texts[i], shape (n, dimension), each of length 1."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self.encode_ids(self.tokenizer.encode(PROMPT + text).ids)
        return vectors

    def encode_ids(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """The vector of one text's token ids, `<s>` and `</s>` included, shape (dimension,)."""
        tokens = np.array([ids], np.int64)
        return np.asarray(self._session.run(None, {"input_ids": tokens})[0][0], np.float32)


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # A waiting worker must not burn the core that answers the next request.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without VNNI, x86 adds u8 x s8 products up in 16 bits and may saturate; u8 x u8 is exact, but slower (6.4 ms).
    if _saturates(_CPUINFO):
        options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _saturates(cpuinfo: Path) -> bool:
    """Whether this is an x86 processor without VNNI, by Linux's list of its flags; no where there is no such list."""
    try:
        flags = set(cpuinfo.read_text().split())
    except OSError:
        return False
    return "avx2" in flags and not flags & {"avx512_vnni", "avx_vnni"}


def check_folder(folder: Path) -> None:
    """Compares the folder with its manifest: recipe, sizes, checksums. Raises BuiltModelError, saying what is wrong.

    The checksums are taken at every load: all of it is read anyway, and they cost 0.1 s of the 1.5.
    """
    manifest = _manifest(folder)
    if manifest.get("recipe") != RECIPE:
        raise BuiltModelError(f"{folder} was built by another version of this code ({manifest.get('recipe')!r})")
    for name in (MODEL, TOKENIZER):
        _check_file(folder / name, manifest["files"].get(name, {}))


def file_entry(path: Path) -> dict[str, int | str]:
    """What the manifest says of a file: its size in bytes and its sha256. Raises OSError."""
    with path.open("rb") as file:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError as exc:
        raise BuiltModelError(f"{folder} holds no built model") from exc
    except (OSError, ValueError) as exc:
        raise BuiltModelError(f"{folder / MANIFEST} cannot be read ({exc})") from exc
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BuiltModelError(f"{folder / MANIFEST} is not a manifest")
    return manifest


def _check_file(path: Path, expected: Mapping[str, object]) -> None:
    try:
        if path.stat().st_size != expected.get("size"):
            raise BuiltModelError(f"{path} has {path.stat().st_size} bytes, not {expected.get('size')}")
        if file_entry(path)["sha256"] != expected.get("sha256"):
            raise BuiltModelError(f"{path} is damaged: its checksum is wrong")
    except OSError as exc:
        raise BuiltModelError(f"{path} cannot be read ({exc.strerror})") from exc
