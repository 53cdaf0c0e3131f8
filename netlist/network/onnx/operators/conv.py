"""Convolutions over two axes, or over one: a signal is an image of height 1."""

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import Array
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, fitted, floats, optional
from resonet.netlist.network.onnx.window import read_windows

__all__ = ["OPERATORS", "read_weight", "seen"]


def read_weight(chain: Chain, node: Node, inputs: Inputs) -> Array:
    """Weights [., ., height, width] of a convolution that fits the running tensor."""
    weight = floats(inputs, 1, "weight")
    if weight.ndim not in (3, 4) or weight.ndim - 1 != len(chain.shape):
        raise InputError(
            f"has a {weight.ndim - 2}-D kernel for an input {list(chain.shape)}; possible: 2-D kernels over images "
            "[channels, height, width], 1-D kernels over signals [channels, length]"
        )
    if (listed := node.get("kernel_shape", ())) and listed != weight.shape[2:]:
        raise InputError(f"has kernel_shape {list(listed)}, but weights {list(weight.shape)}")
    return weight if weight.ndim == 4 else weight[:, :, None]


def seen(chain: Chain, out: tuple[int, int, int]) -> tuple[int, ...]:
    """What ONNX sees of an output: of a signal no height."""
    return out if len(chain.shape) == 3 else (out[0], out[2])


def _conv(chain: Chain, node: Node, inputs: Inputs) -> None:
    weight = read_weight(chain, node, inputs)
    channels, *image = chain.image()
    groups = node.get("group", 1)
    out, per_group, *kernel = weight.shape
    if groups < 1 or out == 0 or out % groups or per_group * groups != channels:
        raise InputError(
            f"has weights {list(weight.shape)} in {groups} groups for {channels} channels; possible: weights "
            "[outputs, channels / groups, height, width] with outputs divisible by groups"
        )
    windows = read_windows(node, (image[0], image[1]), (kernel[0], kernel[1]), len(chain.shape) - 1)
    bias = np.zeros(1) if optional(inputs, 2) is None else floats(inputs, 2, "bias")
    layer = Synapses(
        name="",
        source=node.source,
        kind="conv",
        weight=weight,
        bias=fitted(bias, (out,), "bias"),
        in_shape=chain.image(),
        out_shape=(out, *windows.out),
        groups=groups,
    )
    chain.add_synapses(layer, shape=seen(chain, layer.out_shape), windows=windows)


OPERATORS = (Operator("Conv", _conv),)
