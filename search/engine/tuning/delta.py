"""What tuning adds to the encoder's weights: for some matrices a product of two thin ones, kept as float16.

Low-rank adaptation (LoRA: Hu et al., arXiv:2106.09685). It is added before the graph is written, so it costs a query
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from search.engine.e5_weights import Weights

DELTA = Path(__file__).parent / "delta.npz"

Factors = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Tensor name -> (up, shape (output, rank), down, shape (rank, input)); their product is added to the matrix."""


@cache
def fingerprint() -> str:
    """Part of the encoder's recipe: other deltas, other vectors."""
    return hashlib.sha256(DELTA.read_bytes()).hexdigest()[:12]


def load_factors(path: Path = DELTA) -> Factors:
    with np.load(path, allow_pickle=False) as file:
        names = sorted({name.rpartition("/")[0] for name in file.files})
        return {
            name: (file[f"{name}/up"].astype(np.float32), file[f"{name}/down"].astype(np.float32)) for name in names
        }


def save_factors(factors: Factors, path: Path = DELTA) -> None:
    arrays = {
        f"{name}/{side}": matrix.astype(np.float16)
        for name, pair in factors.items()
        for side, matrix in zip(("up", "down"), pair, strict=True)
    }
    np.savez_compressed(path, allow_pickle=False, **arrays)


def tuned(weights: Weights, factors: Factors) -> Weights:
    """The weights with each product added to the matrix of its name."""
    changed = {
        name: (weights.matrix(name, down.shape[1]) + up @ down).reshape(-1) for name, (up, down) in factors.items()
    }
    return replace(weights, tensors={**weights.tensors, **changed})
