"""Blocks of the S-parameter show: two, eight and thirty-two ports, with T, LTRA and ladder lines."""

import numpy as np

from resonet.models.circuit.bus import BusCircuit
from resonet.models.line.lines import LosslessLine, RlcLine, RlgcLine
from resonet.models.resonator.linear import SpinDiode
from resonet.sparams.block import Block, LineBranch, Lumped, Port
from resonet.sparams.build import RowOfLines, Stand, bus_block, chain_block, line_block, row_block

F = np.linspace(0.5e9, 25e9, 401)
STAND = Stand(BusCircuit(), SpinDiode())
BIAS = 5e-6  # A, half of the threshold current
TONES = np.geomspace(20e9, 1e9, 25)
LEAKY = RlgcLine(r=2e4, g=1.0, length=3e-4)
ROW = {"r": 1e4, "l": 4e-7, "g": 1.0, "c": 1.2e-10, "length": 1e-3, "mutual": 5e-8, "coupling": 1e-11}


def chains(count: int, tones: int) -> np.ndarray:
    """Resonance frequencies [count, tones] that scatter about the channels like weights."""
    return np.geomspace(20e9, 1e9, tones) * np.random.default_rng(2).normal(1, 0.003, (count, tones))


def row(lines: int, taps: int = 0, sections: int = 16) -> Block:
    """Coupled lines, with resonators at `taps` points of each."""
    f_res = np.random.default_rng(3).uniform(1e9, 20e9, (lines, taps))
    return row_block(RowOfLines(lines, **ROW, sections=sections), STAND, f_res, 2e-14)


def notches(quality: float = 60.0, resistance: float = 200.0, tones: np.ndarray = TONES) -> Block:
    """Two-port: series R-L-C circuits to ground along a lossless line; all constants known."""
    n, nodes = len(tones), np.arange(1, len(tones) + 1)
    first, second = nodes + n + 1, nodes + 2 * n + 1
    inductance = quality * resistance / (2 * np.pi * tones)
    elements = [
        Lumped("l", nodes, first, inductance),
        Lumped("c", first, second, 1 / ((2 * np.pi * tones) ** 2 * inductance)),
        Lumped("r", second, 0 * nodes, np.full(n, resistance)),
        *(LineBranch(int(k), int(k) + 1, LosslessLine(50.0, 1e-12)) for k in nodes),
    ]
    return Block("notches", (Port("a", 1), Port("b", n + 1)), tuple(elements))


def compared() -> dict[str, Block]:
    """What all three engines compute."""
    return {
        "2 ports: chain of 25, biased": chain_block(TONES, STAND, BIAS),
        "2 ports: T line, 25 resonators, biased": line_block(LosslessLine(60.0, 3e-12), TONES, STAND, 2e-14, BIAS),
        "2 ports: LTRA line, 25 resonators, biased": line_block(RlcLine(2e4, length=3e-4), TONES, STAND, 2e-14, BIAS),
        "2 ports: leaky line (ladder), 25 resonators": line_block(LEAKY, TONES, STAND, 2e-14, BIAS),
        "8 ports: bus of 5 tones, 3 chains": bus_block(chains(3, 5), STAND, below=20),
        "8 ports: 4 coupled lines, 12 resonators": row(4, 3),
        "32 ports: bus of 24 tones, 8 chains": bus_block(chains(8, 24), STAND, below=20),
        "32 ports: 16 coupled lines": row(16),
        "32 ports: 16 coupled lines, 48 resonators": row(16, 3, sections=4),
    }
