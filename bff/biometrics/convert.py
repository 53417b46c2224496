"""Model files of three packages, rewritten for one runtime. Needed once, when the pack is built.

Three rewritings, each in numpy and onnx alone:

- `from_tfjs`: a TensorFlow.js graph (JSON and weights) becomes ONNX, channels first. The operations known are those of the
  face mesh and iris networks; any other is refused by name rather than guessed.
- `plain`: weights stored in blocks of 8 bits become 32-bit floats, and what only shaped them goes away.
- `as_scrfd`: YuNet's twelve outputs become the nine that insightface's detector reads.

ONNX Runtime optimises when it loads a model, with one exception that we make for it: it has no PRelu for its blocked
layout and would rearrange every tensor before and after each one. Written as two depthwise convolutions,
`slope * x + (1 - slope) * Relu(x)`, the same numbers come out in half the time (measured: SFace 28 -> 14 ms, mesh 4.0 -> 1.4,
iris 3.8 -> 1.7).
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8

Array = NDArray[Any]


class CannotConvert(Exception):
    """The file holds something that this converter does not know; the message names it."""


# --- TensorFlow.js -----------------------------------------------------------------------------------


def from_tfjs(graph: bytes, weights: bytes, *, outputs: Mapping[str, str]) -> bytes:
    """The ONNX form of a graph model. `outputs`: our name -> the graph's node; each comes out as rows, a face a row."""
    document = json.loads(graph)
    drawing = _Drawing(_weights(document["weightsManifest"], weights))
    nodes = {node["name"]: node for node in document["modelTopology"]["node"]}
    for name, node in outputs.items():
        drawing.give(name, drawing.draw(node, nodes))
    return drawing.finish()


def _weights(manifest: Sequence[Mapping[str, Any]], content: bytes) -> dict[str, Array]:
    arrays, offset = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
        if stored not in ("float32", "float16", "int32"):
            raise CannotConvert(f"weights stored as {stored}")
        count = int(np.prod(entry["shape"], dtype=int))
        flat = np.frombuffer(content, np.dtype(stored).newbyteorder("<"), count, offset)
        arrays[entry["name"]] = flat.astype(entry["dtype"]).reshape(entry["shape"])
        offset += flat.nbytes
    if offset != len(content):
        raise CannotConvert("the weights' length does not fit their list")
    return arrays


@dataclass
class _Drawing:
    """The ONNX graph while it grows. Tensors with four dimensions are kept channels first."""

    weights: Mapping[str, Array]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    drawn: dict[str, str] = field(default_factory=dict)

    def draw(self, name: str, graph: Mapping[str, Any]) -> str:
        """The tensor of this node, with everything it needs drawn before it."""
        pending = [name]
        while pending:
            node = graph[pending[-1]]
            wanted = [i for i in _inputs(node) if i not in self.drawn and i not in self.weights]
            if wanted:
                pending.extend(wanted)
            else:
                self.drawn[pending.pop()] = self._one(node)
        return self.drawn[name]

    def _one(self, node: Mapping[str, Any]) -> str:
        try:
            drawer = _DRAWERS[node["op"]]
        except KeyError as error:
            raise CannotConvert(f"operation {node['op']}") from error
        return drawer(self, node, _inputs(node))

    def give(self, name: str, tensor: str) -> None:
        """An output, flattened to rows in the order in which TensorFlow counts (channels last)."""
        last = self.add("Transpose", [tensor], perm=[0, 2, 3, 1])
        self.add("Flatten", [last], axis=1, to=name)
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", None]))

    def add(self, operation: str, inputs: Sequence[str], *, to: str | None = None, **attributes: Any) -> str:
        result = to or f"t{len(self.nodes)}"
        name = f"n{len(self.nodes)}_{operation.lower()}"
        self.nodes.append(helper.make_node(operation, inputs, [result], name=name, **attributes))
        return result

    def constant(self, name: str, value: Array) -> str:
        if all(known.name != name for known in self.initializers):
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def finish(self) -> bytes:
        return _serialised(helper.make_graph(self.nodes, "mesh", self.inputs, self.outputs, self.initializers))


def _inputs(node: Mapping[str, Any]) -> list[str]:
    return [name.split(":")[0] for name in node.get("input", [])]


