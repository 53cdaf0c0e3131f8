"""Part of show_networks.py: the shipped networks: accuracy of the circuit, ngspice on some buses, time, memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _networks_data import EXAMPLES, fashion_test
from _show import info, show

from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear, ngspice
from resonet.netlist.design.folder import load_design

__all__ = ["claims", "run"]

SAMPLE = ("conv1", "conv3", "conv8", "dense1")  # layers of ResNet-20 whose buses ngspice runs; conv3 ends a block
QUICK_SAMPLE = ("conv1", "dense1")
SECONDS, MEMORY = 300, 4.0  # GiB


@dataclass(frozen=True, slots=True)
class _Child:
    """What a command printed, and took."""

    out: str
    seconds: float
    memory: float  # GiB, at most


def run(*arguments: object) -> _Child:
    """One `resonet` command in a process of its own."""
    start = time.monotonic()
    command = [sys.executable, "-m", "resonet.cli.start", *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, stdout=out)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if child.returncode:
            raise SystemExit(f"resonet {arguments[0]} ended with {child.returncode}: {out.read()[-500:]}")
        return _Child(out.read(), time.monotonic() - start, used.ru_maxrss / 2**20)


def _measured(model: Path, calibration: Path, test: Path, build: Path) -> tuple[dict[str, float], list[_Child]]:
    """Accuracies of a network and of its calibrated circuit, and the commands that gave them."""
    children = [
        run("compile", model, "--calibration", calibration, "-o", build, "--force"),
        run("calibrate", build),
        run("accuracy", build, "--data", test, "--engine", "linear", "--program", "calibrated", "--json"),
    ]
    return json.loads(children[-1].out)["accuracy"], children


def _ngspice_off(build: Path, layers: tuple[str, ...]) -> tuple[int, float]:
    """Buses of some layers in ngspice, and their weights against the linear engine's, of the layer's largest."""
    design, buses, off = load_design(build), 0, 0.0
    for layer in layers:
        one, other = (effective_weights(design, layer, "calibrated", engine=engine) for engine in (linear, ngspice))
        off = max(off, float(np.abs(one.values - other.values).max() / np.abs(one.trained).max()))
        buses += len(design.plan.layer(layer).buses)
    return buses, off


def _same(what: str, found: dict[str, float], points: float) -> None:
    apart = 100 * abs(found["circuit_calibrated"] - found["software"])
    info(f"{what}: images", f"{found['images']:,}")
    figure = f"{100 * found['circuit_calibrated']:.2f} %, {apart:.2f} off"
    show(f"{what}: calibrated circuit against software", figure, f"<= {points:g} points", apart <= points)


def _residual(full: Path | None, folder: Path, quick: bool) -> None:
    fashion = EXAMPLES / "fashion"
    test = full if full and not quick else fashion / "fashion_test.npz"
    build = folder / "residual"
    found, children = _measured(fashion / "fashion_resnet20.onnx", fashion / "fashion_calibration.npz", test, build)
    right, seconds = found["software"], sum(child.seconds for child in children)
    show("ResNet-20 on Fashion-MNIST: software", f"{100 * right:.2f} %", ">= 92 %", right >= 0.92)
    _same("ResNet-20", found, 0.1)
    parts = ", ".join(f"{child.seconds:.0f}" for child in children)
    memory = max(child.memory for child in children)
    show(
        f"ResNet-20: compile, calibrate, accuracy ({parts} s)",
        f"{seconds:.0f} s",
        f"<= {SECONDS} s",
        seconds <= SECONDS,
    )
    show("ResNet-20: largest memory of the three", f"{memory:.2f} GiB", f"<= {MEMORY:g} GiB", memory <= MEMORY)
    buses, off = _ngspice_off(build, QUICK_SAMPLE if quick else SAMPLE)
    show(f"ResNet-20: ngspice against the linear engine, {buses} buses", f"{off:.1e}", "<= 1e-09", off <= 1e-9)
    if not quick:
        show("ResNet-20: on all test images", f"{found['images']:,}", "10,000", found["images"] == 10_000)


def claims(quick: bool) -> None:
    """ResNet-20, the depthwise network, the network of signals."""
    fashion, signals = EXAMPLES / "fashion", EXAMPLES / "signals"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        full = fashion_test(folder)
        if full is None:
            what = "all test images of Fashion-MNIST (RESONET_FASHION, or Debian's dataset-fashion-mnist)"
            show(what, "not there", "there", False)
        _residual(full, folder, quick)
        test = full or fashion / "fashion_test.npz"
        model, calibration = fashion / "fashion_mobilenet.onnx", fashion / "fashion_calibration.npz"
        found, _ = _measured(model, calibration, test, folder / "depthwise")
        _same("depthwise network with ReLU6", found, 0.2)
        show("depthwise network: on how many images", f"{found['images']:,}", ">= 2,000", found["images"] >= 2000)
        calibration, test = signals / "signals_calibration.npz", signals / "signals_test.npz"
        found, _ = _measured(signals / "signals.onnx", calibration, test, folder / "signals")
        _same("modulations of I/Q signals", found, 0.2)
        show("I/Q signals: on how many records", f"{found['images']:,}", ">= 2,000", found["images"] >= 2000)
