"""Train the shipped network that tells modulations of I/Q signals, and write it and its data next to this file.

The signals are drawn by `waveforms.py`, which says what they meet on their way. The network takes the codes of an 8-bit
receiver / 255, and centres them itself: convolutions along time, each with a maximum pool, then the mean over time.

    pip install "resonet[train]"
    python examples/signals/train.py

Writes `signals.onnx`, `signals_test.npz` (2,048 records) and `signals_calibration.npz` (512 others, used to scale
activations to RF power, never to measure accuracy).
"""

import argparse
from pathlib import Path

import numpy as np

from resonet.examples.signals.waveforms import MODULATIONS, records

HERE = Path(__file__).parent
TEST_RECORDS, CALIBRATION_RECORDS = 2048, 512
TEST_SEED, CALIBRATION_SEED = 1001, 1002  # below 1000: training


def main() -> None:
    """Draw, train, export, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=64_000, help="for training")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1, choices=range(1000), metavar="0...999")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()

    from resonet.examples import networks, training
    from resonet.examples.training import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    codes, labels = records(args.records, args.seed)
    signals = torch.from_numpy(codes.astype(np.float32) / 255)
    net = networks.SignalNet(classes=len(MODULATIONS))
    path = args.out / "signals.onnx"
    recipe = training.Recipe(args.epochs, rate=0.1, seed=args.seed)
    classes = torch.from_numpy(labels.astype(np.int64))
    training.fit(net, signals, classes, recipe, training.unchanged, path.with_suffix(".kept.npz"))
    training.export(net, signals, path, "signal")
    for name, count, seed in (
        ("test", TEST_RECORDS, TEST_SEED),
        ("calibration", CALIBRATION_RECORDS, CALIBRATION_SEED),
    ):
        codes, labels = records(count, seed)
        np.savez_compressed(args.out / f"signals_{name}.npz", images=codes, labels=labels)
        print(f"{name}: accuracy {training.accuracy(path, codes.astype(np.float32) / 255, labels):.4f}")


if __name__ == "__main__":
    main()
