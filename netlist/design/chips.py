"""Chips of a design: sampled by its spreads, or at a corner."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.validity import warn
from resonet.netlist.bus.hardware import BusHardware
from resonet.netlist.chips.chip import Chip, LayerChip
from resonet.netlist.chips.corners import NOMINAL, at_corner, find_corner
from resonet.netlist.chips.draws import COMMON, MOST_NUMBER, normals, sobol_normals
from resonet.netlist.chips.positions import LayerPositions, Places, chip_positions
from resonet.netlist.chips.spread import QUANTITIES, Quantity, SpreadOptions, largest_normal, refused_chips
from resonet.netlist.chips.values import layer_values
from resonet.netlist.design.design import Design
from resonet.netlist.design.parameters import Parameters
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import Method
from resonet.netlist.strip.placement import place_layer

__all__ = [
    "ChipSampler",
    "chip_hardware",
    "chip_parameters",
    "corner_chip",
    "real_hardware",
    "sampled_chip",
]

AROUND = ("neuron", "noise", "saturation")  # sections of what is no part of the linear circuit
ON_LINES = ("f_res", "damping", "magnetoresistance", "threshold_current")  # what layers under strip lines take


@dataclass(frozen=True, slots=True)
class _Common:
    """Scores that a chip has in common, of one quantity: its own, and the gradient along x and y."""

    chip: float = 0.0
    x: float = 0.0
    y: float = 0.0


class ChipSampler:
    """Chips of a design by number: what they share (the layout, what of `spread` counts) is looked at once.

    Chip `number` of a `seed` is always the same, whoever asks and in which order. `corner` is where the chips lie
    around, `saturating` whether its resonators do. Raises InputError for a spread that the design has no use for.
    """

    def __init__(
        self,
        design: Design,
        spread: SpreadOptions | None = None,
        seed: int = 1,
        corner: str = NOMINAL,
        saturating: bool = False,
    ):
        self.design, self.seed, self.saturating = design, seed, saturating
        self.spread = design.parameters.spread if spread is None else spread
        self.corner = find_corner(corner, design.parameters.corners, self.spread)
        if not 0 <= seed <= MOST_NUMBER:
            raise InputError(f"seed {seed}: possible: 0 ... {MOST_NUMBER}")
        self._check()

    def _check(self) -> None:
        """InputError for what no layer of the design has; a warning for what only saturating resonators know."""
        lines, buses = self.design.fed_by("stripline"), self.design.fed_by("bus")
        for name in self.spread.active:
            quantity = QUANTITIES[name]
            if quantity.of == "line" and not lines:
                raise InputError(f"spread.{name}: no layer of this design is on strip lines; possible: 0")
            if quantity.of == "resonator" and not quantity.saturating and name not in ON_LINES and not buses:
                raise InputError(f"spread.{name}: of resonators on buses, and this design has none; possible: 0")
            if lines and quantity.of != "line" and not quantity.saturating and name not in ON_LINES:
                raise InputError(
                    f"spread.{name}: layer {lines[0]} is on strip lines, where the engine takes spreads of "
                    f"{', '.join(ON_LINES)}; possible: 0, or feed.kind = bus"
                )
            if quantity.saturating and not self.saturating:
                warn(
                    "unused-parameter",
                    f"spread.{name} = {self.spread.sigma(name):g}: linear resonators have no {quantity.parameter}: it "
                    "changes nothing here",
                    self.spread.sigma(name),
                    0,
                )
        self._check_neurons()
        self._check_corner()
        self._check_laws()

    def _check_laws(self) -> None:
        """Warn of normal laws that refuse chips: those that are left have less spread than was asked for."""
        for name in self.spread.active:
            quantity, sigma = QUANTITIES[name], self.spread.sigma(name)
            if quantity.added or self.spread.share(name).law != "normal":
                continue
            own = self.spread.share(name).local > 0 and quantity.of != "line"
            count = sum(self._devices(entry, quantity) for entry in self.design.plan.layers) if own else 1
            most = largest_normal(count)
            if sigma > most:
                warn(
                    "spread-law",
                    f"spread.{name} = {sigma:g}: normal, so that one of {count:,} devices gets a value below zero on "
                    f"{100 * refused_chips(sigma, count):.2g} % of the chips, which are refused and count nowhere; "
                    "possible: less, or lognormal in spread.own",
                    sigma,
                    most,
                )

    def _check_corner(self) -> None:
        """InputError for geometry at a corner without strip lines."""
        moved = [name for name in self.corner.parameters if name.startswith("geometry.")]
        if moved and not self.design.fed_by("stripline"):
            raise InputError(
                f"corner.{self.corner.name}.{moved[0]}: no layer of this design is on strip lines; possible: "
                "parameters of device, bus, neuron, noise, saturation"
            )

    def _check_neurons(self) -> None:
        """InputError where oscillators behind a curve spread: what that does is not a gain and an offset of sums."""
        own = [name for name in ("oscillator_threshold", "oscillator_power") if self.spread.sigma(name)]
        own += [name for name in ("oscillator_threshold", "oscillator_power") if name in self.corner.shifts]
        for entry in self.design.plan.layers[:-1] if own else ():
            if not entry.layer.activation.homogeneous:
                raise InputError(
                    f"spread.{own[0]}: layer {entry.layer.name} has {entry.layer.activation}, no ReLU, and its "
                    "neurons a curve before the oscillator; possible: 0, spread.gain, spread.offset"
                )

    @cached_property
    def positions(self) -> dict[str, LayerPositions]:
        """Where everything stands."""
        design = self.design
        feed, geometry = design.parameters.feed, design.parameters.geometry
        laid = {
            name: place_layer(design.plan.layer(name).layer, feed.arrangement, geometry).xyz
            for name in design.fed_by("stripline")
        }
        return chip_positions(design.plan.layers, laid, geometry)

    def chip(self, number: int | None = None) -> Chip:
        """Chip of that number; None: the corner itself, without anything random. Raises InputError."""
        if number is not None and not 0 <= number <= MOST_NUMBER:
            raise InputError(f"sample {number}: possible: 0 ... {MOST_NUMBER}")
        names = self._moved(number)
        scores = {} if number is None else self._common(number)
        locals_ = self._local(number) if number is not None else {}
        common = {
            name: float(self.spread.values(name, self._score(name, scores.get(name, _Common()).chip))) for name in names
        }
        layers = {
            entry.layer.name: self._layer(entry, n, names, scores, locals_, number)
            for n, entry in enumerate(self.design.plan.layers)
        }
        device, circuit = (
            at_corner(getattr(self.design.plan, name), section, self.corner)
            for name, section in (("device", "device"), ("circuit", "bus"))
        )
        return Chip(self.seed, number, self.corner.name, device, circuit, common, layers)

    def _moved(self, number: int | None) -> list[str]:
        """Quantities that are not nominal."""
        return [name for name in self.spread.active if number is not None or self.corner.shifts.get(name)]

    def _score(self, name: str, chip: float) -> float:
        """Score of all devices of a chip, but for gradient and what is each device's own."""
        return self.corner.shifts.get(name, 0.0) + math.sqrt(self.spread.share(name).chip) * chip

    def _dimensions(self) -> list[tuple[str, str]]:
        """What chips have in common, as dimensions of a Sobol sequence."""
        found = []
        for name in self.spread.active:
            share = self.spread.share(name)
            found += [(name, "chip")] * (share.chip > 0) + [(name, axis) for axis in "xy" if share.gradient > 0]
        return found

    def _common(self, number: int) -> dict[str, _Common]:
        """Scores of what a chip has in common, by quantity."""
        if self.spread.sampling == "random":
            values = normals(self.seed, number, COMMON, 0, 3 * len(QUANTITIES)).reshape(-1, 3)
            return {name: _Common(*values[n]) for n, name in enumerate(QUANTITIES) if name in self.spread.active}
        dimensions = self._dimensions()
        most = len(dimensions) + (self._own_count() if self.spread.sampling == "sobol_all" else 0)
        values = sobol_normals(most, self.seed, number)
        found = {name: _Common() for name in self.spread.active}
        for (name, what), value in zip(dimensions, values, strict=False):
            found[name] = replace(found[name], **{what: float(value)})
        return found

    def _own_sizes(self) -> list[tuple[int, str, int]]:
        """Layer, quantity and number of devices of everything that has values of its own."""
        return [
            (n, name, self._devices(entry, QUANTITIES[name]))
            for n, entry in enumerate(self.design.plan.layers)
            for name in self.spread.active
            if self.spread.share(name).local > 0 and QUANTITIES[name].of != "line"
        ]

    def _own_count(self) -> int:
        return sum(count for _, _, count in self._own_sizes())

    def _local(self, number: int) -> dict[tuple[int, str], Array]:
        """Scores of the devices' own out of a Sobol sequence; of random ones nothing, they are made layer by layer."""
        if self.spread.sampling != "sobol_all":
            return {}
        sizes, skipped = self._own_sizes(), len(self._dimensions())
        values = sobol_normals(skipped + self._own_count(), self.seed, number)[skipped:]
        ends = np.cumsum([count for _, _, count in sizes])
        parts = np.split(values, ends[:-1])
        return {(n, name): part for (n, name, _), part in zip(sizes, parts, strict=True)}

    def _layer(
        self,
        entry: LayerPlan,
        layer: int,
        names: Sequence[str],
        scores: dict[str, _Common],
        given: dict[tuple[int, str], Array],
        number: int | None,
    ) -> LayerChip:
        """Devices of one layer."""
        order, on_lines = list(QUANTITIES), self.design.feed(entry.layer.name) == "stripline"
        of: dict[str, dict[str, tuple[Array, ...]]] = {"resonator": {}, "tone": {}, "neuron": {}, "line": {}}
        for name in names:
            quantity = QUANTITIES[name]
            if quantity.of == "line" and not on_lines:
                continue
            shapes, places = self._shapes(entry, quantity)
            own: Array | None = None
            if number is not None and quantity.of != "line" and self.spread.share(name).local > 0:
                own = given.get((layer, name))
                if own is None:
                    own = normals(self.seed, number, layer, order.index(name), self._devices(entry, quantity))
            values, first = [], 0
            for shape, place in zip(shapes, places, strict=True):
                count = math.prod(shape)
                part = None if own is None else own[first : first + count].reshape(shape)
                values.append(self._values(name, scores.get(name, _Common()), place, shape, part))
                first += count
            of[quantity.of][name] = tuple(values)
        tones, neurons = ({name: value[0] for name, value in of[kind].items()} for kind in ("tone", "neuron"))
        lines = {name: float(value[0]) for name, value in of["line"].items()}
        return LayerChip(entry.layer.name, of["resonator"], tones, neurons, lines, on_lines)

    def _values(
        self, name: str, common: _Common, place: Places | None, shape: tuple[int, ...], own: Array | None
    ) -> Array:
        """Values of one quantity at devices of one block."""
        share, score = self.spread.share(name), np.full(shape, self._score(name, common.chip))
        if share.gradient and place is not None:
            score += math.sqrt(share.gradient) * (common.x * place[0] + common.y * place[1])
        if own is not None:
            score += math.sqrt(share.local) * own
        return self.spread.values(name, score)

    def _shapes(self, entry: LayerPlan, of: Quantity) -> tuple[list[tuple[int, ...]], Sequence[Places | None]]:
        """Shapes of the arrays of a quantity in a layer, and where these devices stand."""
        spread = self.spread.share(of.name).gradient > 0
        on_lines, layer = self.design.feed(entry.layer.name) == "stripline", entry.layer
        positions = self.positions[layer.name] if spread else None
        if of.of == "resonator":
            shapes: list[tuple[int, ...]] = [bus.size for bus in entry.buses]
            if on_lines:
                shapes = [self.positions[layer.name].resonators[0][0].shape]
            return shapes, positions.resonators if positions else [None] * len(shapes)
        if of.of == "tone":
            return [(layer.groups, layer.taps)], [positions.tones if positions else None]
        if of.of == "neuron":
            return [(layer.groups, layer.outputs)], [positions.neurons if positions else None]
        return [()], [None]

    def _devices(self, entry: LayerPlan, of: Quantity) -> int:
        """How many devices of a layer have a value of a quantity."""
        return sum(math.prod(shape) for shape in self._shapes(entry, of)[0])


