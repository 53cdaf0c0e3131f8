"""What is wrong with the levels of a network, and what can be done: a line each."""

import numpy as np

from resonet.core.validity import warn
from resonet.cosim.cascade.level_diagrams import LINEAR, LevelDiagram

__all__ = ["MUCH_NOISE", "faults", "noisy", "warn_noisy"]

MUCH_CLIPPED = 0.01  # share of activations
MUCH_NOISE = 0.1  # of full scale, rms
ROOM = 1.05  # times p_max: less room up to the linear power is none


def faults(diagram: LevelDiagram) -> list[str]:
    """Clipped oscillators, resonators above what scales are for."""
    messages = []
    for row in diagram.layers:
        if row.clipped > MUCH_CLIPPED:
            messages.append(
                f"layer {row.layer}: {100 * row.clipped:.1f} % of its activations drive an oscillator beyond the "
                f"clamp (largest {row.overdrive:.2f} threshold currents); possible: less neuron.headroom, a larger "
                "neuron.clamp, or calibration images"
            )
        if row.p_max < -10 * np.log10(LINEAR):
            messages.append(
                f"layer {row.layer}: {-row.p_max:.2f} dB above plan.p_max in a resonator, more than the scales are "
                "for; possible: compile with --calibration images that hold the largest activations"
            )
    return messages


def noisy(diagram: LevelDiagram) -> list[tuple[str, float]]:
    """Layers whose noise at the transconductors is more than a tenth of full scale: a line, and the part of it."""
    limit, room = f"{1e9 * diagram.linear_power:.3g} nW", diagram.linear_power / diagram.p_max > ROOM
    power = f", more plan.p_max, up to {limit} by the linear law"
    end = f"; not more plan.p_max: the linear law ends at {limit}"
    return [
        (
            f"layer {row.layer}: noise of {1e6 * row.chain_noise:.3g} uV rms, most of it {budget.dominant}, at a full "
            f"scale of {1e6 * row.full_scale:.3g} uV; possible: less neuron.bandwidth, longer neuron.integration"
            f"{power if room else end}",
            row.chain_noise / row.full_scale if row.full_scale else float("inf"),
        )
        for row, budget in zip(diagram.layers, diagram.budgets, strict=True)
        if row.chain_noise > MUCH_NOISE * row.full_scale
    ]


def warn_noisy(diagram: LevelDiagram) -> None:
    """Warn (noise) of each of these layers."""
    for line, part in noisy(diagram):
        warn("noise", line, part, MUCH_NOISE)
