"""Parasitics of a placement: every value follows from the geometry, every cause can be switched off.

| cause | what it is | values |
|---|---|---|
| chain_ground | node of a chain to ground | `chain_ground` |
| chain_chain | node to the same node of the next chain | `chain_chain` |
| chain_leakage | the same path at DC, through the insulation | `chain_leakage` |
| chain_loss | wire between two resonators | `chain_resistance` |
| line_loss | resistance and leakage of RF lines | `line.r`, `line.g`, `bridge.r`, `bridge.g` |
| line_line | stubs side by side; crossings | `line_line`, `line_crossing` |
| line_mutual | mutual inductance of stubs side by side | `line_mutual` |
| line_chain | line over its resonator; bridge across a chain; line across a tuning line | `line_chain`, ... |
| tuning_loss | resistance and leakage of tuning lines | `tuning_resistance`, `tuning_leakage` |
| substrate | spreading resistance in series with `chain_ground` | `substrate` |
| shared_ground | rail from one chain's foot to the next | `ground_resistance`, `ground_inductance` |
| bias_tee | RF that gets past the chain's bias tee, as voltage ratio | `bias_tee` |
| mismatch | source and termination against the line | `source`, `termination` |

What is switched off is 0 (impedances: the characteristic one of the line), so a deck without causes is the ideal
circuit. Capacitances come from cross-sections by moments (`strip_matrix`): a chain and a line among equal neighbours,
so that what neighbours take is missing to ground. Leakage has the same field as capacitance: G = C/(ε ρ). Crossings
are those of two strips alone; in a dense array their neighbours screen them, so that this is an upper bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.line.lines import RlgcLine
from resonet.models.line.strip_geometry import Geometry, Section, line_section, strip_line
from resonet.models.line.strip_matrix import EPSILON0, capacitance_matrix, crossing_capacitance, inductance_matrix
from resonet.netlist.strip.placement import Placement

__all__ = ["CAUSES", "Cause", "Parasitics", "characteristic_impedance", "extract_parasitics", "tuning_currents"]

Cause = Literal[
    "chain_ground",
    "chain_chain",
    "chain_leakage",
    "chain_loss",
    "line_loss",
    "line_line",
    "line_mutual",
    "line_chain",
    "tuning_loss",
    "substrate",
    "shared_ground",
    "bias_tee",
    "mismatch",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)
SECTION_CAUSES = {"chain_ground", "chain_chain", "chain_leakage", "line_line", "line_mutual", "line_chain"}
SECTION_NAMES = ("chain_ground", "chain_chain", "line_line", "line_mutual", "line_chain")
CROSSING_NAMES = ("line_crossing", "bridge_chain", "line_tuning")
SOLVED_LEVELS = 6  # of a stacked layout; between them the logarithm is linear in that of the height


@dataclass(frozen=True, slots=True, eq=False)
class Parasitics:
    """Magnitudes at one frequency; arrays [levels], one level unless the layout is stacked."""

    causes: frozenset[Cause]
    frequency: float  # Hz
    line: RlgcLine  # one metre of RF line, at its own level
    bridge: RlgcLine  # one metre of RF line on a bridge
    chain_ground: Array  # F, each node of a chain (half at either end of a resonator)
    chain_chain: Array  # F, node to node of the chain beside it
    chain_leakage: Array  # S, the same
    chain_resistance: float  # ohm, wire between two resonators
    line_line: Array  # F, stub to the stub beside it
    line_crossing: float  # F, each crossing of two RF lines
    line_mutual: Array  # H, stub to the stub beside it
    line_chain: Array  # F, line to the node below it
    bridge_chain: float  # F, each crossing of a bridge and a chain
    line_tuning: float  # F, each crossing of a line and a tuning line
    tuning_resistance: float  # ohm per metre
    tuning_leakage: float  # S per metre
    substrate: float  # ohm, in series with chain_ground
    ground_resistance: float  # ohm, rail from chain to chain
    ground_inductance: float  # H, rail from chain to chain
    bias_tee: float  # voltage on the DC side per volt of RF
    source: float  # ohm, of the sources of all lines
    termination: float  # ohm


def characteristic_impedance(line: RlgcLine, f: float) -> complex:
    """√((r + jωl)/(g + jωc)), ohm. A line whose resistance exceeds ωl, as in nanoscale metal, is far from √(l/c)."""
    w = 2j * np.pi * f
    return complex(np.sqrt((line.r + w * line.l) / (line.g + w * line.c)))


def _sections(g: Geometry, levels: int) -> list[tuple[Section, Section]]:
    """Cross-sections with and without a line, every level; between solved levels by interpolation."""
    solved = np.unique(np.round(np.geomspace(1, levels, min(levels, SOLVED_LEVELS))).astype(int) - 1)
    sections = [(line_section(g, int(n)), line_section(g, int(n), False)) for n in solved]
    if len(solved) == levels:
        return sections
    at = np.log(g.chain_height + solved * g.pitch_z)
    log_heights = np.log(g.chain_height + np.arange(levels) * g.pitch_z)

    def between(which: int) -> list[Section]:
        names = Section.__dataclass_fields__
        values = {name: np.array([getattr(pair[which], name) for pair in sections]) for name in names}
        interpolated = {k: np.exp(np.interp(log_heights, at, np.log(np.maximum(v, 1e-40)))) for k, v in values.items()}
        return [Section(**{name: float(interpolated[name][n]) for name in names}) for n in range(levels)]

    return list(zip(between(0), between(1), strict=True))


@lru_cache(maxsize=64)
def _post_capacitance(g: Geometry) -> float:
    """Mutual capacitance per metre, F/m, of two next posts in a lattice of stacked chains, by moments."""
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-2, 3) * g.pitch_x, np.arange(-2, 3) * g.pitch_y))
    far = 40 * max(g.pitch_x, g.pitch_y)
    c = capacitance_matrix(x, y + far, g.chain_width, g.chain_width, g.permittivity, panels=6)
    return float(-c[12, 13])


def _chain_values(g: Geometry, levels: int) -> dict[str, Array]:
    """Capacitances of nodes and stubs, by level."""
    pairs = _sections(g, levels)
    with_line = {name: np.array([getattr(pair[0], name) for pair in pairs]) for name in Section.__dataclass_fields__}
    bare = {name: np.array([getattr(pair[1], name) for pair in pairs]) for name in Section.__dataclass_fields__}
    over, free = (g.stub, g.pitch_y - g.stub) if levels == 1 else (g.chain_width, 0.0)
    beside = with_line["chain_chain"] * over + bare["chain_chain"] * free
    return {
        "chain_ground": with_line["chain_ground"] * over + bare["chain_ground"] * free,
        "chain_chain": beside if levels == 1 else np.full(levels, _post_capacitance(g) * g.pitch_z),
        "line_line": with_line["line_line"] * g.stub,
        "line_mutual": with_line["line_line_mutual"] * g.stub,
        "line_chain": with_line["line_chain"] * over,
    }


def _crossing_values(g: Geometry) -> dict[str, float]:
    """Capacitances of two metals that cross, between the faces that see each other."""
    z, half = g.heights, g.line_thickness / 2
    line = g.line_width, z["line"] - half
    bridge = g.line_width, z["bridge"] - half
    chain_top, tuning_top = z["chain"] + g.chain_thickness / 2, z["tuning"] + g.tuning_thickness / 2
    eps = g.permittivity
    return {
        "line_crossing": crossing_capacitance(*bridge, g.line_width, z["line"] + half, eps),
        "bridge_chain": crossing_capacitance(*bridge, g.chain_width, chain_top, eps),
        "line_tuning": crossing_capacitance(*line, g.tuning_width, tuning_top, eps),
    }


def _ground_values(g: Geometry, length: float) -> dict[str, float]:
    """Rail between two chains' feet, and the spreading resistance of a node: R. Holm, Electric Contacts, ρ/(4a)."""
    rail = inductance_matrix(0.0, g.chain_height, g.ground_width, g.ground_thickness)
    radius = np.sqrt(g.chain_width * length / np.pi)
    return {
        "ground_resistance": g.resistivity * g.pitch_x / (g.ground_width * g.ground_thickness),
        "ground_inductance": float(rail[0, 0]) * g.pitch_x,
        "substrate": g.substrate / (4 * radius),
    }


