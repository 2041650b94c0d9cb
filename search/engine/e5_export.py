"""Builds the encoder's folder from the installed weights, once, without network and without torch.

The folder is written aside and swapped in whole: a build that is killed, or fails, leaves the old one serving.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.engine.e5_graph import build_graph
from search.engine.e5_weights import (
    SOURCE_FILE,
    SOURCE_SHA256,
    Weights,
    bert_model,
    build_tokenizer,
    load_weights,
)
from search.engine.encoder import BUILT_MODEL
from search.engine.onnx_encoder import (
    MANIFEST,
    MAX_TOKENS,
    MODEL,
    PROMPT,
    RECIPE,
    TOKENIZER,
    BuiltModelError,
    check_folder,
    file_entry,
)
from search.engine.tuning.delta import load_factors, tuned

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Progress = Callable[[str, float], None]

_STAGED = f".{BUILT_MODEL}.staged-"
_RETIRED = f".{BUILT_MODEL}.retired"
_LOCK = f".{BUILT_MODEL}.lock"
_MEGABYTES = 120


class BuildError(RuntimeError):
    """The model could not be built, and the folder is as it was: mend what the message names and build again."""


def build(models_dir: Path, *, progress: Progress | None = None, force: bool = False) -> Path:
    """Builds `models_dir`/e5-small-int8 and returns it; at once if it is there and intact, unless `force`.

    `progress` is told each step's name and the share done before it, 0 to 1. A second build waits for the first.
    Raises BuildError (no room, no permission, …) and WeightsError (the source is missing or not the right one).
    """
    folder = models_dir / BUILT_MODEL
    if not force and is_intact(folder):
        return folder
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with _locked(models_dir):
            _clear_leftovers(models_dir)
            if force or not is_intact(folder):
                _build_aside(folder, progress or _silent)
    except OSError as exc:
        raise BuildError(_explained(exc, models_dir)) from exc
    return folder


def is_intact(folder: Path) -> bool:
    """Whether the folder holds the model that this code would build, undamaged."""
    try:
        check_folder(folder)
    except BuiltModelError:
        return False
    return True


def build_reference(*, threads: int = 1) -> SentenceTransformer:
    """The same weights in torch, float32, through sentence-transformers: what the built model is compared with.

    `threads` is set for the calling thread. Raises WeightsError.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    torch.set_num_threads(threads)
    weights = tuned(load_weights(), load_factors())
    with tempfile.TemporaryDirectory() as folder:
        _save_for_transformers(weights, folder)
        transformer = Transformer(folder, max_seq_length=MAX_TOKENS)
    modules = [transformer, Pooling(weights.dimensions.hidden, "mean"), Normalize()]
    prompts = {"query": PROMPT, "document": PROMPT}
    return SentenceTransformer(modules=modules, device="cpu", prompts=prompts, default_prompt_name="query")


def _save_for_transformers(weights: Weights, folder: str) -> None:
    from transformers import PreTrainedTokenizerFast

    bert_model(weights).save_pretrained(folder)
    tokenizer = build_tokenizer(weights.pieces, max_tokens=MAX_TOKENS)
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    inputs = ["input_ids", "attention_mask"]
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **names)
    wrapped.save_pretrained(folder)


def _build_aside(folder: Path, progress: Progress) -> None:
    staged = Path(tempfile.mkdtemp(prefix=_STAGED, dir=folder.parent))
    try:
        _write_model(staged, progress)
        staged.chmod(0o755)  # mkdtemp makes it private, but another user may run the server
        progress("swap in", 0.95)
        _swap(staged, folder)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    progress("done", 1.0)


def _write_model(staged: Path, progress: Progress) -> None:
    progress("read the weights", 0.0)
    weights = tuned(load_weights(), load_factors())
    progress("write the tokenizer", 0.2)
    tokenizer = build_tokenizer(weights.pieces, max_tokens=MAX_TOKENS)
    _write(staged / TOKENIZER, tokenizer.to_str().encode())
    progress("write the graph", 0.5)
    _write(staged / MODEL, build_graph(weights).SerializeToString())
    progress("write the manifest", 0.9)
    for name, content in _descriptions().items():
        _write_json(staged / name, content)
    _write_json(staged / MANIFEST, _manifest(staged))
    _sync(staged)


def _manifest(staged: Path) -> dict[str, Any]:
    files = {name: file_entry(staged / name) for name in (MODEL, TOKENIZER)}
    source = {"file": SOURCE_FILE, "sha256": SOURCE_SHA256, "licence": "MIT"}
    return {"recipe": RECIPE, "source": source, "files": files}


def _descriptions() -> dict[str, Any]:
    """What `SentenceTransformer(folder, trust_remote_code=True)` reads."""
    module = {"idx": 0, "name": "0", "path": "", "type": "search.engine.onnx_module.OnnxModule"}
    prompts = {"query": PROMPT, "document": PROMPT}
    config = {"model_type": "SentenceTransformer", "prompts": prompts, "default_prompt_name": "query"}
    return {"modules.json": [module], "config_sentence_transformers.json": config}


def _write_json(path: Path, content: object) -> None:
    _write(path, json.dumps(content, indent=2).encode())


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(staged: Path, folder: Path) -> None:
    """A folder that is not empty cannot be renamed over, so the old one steps aside, and back if the new one fails."""
    retired = folder.with_name(_RETIRED)
    if folder.exists():
        folder.rename(retired)
    try:
        staged.rename(folder)
    except OSError:
        if retired.exists():
            retired.rename(folder)
        raise
    _sync(folder.parent)
    shutil.rmtree(retired, ignore_errors=True)


def _clear_leftovers(models_dir: Path) -> None:
    """What a killed build left: half a folder goes, an old one that had stepped aside comes back."""
    retired, folder = models_dir / _RETIRED, models_dir / BUILT_MODEL
    if retired.exists() and not folder.exists():
        retired.rename(folder)
    for path in (retired, *models_dir.glob(f"{_STAGED}*")):
        if path.exists():
            shutil.rmtree(path)


@contextmanager
def _locked(models_dir: Path) -> Iterator[None]:
    """Held by the process that builds; the system drops it if that process dies."""
    with (models_dir / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _explained(exc: OSError, models_dir: Path) -> str:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no room in {models_dir}: the model needs {_MEGABYTES} MB"
    return f"the model cannot be written to {models_dir}: {exc}"


def _silent(step: str, share: float) -> None:
    """Nobody watches."""
