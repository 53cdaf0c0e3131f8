"""Train the shipped digit networks and write them, the test images and the calibration images next to this file.

The 8x8 handwritten digits of scikit-learn (1,797 images; E. Alpaydin and C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI, CC BY 4.0), and a network small enough for one transient deck: conv 3x3x4 stride 2 (36
neurons, chains of 9), dense 10 (chains of 36). The residual one has a block between the two: depthwise 3x3, ReLU,
conv 1x1, and what went in is added before the ReLU (1,188 resonators in parallel).

    pip install "resonet[train]"
    python examples/digits/train.py

Writes `digits_relu.onnx`, `digits_three_terminal.onnx`, `digits_two_terminal.onnx` (ReLU, and the power law of the
oscillator trained into the network), `digits_residual.onnx` (ReLU), `digits_test.npz` (450 images) and
`digits_calibration.npz` (256 training images, used to scale activations to RF power, never to measure accuracy).

The largest weight and the largest activation of a layer set the scales of the hardware, so that outliers cost signal:
weights are held within CLIP standard deviations, and currents beyond HEADROOM of the clamp are punished.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

from resonet.examples.neurons import OscillatorNeuron, accuracy, export
from resonet.netlist.network.activations.oscillator import KINDS, OscillatorActivation

HERE = Path(__file__).parent
SHAPE, TEST_IMAGES, CALIBRATION_IMAGES = (1, 8, 8), 450, 256
CLIP, HEADROOM, PENALTY, NOISE = 2.5, 0.9, 10.0, 0.02
RELU = "/neuron/Relu_output_0"
RESIDUAL = "residual"


class Net(nn.Module):
    """conv 3x3x4 /2, neurons, dense 10."""

    def __init__(self, neuron: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2)
        self.neuron = neuron
        self.dense = nn.Linear(36, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, 10] of images [n, 1, 8, 8]."""
        return self.dense(torch.flatten(self.neuron(self.conv(x)), 1))


class Residual(Net):
    """The same with a residual block of 36 neurons in between: depthwise 3x3, ReLU, conv 1x1, sum, ReLU."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.pointwise = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, 10] of images [n, 1, 8, 8]."""
        x = self.neuron(self.conv(x))
        x = functional.relu(x + self.pointwise(functional.relu(self.depthwise(x))))
        return self.dense(torch.flatten(x, 1))


def noisy(images: Tensor) -> Tensor:
    """Images with a little noise."""
    return (images + NOISE * torch.randn_like(images)).clamp(0, 1)


def train(net: Net, images: Tensor, labels: Tensor, epochs: int, batch: int = 64) -> None:
    """AdamW with a one-cycle learning rate; weights clipped, overdriven neurons punished."""
    steps = len(images) // batch
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-2, total_steps=epochs * steps)
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for step in range(steps):
            pick = order[step * batch : (step + 1) * batch]
            loss = functional.cross_entropy(net(noisy(images[pick])), labels[pick])
            if isinstance(net.neuron, OscillatorNeuron):
                loss = loss + PENALTY * functional.relu(net.neuron.largest - HEADROOM * net.neuron.law.clamp) ** 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            clip(net)


@torch.no_grad()
def clip(net: Net) -> None:
    """Hold the weights of each layer within CLIP standard deviations."""
    for layer in net.children():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        limit = CLIP * float(layer.weight.std())
        layer.weight.clamp_(-limit, limit)


@torch.no_grad()
def normalised(net: Net) -> OscillatorActivation:
    """Move the size of the first layer's weights into the drive, so that the largest is 1: the same network."""
    size = float(net.conv.weight.abs().max())
    for values in (net.conv.weight, net.conv.bias):
        values.div_(size)
    net.neuron.law = replace(net.neuron.law, drive=net.neuron.law.drive * size)
    return net.neuron.law


def make(kind: str, images: Tensor, labels: Tensor, args: argparse.Namespace) -> Path:
    """Train and export the network with one kind of neurons."""
    torch.manual_seed(args.seed)
    neuron = OscillatorNeuron(OscillatorActivation(kind)) if kind in KINDS else nn.ReLU()
    net = Residual() if kind == RESIDUAL else Net(neuron)
    train(net, images, labels, args.epochs)
    laws = {RELU: normalised(net)} if kind in KINDS else {}
    describe(net, images)
    path = args.out / f"digits_{kind}.onnx"
    export(net, Residual() if kind == RESIDUAL else Net(nn.ReLU()), laws, images, path)
    return path


@torch.no_grad()
def describe(net: Net, images: Tensor) -> None:
    """Print what sets the scales of the hardware."""
    for name, layer in (("conv", net.conv), ("dense", net.dense)):
        print(f"  {name}: largest weight {layer.weight.abs().max():.3f}, rms {layer.weight.square().mean().sqrt():.3f}")
    sums = net.conv(images)
    outputs = net.neuron(sums)
    print(f"  largest sum {sums.max():.3f}, largest output {outputs.max():.3f}, mean output {outputs.mean():.3f}")
    if isinstance(net.neuron, OscillatorNeuron):
        print(f"  {net.neuron.law}; largest current {net.neuron.largest:.2f} thresholds")


def main() -> None:
    """Split, train, export, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = ("relu", *KINDS, RESIDUAL)
    parser.add_argument("--network", nargs="+", choices=kinds, default=kinds, help="which networks are trained")
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)

    digits = load_digits()
    pixels = (digits.images[:, None] / 16).astype(np.float32)
    parts = train_test_split(
        pixels, digits.target, test_size=TEST_IMAGES, random_state=args.seed, stratify=digits.target
    )
    train_images, test_images, train_labels, test_labels = parts
    for kind in args.network:
        print(kind)
        path = make(kind, torch.from_numpy(train_images), torch.from_numpy(train_labels), args)
        print(f"  test accuracy {accuracy(path, test_images, test_labels):.4f}", flush=True)
    np.savez_compressed(args.out / "digits_test.npz", images=test_images, labels=test_labels)
    pick = np.random.default_rng(args.seed).choice(len(train_images), CALIBRATION_IMAGES, replace=False)
    np.savez_compressed(args.out / "digits_calibration.npz", images=train_images[pick], labels=train_labels[pick])


if __name__ == "__main__":
    main()
