"""Convolutions."""

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, fitted, floats, optional
from resonet.netlist.network.onnx.window import read_windows

__all__ = ["OPERATORS"]


def _conv(chain: Chain, node: Node, inputs: Inputs) -> None:
    weight = floats(inputs, 1, "weight")
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
    chain.add_synapses(layer, windows=windows)


OPERATORS = (Operator("Conv", _conv),)
