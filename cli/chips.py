"""Options that say which chip is meant: --corner, --sample and --chip-seed."""

from typing import Annotated

import typer

from resonet.cli.options import only

__all__ = ["ChipSeed", "CornerOption", "SampleOption"]

CornerOption = Annotated[
    str | None, typer.Option("--corner", help="At a corner: tt, ss, ff, or of [corner.NAME] in design.toml.")
]
SampleOption = Annotated[
    int | None, typer.Option("--sample", min=0, help="Of this sampled chip, by [spread] in design.toml.")
]
ChipSeed = Annotated[int, typer.Option("--chip-seed", min=0, help="Of the samples."), only("sample")]