def sampled_chip(
    design: Design, spread: SpreadOptions | None = None, seed: int = 1, number: int = 0, corner: str = NOMINAL
) -> Chip:
    """Chip `number` of a design with these spreads (default: [spread] of the design). Raises InputError."""
    return ChipSampler(design, spread, seed, corner).chip(number)


def corner_chip(design: Design, corner: str, spread: SpreadOptions | None = None) -> Chip:
    """The chip at a corner: `tt`, `ss`, `ff`, or a name of [corner.NAME]. Raises InputError."""
    return ChipSampler(design, spread, 1, corner).chip()


def chip_hardware(design: Design, layer: str, program: Method, chip: Chip) -> tuple[BusHardware, ...]:
    """Buses of a layer of a chip, its resonators as fabrication left them: what its decks are written from.

    Raises InputError.
    """
    f_res = chip.resonances(layer, design.program(program).layer(layer).f_res)
    return real_hardware(design.plan, design.plan.layer(layer), f_res, chip)


def real_hardware(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], chip: Chip) -> tuple[BusHardware, ...]:
    """The same with resonance frequencies that the resonators really have, Hz bus by bus. Raises InputError."""
    return tuple(
        BusHardware(bus, f, chip.device, chip.circuit, plan.options.p_max, values)
        for bus, f, values in zip(entry.buses, f_res, layer_values(plan, entry, chip), strict=True)
    )


def chip_parameters(parameters: Parameters, chip: Chip) -> Parameters:
    """Parameters of a design with what a chip's corner says of neurons and noise; the rest of it is in the chip."""
    corner = parameters.corners.get(chip.corner)
    if corner is None:
        return parameters
    return replace(parameters, **{name: at_corner(getattr(parameters, name), name, corner) for name in AROUND})
