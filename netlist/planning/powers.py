"""Whether the powers that a plan asks for are within the range of its device and of its sources."""

from resonet.core.validity import warn
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.linear_range import linear_range
from resonet.netlist.planning.frequency_plan import FrequencyPlan, source_power

__all__ = ["check_powers", "check_source_power", "check_tone_power"]


def check_tone_power(device: SpinDiode, p_max: float) -> None:
    """Warn (tone-power) where tones of p_max, W, are beyond the linear range of the device."""
    found = linear_range(device, p_max)
    if p_max > found.limit:
        warn(
            "tone-power",
            f"plan.p_max: one tone alone moves the weights by up to {100 * found.departure:.2g} % of the largest, and "
            "all numbers here take the linear law, which up to the limit holds to 1 % (nonlinear damping 2); possible: "
            "less plan.p_max",
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


def check_powers(plan: FrequencyPlan, most: float) -> None:
    """Both, of all layers of a plan; `most` as `check_source_power`."""
    check_tone_power(plan.device, plan.options.p_max)
    check_source_power(plan, most)
