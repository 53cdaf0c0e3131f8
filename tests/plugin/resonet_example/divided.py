"""Engine `divided`: the published picture, but for the divider that chain and readout make.

Every tone has its power in every resonator, as by `formula`; of what a chain rectifies, the readout sees the part
R_readout / (R_readout + R_chains + R_chokes). Against `linear` it tells what the DC side alone takes.
"""

from collections.abc import Sequence
from dataclasses import replace

from resonet.core.types import Array
from resonet.cosim.weights.engines import Engine, Passes, formula, readout_divider
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan


def _passes(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Passes:
    ideal, part = formula(plan, entry, f_res), readout_divider(plan, entry)
    return replace(ideal, gains=tuple(part * gain for gain in ideal.gains))


DIVIDED = Engine("divided", _passes, ideal=True)
