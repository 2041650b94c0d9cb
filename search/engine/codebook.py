"""By what many vectors are compressed: a small value that is kept, so that every process compresses alike.

Product quantisation (Jégou 2011): one of 16 centroids, 4 bits, for every pair of dimensions. Trained once on vectors as
they are searched, after a shop's adapter; a codebook in use is never trained again, whatever is added since.
"""

from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from search.engine.types import Vectors

CENTROIDS = 16
_TRAINED_ON = 4_096
_HEADER = Struct("<II")


class Exact(Enum):
    """No codebook on purpose: every vector is compared, however many there are."""

    EXACT = "exact"


EXACT: Final = Exact.EXACT


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """`centroids`: float32, shape (parts, CENTROIDS, dimensions of a part)."""

    centroids: NDArray[np.float32]

    @property
    def dimension(self) -> int:
        parts, _, width = self.centroids.shape
        return int(parts * width)

    def to_bytes(self) -> bytes:
        """Parts and dimensions of a part, then the centroids as they are: 25 kB for 384 dimensions."""
        parts, _, width = self.centroids.shape
        return _HEADER.pack(parts, width) + self.centroids.astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Codebook":
        """Raises ValueError for bytes that are no codebook."""
        if len(data) < _HEADER.size:
            raise ValueError(f"{len(data)} bytes are no codebook")
        parts, width = _HEADER.unpack_from(data)
        flat = np.frombuffer(data, dtype="<f4", offset=_HEADER.size)
        if not len(flat) or len(flat) != parts * CENTROIDS * width:
            raise ValueError(f"{len(flat)} numbers are no codebook of {parts} parts")
        return cls(flat.astype(np.float32).reshape(parts, CENTROIDS, width))


def train_codebook(vectors: Vectors) -> Codebook:
    """From CENTROIDS vectors or more, shape (n, dimension). The same ones in the same order give the same codebook:
    what it is trained on is drawn with a set seed."""
    count, dimension = vectors.shape
    if count < CENTROIDS:
        raise ValueError(f"{count} vectors are too few for {CENTROIDS} centroids")
    faiss.omp_set_num_threads(1)
    width = 2 if dimension % 2 == 0 else 1
    quantizer = faiss.ProductQuantizer(dimension, dimension // width, 4)
    quantizer.cp.niter = 10  # 16 centroids of two dimensions: more rounds, or more to train on, gain nothing
    drawn = np.random.default_rng(0).choice(count, min(_TRAINED_ON, count), replace=False)
    quantizer.train(np.ascontiguousarray(vectors[drawn], dtype=np.float32))
    centroids = faiss.vector_to_array(quantizer.centroids)
    return Codebook(np.asarray(centroids, dtype=np.float32).reshape(dimension // width, CENTROIDS, width))