def _ideal(line: RlgcLine) -> RlgcLine:
    return replace(line, r=0.0, g=0.0)


def extract_parasitics(placement: Placement, f: float, causes: Iterable[Cause] = CAUSES) -> Parasitics:
    """Parasitics of a placement at the frequency f (Hz), those of `causes`; the others are zero.

    Raises InputError for an unknown cause, and for a frequency that is not positive.
    """
    g, on = placement.geometry, frozenset(causes)
    unknown = sorted(on - set(CAUSES))
    if unknown:
        raise InputError(f"parasitic {str(unknown[0])[:40]!r}: possible: {', '.join(CAUSES)}")
    if not (np.isfinite(f) and f > 0):
        raise InputError(f"parasitics at {f:g} Hz: possible: above 0 Hz")
    arrangement = placement.arrangement
    levels = arrangement.levels(placement.usage)
    line, bridge, tuning = (strip_line(g, f, 1.0, metal) for metal in ("line", "bridge", "tuning"))
    chain = _chain_values(g, levels) if on & SECTION_CAUSES else dict.fromkeys(SECTION_NAMES, np.zeros(levels))
    crossing = _crossing_values(g) if on & {"line_line", "line_chain"} else dict.fromkeys(CROSSING_NAMES, 0.0)
    step = arrangement.pitch_along(g)
    ground = _ground_values(g, arrangement.footprint(g))
    matched = float(np.sqrt(line.l / line.c))
    dc = 1 / (EPSILON0 * g.permittivity * g.insulation)

    def value(cause: Cause, magnitude: float) -> float:
        return float(magnitude) if cause in on else 0.0

    def array(cause: Cause, magnitude: Array) -> Array:
        return magnitude if cause in on else np.zeros(levels)

    return Parasitics(
        causes=on,
        frequency=f,
        line=line if "line_loss" in on else _ideal(line),
        bridge=bridge if "line_loss" in on else _ideal(bridge),
        chain_ground=array("chain_ground", chain["chain_ground"]),
        chain_chain=array("chain_chain", chain["chain_chain"]),
        chain_leakage=array("chain_leakage", chain["chain_chain"] * dc),
        chain_resistance=value("chain_loss", g.chain_resistivity * step / (g.chain_width * g.chain_thickness)),
        line_line=array("line_line", chain["line_line"]),
        line_crossing=value("line_line", crossing["line_crossing"]),
        line_mutual=array("line_mutual", chain["line_mutual"]),
        line_chain=array("line_chain", chain["line_chain"]),
        bridge_chain=value("line_chain", crossing["bridge_chain"]),
        line_tuning=value("line_chain", crossing["line_tuning"]),
        tuning_resistance=value("tuning_loss", g.resistivity / (g.tuning_width * g.tuning_thickness)),
        tuning_leakage=value("tuning_loss", tuning.c * dc),
        substrate=value("substrate", ground["substrate"]),
        ground_resistance=value("shared_ground", ground["ground_resistance"]),
        ground_inductance=value("shared_ground", ground["ground_inductance"]),
        bias_tee=value("bias_tee", 10 ** (-g.isolation / 20)),
        source=g.source if "mismatch" in on else matched,
        termination=g.termination if "mismatch" in on else matched,
    )


def tuning_currents(placement: Placement, parasitics: Parasitics, line: int, current: float) -> tuple[Array, Array]:
    """Current at each resonator of a tuning line, A, and voltage there, V, both in the order of the line.

    `current` goes in at the source; the far end is grounded. With γ = √(r g): I(x) = I cosh γ(L - x)/cosh γL and
    V(x) = I r sinh γ(L - x)/(γ cosh γL). Raises InputError if there is no such line.
    """
    run = placement.tuning.run(line)
    at = np.cumsum(placement.tuning.gap[run])
    left = at[-1] + placement.tuning.tail - at
    total = at[-1] + placement.tuning.tail
    turn = np.sqrt(parasitics.tuning_resistance * parasitics.tuning_leakage)
    share = np.cosh(turn * left) / np.cosh(turn * total)
    fall = np.sinh(turn * left) / (turn * np.cosh(turn * total)) if turn > 0 else left
    return current * share, current * parasitics.tuning_resistance * fall
