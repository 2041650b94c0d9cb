"""From text to unit vectors: the border, the fake that ships with it, the adapter for any sentence-transformers model.

`load_encoder` is the only way in: one name, one encoder, or EncoderUnavailable. Importing this module imports neither
torch nor onnxruntime, and the built model never needs torch: importing sentence-transformers alone takes 9 s.
"""

from __future__ import annotations

import hashlib
import threading
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BUILT_MODEL = "e5-small-int8"
HASH_MODEL = "hash"

_REMEDY = "run `manage.py prepare_encoder`"
_MODEL_FILES = frozenset({".json", ".safetensors", ".bin", ".onnx", ".model", ".txt", ".py"})


class EncoderUnavailable(RuntimeError):
    """There are no vectors at the moment: answer lexically, and say that the answer is degraded."""


class Encoder(Protocol):
    """Turns texts into unit vectors; may be called from several threads at once."""

    @property
    def recipe(self) -> str:
        """Everything that changes a vector: model, checksum of its weights, precision, prefix, most tokens."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Row i is the vector of texts[i]: shape (n, dimension), each of length 1; no text, no row."""


class HashEncoder:
    """A real fake: hashed 1- to 3-grams of characters. The same everywhere, and alike strings get alike vectors."""

    def __init__(self, dimension: int = 256) -> None:
        if dimension < 1:
            raise ValueError(f"dimension must be at least 1, not {dimension}")
        self.dimension = dimension

    @property
    def recipe(self) -> str:
        return f"hash:v1;grams=1-3;dimension={self.dimension}"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            self._fill(vector, text)
        return vectors

    def _fill(self, vector: NDArray[np.float32], text: str) -> None:
        for gram in _grams(unicodedata.normalize("NFKC", text).casefold()):
            code = zlib.crc32(gram.encode("utf-8", "surrogatepass"))
            # The sign comes from another bit than the place, so that collisions cancel instead of adding up.
            vector[code % self.dimension] += 1.0 if code >> 31 else -1.0
        length = float(np.linalg.norm(vector))
        if length:
            vector /= length
        else:
            vector[0] = 1.0


def _grams(text: str) -> Iterator[str]:
    for size in (1, 2, 3):
        for start in range(len(text) - size + 1):
            yield text[start : start + size]


class SentenceTransformerEncoder:
    """Any sentence-transformers model, one call at a time."""

    def __init__(self, model: SentenceTransformer, *, recipe: str, prompt: str = "", threads: int = 1) -> None:
        dimension = model.get_embedding_dimension()
        if dimension is None:
            raise ValueError("the model does not say how long its vectors are")
        self.dimension = dimension
        self.recipe = recipe
        self._model = model
        self._prompt = prompt
        self._threads = threads
        # The fast tokenizers set truncation and padding at every call: two threads at once get "Already borrowed".
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        import torch

        with self._lock:
            # Torch keeps this number by calling thread, so it is set here and not once at the start.
            torch.set_num_threads(self._threads)
            vectors = self._model.encode(
                list(texts), prompt=self._prompt, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)


def load_encoder(name: str, *, models_dir: Path, threads: int = 1, download: bool = False) -> Encoder:
    """The encoder of that name: "e5-small-int8" (built into `models_dir`), "hash", or a sentence-transformers model.

    A model is a folder or a name on the hub; it uses its own "query" prompt, on both sides, if it has one. The hub is
    asked only if `download`: without network its client tries for over a minute, which no server has at its start.
    `threads` is how many one call may use. Raises EncoderUnavailable if files are missing, broken or truncated.
    """
    if name == HASH_MODEL:
        return HashEncoder()
    if name == BUILT_MODEL:
        return _load_built(models_dir / BUILT_MODEL, threads)
    try:
        return _load_foreign(name, threads, download)
    except Exception as exc:  # whatever a foreign model's files and code raise, the caller can only do without it
        message = f"the model {name!r} cannot be loaded ({exc}): check KB_ENCODER, or {_REMEDY}"
        raise EncoderUnavailable(message) from exc


def _load_built(folder: Path, threads: int) -> Encoder:
    try:
        from search.engine.onnx_encoder import BuiltModelError, OnnxEncoder
    except ImportError as exc:
        raise EncoderUnavailable(f"onnxruntime or tokenizers cannot be imported ({exc})") from exc
    try:
        return OnnxEncoder(folder, threads=threads)
    except BuiltModelError as exc:
        raise EncoderUnavailable(f"{exc}: {_REMEDY}") from exc


def _load_foreign(name: str, threads: int, download: bool) -> SentenceTransformerEncoder:
    from sentence_transformers import SentenceTransformer

    # Never `trust_remote_code`: a name in a setting must not be able to run code.
    model = SentenceTransformer(name, device="cpu", trust_remote_code=False, local_files_only=not download)
    prompt = model.prompts.get("query") or ""
    recipe = f"{name};files={_fingerprint(_model_folder(name))};prompt={prompt};tokens={model.max_seq_length}"
    return SentenceTransformerEncoder(model, recipe=recipe, prompt=prompt, threads=threads)


def _model_folder(name: str) -> Path:
    """Where the model's files lie: the folder itself, or the hub's local copy, which loading has just used."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    repository = name if "/" in name else f"sentence-transformers/{name}"
    return Path(snapshot_download(repository, local_files_only=True))


def _fingerprint(folder: Path) -> str:
    """A hash of the names and contents of the model's files.

    Contents, not times and sizes: those change when a folder is copied to the next server, which would encode the whole
    library anew for nothing, and stay when weights are replaced in place by tuned ones. It reads about 1 GB a second.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _MODEL_FILES and path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
