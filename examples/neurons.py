"""Oscillator neurons in torch: what the training scripts of the examples share."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from resonet.netlist.network.activations.oscillator import OscillatorActivation
from resonet.netlist.network.onnx.neurons import with_activations

__all__ = ["OscillatorNeuron", "accuracy", "export", "logits"]


class OscillatorNeuron(nn.Module):
    """`OscillatorActivation` with a gradient; `largest` holds the largest current of the last batch, in thresholds."""

    def __init__(self, law: OscillatorActivation) -> None:
        super().__init__()
        self.law = law
        self.largest = torch.zeros(())

    def forward(self, z: Tensor) -> Tensor:
        """Output y = scale h(ξ) / h(clamp) of the sums z, of any shape."""
        driven = self.law.drive * z
        self.largest = driven.max() + 1
        over = torch.clamp(driven, -1, self.law.clamp - 1)
        top = torch.tensor(self.law.clamp - 1, dtype=z.dtype)
        return self.law.scale * self._power(over) / self._power(top)

    def _power(self, over: Tensor) -> Tensor:
        """Power h at ξ = 1 + over; one sum in both branches, so that the one not taken has a finite gradient too."""
        damping = 1 + over + self.law.qnl
        total = torch.sqrt(over**2 + 4 * self.law.seed * damping) + over.abs()
        p = torch.where(over >= 0, total / (2 * damping), 2 * self.law.seed / total)
        return p if self.law.kind == "three_terminal" else p * (1 + over) ** 2


def export(
    net: nn.Module, twin: nn.Module, laws: Mapping[str, OscillatorActivation], images: Tensor, path: Path
) -> None:
    """Write a network as ONNX, input `image` [batch, ...] and output `logits`, and check it against torch.

    `twin` is the network with ReLUs, which the exporter knows; it gets the weights of `net`, and `laws` turns its
    ReLUs, by the name of the tensor that they give, into oscillator neurons. The check runs on `images`.
    """
    twin.load_state_dict(net.state_dict())
    torch.onnx.export(
        twin.eval(),
        (images[:1],),
        path,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    onnx.save(with_activations(onnx.load(path), laws), path)
    with torch.no_grad():
        wanted = net.eval()(images).numpy()
    worst = np.abs(logits(path, images.numpy()) - wanted).max() / np.abs(wanted).max()
    if not worst < 1e-4:
        raise SystemExit(f"{path}: onnxruntime and torch differ by {worst:.1e} of the largest logit")


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Outputs [n, classes] of an exported file in onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images.astype(np.float32)})[0]


def accuracy(path: Path, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that onnxruntime puts in their class with the exported file."""
    return float(np.mean(logits(path, images).argmax(1) == labels))