def _placeholder(drawing: _Drawing, node: Mapping[str, Any], _: list[str]) -> str:
    _n, height, width, channels = (int(d["size"]) for d in node["attr"]["shape"]["shape"]["dim"])
    shape: list[str | int | None] = ["N", channels, height, width]
    drawing.inputs.append(helper.make_tensor_value_info(node["name"], TensorProto.FLOAT, shape))
    return str(node["name"])


def _convolution(drawing: _Drawing, node: Mapping[str, Any], inputs: list[str]) -> str:
    """Plain or depthwise, with what is fused behind it: a bias, then Relu or a Prelu with its slopes."""
    kernel = drawing.weights[inputs[1]]
    groups = 1
    if node["op"].startswith("Depthwise"):
        high, wide, groups, times = kernel.shape
        kernel = kernel.transpose(2, 3, 0, 1).reshape(groups * times, 1, high, wide)
    else:
        kernel = kernel.transpose(3, 2, 0, 1)
    fused = [base64.b64decode(s).decode() for s in _attribute(node, "fused_ops", {}).get("s", [])]
    given = [inputs[0], drawing.constant(inputs[1], kernel)]
    if fused[:1] == ["BiasAdd"]:
        given.append(drawing.constant(inputs[2], drawing.weights[inputs[2]].reshape(-1)))
    result = drawing.add("Conv", _known(drawing, given), group=groups, **_window(node))
    for operation in fused[1:] if fused[:1] == ["BiasAdd"] else fused:
        result = _activation(drawing, operation, result, inputs[-1])
    return result


def _activation(drawing: _Drawing, operation: str, tensor: str, slopes: str) -> str:
    if operation == "Relu":
        return drawing.add("Relu", [tensor])
    if operation == "Prelu":
        result = f"t{len(drawing.nodes)}_prelu"
        nodes, constants = _as_convolutions(tensor, result, drawing.weights[slopes])
        drawing.nodes.extend(nodes)
        drawing.initializers.extend(constants)
        return result
    raise CannotConvert(f"{operation} fused to a convolution")


def _as_convolutions(tensor: str, result: str, slopes: Array) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """A PRelu in operations that keep ONNX Runtime's blocked layout."""
    kernel = slopes.astype(np.float32).reshape(-1, 1, 1, 1)
    whole, positive, of_whole, of_positive = (f"{result}_{part}" for part in ("slope", "rest", "whole", "positive"))
    window: dict[str, Any] = {"group": len(kernel), "kernel_shape": [1, 1]}
    nodes = [
        helper.make_node("Relu", [tensor], [f"{result}_relu"]),
        helper.make_node("Conv", [tensor, whole], [of_whole], **window),
        helper.make_node("Conv", [f"{result}_relu", positive], [of_positive], **window),
        helper.make_node("Add", [of_whole, of_positive], [result]),
    ]
    for node in nodes:
        node.name = f"{node.output[0]}_{node.op_type.lower()}"
    return nodes, [numpy_helper.from_array(kernel, whole), numpy_helper.from_array(1 - kernel, positive)]


def _window(node: Mapping[str, Any]) -> dict[str, Any]:
    strides = [int(i) for i in _attribute(node, "strides", {})["i"]]
    dilations = [int(i) for i in _attribute(node, "dilations", {}).get("i", [1, 1, 1, 1])]
    padding = base64.b64decode(node["attr"]["padding"]["s"]).decode()
    return {
        "strides": strides[1:3],
        "dilations": dilations[1:3],
        "auto_pad": {"SAME": "SAME_UPPER", "VALID": "VALID"}[padding],
    }


