"""What the training scripts share: the training loop, and the way from a torch module to a checked ONNX file."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonet.examples.datasets import Labelled

try:
    import onnx
    import onnxruntime
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
except ModuleNotFoundError as error:
    raise SystemExit(f'training needs {error.name}, which is not installed: pip install "resonet[train]"') from error

__all__ = [
    "Recipe",
    "accuracy",
    "export",
    "fit",
    "fit_images",
    "flipped",
    "logits",
    "restore",
    "shifted",
    "unchanged",
    "write_images",
]

Augment = Callable[[Tensor], Tensor]
CHECKED = 512  # images on which torch and onnxruntime are compared
TOLERANCE = 1e-4  # of the largest logit


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained: stochastic gradient descent with a one-cycle learning rate."""

    epochs: int
    rate: float = 0.1
    batch: int = 128
    decay: float = 5e-4
    held_out: int = 2000  # training images that choose the epoch which is kept
    half: bool = False  # bfloat16 products, where the processor has them
    seed: int = 1


def shifted(images: Tensor, reach: int = 2) -> Tensor:
    """Every image [n, channels, height, width] moved by its own whole number of pixels, up to `reach` each way."""
    n, _, height, width = images.shape
    padded = functional.pad(images, (reach,) * 4)
    row = torch.randint(0, 2 * reach + 1, (n, 1, 1)) + torch.arange(height)[None, :, None]
    col = torch.randint(0, 2 * reach + 1, (n, 1, 1)) + torch.arange(width)[None, None, :]
    return padded[torch.arange(n)[:, None, None], :, row, col].permute(0, 3, 1, 2)


def flipped(images: Tensor) -> Tensor:
    """Every second image, at random, seen in a mirror."""
    return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(-1), images)


def unchanged(signals: Tensor) -> Tensor:
    """For what is not augmented."""
    return signals


def fit(net: nn.Module, images: Tensor, labels: Tensor, recipe: Recipe, augment: Augment, kept: Path) -> None:
    """Train `net` on images [n, ...] with classes [n]; it ends with the weights of the epoch best on held-out images.

    The best weights so far are in the file `kept` (npz) at any time, so that a training can be stopped.
    """
    order = torch.randperm(len(images))
    held, rest = order[: recipe.held_out], order[recipe.held_out :]
    steps = len(rest) // recipe.batch
    optimiser = torch.optim.SGD(net.parameters(), recipe.rate, momentum=0.9, weight_decay=recipe.decay, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.epochs * steps)
    best = -1.0
    for epoch in range(recipe.epochs):
        started, total = time.monotonic(), 0.0
        net.train()
        for picked in rest[torch.randperm(len(rest))][: steps * recipe.batch].split(recipe.batch):
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.half):
                loss = functional.cross_entropy(net(augment(images[picked])), labels[picked])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        right = _share(net, images[held], labels[held])
        if right >= best:
            best = right
            np.savez(kept, **{name: values.numpy() for name, values in net.state_dict().items()})
        seconds = time.monotonic() - started
        print(f"epoch {epoch + 1:2d}: loss {total / steps:.4f}, held out {right:.4f}, {seconds:.0f} s", flush=True)
    restore(net, kept)


def fit_images(
    net: nn.Module, images: np.ndarray, labels: np.ndarray, recipe: Recipe, path: Path, reach: int = 2
) -> None:
    """Train on 8-bit images [n, channels, height, width], shifted and seen in a mirror, and write the ONNX file."""
    net = net.to(memory_format=torch.channels_last)
    pixels = torch.from_numpy(images.astype(np.float32) / 255)

    def augment(batch: Tensor) -> Tensor:
        return shifted(flipped(batch), reach).contiguous(memory_format=torch.channels_last)

    fit(net, pixels, torch.from_numpy(labels.astype(np.int64)), recipe, augment, path.with_suffix(".kept.npz"))
    export(net, pixels, path)


def write_images(folder: Path, name: str, train: Labelled, test: Labelled, calibration: int, seed: int) -> None:
    """Test images, and as many training images for calibration, 8-bit: `name`_test.npz, `name`_calibration.npz."""
    pick = np.random.default_rng(seed).choice(len(train.images), calibration, replace=False)
    for what, images, labels in (
        ("test", test.images, test.labels),
        ("calibration", train.images[pick], train.labels[pick]),
    ):
        np.savez_compressed(folder / f"{name}_{what}.npz", images=images, labels=labels.astype(np.uint8))


def restore(net: nn.Module, kept: Path) -> None:
    """Give `net` the weights that `fit` kept."""
    with np.load(kept, allow_pickle=False) as arrays:
        net.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays})


@torch.no_grad()
def _share(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    net.eval()
    found = torch.cat([net(part).argmax(1) for part in images.split(500)])
    return float((found == labels).float().mean())


def export(net: nn.Module, images: Tensor, path: Path, name: str = "image") -> None:
    """Write a network as torch's exporter does today, one file, input [batch, ...], and check it against torch."""
    net = net.eval().to(memory_format=torch.contiguous_format)
    program = torch.onnx.export(
        net,
        (images[:2].contiguous(),),
        input_names=[name],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    onnx.save(_bare(program.model_proto), path)
    with torch.no_grad():
        wanted = net(images[:CHECKED]).numpy()
    worst = np.abs(logits(path, images[:CHECKED].numpy()) - wanted).max() / np.abs(wanted).max()
    if not worst < TOLERANCE:
        raise SystemExit(f"{path}: onnxruntime and torch differ by {worst:.1e} of the largest logit")


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model without what the exporter notes beside the network: files and lines of the machine that it ran on."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Outputs [n, classes] of a file with one input in onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    parts = [images[k : k + 500].astype(np.float32) for k in range(0, len(images), 500)]
    return np.concatenate([session.run(None, {taken.name: part})[0] for part in parts])


def accuracy(path: Path, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that onnxruntime puts in their class with the exported file."""
    return float(np.mean(logits(path, images).argmax(1) == labels))
