"""The schematic of a chain on its bus: where tones come in, what they pass, where the DC voltage goes out.

Shapes are lines, boxes, texts and the two symbols of a bias tee, in a plane of its own units; the template turns them
into SVG, so that names stay text.
"""

from collections.abc import Iterator
from typing import Any

from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.report.page.blocks import Schematic
from resonet.report.page.units import si

__all__ = ["chain_schematic"]

SHOWN = 5  # resonators of a chain: the first ones, and the last
WIDTH, HEIGHT = 1040, 310
BUS, LEFT, STEP, BOX = 170, 380, 100, 66


def _line(*points: float) -> dict[str, Any]:
    return {"kind": "line", "points": " ".join(f"{x:g},{y:g}" for x, y in zip(points[::2], points[1::2], strict=True))}


def _text(x: float, y: float, text: str, anchor: str = "middle", small: bool = False) -> dict[str, Any]:
    return {"kind": "text", "x": x, "y": y, "text": text, "anchor": anchor, "small": small}


def _box(x: float, y: float, width: float, height: float, kind: str = "box") -> dict[str, Any]:
    return {"kind": kind, "x": x, "y": y, "width": width, "height": height}


def _ground(x: float, y: float) -> Iterator[dict[str, Any]]:
    yield _line(x - 12, y, x + 12, y)
    yield _line(x - 7, y + 5, x + 7, y + 5)
    yield _line(x - 2, y + 10, x + 2, y + 10)


def _feed(entry: LayerPlan, design: Design) -> Iterator[dict[str, Any]]:
    """Sources, combiner and DC block."""
    f, count = entry.buses[0].frequencies, len(entry.buses[0].frequencies)
    circuit = design.plan.circuit
    shown = list(range(count)) if count <= 3 else [0, 1, count - 1]
    for row, n in enumerate(shown):
        y = BUS - 90 + 90 * row if len(shown) > 1 else BUS
        yield {"kind": "source", "x": 62, "y": y, "r": 17}
        yield _text(62, y + 32, f"tone {n}: {f[n] / 1e9:.3g} GHz", small=True)
        yield _line(79, y, 130, y, 130, BUS)
    if count > 3:
        yield _text(62, BUS + 56, f"⋮ {count} tones", small=True)
    yield _line(130, BUS, 150, BUS)
    yield _box(150, BUS - 24, 62, 48)
    yield _text(181, BUS + 5, "Σ")
    yield _text(140, BUS + 44, f"{circuit.combining}, {circuit.impedance:g} Ω", "start", small=True)
    yield _line(212, BUS, 288, BUS)
    yield _line(288, BUS - 14, 288, BUS + 14)
    yield _line(296, BUS - 14, 296, BUS + 14)
    yield _text(292, BUS + 32, si(circuit.block_capacitance, "F"), small=True)
    yield _line(296, BUS, LEFT, BUS)
    chains = len(entry.buses[0].outputs)
    told = f"bus {entry.buses[0].name}, {chains} chain{'s' if chains > 1 else ''}"
    yield _text(330, BUS + 64, told, "start", small=True)


def _tee(design: Design) -> Iterator[dict[str, Any]]:
    """Choke, bypass and readout above the chain's head."""
    circuit, x = design.plan.circuit, LEFT - 20
    yield _line(x, BUS, x, 114)
    yield {"kind": "coil", "x": x, "y": 74, "turns": 4}
    yield _text(x + 16, 98, si(circuit.choke_inductance, "H"), "start", small=True)
    yield _line(x, 74, x, 40, 520, 40)
    yield _line(450, 40, 450, 56)
    yield _line(438, 56, 462, 56)
    yield _line(438, 63, 462, 63)
    yield _line(450, 63, 450, 76)
    yield from _ground(450, 76)
    yield _text(468, 66, si(circuit.bypass_capacitance, "F"), "start", small=True)
    yield _box(520, 20, 240, 40)
    yield _text(640, 45, f"neuron: Σ V, {si(circuit.readout_resistance, 'Ohm')}")


def _chain(entry: LayerPlan, f_res: Any) -> Iterator[dict[str, Any]]:
    """Resonators head to tail, down to ground or to the tile below."""
    bus = entry.buses[0]
    count = len(bus.frequencies)
    shown = list(range(count)) if count <= SHOWN else [*range(SHOWN - 1), count - 1]
    x = float(LEFT)
    for k in shown:
        if k == count - 1 and count > SHOWN:
            yield _text(x + 46, BUS + 6, f"… of {count}")
            x += 92
        yield _line(x, BUS, x + STEP - BOX, BUS)
        x += STEP - BOX
        yield _box(x, BUS - 20, BOX, 40, "resonator")
        yield _text(x + BOX / 2, BUS + 5, f"{'+' if k % 2 == 0 else '−'} {k}")
        yield _text(x + BOX / 2, BUS + 40, f"{f_res[k] / 1e9:.3f}", small=True)
        x += BOX
    yield _line(x, BUS, x + 24, BUS, x + 24, BUS + 60)
    if bus.below:
        yield _text(x + 24, BUS + 76, f"to {bus.below} below", small=True)
    else:
        yield from _ground(x + 24, BUS + 60)
    yield _text(LEFT + 270, BUS + 88, "resonance frequencies, GHz; + and −: neighbours stand head to tail", small=True)


def chain_schematic(name: str, design: Design, entry: LayerPlan, method: str) -> Schematic:
    """The first chain of a layer on its bus, with its values."""
    f_res = design.program(method).layer(entry.layer.name).f_res[0][0]  # type: ignore[arg-type]
    bus, layer = entry.buses[0], entry.layer.name
    shapes = (*_feed(entry, design), *_tee(design), *_chain(entry, f_res))
    return Schematic(
        f"{name}-schematic",
        f"{layer}: chain 0 on bus {bus.name}, program {method}",
        f"{len(bus.frequencies)} tone sources, a {design.plan.circuit.combining} combiner and a DC block feed the bus "
        f"of {len(bus.outputs)} chains; a chain of {len(bus.frequencies)} resonators in series, tuned from "
        f"{f_res.max() / 1e9:.3g} to {f_res.min() / 1e9:.3g} GHz, ends at "
        f"{'the tile below' if bus.below else 'ground'}; its DC voltage leaves through the choke to the neuron.",
        WIDTH,
        HEIGHT,
        shapes,
    )
