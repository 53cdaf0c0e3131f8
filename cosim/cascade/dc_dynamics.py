"""DC side of the neurons of a stage (models/circuit/dc_side.py)."""

from resonet.cosim.cascade.line_dynamics import line_stack
from resonet.models.circuit.dc_side import DcStack
from resonet.models.neuron.electronics import POLES
from resonet.netlist.cascade.levels import Levels

__all__ = ["dc_stack"]


def dc_stack(levels: Levels, number: int) -> DcStack:
    """DC side of a stage's neurons; all are alike, those under strip lines as the longest chain is."""
    plan, bandwidth = levels.plan, levels.stages[number].options.bandwidth
    if (line := levels.parallel.lines[number]) is not None:
        return line_stack(line, plan.circuit, bandwidth)
    sizes = levels.parallel.tile_sizes(number)
    return DcStack.of_tiles(sizes, plan.device.resistance, plan.circuit, bandwidth, POLES)
