"""Train the shipped Fashion-MNIST networks and write them, test images and calibration images next to this file.

Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747, MIT licence): 60,000 + 10,000 images of clothes, 28x28,
ten classes. Two networks: ResNet-20 (residual blocks, batch normalisation) and a small MobileNet (depthwise
convolutions, ReLU6). Pixels go in as they are, byte / 255.

    pip install "resonet[train]"
    apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb data
    python examples/fashion/train.py --data data/usr/share/datasets/fashion-mnist --half --network resnet20
    python examples/fashion/train.py --data data/usr/share/datasets/fashion-mnist --half --network mobilenet

An epoch of ResNet-20 takes a minute of one core (two minutes without `--half`, on processors with bfloat16). `--data`
is any folder with the four IDX files. Writes `fashion_resnet20.onnx` or `fashion_mobilenet.onnx`, `fashion_test.npz`
(the first 1,000 test images) and `fashion_calibration.npz` (512 training images, used to scale activations to RF
power, never to measure accuracy).
"""

import argparse
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.examples.datasets import Labelled, read_idx_pair

HERE = Path(__file__).parent
EPOCHS = {"resnet20": 14, "mobilenet": 20}  # by network
TEST_IMAGES, CALIBRATION_IMAGES = 1000, 512


def main() -> None:
    """Train, export, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the four IDX files")
    parser.add_argument("--network", choices=EPOCHS, default="resnet20")
    parser.add_argument("--epochs", type=int, help="14 for resnet20, 20 for mobilenet")
    parser.add_argument("--width", type=int, default=16, help="channels of the first layer")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--half", action="store_true", help="bfloat16 products, faster where the processor has them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    try:
        train, test = read_idx_pair(args.data, "train"), read_idx_pair(args.data, "test")
    except InputError as error:
        raise SystemExit(str(error)) from error

    from resonet.examples import networks, training
    from resonet.examples.training import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    net = networks.ResNet(width=args.width) if args.network == "resnet20" else networks.MobileNet(width=args.width)
    path = args.out / f"fashion_{args.network}.onnx"
    recipe = training.Recipe(args.epochs or EPOCHS[args.network], half=args.half, seed=args.seed)
    training.fit_images(net, train.images, train.labels, recipe, path)
    right = training.accuracy(path, test.images.astype(np.float32) / 255, test.labels)
    print(f"test accuracy {right:.4f}")
    first = Labelled(test.images[:TEST_IMAGES], test.labels[:TEST_IMAGES])
    training.write_images(args.out, "fashion", train, first, CALIBRATION_IMAGES, args.seed)


if __name__ == "__main__":
    main()
