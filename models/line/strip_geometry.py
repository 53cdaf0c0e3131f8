"""Geometry of a strip-line feed, and the lines that follow from it.

The stack, from the ground plane (z = 0) up, in one dielectric; heights are of the middles of the metals:

    bridge    of lines, where they pass over others          chain_height + bridge_height
    line      RF strip line, along y over a resonator        chain_height + line_height
    chain     resonators (free layer) and the wire between   chain_height
    tuning    DC line, along x under the resonators          chain_height - tuning_depth
    ground

A line that runs along y makes a field along x, which turns a magnetisation along y; a tuning line along x makes a field
along y, which stiffens it. Resonators sit at pitch_x (chain to chain), pitch_y (along a chain), pitch_z (level to level
of stacked chains, each level with a line and a tuning line of its own).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.models.line.field import COLLINEAR_SLOPE, averaged_field, field_ratio, slab_resistance
from resonet.models.line.lines import RlgcLine, strip_field
from resonet.models.line.strip_matrix import EPSILON0, capacitance_matrix, inductance_matrix

__all__ = ["Geometry", "Section", "attenuation", "line_field", "line_section", "strip_line", "tuning_field"]

CHOSEN = "chosen: reachable with electron-beam lithography"
COPPER = "copper of 200 nm: size effect, ITRS 2013 Interconnect"
SILICA = "SiO2: CRC Handbook of Chemistry and Physics"


@dataclass(frozen=True, slots=True)
class Geometry:
    """Dimensions and materials of lines, chains and resonators."""

    line_width: float = parameter(300e-9, "m", 1e-9, 1e-2, "width of an RF line", CHOSEN)
    line_thickness: float = parameter(200e-9, "m", 1e-10, 1e-3, "thickness of an RF line, and of its bridges", CHOSEN)
    line_height: float = parameter(250e-9, "m", 1e-9, 1e-2, "free layer to the line's middle, upwards", CHOSEN)
    bridge_height: float = parameter(800e-9, "m", 1e-9, 1e-2, "free layer to the middle of a line's bridge", CHOSEN)
    tuning_width: float = parameter(350e-9, "m", 1e-9, 1e-2, "width of a tuning line", CHOSEN)
    tuning_thickness: float = parameter(200e-9, "m", 1e-10, 1e-3, "thickness of a tuning line", CHOSEN)
    tuning_depth: float = parameter(250e-9, "m", 1e-9, 1e-2, "free layer to the tuning line's middle, down", CHOSEN)
    chain_width: float = parameter(200e-9, "m", 1e-9, 1e-2, "width of the wire between resonators", CHOSEN)
    chain_thickness: float = parameter(100e-9, "m", 1e-10, 1e-3, "thickness of that wire", CHOSEN)
    chain_height: float = parameter(800e-9, "m", 1e-9, 1e-2, "ground plane to the free layer", CHOSEN)
    resonator: float = parameter(100e-9, "m", 1e-9, 1e-2, "side of a resonator", "as of the default nanopillar")
    pitch_x: float = parameter(1e-6, "m", 1e-9, 1e-1, "chain to chain", CHOSEN)
    pitch_y: float = parameter(1e-6, "m", 1e-9, 1e-1, "resonator to resonator along a chain", CHOSEN)
    pitch_z: float = parameter(1.5e-6, "m", 1e-9, 1e-1, "level to level of stacked chains", CHOSEN)
    stub: float = parameter(600e-9, "m", 1e-9, 1e-1, "straight run of a line over each resonator, along y", CHOSEN)
    block_gap: float = parameter(2e-6, "m", 0.0, 1e-1, "free space between the chains of two output channels", CHOSEN)
    lead: float = parameter(
        10e-6, "m", 0.0, 1.0, "source to first resonator, and last to termination, from above", CHOSEN
    )
    ground_width: float = parameter(2e-6, "m", 1e-9, 1e-1, "width of the rail that the chains' feet share", CHOSEN)
    ground_thickness: float = parameter(500e-9, "m", 1e-10, 1e-3, "thickness of that rail", CHOSEN)
    permittivity: float = parameter(3.9, "", 1.0, 1e3, "relative permittivity of the dielectric", SILICA)
    loss_tangent: float = parameter(1e-3, "", 0.0, 1.0, "loss tangent of the dielectric", "typical of deposited SiO2")
    insulation: float = parameter(
        1e12, "Ohm m", 1.0, 1e20, "DC resistivity of the dielectric", "typical, deposited SiO2"
    )
    resistivity: float = parameter(2.2e-8, "Ohm m", 1e-12, 1e-2, "of lines, tuning lines and ground rail", COPPER)
    chain_resistivity: float = parameter(2e-7, "Ohm m", 1e-12, 1e-2, "of a chain's wire", "typical of Ta/Ru electrodes")
    substrate: float = parameter(0.1, "Ohm m", 1e-8, 1e8, "resistivity of the substrate", "silicon wafer of 10 Ohm cm")
    source: float = parameter(50.0, "Ohm", 1e-3, 1e6, "impedance of a line's source", "50 ohm convention")
    termination: float = parameter(50.0, "Ohm", 1e-3, 1e9, "termination at a line's far end", "50 ohm convention")
    isolation: float = parameter(30.0, "dB", 0.0, 300.0, "of a chain's bias tee, RF to DC side", "typical data sheet")
    torque_field: float = parameter(
        3.2e7, "1/m", 1.0, 1e12, "field of a junction current's torque", "hbar pol/(2 e mu0 msat V), default macrospin"
    )
    slope: float = parameter(
        COLLINEAR_SLOPE,
        "Hz m/A",
        1e-3,
        1e9,
        "shift of a resonance by a field along it",
        "gamma/2pi, collinear (Kittel)",
    )

    def __post_init__(self) -> None:
        check(self, "geometry")
        self._stack()
        self._plane()

    def _stack(self) -> None:
        """Metals of one level must not touch."""
        half_chain, half_line = self.chain_thickness / 2, self.line_thickness / 2
        rooms = {
            "line_height": (self.line_height, half_line + half_chain, "line into the chain"),
            "bridge_height": (self.bridge_height - self.line_height, 2 * half_line, "bridge into the line"),
            "tuning_depth": (self.tuning_depth, self.tuning_thickness / 2 + half_chain, "tuning line into the chain"),
            "chain_height": (
                self.chain_height - self.tuning_depth,
                self.tuning_thickness / 2,
                "tuning line into the ground plane",
            ),
            "ground_thickness": (
                self.chain_height,
                self.ground_thickness / 2,
                "ground rail, at the height of the chains, into the ground plane",
            ),
            "pitch_z": (
                self.pitch_z - self.tuning_depth - self.line_height,
                half_line + self.tuning_thickness / 2,
                "tuning line into the line of the level below",
            ),
        }
        for name, (room, need, what) in rooms.items():
            if room <= need:
                raise InputError(
                    f"geometry.{name} = {getattr(self, name):g} m: {what}: {room:g} m between the middles, "
                    f"possible: above {need:g} m"
                )

    def _plane(self) -> None:
        """Metals side by side must not touch."""
        wide = {
            "pitch_x": (self.pitch_x, max(self.line_width, self.chain_width, self.resonator), "neighbouring chains"),
            "pitch_y": (
                self.pitch_y,
                max(self.tuning_width, self.resonator, self.stub),
                "tuning lines, resonators or stubs of one chain",
            ),
        }
        for name, (pitch, need, what) in wide.items():
            if pitch <= need:
                raise InputError(f"geometry.{name} = {pitch:g} m: {what} overlap; possible: above {need:g} m")

        if self.lead < self.stub / 2:
            raise InputError(f"geometry.lead = {self.lead:g} m: possible: from {self.stub / 2:g} m, half a stub")

    @property
    def heights(self) -> dict[str, float]:
        """Height over the ground plane of each metal of the lowest level, m."""
        return {
            "tuning": self.chain_height - self.tuning_depth,
            "chain": self.chain_height,
            "line": self.chain_height + self.line_height,
            "bridge": self.chain_height + self.bridge_height,
        }

    @property
    def pick_up(self) -> float:
        """κ of `strip`, A per A: junction current that stands for 1 A in the resonator's own line."""
        return float(averaged_field(1.0, self.line_width, self.line_height, 0.0, self.resonator)) / self.torque_field


