"""Steps of a calibration on the bench that are taken to learn, not to arrive: excitation, differences, the slope."""

from collections.abc import Iterator

import networkx as nx
import numpy as np

from resonet.core.types import Array, Ints
from resonet.cosim.bench.meter import Meter
from resonet.cosim.bench.model import ChipModel, History, chip_model, model_weights, scan_offsets
from resonet.cosim.bench.records import BenchChip, BenchOptions, BenchStatus, BenchStop

__all__ = ["colour_classes", "difference_points", "difference_step", "find_slope"]

REACH = 15.0  # half-widths beyond which the model's tail of a resonator is taken for granted
PROBES = 3.0 ** np.arange(-8, 0)  # parts of the tuning's range, for a slope that nobody knows
TELLING = 0.15  # change of a weight, in sensitivities, that fixes the slope
SLOPES = np.geomspace(1e-3, 1e3, 481)  # half-widths per telling step


def colour_classes(frequencies: Array, damping: float, reach: float = REACH) -> list[Ints]:
    """Resonators that may be moved in the same measurement: no tone is within `reach` half-widths of two of a class.

    Greedy colouring of the graph whose edges join resonators with a tone in common.
    """
    near = np.abs(frequencies[:, None] / frequencies - 1) <= reach * damping
    joined = near.T.astype(int) @ near.astype(int) > 0
    np.fill_diagonal(joined, False)
    colours = nx.greedy_color(nx.from_numpy_array(joined), strategy="largest_first")
    of = np.array([colours[k] for k in range(len(frequencies))])
    return [np.flatnonzero(of == colour) for colour in range(of.max() + 1)]


def difference_step(noise: float) -> float:
    """Step of a central difference, in half-widths; `noise` of a weight in sensitivities.

    Its error is σ/(√2 h) by noise and h² w'''/6 by curvature; the sum of squares is least at h = (3σ/|w'''|)^(1/3), and
    the line 2u/(1 + u²) has |w'''| = 12 at u = 0: h = (σ/4)^(1/3).
    """
    return float(np.clip((noise / 4) ** (1 / 3), 0.02, 0.5))


def difference_points(now: Array, model: ChipModel, noise: float) -> Iterator[Array]:
    """Z [chains, K] of the measurements for central differences: each class of colours up, then down."""
    step = difference_step(noise)
    for members in colour_classes(model.frequencies, model.damping):
        move = np.zeros(now.shape[1])
        move[members] = step
        yield now + move
        yield now - move


def find_slope(meter: Meter, chip: BenchChip, options: BenchOptions, start: Array, first: tuple[Array, Array]) -> float:
    """Hz per unit of tuning, by larger and larger steps of all resonators at once until the weights change.

    `first` are weights and variances at the start, in sensitivities. Raises BenchStop where nothing ever changes.
    """
    tones = np.arange(len(chip.frequencies))
    values, variance = first
    moved, answers = [], []
    for part in PROBES:
        step = part * (chip.high - chip.low)
        tuning = np.where(start + step <= chip.high, start + step, start - step)
        answer, noise = meter.weights(tuning, tones, options.repeats)
        moved.append(tuning - start)
        answers.append(answer / chip.sensitivity)
        change = np.sqrt(np.mean((answers[-1] - values) ** 2))
        if change > max(TELLING, 5 * np.sqrt(np.mean(variance + noise / chip.sensitivity**2))):
            return _best_slope(chip, options, start, first, moved, answers)
    raise BenchStop(BenchStatus.NO_EFFECT, f"no change up to {moved[-1].flat[0]:g} units of tuning")


def _best_slope(
    chip: BenchChip,
    options: BenchOptions,
    start: Array,
    first: tuple[Array, Array],
    moved: list[Array],
    answers: list[Array],
) -> float:
    """Slope of either sign that explains the steps best, with the offsets that the first measurement suggests."""
    model = chip_model(chip, options, np.zeros_like(start), 1.0)
    history = History(np.zeros((*start.shape[:1], 1, start.shape[1])), first[0][:, None], first[1][:, None])
    theta = scan_offsets(history, model, np.zeros((len(start), len(model.widths))))
    largest = np.abs(moved[-1]).max()
    best = (np.inf, 1.0)
    for size in SLOPES:
        for slope in (size, -size):
            hertz = slope * float(np.median(model.unit)) / largest
            z = np.stack([hertz * step / model.unit for step in moved], 1)
            missed = float(np.sum((model_weights(theta, z, model, model.base)[0] - np.stack(answers, 1)) ** 2))
            best = min(best, (missed, hertz))
    return best[1]
