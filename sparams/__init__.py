"""S-parameters of blocks, as scikit-rf networks and Touchstone files (docs/sparams.md)."""

from resonet.sparams.chain import chain_deck, chain_sparams
from resonet.sparams.extract import extract, mixed_mode
from resonet.sparams.measured import fit_part
from resonet.sparams.sheet import layer_sheet
from resonet.sparams.touchstone import read_touchstone, write_touchstone
from resonet.sparams.window import design_block

__all__ = [
    "chain_deck",
    "chain_sparams",
    "design_block",
    "extract",
    "fit_part",
    "layer_sheet",
    "mixed_mode",
    "read_touchstone",
    "write_touchstone",
]