def line_field(geometry: Geometry, lateral: ArrayLike) -> Array:
    """Drive of a resonator `lateral` (m) off a line's axis by that of its own line, dimensionless; 1 at 0."""
    return field_ratio(geometry.line_width, geometry.line_height, lateral, geometry.resonator)


def tuning_field(geometry: Geometry, lateral: ArrayLike = 0.0) -> Array:
    """Field of a tuning line at a resonator, A/m per A; times `geometry.slope` the shift, Hz per A."""
    return strip_field(1.0, geometry.tuning_width, geometry.tuning_depth, lateral)


def strip_line(geometry: Geometry, f: float, length: float, metal: str = "line", level: int = 0) -> RlgcLine:
    """Values of one strip alone over the ground plane at f (Hz): `metal` line, bridge, tuning or chain.

    r of the skin effect in a slab, l and c by moments with the thickness, g of loss tangent and insulation. `level`
    counts the levels of stacked chains from the ground. Raises InputError for another metal.
    """
    if metal not in geometry.heights:
        raise InputError(f"metal {metal[:40]!r}: possible: {', '.join(geometry.heights)}")
    name = "line" if metal == "bridge" else metal
    width, thickness = getattr(geometry, f"{name}_width"), getattr(geometry, f"{name}_thickness")
    resistivity = geometry.chain_resistivity if metal == "chain" else geometry.resistivity
    strip = (0.0, geometry.heights[metal] + level * geometry.pitch_z, width, thickness)
    c = float(capacitance_matrix(*strip, permittivity=geometry.permittivity)[0, 0])
    dc = c / (EPSILON0 * geometry.permittivity * geometry.insulation)
    r = float(slab_resistance(f, resistivity, thickness)) / width
    loss = 2 * np.pi * f * c * geometry.loss_tangent + dc
    return RlgcLine(r, float(inductance_matrix(*strip)[0, 0]), loss, c, length)


