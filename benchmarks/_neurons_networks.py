"""The networks of the show script on neurons: digits, and a slice of MNIST, as calibrated parallel hardware."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resonet.cosim.cascade.hardware import Hardware, parallel_hardware
from resonet.netlist.cascade.slices import network_slice
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet, read_images

__all__ = ["DIGITS", "MNIST", "digits", "digits_design", "mnist_images", "mnist_slice"]

DIGITS, MNIST = (Path(__file__).parents[1] / "examples" / name for name in ("digits", "mnist"))


def digits_design(kind: str) -> tuple[Design, ImageSet]:
    """Design of the digit network with those neurons, and its test images."""
    shape = (1, 8, 8)
    images = read_images(DIGITS / "digits_calibration.npz", shape)
    design = compile_cnn(DIGITS / f"digits_{kind}.onnx", read_parameters(DIGITS / "design.toml"), images)
    return design, read_images(DIGITS / "digits_test.npz", shape)


def digits(kind: str) -> tuple[Hardware, ImageSet]:
    """Digit network as hardware."""
    design, images = digits_design(kind)
    return parallel_hardware(design), images


def mnist_images(name: str) -> ImageSet:
    """Shipped images of MNIST: test or calibration."""
    return read_images(MNIST / f"mnist_{name}.npz", (1, 28, 28))


def mnist_slice(inputs: int, outputs: int) -> tuple[Hardware, NDArray[np.float64]]:
    """First two layers of the shipped MNIST network at one position of the second, with the digits' parameters."""
    design = compile_cnn(MNIST / "mnist.onnx", read_parameters(DIGITS / "design.toml"), mnist_images("calibration"))
    images = np.asarray(mnist_images("test").images[:4], float)
    return parallel_hardware(design, cnn=network_slice(design.cnn, outputs, inputs=inputs)), images
