"""Images through a chain of layers by aihwkit, in a Python of its own: no resonet here.

    python benchmarks/_peer_aihwkit.py NETWORK.npz perfect|default [TIMES]

NETWORK.npz: images [n, ...] float32 and, for each layer, `kind{n}` (conv, dense), `weight{n}`, `bias{n}`, `stride{n}`,
`relu{n}`. Prints JSON: processor and wall seconds of each time, classes of the images, versions.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

import aihwkit  # type: ignore[import-not-found]  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from aihwkit.nn.conversion import convert_to_analog  # type: ignore[import-not-found]  # noqa: E402
from aihwkit.simulator.configs import TorchInferenceRPUConfig  # type: ignore[import-not-found]  # noqa: E402

BATCH = 500


def network(values: Any) -> Any:
    """The layers in torch."""
    layers, count = [], sum(name.startswith("kind") for name in values)
    for n in range(count):
        weight, bias = torch.tensor(values[f"weight{n}"]), torch.tensor(values[f"bias{n}"])
        if str(values[f"kind{n}"]) == "conv":
            layer = torch.nn.Conv2d(
                weight.shape[1], weight.shape[0], tuple(weight.shape[2:]), tuple(values[f"stride{n}"].tolist())
            )
        else:
            layers.append(torch.nn.Flatten())
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = weight, bias
        layers += [layer, torch.nn.ReLU()] if values[f"relu{n}"] else [layer]
    return torch.nn.Sequential(*layers)


def main() -> None:
    """Measure, print."""
    torch.set_num_threads(1)
    file, kind, *times = sys.argv[1:]
    with np.load(Path(file), allow_pickle=False) as stored:
        values = {name: stored[name] for name in stored.files}
    config = TorchInferenceRPUConfig()
    config.forward.is_perfect = kind == "perfect"
    model = convert_to_analog(network(values), config).eval()
    images, taken = torch.tensor(values["images"]), []
    with torch.no_grad():
        for _ in range(int(*times or [5]) + 1):
            start, cpu = time.perf_counter(), time.process_time()
            found = torch.cat([model(images[n : n + BATCH]) for n in range(0, len(images), BATCH)])
            taken.append((time.process_time() - cpu, time.perf_counter() - start))
    page = {"cpu": [t[0] for t in taken[1:]], "wall": [t[1] for t in taken[1:]], "classes": found.argmax(1).tolist()}
    print(json.dumps(page | {"versions": f"aihwkit {aihwkit.__version__}, torch {torch.__version__}"}))


if __name__ == "__main__":
    main()
