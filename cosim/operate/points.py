"""Variants of a design: other structures of the same trained network; other powers and bandwidths of one of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from resonet.cosim.operate.axes import AXES, FAST, Axis, with_values
from resonet.netlist.design.design import Design
from resonet.netlist.design.parameters import Parameters
from resonet.netlist.planning.frequency_plan import plan
from resonet.netlist.programming.methods import Method, programs

__all__ = ["METHOD", "Setting", "at_setting", "restructured", "three_digits"]

METHOD: Method = "coupled"  # the program of all variants: what calibration gains is far below the noise


def three_digits(value: float) -> float:
    """The largest number of three digits that is not above a positive value: what people write down."""
    places = 2 - math.floor(math.log10(value))
    return float(f"{math.floor(float(f'{value * 10.0**places:.9g}'))}e{-places}")


@dataclass(frozen=True, slots=True)
class Setting:
    """An operating point of a structure."""

    p_max: float  # W
    bandwidth: float  # Hz, of the transconductors

    @classmethod
    def of(cls, parameters: Parameters) -> "Setting":
        """The one of a design's parameters."""
        return cls(parameters.plan.p_max, parameters.neuron.bandwidth)


def restructured(base: Design, values: Mapping[str, float], axes: tuple[Axis, ...]) -> Design:
    """The network of `base` with the values of some axes: planned and programmed anew. Raises InputError."""
    parameters = with_values(base.parameters, values, axes)
    planned = plan(base.cnn, parameters.device, parameters.bus, parameters.plan)
    return replace(base, parameters=parameters, plan=planned, programs=programs(planned, (METHOD,)))


def at_setting(design: Design, setting: Setting) -> Design:
    """The same structure at another power and bandwidth; its programs stay."""
    fast = {"p_max": setting.p_max, "bandwidth": setting.bandwidth}
    parameters = with_values(design.parameters, fast, tuple(AXES[name] for name in FAST))
    return replace(design, parameters=parameters, plan=replace(design.plan, options=parameters.plan))
