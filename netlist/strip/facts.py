"""What a designer wants to know of a layout: area, lengths, crossings, and the longest line as a circuit."""

from dataclasses import dataclass

import numpy as np

from resonet.models.line.strip_geometry import attenuation, strip_line
from resonet.netlist.strip.parasitics import characteristic_impedance
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.routes import Crossings, count_crossings, line_drive
from resonet.netlist.strip.usage import tuning_pairs

__all__ = ["LayoutFacts", "Lengths", "layout_facts"]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of lines of one kind, m."""

    shortest: float
    median: float
    longest: float
    total: float


@dataclass(frozen=True, slots=True)
class LayoutFacts:
    """Figures of one placement; those of the longest RF line at `frequency`."""

    layer: str
    arrangement: str
    resonators: int
    chains: int
    lines: int
    idle_inputs: int  # inputs that no resonator uses
    tuning_lines: int  # = shared weights
    tone_classes: int  # = frequencies
    tuning_pairs: int  # pairs of shared weight and tone class that occur
    size: tuple[float, float, float]  # m
    area: float  # m²
    line_length: Lengths
    tuning_length: Lengths
    most_on_line: int  # resonators
    crossings: Crossings
    bridge_fill: float  # metal of all bridges over the area: so many metal levels at the least
    frequency: float  # Hz
    longest_resistance: float  # ohm, at DC
    longest_loss: float  # dB, matched
    longest_delay: float  # s, √(lc) times the length
    impedance: complex  # ohm, √((r + jωl)/(g + jωc)) at its own level
    lossless_impedance: float  # ohm, √(l/c)
    longest_tuning_resistance: float  # ohm
    own_drive: tuple[float, float]  # weakest and strongest, of the longest line, relative to a straight one


def _lengths(values: np.ndarray) -> Lengths:
    return Lengths(*(float(x) for x in (values.min(), np.median(values), values.max(), values.sum())))


def _bridge_fill(placement: Placement) -> float:
    """Area of all bridges over that of the layout (per level of a stacked one)."""
    g, lines = placement.geometry, placement.lines
    rise = 2 * (g.bridge_height - g.line_height)
    across = float((lines.gap[lines.bridge] - g.stub - rise).sum())
    return across * g.line_width / (placement.area * placement.arrangement.levels(placement.usage))


def layout_facts(placement: Placement, f: float) -> LayoutFacts:
    """Figures of a placement; values of lines at f (Hz)."""
    g, usage, lines = placement.geometry, placement.usage, placement.lines
    longest = int(lines.lengths.argmax())
    length = float(lines.lengths[longest])
    line = strip_line(g, f, length)
    drive = np.abs(line_drive(placement, longest, lines.order[lines.run(longest)])[:, 0])
    tuning = placement.tuning.lengths
    per_metre = g.resistivity / (g.tuning_width * g.tuning_thickness)
    return LayoutFacts(
        layer=usage.layer,
        arrangement=placement.arrangement.name,
        resonators=len(usage.tap),
        chains=usage.chains,
        lines=len(lines.counts),
        idle_inputs=usage.idle,
        tuning_lines=usage.weights,
        tone_classes=usage.tones,
        tuning_pairs=tuning_pairs(usage)[1],
        size=placement.size,
        area=placement.area,
        line_length=_lengths(lines.lengths),
        tuning_length=_lengths(tuning),
        most_on_line=int(lines.counts.max()),
        crossings=count_crossings(placement),
        bridge_fill=_bridge_fill(placement),
        frequency=f,
        longest_resistance=g.resistivity / (g.line_width * g.line_thickness) * length,
        longest_loss=attenuation(line, f),
        longest_delay=float(np.sqrt(line.l * line.c)) * length,
        impedance=characteristic_impedance(line, f),
        lossless_impedance=float(np.sqrt(line.l / line.c)),
        longest_tuning_resistance=per_metre * float(tuning.max()),
        own_drive=(float(drive.min()), float(drive.max())),
    )
