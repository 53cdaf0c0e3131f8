"""Networks of a million and of ten million weights: compile, calibrate, weights, accuracy and status, each a whole run.

Every command is a process of its own, as a user starts it: its processor time and the largest memory of it or of any
process that it started are what the system counted. The designs are made anew, in a folder that is removed at the end.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

__all__ = ["VGG", "Cost", "claims", "command_cost", "random_images", "vgg_model"]

# Kernels of the 3 x 3 convolutions in their order (0: pixels are averaged in pairs), then the dense layers.
VGG = {
    "warm": ((16, 16, 0, 16, 0, 16, 0), (10,)),
    "0.2M": ((14, 14, 0, 29, 29, 0, 57, 57, 0, 114), (45, 10)),
    "1M": ((32, 32, 0, 64, 64, 0, 128, 128, 0, 256), (100, 10)),
    "10M": ((64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 512, 0), (10,)),
}
SIDE = 32
IMAGES = 1000
GIB = 1 << 30
ENGINE = "auto"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took."""

    processor: float  # s, of it and of all that it started and waited for
    memory: int  # bytes, the largest of any of these processes
    wall: float  # s

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.processor:.1f} s, {self.memory / GIB:.2f} GiB"


def command_cost(*words: object, folder: Path | None = None) -> Cost:
    """Run `resonet` with some words, one thread a library; RuntimeError where its status is neither 0 nor 1."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        program = [sys.executable, "-m", "resonet.cli.start", *map(str, words)]
        process = subprocess.Popen(program, stdout=told, stderr=told, env=os.environ | threads, cwd=folder)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        if process.returncode not in (0, 1):
            raise RuntimeError(
                f"{' '.join(map(str, words))}: status {process.returncode}\n{told.read().decode()[-2000:]}"
            )
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, time.perf_counter() - begin)


def vgg_model(path: Path, size: str, seed: int = 1) -> int:
    """Write a VGG for 32 x 32 x 3 pixels with random weights, as they are before training; returns their number."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng, nodes, arrays = np.random.default_rng(seed), [], []

    def constant(name: str, values: Array) -> str:
        arrays.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def weights(name: str, inputs: int, *shape: int) -> str:
        return constant(name, rng.normal(size=shape) * np.sqrt(2 / inputs))

    def add(kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    at, channels, side = "image", 3, SIDE
    kernels, dense = VGG[size]
    for n, width in enumerate(kernels):
        if not width:
            at, side = add("AveragePool", at, kernel_shape=[2, 2], strides=[2, 2]), side // 2
            continue
        kernel = weights(f"w{n}", 9 * channels, width, channels, 3, 3)
        at = add("Conv", at, kernel, constant(f"b{n}", np.full(width, 0.01)), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        at, channels = add("Relu", at), width
    at, inputs = add("Flatten", at), channels * side * side
    for n, width in enumerate(dense):
        at = add("Gemm", at, weights(f"d{n}", inputs, inputs, width), constant(f"e{n}", np.zeros(width)))
        at, inputs = (add("Relu", at) if width != dense[-1] else at), width
    ends = [("image", ["n", 3, SIDE, SIDE]), (at, ["n", dense[-1]])]
    first, last = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends)
    graph = helper.make_graph(nodes, "vgg", [first], [last], arrays)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return sum(int(np.prod(array.dims)) for array in arrays if array.name[0] in "wd")


def random_images(path: Path, model: Path, count: int, seed: int = 2) -> None:
    """Write images of noise, labelled by the network itself: one that guesses is asked again with other pixels."""
    images = np.random.default_rng(seed).random((count, 3, SIDE, SIDE), np.float32)
    labels = propagate(read_cnn(model), images).argmax(1)
    np.savez(path, images=images, labels=labels)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _commands(
    folder: Path, model: Path, images: Path, count: int, size: str
) -> Iterator[tuple[str, Sequence[object], float, float]]:
    """Name, words, most seconds and most bytes of what is run, in its order."""
    design = folder / size
    if size != "10M":
        yield "compile", ("compile", model, "-o", design), 15, 1.5 * GIB
        yield "calibrate", ("calibrate", design), 15, 1.5 * GIB
        chosen = ("--program", "calibrated", "--engine", ENGINE)
        yield "crosstalk", ("crosstalk", design, *chosen), 30, 1.5 * GIB
        data = (*chosen, "--data", images)
        yield f"accuracy of {count:,} images", ("accuracy", design, *data), 30, 1.5 * GIB
    else:
        yield "compile", ("compile", model, "-o", design), 90, 4 * GIB
        yield "calibrate", ("calibrate", design), 120, 4 * GIB
        yield "status, the first", ("status", design), np.inf, 4 * GIB
        yield "status", ("status", design), 2, 4 * GIB


def _measure(folder: Path, size: str, count: int) -> None:
    """All commands on one network, with so many images."""
    model, images = folder / f"vgg{size}.onnx", folder / "images.npz"
    # In a process of its own: the largest memory of a process begins with that of the one that starts it.
    words = [sys.executable, __file__, size, model, images, str(count)]
    made = subprocess.run(words, check=True, capture_output=True, text=True)
    info(f"  VGG {size}: weights", f"{int(made.stdout):,}")
    if size == "warm":  # numba compiles once an installation, and keeps that beside the code
        cost = sum(
            command_cost(*given, folder=folder).processor
            for _, given, *_ in _commands(folder, model, images, count, size)
        )
        info("  the same commands on a small network first, compiling what is not yet", f"{cost:.1f} s")
        return
    spent = 0.0  # by crosstalk and accuracy, which share a bar
    for name, given, most, room in _commands(folder, model, images, count, size):
        cost = command_cost(*given, folder=folder)
        shared = given[0] in ("crosstalk", "accuracy")
        spent += cost.processor if shared else 0.0
        bar = f"<= {most:g} s{' with the above' if name.startswith('accuracy') else ''}, {room / GIB:g} GiB"
        holds = (spent if shared else cost.processor) <= most and cost.memory <= room
        if np.isfinite(most):
            show(f"  VGG {size}: {name}", cost.text, bar, holds)
        else:
            info(f"  VGG {size}: {name}", cost.text)
    written = _size(folder / size)
    show(f"  VGG {size}: design folder", f"{written / 1e6:,.0f} MB", "<= 1 GB", written <= 1e9)


def claims(quick: bool) -> None:
    """Networks of a million and of ten million weights; `quick`: 200,000 and 100 images, the bars of a million."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for size in ("warm", "0.2M") if quick else ("warm", "1M", "10M"):
            _measure(folder, size, 100 if quick else IMAGES)


if __name__ == "__main__":  # SIZE MODEL IMAGES COUNT: write both, print the number of weights
    print(vgg_model(Path(sys.argv[2]), sys.argv[1]))
    random_images(Path(sys.argv[3]), Path(sys.argv[2]), int(sys.argv[4]))
