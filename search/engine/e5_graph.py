"""Writes multilingual-e5-small as an int8 ONNX graph straight from its 4-bit weights: tokens in, the text's vector out.

Against exporting a torch model and `quantize_dynamic`, which was tried first and needed 30 s, 4.1 GB and torch: 1.25
times as fast a query, a third of the error (cosine with fp32 0.9993, was 0.9977), 83 MB instead of 118. The embedding
table keeps its 4 bits, exactly; matrices are int8, a scale a row; activations are uint8, scaled as they come, by one
scale for all of them. A few large channels would so cost all the others their precision. The remedy is SmoothQuant's
(Xiao et al., 2023): a channel is divided by a factor before the product, and its weights are multiplied by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search.engine.e5_weights import BLOCK, Weights

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

INPUT = "input_ids"
OUTPUT = "sentence_embedding"

_CONTRIB = "com.microsoft"
_OPSET, _IR = 21, 10

# How far a channel after a layer norm is expected to reach: |shift| + 3 |gain|. No text is needed to know it.
_REACH = 3.0
# The share of a channel's range that moves into the weights; 0.5 and 1.0 gave a larger error.
_MOVED = 0.75

# In most layers one neuron of the feed-forward fires on `<s>` and `</s>` up to ten times as high as all the others
# ever do (the "massive activations" of Sun et al., 2024): (neuron, its highest value over seven sentences of ours).
# They belong to these weights, whose checksum is verified. A value near 4 is ordinary. Without this the cosine with
# fp32 is 0.998.
_MASSIVE = (
    (318, 33.1), (1462, 13.9), (354, 12.1), (408, 6.8), (778, 55.7), (658, 31.5),
    (1152, 12.0), (413, 11.3), (563, 6.2), (1365, 5.4), (59, 4.6), (554, 0.7),
)  # fmt: skip
_ORDINARY = 4.0

_Floats = NDArray[np.float32]


class _Graph:
    """Collects nodes and constants; each method adds what its name says and returns the name of the result."""

    def __init__(self) -> None:

        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def norm(self, source: str, gain: _Floats, shift: _Floats, epsilon: float, output: str) -> str:
        scales = [self.constant(f"{output}.gain", gain), self.constant(f"{output}.shift", shift)]
        return self.node("LayerNormalization", [source, *scales], output, epsilon=epsilon)

    def divided(self, source: str, factors: _Floats, output: str) -> str:
        inverse = self.constant(f"{output}.inverse", np.asarray(1 / factors, np.float32))
        return self.node("Mul", [source, inverse], output)

    def linear(self, source: str, matrix: _Floats, bias: _Floats, output: str) -> str:
        """`source` times the transposed `matrix`, shape (output, input), plus `bias`, in int8."""
        scales = np.abs(matrix).max(axis=1) / 127
        codes = np.rint(matrix / scales[:, None]).astype(np.int8)
        quantised, scale, zero = (f"{output}.{part}" for part in ("quantised", "scale", "zero"))
        self.nodes.append(_quantise(source, quantised, scale, zero))
        weights = self.constant(f"{output}.weights", codes.T)
        steps = self.constant(f"{output}.steps", scales.astype(np.float32))
        inputs = [quantised, weights, scale, steps, zero, "", self.constant(f"{output}.bias", bias)]
        return self.node("MatMulIntegerToFloat", inputs, output, domain=_CONTRIB)


def build_graph(weights: Weights) -> ModelProto:
    """The whole encoder: `input_ids` int64 (1, tokens) -> `sentence_embedding` float32 (1, hidden), L2-normalised.

    One text at a time, on purpose: dynamic quantisation takes one scale for all the tokens it is given, so in a batch a
    text's vector would hang on its neighbours (cosine 0.996 with itself), and one thread is as fast without batches.
    """
    from onnx import TensorProto, helper

    size = weights.dimensions
    graph = _Graph()
    states = _embeddings(graph, weights)
    for layer in range(size.layers):
        states = _layer(graph, weights, layer, states)
    _pool(graph, states)
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "multilingual-e5-small",
            [helper.make_tensor_value_info(INPUT, TensorProto.INT64, [1, "tokens"])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, size.hidden])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)],
        ir_version=_IR,
    )


def _quantise(source: str, quantised: str, scale: str, zero: str) -> NodeProto:
    from onnx import helper

    return helper.make_node("DynamicQuantizeLinear", [source], [quantised, scale, zero])


def _embeddings(graph: _Graph, weights: Weights) -> str:
    width = weights.dimensions.hidden
    words = _words(graph, weights)
    # One type of token: its row is added to every position once, here.
    positions = weights.matrix("emb.pos", width) + weights.matrix("emb.type", width)[0]
    first = graph.constant("first", np.array([0], np.int64))
    graph.node("Shape", [INPUT], "length", start=1, end=2)
    graph.node("Slice", [graph.constant("positions", positions), first, "length", first], "placed")
    graph.node("Add", [words, "placed"], "embedded")
    gain, shift = weights.vector("emb.ln.w"), weights.vector("emb.ln.b")
    return graph.norm("embedded", gain, shift, weights.dimensions.epsilon, "states")


def _words(graph: _Graph, weights: Weights) -> str:
    width, packed = weights.dimensions.hidden, weights.packed("emb.word")
    graph.constants.append(_int4_tensor("words", packed.codes.reshape(-1, width)))
    scales = graph.constant("words.scales", packed.scales.reshape(-1, width // BLOCK))
    axes = {"gather_axis": 0, "quantize_axis": 1, "block_size": BLOCK}
    return graph.node("GatherBlockQuantized", ["words", INPUT, scales], "looked_up", domain=_CONTRIB, **axes)


def _int4_tensor(name: str, codes: NDArray[np.int8]) -> TensorProto:
    """Codes -8..7, shape (rows, even number), two to the byte, the earlier in the low nibble, as ONNX wants them."""
    from onnx import TensorProto

    nibbles = codes.astype(np.uint8) & 15
    tensor = TensorProto(name=name, data_type=TensorProto.INT4, dims=codes.shape)
    tensor.raw_data = (nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)).tobytes()
    return tensor


def _layer(graph: _Graph, weights: Weights, layer: int, states: str) -> str:
    attended = _attention(graph, weights, layer, states)
    middle = _residual(graph, weights, f"l{layer}.aln", attended, states)
    return _residual(graph, weights, f"l{layer}.oln", _feed_forward(graph, weights, layer, middle), middle)


def _residual(graph: _Graph, weights: Weights, norm: str, source: str, states: str) -> str:
    # Not onnxruntime's SkipLayerNormalization: on the CPU it takes 50 us where these two take 20 (1.32, 16 tokens).
    added = graph.node("Add", [source, states], f"{norm}.sum")
    gain, shift = weights.vector(f"{norm}.w"), weights.vector(f"{norm}.b")
    return graph.norm(added, gain, shift, weights.dimensions.epsilon, norm)


def _attention(graph: _Graph, weights: Weights, layer: int, states: str) -> str:
    size, at = weights.dimensions, f"l{layer}."
    before = "emb.ln" if layer == 0 else f"l{layer - 1}.oln"
    # Query, key and value in one product: the states are quantised once.
    matrix = np.concatenate([weights.matrix(f"{at}{part}.w", size.hidden) for part in "qkv"])
    bias = np.concatenate([weights.vector(f"{at}{part}.b") for part in "qkv"])
    joined = _levelled_linear(graph, weights, states, before, matrix, bias, f"{at}qkv")
    parts = [f"{at}{part}" for part in "qkv"]
    graph.nodes.append(_split(joined, parts))
    heads = graph.node("MultiHeadAttention", parts, f"{at}heads", domain=_CONTRIB, num_heads=size.heads)
    return graph.linear(heads, weights.matrix(f"{at}ao.w", size.hidden), weights.vector(f"{at}ao.b"), f"{at}ao")


def _split(source: str, outputs: list[str]) -> NodeProto:
    from onnx import helper

    return helper.make_node("Split", [source], outputs, axis=-1, num_outputs=len(outputs))


def _feed_forward(graph: _Graph, weights: Weights, layer: int, states: str) -> str:
    size, at = weights.dimensions, f"l{layer}."
    matrix, bias = weights.matrix(f"{at}fi.w", size.hidden), weights.vector(f"{at}fi.b")
    widened = _levelled_linear(graph, weights, states, f"{at}aln", matrix, bias, f"{at}fi")
    active = graph.node("Gelu", [widened], f"{at}active", domain=_CONTRIB)
    narrowing, factors = weights.matrix(f"{at}fo.w", size.ffn), _massive_factors(layer, size.ffn)
    if factors is not None:
        active, narrowing = graph.divided(active, factors, f"{at}calm"), narrowing * factors
    return graph.linear(active, narrowing, weights.vector(f"{at}fo.b"), f"{at}fo")


def _levelled_linear(
    graph: _Graph, weights: Weights, states: str, norm: str, matrix: _Floats, bias: _Floats, output: str
) -> str:
    """`linear` on what a layer norm gave, with the norm's large channels levelled first."""
    factors = _norm_factors(weights.vector(f"{norm}.w"), weights.vector(f"{norm}.b"), matrix)
    level = graph.divided(states, factors, f"{output}.level")
    return graph.linear(level, matrix * factors, bias, output)


