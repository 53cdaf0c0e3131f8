"""The weight error of some chains of a strip-line layer split by its causes: `attribute` on a layer of a design."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.core.watching import Done, nothing
from resonet.cosim.strip.attribution import BASE, PARTS, Attribution, Causes, attribute
from resonet.cosim.strip.engine import StripEngine
from resonet.cosim.strip.laid_out import LaidOut
from resonet.cosim.strip.passes import ALL_CAUSES, StripMethod, layer_resonances
from resonet.cosim.strip.spot_check import check_strips
from resonet.cosim.weights.spot_check import BUDGET
from resonet.cosim.weights.witness import Witness

__all__ = ["LayerSplit", "SplitOptions", "check_split", "split_layer", "split_steps"]

CHAINS = 12  # of a split


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """What is split, and how."""

    program: StripMethod = "coupled"
    chains: int | None = None  # in the middle of the layer; None: CHAINS, or all there are
    neighbours: int = 6  # aggressor chains to either side
    each: bool = False  # by single causes instead of by group
    engine: StripEngine = "linear"
    pairs: int = 20  # of the loudest

    @property
    def parts(self) -> dict[str, Causes]:
        """What is switched together."""
        return {cause: (cause,) for cause in ALL_CAUSES if cause not in BASE} if self.each else PARTS


@dataclass(frozen=True, slots=True, eq=False)
class LayerSplit:
    """The split, and of what."""

    laid: LaidOut
    options: SplitOptions
    chains: Ints  # window of the split
    f_res: Array  # Hz [resonators] of the whole layer
    attribution: Attribution


def _window(laid: LaidOut, count: int | None) -> Ints:
    """Chains in the middle of the middle block. Raises InputError for more than there are."""
    usage = laid.placement.usage
    chains, per_block = usage.chains, usage.grid[0] * usage.grid[1]
    count = min(CHAINS, chains) if count is None else count
    if not 1 <= count <= chains:
        raise InputError(f"--chains {count}: possible: 1 ... {chains}")
    block = chains // per_block // 2 * per_block
    first = min(block + max(0, per_block - count) // 2, chains - count)
    return np.arange(first, first + count)


def split_steps(options: SplitOptions) -> int:
    """How often `split_layer` calls `done`."""
    return 4 * len(options.parts) + 3


def split_layer(laid: LaidOut, options: SplitOptions | None = None, done: Done = nothing) -> LayerSplit:
    """Weight error of chains in the middle of a layer by cause, every cause of the circuit counted.

    `done` is called after each of `split_steps` passes. Raises InputError, EngineError.
    """
    options = options or SplitOptions()
    f_res, scale = layer_resonances(
        laid.placement, laid.layer, laid.frequencies, laid.device, laid.fill, options.program
    )
    chains = _window(laid, options.chains)
    with threadpool_limits(1, "blas"):  # many small products, whose threads would only wait for each other
        attribution = attribute(
            laid.placement,
            laid.frequencies,
            f_res,
            laid.layer.resonator_weights * scale,
            chains,
            options.neighbours,
            options.parts,
            laid.device,
            options.engine,
            options.pairs,
            done,
        )
    return LayerSplit(laid, options, chains, f_res, attribution)


def check_split(split: LayerSplit, budget: float = BUDGET) -> Witness:
    """The circuit of a split, every cause counted, held against ngspice in windows of its chains (`check_strips`).

    Raises EngineError where they differ.
    """
    laid = split.laid
    causes = (*BASE, *(cause for part in split.options.parts.values() for cause in part))
    return check_strips(laid.placement, laid.frequencies, split.f_res, causes, laid.device, budget, split.chains)
