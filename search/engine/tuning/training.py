"""Tunes the encoder: wordings of one question attract, its look-alikes repel, and what it knew stays near.

Contrastive (InfoNCE in both directions, van den Oord et al., arXiv:1807.03748) over batches of whole clusters, on
low-rank additions to the attention's matrices. Needs torch, and half an hour on two cores; only whoever changes the
phrasings runs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from search.engine.e5_weights import Weights, bert_model, build_tokenizer
from search.engine.onnx_encoder import MAX_TOKENS, PROMPT
from search.engine.text import clean
from search.engine.tuning.delta import Factors
from search.engine.tuning.misspelling import misspelt
from search.engine.tuning.phrasings import Question

if TYPE_CHECKING:
    from transformers import BertModel

Fields = Mapping[str, Sequence[Question]]

_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """`temperature` of the contrast; `keep`: weight of the squared distance to the vectors before tuning; shares of the
    texts that are misspelt, and of the pairs that are of two languages. `same`: questions of two clusters that were so
    near before may be the same one, and do not repel each other."""

    steps: int = 700
    batch: int = 64
    rank: int = 8
    rate: float = 1e-3
    temperature: float = 0.03
    keep: float = 1.0
    misspelt: float = 0.3
    across: float = 0.25
    same: float = 0.955
    seed: int = 1


class LowRank(nn.Module):
    """A linear layer that stands still, plus up @ down, which learns and begins at nothing."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, states: Tensor) -> Tensor:
        added: Tensor = self.base(states) + (states @ self.down.T) @ self.up.T
        return added


class Trainee:
    """The network in torch with low-rank additions; `factors` are what they have learnt."""

    def __init__(self, weights: Weights, rank: int) -> None:
        self.tokenizer = build_tokenizer(weights.pieces, max_tokens=MAX_TOKENS)
        self.tokenizer.enable_padding(pad_id=weights.pieces.pad)
        self.model: BertModel = bert_model(weights)
        self.model.requires_grad_(False)
        self._added: dict[str, LowRank] = {}
        for number, layer in enumerate(self.model.encoder.layer):
            for part, path in _PARTS.items():
                owner, _, name = path.rpartition(".")
                module = layer.get_submodule(owner)
                added = LowRank(getattr(module, name), rank)
                setattr(module, name, added)
                self._added[f"l{number}.{part}.w"] = added

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [parameter for added in self._added.values() for parameter in (added.up, added.down)]

    @property
    def factors(self) -> Factors:
        return {name: (added.up.detach().numpy(), added.down.detach().numpy()) for name, added in self._added.items()}

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Shape (n, dimension), rows of length 1; with gradients."""
        read = self.tokenizer.encode_batch([PROMPT + text for text in texts])
        ids = torch.tensor([text.ids for text in read])
        mask = torch.tensor([text.attention_mask for text in read])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        held = mask[..., None].float()
        return nn.functional.normalize((states.float() * held).sum(1) / held.sum(1), dim=-1)


def train(
    weights: Weights,
    fields: Fields,
    recipe: Recipe,
    *,
    progress: Callable[[int, float], object] = lambda step, loss: None,
) -> Factors:
    """`progress` is told each step and its loss. The same seed gives the same batches; sums of floats may differ."""
    torch.manual_seed(recipe.seed)
    trainee = Trainee(weights, recipe.rank)
    before = _vectors(trainee, {clean(text) for field in fields.values() for item in field for text in item.wordings})
    optimiser = torch.optim.AdamW(trainee.parameters, lr=recipe.rate, weight_decay=0.0)
    slower = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, recipe.steps))
    for step, batch in enumerate(_batches(fields, recipe), 1):
        loss = _loss(trainee, batch, before, recipe)
        loss.backward()
        nn.utils.clip_grad_norm_(trainee.parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        slower.step()
        progress(step, loss.item())
    return trainee.factors


def _pace(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 30) * max(0.02, 1 - step / steps)


def _vectors(trainee: Trainee, texts: set[str]) -> dict[str, Tensor]:
    ordered = sorted(texts, key=lambda text: (len(text), text))
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for start in range(0, len(ordered), 256):
            part = ordered[start : start + 256]
            found |= dict(zip(part, trainee.encode(part), strict=True))
    return found


Pair = tuple[int, str, str]
"""A cluster, and two wordings of one of its questions."""


def _batches(fields: Fields, recipe: Recipe) -> Iterator[list[Pair]]:
    """Each from one field, so that look-alikes meet; clusters whole."""
    random = Random(recipe.seed)  # noqa: S311 a reproducible draw, nothing secret
    names = sorted(fields)
    clusters = {name: _by_cluster(fields[name]) for name in names}
    sizes = [len(fields[name]) for name in names]
    for _ in range(recipe.steps):
        (name,) = random.choices(names, sizes)
        batch: list[Question] = []
        for cluster in random.sample(clusters[name], len(clusters[name])):
            batch += random.sample(cluster, min(len(cluster), 16))
            if len(batch) >= recipe.batch:
                break
        yield [_pair(question, random, recipe) for question in batch[: recipe.batch]]


def _by_cluster(questions: Sequence[Question]) -> list[list[Question]]:
    found: dict[int, list[Question]] = {}
    for question in questions:
        found.setdefault(question.cluster, []).append(question)
    return list(found.values())


def _pair(question: Question, random: Random, recipe: Recipe) -> Pair:
    first, second = random.sample(question.wordings, 2)
    if question.chinese and question.english and random.random() < recipe.across:
        first, second = random.choice(question.chinese), random.choice(question.english)
    if random.random() < 0.5:
        first, second = second, first
    return question.cluster, clean(first), clean(second)


def _view(text: str, random: Random, recipe: Recipe) -> str:
    if random.random() < recipe.misspelt:
        text = misspelt(text, random)
    return text.rstrip("?？。!！") if random.random() < 0.3 else text


def _loss(trainee: Trainee, batch: Sequence[Pair], before: Mapping[str, Tensor], recipe: Recipe) -> Tensor:
    random = Random(f"{recipe.seed} {batch[0]}")  # noqa: S311
    asked, given = [pair[1] for pair in batch], [pair[2] for pair in batch]
    vectors = trainee.encode([_view(text, random, recipe) for text in (*asked, *given)])
    known = torch.stack([before[text] for text in (*asked, *given)])
    clusters = torch.tensor([pair[0] for pair in batch] * 2)
    count = len(batch)
    logits = vectors @ vectors.T / recipe.temperature
    apart = clusters[:, None] != clusters[None, :]
    hidden = (apart & (known @ known.T > recipe.same)) | torch.eye(2 * count, dtype=torch.bool)
    partner = torch.cat([torch.arange(count, 2 * count), torch.arange(count)])
    contrast = nn.functional.cross_entropy(logits.masked_fill(hidden, -1e4), partner)
    return contrast + recipe.keep * 2 * ((vectors - known) ** 2).sum(1).mean()
