"""Whether a trained network guesses on a set of labelled images, and which other pixels it would rather take."""

import math
from pathlib import Path

import numpy as np

from resonet.core.types import Array, Ints
from resonet.core.validity import warn
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.network.forward import classes, propagate
from resonet.netlist.network.images import ImageSet, read_images
from resonet.netlist.network.pixels import Pixels

__all__ = ["OTHERS", "chance", "check_chance"]

OTHERS = ("0..1", "0..255", "file", "0.5/0.5")
TRIED = 500  # images
DEVIATIONS = 3.0  # of the share of right guesses, within which an accuracy is one of chance
KNOWN = 0.3  # of what guessing leaves: a network that gets so much right does not guess, however few the images
BETTER = 0.1  # of the images: a scaling that is so much better is worth a word, chance or not


def chance(labels: Ints) -> float:
    """Largest accuracy that guessing explains: share of the most frequent class, and its scatter."""
    share = float(np.unique(labels, return_counts=True)[1].max()) / len(labels)
    scatter = DEVIATIONS * math.sqrt(share * (1 - share) / len(labels))
    return share + min(scatter, KNOWN * (1 - share))


def _accuracy(cnn: Cnn, images: Array, data: ImageSet) -> float:
    return float((classes(propagate(cnn, images[:TRIED]), cnn.ranked) == data.labels[:TRIED]).mean())


def check_chance(cnn: Cnn, path: Path | None, data: ImageSet, logits: Array) -> dict[str, float]:
    """Warn ("chance-accuracy") if the trained network guesses on images or would do far better with other pixels.

    `data` is what was read of the file `path` (None: arrays; no other pixels are tried then), `logits` [n, classes] the
    network's. Returns the accuracy on the first
    TRIED images by pixels, where others were tried; empty where there is nothing to say.
    """
    right = classes(logits, cnn.ranked) == data.labels
    limit = chance(data.labels)
    if len(np.unique(data.labels)) < 2 or float(right.mean()) > max(limit, 0.8):
        return {}
    tried = {str(data.pixels): float(right[:TRIED].mean())}
    for name in OTHERS:
        if path is not None and name not in tried:
            tried[name] = _accuracy(cnn, read_images(path, cnn.input_shape, Pixels.parse(name)).images, data)
    best = max(tried, key=lambda name: tried[name])
    found, most = float(right.mean()), max(limit, tried[best] - BETTER)
    if found > most:
        return {}
    told = ", ".join(f"{100 * share:.1f} % with --pixels {name}" for name, share in tried.items())
    what = "guesses" if found <= limit else "does better with other pixels"
    warn("chance-accuracy", f"{data.file}: the trained network {what} ({told})", found, most)
    return tried
