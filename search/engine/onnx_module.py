"""The built model as a sentence-transformers module, for whatever takes a `SentenceTransformer`.

It answers with the vectors of `OnnxEncoder`, which the server uses since importing sentence-transformers takes 9 s.
`sentence_transformer` loads it; so does `SentenceTransformer(folder, trust_remote_code=True)`, the flag being needed
because since 6.0 any module outside sentence-transformers' own package counts as foreign code.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule

from search.engine.onnx_encoder import MANIFEST, MAX_TOKENS, MODEL, PROMPT, TOKENIZER, OnnxEncoder


class OnnxModule(InputModule):
    """Texts to `sentence_embedding`, pooled and normalised in the graph."""

    def __init__(self, encoder: OnnxEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = encoder.tokenizer
        self.max_seq_length = MAX_TOKENS

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Token ids of each text; lists of differing lengths, not a padded tensor, as each is run by itself."""
        return {"ids": [self.tokenizer.encode((prompt or "") + str(text)).ids for text in inputs]}

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Adds `sentence_embedding`, float32 (n, dimension)."""
        rows = [self.encoder.encode_ids(ids) for ids in features["ids"]]
        features["sentence_embedding"] = torch.from_numpy(np.stack(rows))
        return features

    def get_embedding_dimension(self) -> int:
        """The length of a vector."""
        return self.encoder.dimension

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Copies the built files. Raises OSError."""
        for name in (MANIFEST, MODEL, TOKENIZER):
            shutil.copyfile(self.encoder.folder / name, Path(output_path) / name)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", *args: Any, **kwargs: Any) -> Self:
        """Loads a folder written by `save` or `e5_export.build`. Raises BuiltModelError."""
        return cls(OnnxEncoder(Path(model_name_or_path) / subfolder))


def sentence_transformer(folder: Path, *, threads: int = 1) -> SentenceTransformer:
    """The built model in `folder` behind sentence-transformers' interface. Raises BuiltModelError."""
    module = OnnxModule(OnnxEncoder(folder, threads=threads))
    prompts = {"query": PROMPT, "document": PROMPT}
    return SentenceTransformer(modules=[module], device="cpu", prompts=prompts, default_prompt_name="query")