def attenuation(line: RlgcLine, f: float) -> float:
    """Loss of a matched line of that length, dB: 20 log10(e) Re √((r + jωl)(g + jωc)) length."""
    w = 2j * np.pi * f
    gamma = np.sqrt((line.r + w * line.l) * (line.g + w * line.c))
    return float(20 / np.log(10) * gamma.real * line.length)


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Values per metre of one chain and one line among like neighbours at pitch_x, and between them."""

    chain_ground: float  # F/m
    chain_chain: float  # F/m, to one neighbour
    line_ground: float  # F/m
    line_line: float  # F/m, to one neighbour
    line_chain: float  # F/m, a line to the chain below it
    line_next_chain: float  # F/m, a line to the chain beside that
    line_line_mutual: float  # H/m, to one neighbour


@lru_cache(maxsize=256)
def line_section(geometry: Geometry, level: int = 0, lines: bool = True) -> Section:
    """Cross-section through chains side by side with a line over each, by moments; middle one of five.

    With `lines` False that through the chains where no line runs over them; values of lines are 0 then.
    """
    x, z = np.arange(-2, 3) * geometry.pitch_x, geometry.heights
    kinds = ("chain", "line") if lines else ("chain",)
    base = level * geometry.pitch_z
    width, thickness = (np.repeat([getattr(geometry, f"{k}_{n}") for k in kinds], 5) for n in ("width", "thickness"))
    strips = np.tile(x, len(kinds)), np.repeat([z[k] + base for k in kinds], 5), width, thickness
    c = capacitance_matrix(*strips, permittivity=geometry.permittivity)
    if not lines:
        return Section(float(c[2].sum()), float(-c[2, 3]), 0.0, 0.0, 0.0, 0.0, 0.0)
    mutual = inductance_matrix(*(s[5:] for s in strips))[2, 3]
    ground = c.sum(1)
    values = (ground[2], -c[2, 3], ground[7], -c[7, 8], -c[7, 2], -c[7, 3], mutual)
    return Section(*map(float, values))
