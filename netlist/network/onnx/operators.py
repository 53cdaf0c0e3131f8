"""What each ONNX operator adds to the chain of layers.

A handler gets the chain, the node and the node's inputs as arrays; None stands for the running tensor (always the
first input, but for the elementwise operators) and for optional inputs that are left out.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.activation import OscillatorActivation
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import Array, Node, escape
from resonet.netlist.network.onnx.fold import MOVES, move
from resonet.netlist.network.onnx.neurons import ATTRIBUTES, OPERATORS
from resonet.netlist.network.onnx.window import Windows, read_windows

__all__ = ["ELEMENTWISE", "HANDLERS", "NEURONS", "NEUTRAL", "Handler"]

Inputs = Sequence[Array | None]


def _optional(inputs: Inputs, i: int) -> Array | None:
    return inputs[i] if i < len(inputs) else None


def _floats(inputs: Inputs, i: int, what: str) -> Array:
    """Get a constant input that must be there, as float64."""
    array = _optional(inputs, i)
    if array is None:
        raise InputError(f"has no constant {what}; possible: weights stored in the file")
    return array.astype(np.float64)


def _fit(array: Array, shape: tuple[int, ...], what: str) -> Array:
    """Broadcast an array to a shape, if it fits."""
    try:
        return np.broadcast_to(array, shape)
    except ValueError as error:
        raise InputError(f"its {what} has the shape {list(array.shape)}; possible: {list(shape)}") from error


def _conv(chain: Chain, node: Node, inputs: Inputs) -> None:
    weight = _floats(inputs, 1, "weight")
    if weight.ndim != 4:
        raise InputError(f"has a {weight.ndim - 2}-D kernel; possible: 2-D convolutions")
    channels, *image = chain.image()
    groups = node.get("group", 1)
    out, per_group, *kernel = weight.shape
    if groups < 1 or out == 0 or out % groups or per_group * groups != channels:
        raise InputError(
            f"has weights {list(weight.shape)} in {groups} groups for {channels} channels; possible: weights "
            "[outputs, channels / groups, height, width] with outputs divisible by groups"
        )
    if (listed := node.get("kernel_shape", ())) and list(listed) != kernel:
        raise InputError(f"has kernel_shape {list(listed)}, but weights {list(weight.shape)}")
    windows = read_windows(node, (image[0], image[1]), (kernel[0], kernel[1]))
    bias = np.zeros(1) if _optional(inputs, 2) is None else _floats(inputs, 2, "bias")
    layer = Synapses(
        name="",
        source=node.source,
        kind="conv",
        weight=weight,
        bias=_fit(bias, (out,), "bias"),
        in_shape=chain.image(),
        out_shape=(out, *windows.out),
        groups=groups,
    )
    chain.add_synapses(layer, windows=windows)


def _add_dense(chain: Chain, node: Node, matrix: Array, bias: Array, shape: tuple[int, ...]) -> None:
    """Append `matrix` [out, in] as a 1x1 convolution."""
    out, features = matrix.shape
    layer = Synapses(
        name="",
        source=node.source,
        kind="dense",
        weight=matrix[:, :, None, None],
        bias=bias,
        in_shape=(features, 1, 1),
        out_shape=(out, 1, 1),
    )
    chain.add_synapses(layer, shape=shape)


def _gemm(chain: Chain, node: Node, inputs: Inputs) -> None:
    weight = _floats(inputs, 1, "weight")
    if node.flag("transA"):
        raise InputError("has transA = 1, which mixes the images of a batch; possible: transA = 0")
    matrix, order = (weight, "[out, in]") if node.flag("transB") else (weight.T, "[in, out]")
    if matrix.ndim != 2 or chain.shape != matrix.shape[1:]:
        raise InputError(f"has weights {list(weight.shape)} for an input {list(chain.shape)}; possible: {order}")
    bias = np.zeros(1) if _optional(inputs, 2) is None else _floats(inputs, 2, "bias")
    bias = _fit(bias, (1, len(matrix)), "bias")[0]
    with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
        matrix, bias = node.get("alpha", 1.0) * matrix, node.get("beta", 1.0) * bias
    _add_dense(chain, node, matrix, bias, (len(matrix),))


def _matmul(chain: Chain, node: Node, inputs: Inputs) -> None:
    matrix = _floats(inputs, 1, "weight")
    *rest, features = chain.shape or (0,)
    if matrix.ndim != 2 or features != matrix.shape[0] or math.prod(rest) != 1:
        raise InputError(
            f"multiplies {list(chain.shape)} by {list(matrix.shape)}; possible: one vector [in] by a matrix [in, out]"
        )
    out = matrix.shape[1]
    _add_dense(chain, node, matrix.T, np.zeros(out), (*rest, out))


def _batch_normalization(chain: Chain, node: Node, inputs: Inputs) -> None:
    if node.flag("training_mode") or not node.flag("spatial", True):
        raise InputError("is in training mode or per pixel; possible: inference with one factor per channel")
    if not chain.shape:
        raise InputError("needs channels, gets one number per image")
    scale, bias, mean, variance = (
        _fit(_floats(inputs, i, what), chain.shape[:1], what)
        for i, what in enumerate(("scale", "bias", "mean", "variance"), start=1)
    )
    spread = variance + node.get("epsilon", 1e-5)
    if not (spread > 0).all():
        raise InputError("has a variance that is negative or NaN; possible: variances of zero or more")
    with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
        factor = scale / np.sqrt(spread)
        shift = bias - mean * factor
    column = (-1, *[1] * (len(chain.shape) - 1))
    chain.add_affine(node, factor.reshape(column), shift.reshape(column))


def _elementwise(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Add, Sub, Mul, Div of the running tensor and a constant, in either order."""
    constant = next((x for x in inputs if x is not None), None)
    if len(inputs) != 2 or constant is None:
        raise InputError("needs two inputs; possible: the running tensor and a constant")
    shape = (1, *chain.shape)
    try:
        fits = np.broadcast_shapes(shape, constant.shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise InputError(
            f"combines {list(shape)} with a constant {list(constant.shape)}; possible: a constant per channel or pixel"
        )
    c = np.broadcast_to(constant.astype(np.float64), shape)[0]
    one, zero = np.ones(()), np.zeros(())
    if node.op == "Div" and inputs[0] is not None:
        raise InputError("divides a constant by the running tensor; possible: division by a constant")
    if node.op == "Div" and (c == 0).any():
        raise InputError("divides by zero; possible: constants other than zero")
    if node.op == "Mul":
        chain.add_affine(node, c, zero)
    elif node.op == "Div":
        with np.errstate(over="ignore"):  # found by the check for finite weights
            chain.add_affine(node, 1 / c, zero)
    elif node.op == "Sub" and inputs[0] is None:
        chain.add_affine(node, one, -c)
    else:
        chain.add_affine(node, one if node.op == "Add" else -one, c)


def _relu(chain: Chain, node: Node, inputs: Inputs) -> None:
    chain.add_relu(node)


def _oscillator(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Neurons of our own domain; that the function in the file is ours was checked when the file was read."""
    if sorted(node.attributes) != sorted(ATTRIBUTES) or len(inputs) != 1:
        given = ", ".join(escape(name, 20) for name in list(node.attributes)[:8]) or "none"
        raise InputError(f"has {len(inputs)} inputs and the attributes {given}; possible: 1, {', '.join(ATTRIBUTES)}")
    # The shortest decimal that stands for the file's 32 bits: 0.1, not 0.10000000149.
    numbers = {name: float(str(np.float32(node.get(name, 0.0)))) for name in ATTRIBUTES}
    chain.add_oscillator(node, OscillatorActivation(OPERATORS[node.op], **numbers))


def _add_mean(chain: Chain, node: Node, windows: Windows, shape: tuple[int, ...] | None = None) -> None:
    """Append the mean over windows of the running image as depthwise equal weights."""
    channels, height, width = chain.image()
    area = math.prod(windows.kernel)
    layer = Synapses(
        name="",
        source=node.source,
        kind="average_pool",
        weight=np.broadcast_to(1 / area, (channels, 1, *windows.kernel)),
        bias=np.zeros(channels),
        in_shape=(channels, height, width),
        out_shape=(channels, *windows.out),
        groups=channels,
    )
    chain.add_synapses(layer, shape=shape, windows=windows)


def _kernel(node: Node) -> tuple[int, int]:
    kernel = node.get("kernel_shape", ())
    if len(kernel) != 2:
        raise InputError(f"has kernel_shape {list(kernel)}; possible: two numbers (height, width)")
    return kernel[0], kernel[1]


def _average_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    windows = read_windows(node, chain.image()[1:], _kernel(node))
    if windows.grown:
        raise InputError(
            "has ceil_mode with windows that hang over the edge; possible: ceil_mode = 0, or sizes that fit"
        )
    if any(windows.padding) and not node.flag("count_include_pad"):
        raise InputError(
            "averages without its padding, so that edge windows have other weights; possible: no padding, or "
            "count_include_pad = 1"
        )
    _add_mean(chain, node, windows)


def _whole_image(image: tuple[int, int]) -> Windows:
    return Windows(kernel=image, stride=(1, 1), dilation=(1, 1), padding=(0, 0, 0, 0), out=(1, 1), grown=False)


def _global_average_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    _add_mean(chain, node, _whole_image(chain.image()[1:]))


def _reduce_mean(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Mean over any axes but the batch: wires bring the kept axes to the front, then it is a global average."""
    given = _optional(inputs, 1)
    axes = node.get("axes", ()) if given is None else tuple(int(a) for a in given.ravel()[:8])
    if not axes and node.flag("noop_with_empty_axes"):
        return
    rank = 1 + len(chain.shape)
    reduced = sorted({axis % rank for axis in axes if -rank <= axis < rank})
    if len(reduced) != len(axes) or not reduced or reduced[0] == 0:
        raise InputError(
            f"averages over the axes {list(axes)}; possible: the axes of the image, not the batch (axis 0)"
        )
    shape = chain.shape
    kept = [axis for axis in range(1, rank) if axis not in reduced]
    table = np.arange(math.prod(shape)).reshape(shape).transpose([axis - 1 for axis in kept + reduced])
    *rows, columns = table.shape[len(kept) :]
    chain.add_wiring(node, table.reshape(math.prod(table.shape[: len(kept)]), math.prod(rows), columns))
    keep = node.flag("keepdims", True)
    left = tuple(1 if axis in reduced else shape[axis - 1] for axis in range(1, rank) if keep or axis in kept)
    _add_mean(chain, node, _whole_image(chain.image()[1:]), shape=left)


def _max_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    image = chain.image()[1:]
    windows = read_windows(node, image, _kernel(node))
    if not windows.all_touch(image):
        raise InputError("has windows that lie in the padding alone; possible: padding smaller than the kernel")
    chain.add_max_pool(node, windows)


def _move(chain: Chain, node: Node, inputs: Inputs) -> None:
    chain.add_wiring(node, move(node, chain.opset, chain.shape, chain.batch, inputs[1:]))


def _identity(chain: Chain, node: Node, inputs: Inputs) -> None:
    pass


def _dropout(chain: Chain, node: Node, inputs: Inputs) -> None:
    training = _optional(inputs, 2)
    if training is not None and training.any():
        raise InputError("is in training mode; possible: inference (export with model.eval())")
    chain.notes.append("Dropout dropped: it does nothing in inference")


def _cast(chain: Chain, node: Node, inputs: Inputs) -> None:
    import onnx

    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    if node.get("to", 0) not in floats:
        raise InputError("rounds the running tensor to another type; possible: FLOAT, DOUBLE, FLOAT16, BFLOAT16")


def _softmax(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Drop it where it normalises over all outputs of an image, so that their order stays."""
    rank = 1 + len(chain.shape)
    axis = node.get("axis", -1 if chain.opset >= 13 else 1)
    axis = axis + rank if axis < 0 else axis
    # Before opset 13 the axis and all after it are normalised together.
    span = chain.shape[axis - 1 : axis if chain.opset >= 13 else None]
    if not 1 <= axis < rank or math.prod(span) != math.prod(chain.shape):
        raise InputError(f"normalises {[1, *chain.shape]} over axis {axis}; possible: over all outputs of an image")
    chain.notes.append(f"{node.op} dropped: it does not change the ranking")


Handler = Callable[[Chain, Node, Inputs], None]

ELEMENTWISE = frozenset(["Add", "Div", "Mul", "Sub"])
HANDLERS: dict[str, Handler] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Conv": _conv,
    "Dropout": _dropout,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "Identity": _identity,
    "LogSoftmax": _softmax,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "ReduceMean": _reduce_mean,
    "Relu": _relu,
    "Softmax": _softmax,
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(MOVES, _move),
}
NEURONS: dict[str, Handler] = dict.fromkeys(OPERATORS, _oscillator)  # in the domain `resonet`
# What may stand after a final Softmax: it computes nothing.
NEUTRAL = MOVES | {"Cast", "Dropout", "Identity"}