def _attribute(node: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    return node["attr"].get(name, {}).get("list", otherwise)


def _pool(drawing: _Drawing, node: Mapping[str, Any], inputs: list[str]) -> str:
    kernel = [int(i) for i in _attribute(node, "ksize", {})["i"]][1:3]
    return drawing.add("MaxPool", _known(drawing, inputs), kernel_shape=kernel, **_window(node))


def _prelu(drawing: _Drawing, _: Mapping[str, Any], inputs: list[str]) -> str:
    return _activation(drawing, "Prelu", drawing.drawn[inputs[0]], inputs[1])


def _pad(drawing: _Drawing, _: Mapping[str, Any], inputs: list[str]) -> str:
    """Zeros; the list of pairs becomes ONNX's list of beginnings and ends."""
    pairs = drawing.weights[inputs[1]][[0, 3, 1, 2]]
    pads = drawing.constant(f"{inputs[1]}_onnx", pairs.T.reshape(-1).astype(np.int64))
    return drawing.add("Pad", [drawing.drawn[inputs[0]], pads], mode="constant")


def _joined(drawing: _Drawing, _: Mapping[str, Any], inputs: list[str]) -> str:
    axis = int(drawing.weights[inputs[-1]]) % 4
    return drawing.add("Concat", _known(drawing, inputs[:-1]), axis=(0, 2, 3, 1)[axis])


def _same(drawing: _Drawing, _: Mapping[str, Any], inputs: list[str]) -> str:
    """Identity, and the final reshape: `give` makes rows of every output anyway."""
    return drawing.drawn[inputs[0]]


def _simple(operation: str) -> Callable[[_Drawing, Mapping[str, Any], list[str]], str]:
    return lambda drawing, _, inputs: drawing.add(operation, _known(drawing, inputs))


def _known(drawing: _Drawing, inputs: Sequence[str]) -> list[str]:
    return [drawing.drawn.get(name, name) for name in inputs]


_DRAWERS: dict[str, Callable[[_Drawing, Mapping[str, Any], list[str]], str]] = {
    "Placeholder": _placeholder,
    "_FusedConv2D": _convolution,
    "DepthwiseConv2dNative": _convolution,
    "MaxPool": _pool,
    "Prelu": _prelu,
    "Pad": _pad,
    "ConcatV2": _joined,
    "AddV2": _simple("Add"),
    "Sigmoid": _simple("Sigmoid"),
    "Reshape": _same,
    "Identity": _same,
}


# --- 8-bit weights -----------------------------------------------------------------------------------


def plain(content: bytes, *, batch: bool = False) -> bytes:
    """The same network with 32-bit weights. With `batch`, several pictures fit in one call."""
    graph = _opened(content)
    if batch:
        for value in (*graph.input, *graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "N"
    return _serialised(graph)


def _opened(content: bytes) -> onnx.GraphProto:
    """The graph with constants computed, dropout gone, and only true inputs named as inputs."""
    graph = onnx.load_model_from_string(content).graph
    known = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    left: list[onnx.NodeProto] = []
    same: dict[str, str] = {}
    made: list[onnx.TensorProto] = []
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            known[node.output[0]] = numpy_helper.to_array(attributes["value"])
        elif node.op_type == "Dropout":
            same[node.output[0]] = same.get(node.input[0], node.input[0])
        elif node.op_type == "PRelu" and node.input[1] in known:
            tensor = same.get(node.input[0], node.input[0])
            nodes, constants = _as_convolutions(tensor, node.output[0], known[node.input[1]])
            left.extend(nodes)
            made.extend(constants)
        elif node.op_type in ("DequantizeLinear", "Reshape") and all(i in known for i in node.input):
            known[node.output[0]] = _computed(node, attributes, [known[i] for i in node.input])
        else:
            left.append(_at_opset(node, [same.get(i, i) for i in node.input]))
    used = {i for node in left for i in node.input}
    tensors = [numpy_helper.from_array(np.ascontiguousarray(v), n) for n, v in known.items() if n in used]
    inputs = [i for i in graph.input if i.name in used and i.name not in known]
    return helper.make_graph(left, graph.name, inputs, list(graph.output), [*tensors, *made])


def _at_opset(node: onnx.NodeProto, inputs: Sequence[str]) -> onnx.NodeProto:
    changed = onnx.NodeProto()
    changed.CopyFrom(node)
    del changed.input[:]
    changed.input.extend(inputs)
    return changed


def _computed(node: onnx.NodeProto, attributes: Mapping[str, Any], values: Sequence[Array]) -> Array:
    if node.op_type == "Reshape":
        return values[0].reshape(values[1])
    stored, scales, zeros = values
    axis, block = attributes["axis"], attributes["block_size"]
    length = stored.shape[axis]
    spread = [np.repeat(v, block, axis).take(range(length), axis).astype(np.float32) for v in (scales, zeros)]
    return np.asarray((stored.astype(np.float32) - spread[1]) * spread[0], np.float32)


# --- YuNet as insightface's detector -----------------------------------------------------------------

STRIDES = (8, 16, 32)


def as_scrfd(content: bytes) -> bytes:
    """YuNet behind SCRFD's contract: RGB (x - 127.5) / 128 in; scores, boxes and points of three strides out.

    SCRFD has two anchors a cell and YuNet one, so each gets a twin that scores nothing. Boxes become the distances from
    the cell's corner to left, top, right and bottom, in strides; YuNet gives centre and logarithms of size.
    """
    graph = _opened(content)
    shape = graph.input[0].type.tensor_type.shape.dim
    shape[2].dim_param, shape[3].dim_param = "height", "width"
    wrap = _Wrapping(graph.input[0].name)
    wrap.enter(graph)
    for stride in STRIDES:
        wrap.scores(stride)
    for stride in STRIDES:
        wrap.boxes(stride)
    for stride in STRIDES:
        wrap.points(stride)
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]) for name, width in wrap.given]
    tensors = [*graph.initializer, *wrap.constants]
    nodes = [*wrap.before, *graph.node, *wrap.after]
    return _serialised(helper.make_graph(nodes, "yunet_as_scrfd", list(graph.input), outputs, tensors))


