"""The converter against slow, plain readings of what TensorFlow and ONNX say their operations do."""

import base64
import json
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from bff.biometrics import convert

Array = NDArray[np.float32]
RANDOM = np.random.default_rng(7)


def run(model: bytes, **inputs: Array) -> list[Any]:
    return list(onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, inputs))


# --- TensorFlow.js ---


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


PRELU = ("BiasAdd", "Prelu")


def attributes(padding: str, stride: int, fused: tuple[str, ...] = (), kernel: int = 2) -> dict[str, Any]:
    return {
        "padding": {"s": text(padding)},
        "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
        "ksize": {"list": {"i": ["1", str(kernel), str(kernel), "1"]}},
        "fused_ops": {"list": {"s": [text(name) for name in fused]}},
    }


def tfjs(nodes: list[dict[str, Any]], weights: dict[str, NDArray[Any]]) -> tuple[bytes, bytes]:
    """A graph model as TensorFlow.js stores it; 16-bit floats stand for 32-bit ones."""
    place = {
        "name": "x",
        "op": "Placeholder",
        "attr": {"shape": {"shape": {"dim": [{"size": s} for s in (-1, 8, 8, 3)]}}},
    }
    known = [{"name": name, "op": "Const"} for name in weights]
    entries = []
    for name, value in weights.items():
        entry = {"name": name, "shape": list(value.shape), "dtype": "int32" if value.dtype == np.int32 else "float32"}
        entries.append(entry | ({"quantization": {"dtype": "float16"}} if value.dtype == np.float16 else {}))
    document = {"modelTopology": {"node": [place, *known, *nodes]}, "weightsManifest": [{"weights": entries}]}
    return json.dumps(document).encode(), b"".join(value.tobytes() for value in weights.values())