def _norm_factors(gain: _Floats, shift: _Floats, matrix: _Floats) -> _Floats:
    """SmoothQuant's factors for the channels after a layer norm, shape (input,), geometric mean 1."""
    reach = np.abs(shift) + _REACH * np.abs(gain)
    largest = np.maximum(np.abs(matrix).max(axis=0), 1e-5)
    factors = reach**_MOVED / largest ** (1 - _MOVED)
    return np.asarray(factors / np.exp(np.log(factors).mean()), np.float32)


def _massive_factors(layer: int, width: int) -> _Floats | None:
    """Ones, but for the layer's massive neuron; shape (width,). None where no neuron of that layer stands out."""
    if layer >= len(_MASSIVE) or _MASSIVE[layer][0] >= width or _MASSIVE[layer][1] <= _ORDINARY:
        return None
    neuron, peak = _MASSIVE[layer]
    factors = np.ones(width, np.float32)
    factors[neuron] = (peak / _ORDINARY) ** _MOVED
    return factors


def _pool(graph: _Graph, states: str) -> None:
    """The mean over the tokens, then length 1: the model's own pooling; there is no padding to mask."""
    axis = graph.constant("tokens_axis", np.array([1], np.int64))
    graph.node("ReduceMean", [states, axis], "mean", keepdims=0)
    graph.node("LpNormalization", ["mean"], OUTPUT, axis=-1, p=2)
