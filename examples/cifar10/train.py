"""Train ResNet-20 on CIFAR-10 and write it, test images and calibration images: for users who have the data.

CIFAR-10 (A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html) is not part of this package; `--data` is the
folder `cifar-10-batches-bin` of its binary version, of which every file must have the size that the format says.

    pip install "resonet[train]"
    python examples/cifar10/train.py --data cifar-10-batches-bin --out cifar10 --half

Writes `cifar10_resnet20.onnx`, `cifar10_test.npz` (10,000 images) and `cifar10_calibration.npz` (512 training images,
used to scale activations to RF power, never to measure accuracy).
"""

import argparse
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.examples.datasets import read_cifar10

CALIBRATION_IMAGES = 512


def main() -> None:
    """Train, export, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder cifar-10-batches-bin")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--width", type=int, default=16, help="channels of the first layer")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--half", action="store_true", help="bfloat16 products, faster where the processor has them")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    try:
        train, test = read_cifar10(args.data, "train"), read_cifar10(args.data, "test")
    except InputError as error:
        raise SystemExit(str(error)) from error

    from resonet.examples import networks, training
    from resonet.examples.training import torch

    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    path = args.out / "cifar10_resnet20.onnx"
    net = networks.ResNet(channels=3, width=args.width)
    recipe = training.Recipe(args.epochs, half=args.half, seed=args.seed)
    training.fit_images(net, train.images, train.labels, recipe, path, reach=4)
    print(f"test accuracy {training.accuracy(path, test.images.astype(np.float32) / 255, test.labels):.4f}")
    training.write_images(args.out, "cifar10", train, test, CALIBRATION_IMAGES, args.seed)


if __name__ == "__main__":
    main()