def same(x: Array, stride: int, size: int) -> Array:
    """TensorFlow's SAME: as much padding as the output needs, the odd one at the end."""
    for axis in (1, 2):
        out = -(-x.shape[axis] // stride)
        total = max((out - 1) * stride + size - x.shape[axis], 0)
        pads = [(0, 0)] * 4
        pads[axis] = (total // 2, total - total // 2)
        x = np.pad(x, pads)
    return x


def windows(x: Array, stride: int, size: int) -> Array:
    """Batch, rows, columns, then what each window sees: height, width, channels."""
    rows = range(0, x.shape[1] - size + 1, stride)
    columns = range(0, x.shape[2] - size + 1, stride)
    return np.stack([np.stack([x[:, r : r + size, c : c + size] for c in columns], 1) for r in rows], 1)


def prelu(x: Array, slopes: Array) -> Array:
    return np.where(x > 0, x, x * slopes)


def test_a_graph_does_what_tensorflow_would() -> None:
    kernel, bias = RANDOM.normal(size=(3, 3, 3, 4)).astype(np.float32), RANDOM.normal(size=4).astype(np.float32)
    slopes, depth = (
        RANDOM.normal(size=(1, 1, 4)).astype(np.float32),
        RANDOM.normal(size=(3, 3, 4, 1)).astype(np.float16),
    )
    pads = np.array([[0, 0], [0, 0], [0, 0], [0, 2]], np.int32)
    axis = np.array(3, np.int32)
    nodes = [
        {
            "name": "conv",
            "op": "_FusedConv2D",
            "input": ["x", "k", "b", "s"],
            "attr": attributes("SAME", 2, ("BiasAdd", "Prelu")),
        },
        {"name": "depth", "op": "DepthwiseConv2dNative", "input": ["conv", "d"], "attr": attributes("SAME", 1)},
        {"name": "sum", "op": "AddV2", "input": ["conv", "depth"], "attr": {}},
        {"name": "act", "op": "Prelu", "input": ["sum", "s"]},
        {"name": "pool", "op": "MaxPool", "input": ["act"], "attr": attributes("VALID", 2)},
        {"name": "pad", "op": "Pad", "input": ["pool", "p"], "attr": {}},
        {"name": "joined", "op": "ConcatV2", "input": ["pad", "pool", "axis"], "attr": {}},
        {"name": "end", "op": "Identity", "input": ["joined"], "attr": {}},
    ]
    weights = {"k": kernel, "b": bias, "s": slopes, "d": depth, "p": pads, "axis": axis}
    model = convert.from_tfjs(*tfjs(nodes, weights), outputs={"out": "end"})

    x = RANDOM.normal(size=(2, 8, 8, 3)).astype(np.float32)
    conv = prelu(np.einsum("nrchwi,hwio->nrco", windows(same(x, 2, 3), 2, 3), kernel) + bias, slopes)
    deep = np.einsum("nrchwi,hwi->nrci", windows(same(conv, 1, 3), 1, 3), depth[..., 0].astype(np.float32))
    pool = windows(prelu(conv + deep, slopes), 2, 2).max((3, 4))
    expected = np.concatenate([np.pad(pool, [(0, 0), (0, 0), (0, 0), (0, 2)]), pool], 3).reshape(2, -1)
    [got] = run(model, x=x.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_an_unknown_operation_is_refused_by_name() -> None:
    graph, weights = tfjs([{"name": "end", "op": "Atan2", "input": ["x"], "attr": {}}], {})
    with pytest.raises(convert.CannotConvert, match="Atan2"):
        convert.from_tfjs(graph, weights, outputs={"out": "end"})


def test_an_unknown_fused_activation_is_refused_by_name() -> None:
    kernel = np.ones((1, 1, 3, 1), np.float32)
    node = {
        "name": "end",
        "op": "_FusedConv2D",
        "input": ["x", "k", "k"],
        "attr": attributes("SAME", 1, ("BiasAdd", "Elu")),
    }
    with pytest.raises(convert.CannotConvert, match="Elu"):
        convert.from_tfjs(*tfjs([node], {"k": kernel}), outputs={"out": "end"})


def test_weights_that_do_not_fit_their_list_are_refused() -> None:
    graph, weights = tfjs([{"name": "end", "op": "Identity", "input": ["x"]}], {"k": np.ones(3, np.float32)})
    with pytest.raises(convert.CannotConvert, match="length"):
        convert.from_tfjs(graph, weights + b"\0", outputs={"out": "end"})


# --- 8-bit weights ---


def test_block_weights_become_the_floats_that_onnx_runtime_makes_of_them() -> None:
    stored = RANDOM.integers(-128, 127, (4, 18), np.int8)
    scales = RANDOM.uniform(0.01, 0.1, (4, 2)).astype(np.float32)
    zeros = RANDOM.integers(-5, 5, (4, 2), np.int8)
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["flat"], axis=1, block_size=9),
        helper.make_node("Reshape", ["flat", "shape"], ["k"]),
        helper.make_node("Conv", ["x", "k"], ["c"]),
        helper.make_node("Dropout", ["c"], ["y"]),
    ]
    given = {"q": stored, "s": scales, "z": zeros, "shape": np.array([4, 2, 3, 3], np.int64)}
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 3, 3])],
        [numpy_helper.from_array(value, name) for name, value in given.items()],
    )
    graph.node[-1].output[0] = "y"
    original = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    # What only shaped the weights is gone, and so is dropout: the answer is the convolution's own.
    with_output = onnx.load_model_from_string(original)
    del with_output.graph.node[-1]
    with_output.graph.output[0].name = "c"
    made = convert.plain(with_output.SerializeToString(), batch=True)
    x = RANDOM.normal(size=(1, 2, 5, 5)).astype(np.float32)
    np.testing.assert_allclose(run(made, x=x)[0], run(original, x=x)[0], atol=1e-5)
    assert [node.op_type for node in onnx.load_model_from_string(made).graph.node] == ["Conv"]
    assert run(made, x=np.repeat(x, 3, 0))[0].shape[0] == 3


def test_slopes_for_what_is_negative_become_convolutions_that_do_the_same() -> None:
    slopes = RANDOM.uniform(-1.5, 1.5, (4, 1, 1)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("PRelu", ["x", "s"], ["y"])],
        "slopes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 5, 5])],
        [numpy_helper.from_array(slopes, "s")],
    )
    original = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    made, x = convert.plain(original), RANDOM.normal(size=(1, 4, 5, 5)).astype(np.float32)
    np.testing.assert_allclose(run(made, x=x)[0], run(original, x=x)[0], atol=1e-6)
    assert "PRelu" not in {node.op_type for node in onnx.load_model_from_string(made).graph.node}


def test_the_same_sources_give_the_same_bytes() -> None:
    graph, weights = tfjs([{"name": "end", "op": "Identity", "input": ["x"]}], {})
    assert convert.from_tfjs(graph, weights, outputs={"o": "end"}) == convert.from_tfjs(
        graph, weights, outputs={"o": "end"}
    )
