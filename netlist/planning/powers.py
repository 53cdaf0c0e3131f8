"""Whether what a plan asks for is within the range of its device, sources, transconductors and bias tees."""

import numpy as np

from resonet.core.validity import warn
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.linear_range import linear_range
from resonet.netlist.planning.frequency_plan import FrequencyPlan, source_power
from resonet.netlist.planning.tile_coupling import check_tiles

__all__ = ["check_gains", "check_powers", "check_source_power", "check_tone_power"]


def check_tone_power(device: SpinDiode, p_max: float) -> None:
    """Warn (tone-power) where tones of p_max, W, are beyond the linear range of the device."""
    found = linear_range(device, p_max)
    if p_max > found.limit:
        warn(
            "tone-power",
            f"plan.p_max: one tone alone moves the weights by up to {100 * found.departure:.2g} % of the largest, and "
            "all numbers but those of --resonators saturating take the linear law, which up to the limit holds to 1 % "
            "(nonlinear damping 2); possible: less plan.p_max",
            p_max,
            found.limit,
            "W",
        )


def check_source_power(plan: FrequencyPlan, most: float) -> None:
    """Warn (source-power) of the layer whose tone sources must give more than `most`, W."""
    entry = max(plan.layers, key=lambda layer: source_power(layer, plan), default=None)
    if entry is None:
        return
    watts = 10 ** (source_power(entry, plan) / 10 - 3)
    if watts > most:
        warn(
            "source-power",
            f"layer {entry.layer.name}: a tone source must have {source_power(entry, plan):.1f} dBm, and its amplifier "
            "compresses by 1 dB at neuron.p1db; possible: smaller plan.tile or plan.p_max, larger neuron.p1db",
            watts,
            most,
            "W",
        )


def check_gains(plan: FrequencyPlan) -> None:
    """Warn (neuron-gain) of the layer whose neurons would need gains that differ by more than plan.gain_range."""
    most, worst = plan.options.gain_range, (1.0, "", 0)
    for entry in plan.layers:
        if (raised := entry.layer.raised) is not None:
            own = np.abs(entry.layer.held).max(2)
            capped = (raised >= most) & (own > 0) & (own < (1 - 1e-9) * own.max())
            needed = raised[capped] * own.max() / own[capped]
            worst = max(worst, (float(needed.max(initial=1.0)), entry.layer.name, int(capped.sum())))
    if worst[0] > most:
        warn(
            "neuron-gain",
            f"layer {worst[1]}: {worst[2]} of its neurons have weights so small that their transconductors would need "
            "less gain than they can have, and their chains use only part of their resonators' range; possible: larger "
            "plan.gain_range",
            worst[0],
            most,
        )


def check_powers(plan: FrequencyPlan, most: float) -> None:
    """All of these, of all layers of a plan; `most` as `check_source_power`."""
    check_gains(plan)
    check_tone_power(plan.device, plan.options.p_max)
    check_source_power(plan, most)
    check_tiles(plan)
