"""Chips on the command line: which one is meant by --corner, --sample and --seed."""

from typing import TYPE_CHECKING, Annotated

import typer

from resonet.cli.options import only
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.weights.held import RfWeights
    from resonet.netlist.chips.chip import Chip
    from resonet.netlist.design.design import Design
    from resonet.netlist.programming.methods import Method

__all__ = ["ChipSeed", "CornerOption", "SampleOption", "chip_held", "chosen_chip", "refuse_beside_chip"]

CornerOption = Annotated[
    str | None, typer.Option("--corner", help="At a corner: tt, ss, ff, or of [corner.NAME] in design.toml.")
]
SampleOption = Annotated[
    int | None, typer.Option("--sample", min=0, help="Of this sampled chip, by [spread] in design.toml.")
]
ChipSeed = Annotated[int, typer.Option("--chip-seed", min=0, help="Of the samples."), only("sample")]


def chosen_chip(design: "Design", corner: str | None, sample: int | None, seed: int) -> "Chip | None":
    """The chip that was asked for; None: nothing was. Raises InputError."""
    from resonet.netlist.design.chips import ChipSampler

    if corner is None and sample is None:
        return None
    sampler = ChipSampler(design, None, seed, corner or "tt")
    if sample is not None and not sampler.spread.active:
        raise InputError(
            f"--sample {sample}: nothing spreads in this design; possible: standard deviations, in [spread] of "
            "design.toml"
        )
    return sampler.chip(sample)


def chip_held(design: "Design", program: "Method", chip: "Chip", engine: str) -> "dict[str, RfWeights]":
    """What the layers of a chip hold; `auto` is the linear engine here. Raises InputError, EngineError."""
    from resonet.cosim.chips import chip_weights

    return chip_weights(design, program, chip, "linear" if engine == "auto" else engine)


def refuse_beside_chip(resonators: str, noise: bool, repeat: int) -> None:
    """InputError for what is not computed of a chip."""
    given = [
        name
        for name, there in (
            ("--resonators saturating", resonators != "linear"),
            ("--noise", noise),
            ("--repeat", repeat > 1),
        )
        if there
    ]
    if given:
        raise InputError(f"{given[0]} of one chip (--corner, --sample); possible: without it, linear and without noise")