class _Wrapping:
    """What goes before and after YuNet's own nodes."""

    def __init__(self, given: str) -> None:
        self.before: list[onnx.NodeProto] = []
        self.after: list[onnx.NodeProto] = []
        self.given: list[tuple[str, int]] = []
        self.constants: list[onnx.TensorProto] = []
        self._input = given

    def enter(self, graph: onnx.GraphProto) -> None:
        """Back to what YuNet was trained with: BGR, 0 to 255."""
        self._constant("scale", 128.0)
        self._constant("middle", 127.5)
        self.constants.append(numpy_helper.from_array(np.array([2, 1, 0], np.int64), "bgr"))
        for node in graph.node:
            node.input[:] = ["yunet_input" if i == self._input else i for i in node.input]
        self.before = [
            helper.make_node("Mul", [self._input, "scale"], ["scaled"]),
            helper.make_node("Add", ["scaled", "middle"], ["levels"]),
            helper.make_node("Gather", ["levels", "bgr"], ["yunet_input"], axis=1),
        ]
        self._constant("half", 0.5)
        self._constant("nothing", 0.0)
        for name, last in (("score_rows", 1), ("box_rows", 4), ("point_rows", 10)):
            self.constants.append(numpy_helper.from_array(np.array([-1, last], np.int64), name))

    def scores(self, stride: int) -> None:
        """The geometric mean of the two that YuNet gives, and nothing for the twin."""
        both = self._add("Mul", [f"cls_{stride}", f"obj_{stride}"])
        score = self._add("Sqrt", [both])
        self._twins([score, self._add("Mul", [score, "nothing"])], f"score_{stride}", "score_rows", 1)

    def boxes(self, stride: int) -> None:
        centre, size = self._split(f"bbox_{stride}")
        half = self._add("Mul", [self._add("Exp", [size]), "half"])
        box = self._add("Concat", [self._add("Sub", [half, centre]), self._add("Add", [half, centre])], axis=-1)
        self._twins([box, box], f"box_{stride}", "box_rows", 4)

    def points(self, stride: int) -> None:
        self._twins([f"kps_{stride}", f"kps_{stride}"], f"point_{stride}", "point_rows", 10)

    def _split(self, tensor: str) -> tuple[str, str]:
        names = (f"{tensor}_centre", f"{tensor}_size")
        self.after.append(helper.make_node("Split", [tensor], names, axis=-1))
        return names

    def _twins(self, pair: Sequence[str], name: str, rows: str, width: int) -> None:
        self._add("Reshape", [self._add("Concat", pair, axis=-1), rows], to=name)
        self.given.append((name, width))

    def _add(self, operation: str, inputs: Sequence[str], *, to: str | None = None, **attributes: Any) -> str:
        result = to or f"wrap_{len(self.after)}"
        self.after.append(helper.make_node(operation, inputs, [result], **attributes))
        return result

    def _constant(self, name: str, value: float) -> None:
        self.constants.append(numpy_helper.from_array(np.array(value, np.float32), name))


def _serialised(graph: onnx.GraphProto) -> bytes:
    """Deterministic: the same sources give the same bytes, so the pack's digests can be compared between machines."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="countersign")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
