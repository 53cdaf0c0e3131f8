"""Arrangement `column`: as planar, but all blocks in one column, for the edge of a chip."""

import numpy as np

from resonet.core.errors import InputError
from resonet.models.line.strip_geometry import Geometry
from resonet.netlist.strip.arrangement import Arrangement, Spots
from resonet.netlist.strip.usage import Usage

TALLEST = 0.3  # m, a wafer


def _locate(usage: Usage, g: Geometry) -> Spots:
    pitch = usage.taps * g.pitch_y + g.block_gap  # of blocks
    if usage.blocks * pitch > TALLEST:
        raise InputError(f"layer {usage.layer}: a column of {usage.blocks * pitch:.3g} m; possible: {TALLEST:g} m")
    tap, block = usage.tap.astype(np.int64), usage.block.astype(np.int64)
    along = np.where(block % 2 == 0, tap, usage.taps - 1 - tap)  # a line leaves a block where it enters the next
    xyz = np.empty((len(tap), 3))
    xyz[:, 0] = usage.position * g.pitch_x
    xyz[:, 1] = (usage.blocks - 1 - block) * pitch + along * g.pitch_y
    xyz[:, 2] = g.chain_height
    downwards = np.full(len(tap), -1, np.int8)
    return Spots(xyz, usage.position.astype(np.int64), downwards, (usage.blocks, 1))


COLUMN = Arrangement("column", _locate)
