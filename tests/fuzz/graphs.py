"""Random networks with branches as ONNX models, and what a reader makes of them against onnxruntime."""

import math
import re
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from resonet.core.errors import InputError
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

OLDEST, NEWEST = 7, 22  # opsets: what onnxruntime promises, and what it knows
CLOSE = 1e-5  # of the largest output
MOST_VALUES = 1500  # of a tensor
ONE_NODE = ("Relu", "LeakyRelu", "Tanh", "Sigmoid", "Elu", "HardSwish", "Clip", "PRelu", "Softplus", "HardSigmoid")


@dataclass
class Builder:
    """A model while it grows: shapes of its tensors without the batch, by name."""

    rng: np.random.Generator
    nodes: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    opset: int = 19
    padded: dict[str, list[int]] = field(default_factory=dict)  # pads that the text of ONNX gives nodes with auto_pad

    def constant(self, array):
        name = f"w{len(self.weights)}"
        array = np.asarray(array)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def add(self, op, inputs, *shapes, **attributes):
        names = [f"t{len(self.shapes) + n}" for n in range(len(shapes))]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"n{len(self.nodes)}", **attributes))
        self.shapes.update(zip(names, shapes, strict=True))
        return names[0]

    def numbers(self, name, values, since):
        """Inputs and attributes that give a list of numbers: an input from opset `since` on, an attribute before."""
        if self.opset >= since:
            return [self.constant(np.array(values))], {}
        return [], {name: values}

    def one_of(self, *things):
        return things[self.rng.integers(len(things))]

    def normal(self, *shape):
        return self.rng.normal(0, 1, shape)


