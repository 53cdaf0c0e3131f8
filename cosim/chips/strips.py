"""Layers under strip lines on one chip: programmed for the nominal layout, held by what was built.

Resonators are off in frequency, damping and sensitivity; lines in width and height, which takes a solution of the whole
layer for each chip. The readout's gain is that of the nominal layer: nobody has looked at the chip.
"""

from dataclasses import replace
from functools import lru_cache

from resonet.core.errors import InputError
from resonet.cosim.strip.held import STRIP_PROGRAMS, StripWeights
from resonet.cosim.strip.laid_out import lay_out, solved_layer
from resonet.cosim.strip.layer import layer_answers, strip_weights
from resonet.cosim.strip.passes import StripDevices
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.corners import at_corner
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method

__all__ = ["chip_strip_weights"]


@lru_cache(maxsize=8)
def _nominal(design: Design, layer: str, program: Method) -> StripWeights:
    """What the layer holds as planned, kept for the next chip."""
    return strip_weights(solved_layer(design, layer), design.plan.options.fill, (program,))[program]


def chip_strip_weights(design: Design, layer: str, program: Method, chip: Chip) -> StripWeights:
    """What a layer of a chip holds, for `accuracy`. Raises InputError."""
    if program not in STRIP_PROGRAMS or program == "fitted":
        raise InputError(f"program {program[:40]!r} under strip lines; possible: {', '.join(STRIP_PROGRAMS)}")
    held, own = _nominal(design, layer, program), chip.layer(layer)
    nominal = design.parameters.geometry
    corner = design.parameters.corners.get(chip.corner)
    geometry = nominal if corner is None else at_corner(nominal, "geometry", corner)
    geometry = replace(geometry, **{name: getattr(geometry, name) * factor for name, factor in own.lines.items()})
    alike = geometry == nominal and chip.device == design.plan.device
    if alike:
        strip = solved_layer(design, layer)
    else:
        strip = replace(lay_out(design, layer, None, geometry), device=chip.device).solve()
    gain = own.of_bus("magnetoresistance", 0) / own.of_bus("threshold_current", 0)
    devices = StripDevices(own.of_bus("f_res", 0), own.of_bus("damping", 0), gain)
    return replace(held, values=layer_answers(strip, held.f_res, devices) / held.scale * held.gain)