def same_pads(mode, sizes, reach, stride):
    """Padding of auto_pad, top left bottom right: as many windows as strides fit, of the dilated kernel."""
    total = [max((-(-n // s) - 1) * s + r - n, 0) for n, r, s in zip(sizes, reach, stride, strict=True)]
    less, more = [n // 2 for n in total], [n - n // 2 for n in total]
    return [*less, *more] if mode == "SAME_UPPER" else [*more, *less]


def windows(size, reach, stride, before, after, ceil):
    """How many windows of `reach` fit; in ceil mode one more may hang over."""
    room = size + before + after - reach
    return (-(-room // stride) if ceil else room // stride) + 1


def window(b, shape, kernels=(1, 2, 3), dilated=True, may_ceil=False):
    """Attributes of a window over an image, the sizes that it gives, and its pads."""
    kernel = [min(int(b.one_of(*kernels)), n) for n in shape[1:]]
    stride = [int(b.one_of(1, 1, 2)) for _ in kernel]
    dilation = [
        2 if dilated and b.rng.random() < 0.25 and 2 * k - 1 <= n else 1 for k, n in zip(kernel, shape[1:], strict=True)
    ]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    mode = b.one_of("pads", "pads", "pads", "none", "SAME_UPPER", "SAME_LOWER", "VALID")
    attributes = {"kernel_shape": kernel, "strides": stride}
    attributes |= {"dilations": dilation} if max(dilation) > 1 else {}
    pads = [int(b.rng.integers(0, k)) for k in kernel * 2] if mode == "pads" else [0, 0, 0, 0]
    if mode.startswith("SAME"):
        pads = same_pads(mode, shape[1:], reach, stride)
    attributes |= {"pads": pads} if mode in ("pads", "none") else {"auto_pad": mode}
    ceil = may_ceil and not mode.startswith("SAME") and b.rng.random() < 0.4
    attributes |= {"ceil_mode": 1} if ceil or (may_ceil and mode.startswith("SAME") and b.rng.random() < 0.3) else {}
    sizes = [windows(n, reach[i], stride[i], pads[i], pads[i + 2], ceil) for i, n in enumerate(shape[1:])]
    # One that would begin in the padding is left out, but not by onnxruntime's own inference of shapes.
    if ceil and any((k - 1) * stride[i] >= n + pads[i] for i, (k, n) in enumerate(zip(sizes, shape[1:], strict=True))):
        return window(b, shape, kernels, dilated)
    return attributes, sizes, pads


def conv(b, x, keep=False):
    """A convolution with groups, padding, stride, dilation; `keep`: of the same size, so that it can be added to x."""
    shape = b.shapes[x]
    channels = shape[0]
    groups = int(b.one_of(1, 1, *(g for g in (2, channels) if channels % g == 0)))
    out = channels if keep else groups * int(b.rng.integers(1, max(2, 7 // groups)))
    pads = []
    if keep:
        attributes, sizes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, shape[1:]
        if b.rng.random() < 0.3:
            attributes = {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}
    else:
        attributes, sizes, pads = window(b, shape)
    kernel = attributes["kernel_shape"]
    weight = b.normal(out, channels // groups, *kernel) / math.sqrt(channels // groups * math.prod(kernel))
    inputs = [x, b.constant(weight)] + ([b.constant(0.2 * b.normal(out))] if b.rng.random() < 0.7 else [])
    name = b.add("Conv", inputs, (out, *sizes), group=groups, **attributes)
    if pads and "auto_pad" in attributes:
        b.padded[b.nodes[-1].name] = pads
    return name


def norm(b, x):
    n = b.shapes[x][0]
    rows = [b.rng.uniform(0.5, 1.5, n), 0.2 * b.normal(n), 0.2 * b.normal(n), b.rng.uniform(0.5, 1.5, n)]
    return b.add("BatchNormalization", [x, *map(b.constant, rows)], b.shapes[x])


def activation(b, x):
    shape = b.shapes[x]
    op = b.one_of(*ONE_NODE, "Relu", "Relu", "silu", "relu by max", "leaky by max")
    if op == "HardSwish" and b.opset < 14:
        op = "HardSigmoid"
    if op == "relu by max" and b.opset < 8:
        op = "Relu"
    if op == "silu":
        return b.add("Mul", [x, b.add("Sigmoid", [x], shape)], shape)
    if op == "relu by max":
        return b.add("Max", [x, b.constant(np.zeros(1))], shape)
    if op == "leaky by max" and b.opset >= 8:
        return b.add("Max", [x, b.add("Mul", [x, b.constant(np.float64([0.1]))], shape)], shape)
    if op.startswith("leaky"):
        op = "LeakyRelu"
    if op == "Clip" and b.opset < 11:
        return b.add("Clip", [x], shape, min=0.0, max=float(b.one_of(1, 6)))
    if op == "Clip":
        return b.add("Clip", [x, b.constant(np.float64(0)), b.constant(np.float64(b.one_of(1, 6)))], shape)
    if op == "PRelu":
        return b.add("PRelu", [x, b.constant(b.rng.uniform(0, 0.5, (shape[0], 1, 1)))], shape)
    return b.add(op, [x], shape)


def pool(b, x):
    shape = b.shapes[x]
    if b.rng.random() < 0.2:
        return b.add(b.one_of("GlobalAveragePool", "GlobalMaxPool"), [x], (shape[0], 1, 1))
    op = b.one_of("MaxPool", "AveragePool")
    since = {"MaxPool": 10, "AveragePool": 19}[op]  # of dilation; of ceil_mode 10
    dilated, ceil = b.opset >= since, b.opset >= 10 and not (op == "AveragePool" and b.opset < 19)
    attributes, sizes, pads = window(b, shape, (2, 2, 3), dilated, ceil)
    if op == "AveragePool":
        attributes["count_include_pad"] = int(b.rng.integers(2))
    name = b.add(op, [x], (shape[0], *sizes), **attributes)
    if "auto_pad" in attributes:
        b.padded[b.nodes[-1].name] = pads
    return name


def largest(b, x):
    """The largest or smallest of x, another signal and perhaps a number."""
    shape = b.shapes[x]
    other = b.one_of(*[name for name, known in b.shapes.items() if known == shape], conv(b, x, keep=True))
    number = [b.constant(np.float64([b.rng.normal()]))] if b.rng.random() < 0.3 and b.opset >= 8 else []
    return b.add(b.one_of("Max", "Min"), [x, other, *number], shape)


def larger(b, x):
    """Upsampling: nearest, or a transposed convolution."""
    shape = b.shapes[x]
    if max(shape[1:]) > 6:
        return x
    if b.rng.random() < 0.5:
        twice, double = (shape[0], 2 * shape[1], 2 * shape[2]), [1.0, 1.0, 2.0, 2.0]
        if b.opset < 9:
            return b.add("Upsample", [x], twice, scales=double)
        if b.opset < 11:
            return b.add("Upsample" if b.opset == 9 else "Resize", [x, b.constant(np.float64(double))], twice)
        nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        if b.rng.random() < 0.4:
            mode = b.one_of("asymmetric", "half_pixel", "pytorch_half_pixel")
            nearest = {"mode": "linear", "coordinate_transformation_mode": mode}
        region = "" if b.opset >= 13 else b.constant(np.zeros(0))
        return b.add("Resize", [x, region, b.constant(np.float64(double))], twice, **nearest)
    groups = int(b.one_of(1, shape[0]))
    weight = b.normal(shape[0], 1 if groups > 1 else 2, 3, 3) / 3
    stride = [int(b.one_of(2, 2, 3)) for _ in range(2)]
    extra = [int(b.rng.integers(0, s)) for s in stride]
    pads = [int(b.rng.integers(0, 2)) for _ in range(4)]
    sizes = [
        s * (n - 1) + 3 + extra[i] - pads[i] - pads[i + 2]
        for i, (n, s) in enumerate(zip(shape[1:], stride, strict=True))
    ]
    if min(sizes) < 1:
        return x
    attributes = {"strides": stride, "pads": pads, "group": groups}
    attributes |= {"output_padding": extra} if max(extra) else {}
    return b.add("ConvTranspose", [x, b.constant(weight)], (weight.shape[1] * groups, *sizes), **attributes)


def constants(b, x):
    shape = b.shapes[x]
    c = b.rng.uniform(0.5, 1.5, b.one_of((1,), (shape[0], 1, 1), shape)) * b.one_of(1, 1, -1)
    inputs = [x, b.constant(c)]
    op = b.one_of("Add", "Sub", "Mul", "Div")
    return b.add(op, inputs[::-1] if op != "Div" and b.rng.random() < 0.3 else inputs, shape)


def moved(b, x):
    shape = b.shapes[x]
    kind = b.one_of("transpose", "slice", "pad", "identity", "dropout", "gather")
    axis = int(b.rng.integers(1, 4))
    if kind == "transpose":
        order = [int(n) for n in b.rng.permutation(3)]
        return b.add("Transpose", [x], tuple(shape[n] for n in order), perm=[0, *(n + 1 for n in order)])
    if kind == "slice":
        step = int(b.one_of(1, 1, 2))
        start = int(b.rng.integers(0, shape[axis - 1]))
        if b.opset < 10:
            size = shape[axis - 1] - start
            sizes = (*shape[: axis - 1], size, *shape[axis:])
            return b.add("Slice", [x], sizes, starts=[start], ends=[10**6], axes=[axis])
        row = [b.constant(np.array([n])) for n in (start, 10**6, axis, step)]
        size = -(-(shape[axis - 1] - start) // step)
        return b.add("Slice", [x, *row], (*shape[: axis - 1], size, *shape[axis:]))
    if kind == "pad":
        pads = [0, *(int(n) for n in b.rng.integers(0, 2, 3)), 0, *(int(n) for n in b.rng.integers(0, 2, 3))]
        sizes = tuple(n + pads[i + 1] + pads[i + 5] for i, n in enumerate(shape))
        number = float(np.float32(b.one_of(0, 0, 0.5, -1, b.rng.normal())))
        inputs, attributes = b.numbers("pads", pads, 11)
        if b.opset < 11:
            return b.add("Pad", [x], sizes, value=number, **attributes)
        return b.add("Pad", [x, *inputs, *([b.constant(np.float64(number))] if number else [])], sizes)
    if kind == "gather":
        index = b.rng.integers(0, shape[axis - 1], int(b.rng.integers(1, 4)))
        return b.add("Gather", [x, b.constant(index)], (*shape[: axis - 1], len(index), *shape[axis:]), axis=axis)
    return b.add(kind.capitalize(), [x], shape)


def added(b, x):
    """x and others of its shape, made from it or found, in a sum."""
    shape = b.shapes[x]
    same = [name for name, other in b.shapes.items() if other == shape]
    small = [] if b.opset < 8 else [name for name, other in b.shapes.items() if other == (shape[0], 1, 1)]
    makers = [lambda: conv(b, x, keep=True), lambda: b.one_of(*same), lambda: activation(b, conv(b, x, keep=True))]
    if small:
        makers.append(lambda: b.one_of(*small))
    others = [b.one_of(*makers)() for _ in range(int(b.one_of(1, 1, 1, 2)))]
    op = "Sum" if len(others) > 1 or b.rng.random() < 0.15 else b.one_of("Add", "Add", "Sub")
    terms = [others[0], x, *others[1:]] if b.rng.random() < 0.5 else [x, *others]
    return b.add(op, terms, shape)


def nhwc(b, x):
    """A residual block as channels-last exporters write it: transposes around each operator."""
    shape = b.shapes[x]
    y = b.add("Transpose", [x], (*shape[1:], shape[0]), perm=[0, 2, 3, 1])
    z = conv(b, b.add("Transpose", [y], shape, perm=[0, 3, 1, 2]), keep=True)
    z = b.add("Transpose", [z], b.shapes[y], perm=[0, 2, 3, 1])
    z = b.add("Add", [z, b.constant(0.2 * b.normal(shape[0]))], b.shapes[y])
    if b.rng.random() < 0.5:
        z = b.add("Relu", [z], b.shapes[y])
    total = b.add(b.one_of("Add", "Sub"), [y, z] if b.rng.random() < 0.5 else [z, y], b.shapes[y])
    return b.add("Transpose", [total], shape, perm=[0, 3, 1, 2])


def dense_last(b, x):
    """A dense layer over the last axis of an image, or of what lies there: MatMul, its bias, a neuron."""
    shape = b.shapes[x]
    if b.rng.random() < 0.7:
        x = b.add("Transpose", [x], (shape := (*shape[1:], shape[0])), perm=[0, 2, 3, 1])
    features, out = shape[-1], int(b.rng.integers(1, 7))
    if b.rng.random() < 0.3:  # as rows, which tf2onnx writes
        rows = math.prod(shape[:-1])
        y = b.add("Reshape", [x, b.constant(np.array([-1, features]))], (rows, features))
        weight, bias = b.normal(features, out) / math.sqrt(features), 0.2 * b.normal(out)
        y = b.add(
            *[("MatMul", [y, b.constant(weight)]), ("Gemm", [y, b.constant(weight), b.constant(bias)])][out % 2],
            (rows, out),
        )
        y = b.add("Relu", [y], b.shapes[y]) if out > 3 else y
        return b.add("Reshape", [y, b.constant(np.array([-1, *shape[:-1], out]))], (*shape[:-1], out))
    y = b.add("MatMul", [x, b.constant(b.normal(features, out) / math.sqrt(features))], (*shape[:-1], out))
    if b.rng.random() < 0.7:
        y = b.add("Add", [y, b.constant(0.2 * b.normal(out))], b.shapes[y])
    if b.rng.random() < 0.5:
        y = b.add("Relu", [y], b.shapes[y])
    shape = b.shapes[y]
    return b.add("Transpose", [y], (shape[2], *shape[:2]), perm=[0, 3, 1, 2]) if b.rng.random() < 0.7 else y


def joined(b, x):
    shape, axis = b.shapes[x], int(b.one_of(1, 1, 2, 3))
    fit = [
        n
        for n, s in b.shapes.items()
        if len(s) == 3 and (*s[: axis - 1], *s[axis:]) == (*shape[: axis - 1], *shape[axis:])
    ]
    others = [conv(b, x, keep=True) if b.rng.random() < 0.4 else b.one_of(*fit) for _ in range(b.one_of(1, 1, 2))]
    size = shape[axis - 1] + sum(b.shapes[name][axis - 1] for name in others)
    terms = [x, *others] if b.rng.random() < 0.5 else [*others, x]
    if b.rng.random() < 0.2:
        held = b.one_of(np.zeros((1, *shape)), np.full((1, *shape), 0.7), b.normal(1, *shape))
        terms, size = [*terms, b.constant(held)], size + shape[axis - 1]
    return b.add(
        "Concat",
        terms,
        (*shape[: axis - 1], size, *shape[axis:]),
        axis=int(b.one_of(axis, axis - 4) if b.opset >= 11 else axis),
    )


def split(b, x):
    shape = b.shapes[x]
    axis = int(b.rng.integers(1, 4))
    size = shape[axis - 1]
    if size == 1:
        return x
    first = int(b.rng.integers(1, size))
    shapes = [(*shape[: axis - 1], n, *shape[axis:]) for n in (first, size - first)]
    inputs, attributes = b.numbers("split", [first, size - first], 13)
    return b.add("Split", [x, *inputs], *shapes, axis=axis, **attributes)


STEPS = (
    conv,
    conv,
    conv,
    activation,
    activation,
    norm,
    pool,
    constants,
    moved,
    added,
    added,
    added,
    joined,
    split,
    nhwc,
    largest,
    larger,
    dense_last,
)


def random_model(seed: int) -> tuple[onnx.ModelProto, onnx.ModelProto, tuple[int, ...], list[str]]:
    """A model with branches, the same with auto_pad spelled out, the shape of its image, and its outputs.

    onnxruntime pads dilated pools otherwise than the text of ONNX says, and refuses dilated convolutions.
    """
    rng = np.random.default_rng(seed)
    b = Builder(rng, opset=int(rng.integers(OLDEST, NEWEST + 1)))
    image = (int(rng.integers(1, 4)), int(rng.integers(4, 8)), int(rng.integers(4, 8)))
    b.shapes["image"] = image
    recent = ["image"]
    if rng.random() < 0.25:  # channels last, as Keras has them
        b.shapes["image"] = image = (*image[1:], image[0])
        recent = [b.add("Transpose", ["image"], (image[2], *image[:2]), perm=[0, 3, 1, 2])]
    for _ in range(int(rng.integers(4, 14))):
        x = recent[-1] if rng.random() < 0.7 else b.one_of(*recent)
        made = b.one_of(*STEPS)(b, x)
        if math.prod(b.shapes[made]) > MOST_VALUES:
            made = b.add("GlobalAveragePool", [made], (b.shapes[made][0], 1, 1))
        if b.shapes[made][0] > 24:
            made = conv(b, made)
        recent.append(made)
    if rng.random() < 0.04:
        x = recent[-1]
        recent.append(b.add("Mul", [x, b.add("Sigmoid", [conv(b, x, keep=True)], b.shapes[x])], b.shapes[x]))
    ends = [recent[-1], *(b.one_of(*recent) for _ in range(b.one_of(0, 0, 1, 2)))]
    flat = [b.add("Flatten", [x], (math.prod(b.shapes[x]),)) for x in ends]
    size = sum(b.shapes[x][0] for x in flat)
    flat = flat[0] if len(flat) == 1 else b.add("Concat", flat, (size,), axis=1)
    outputs = [b.add("Gemm", [flat, b.constant(b.normal(size, 5) / math.sqrt(size)), b.constant(b.normal(5))], (5,))]
    if rng.random() < 0.2:
        x = b.one_of(*recent[1:])
        outputs.append(b.add("Flatten", [conv(b, x)], (1,)))
    graph = helper.make_graph(
        shuffled(b),
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", *image])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        b.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", b.opset)], ir_version=9)
    return model, spelled_out(model, b.padded), image, outputs


def spelled_out(model, padded):
    """The model with pads in place of auto_pad in the nodes of these names."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        if node.name in padded:
            kept = [attribute for attribute in node.attribute if attribute.name not in ("auto_pad", "pads")]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute("pads", padded[node.name])])
    return copy


def shuffled(b):
    """The nodes in another order that is as good."""
    left, known, nodes = list(b.nodes), {"", "image", *(w.name for w in b.weights)}, []
    while left:
        ready = [n for n, node in enumerate(left) if known.issuperset(node.input)]
        node = left.pop(ready[0] if b.rng.random() < 0.6 else int(b.one_of(*ready)))
        known.update(node.output)
        nodes.append(node)
    return nodes


def check(seed: int, place) -> tuple[str, str]:
    """What comes of a case: "equal", "refused" (with the words), or else a fault."""
    model, reference, image, outputs = random_model(seed)
    place.write_bytes(model.SerializeToString())
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(reference.SerializeToString(), options, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(seed).uniform(0, 1, (2, *image)).astype(np.float32)
    answers = [session.run(outputs, {"image": images[n : n + 1]}) for n in range(2)]
    rows = {name: np.array([answer[n].ravel() for answer in answers], float) for n, name in enumerate(outputs)}
    wanted = {name: rows[name] for name in outputs} if len(outputs) > 1 else {}
    for output, values in (wanted | {None: np.hstack([*rows.values()])}).items():
        try:
            cnn = read_cnn(place, output=output)
        except InputError as error:
            named = re.search(rf"^{re.escape(str(place))}: \w+ 'n\d+': ", str(error))
            if not named and "holds no weighted layer" not in str(error):
                return "refused without a node", str(error)
            return "refused", str(error)
        found = propagate(cnn, images)
        if found.shape != values.shape:
            return "another shape", f"{found.shape}, not {values.shape}"
        off, largest = np.abs(found - values).max(), np.abs(values).max()
        if not off <= CLOSE * largest:
            return "different", f"{off:.2g} of {largest:.2g}"
    return "equal", f"{len(cnn.layers)} layers"
