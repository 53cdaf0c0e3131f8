"""The design: a network, its plan, its programs and its scales; and the compile verb that makes one."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.tabled import Table, Tabled
from resonet.core.types import Ints
from resonet.netlist.bus.graph import HardwareGraph, build_graph
from resonet.netlist.bus.hardware import BusHardware, layer_hardware
from resonet.netlist.design.feed_options import FeedKind, FeedOptions
from resonet.netlist.design.parameters import Parameters, read_parameters
from resonet.netlist.network.activations.base import Fit, Neuron
from resonet.netlist.network.cnn import Cnn, built_network, fitted_layers
from resonet.netlist.network.images import ImageSet, read_images
from resonet.netlist.network.neuron_scales import find_scales, scaled_network
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.network.pixels import UNIT, Pixels
from resonet.netlist.planning.frequency_plan import FrequencyPlan, plan
from resonet.netlist.planning.powers import check_powers
from resonet.netlist.planning.scales import InputScale, bounded_ranges, calibrated_ranges
from resonet.netlist.programming.fitted import Fitted
from resonet.netlist.programming.methods import Method, Program, programs

__all__ = ["Design", "compile_cnn"]

ON_LINES = "accuracy, run, levels, sweep, crosstalk, sneak, layout or crossbar without it"  # what knows strip lines


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Design(Tabled):
    """A compiled network."""

    cnn: Cnn  # with the scales of its neurons
    parameters: Parameters
    plan: FrequencyPlan
    programs: dict[Method, Program]
    scales: dict[str, InputScale]  # by layer name
    calibration: str  # what the scales come from, for people
    pixels: Pixels = UNIT  # what the network takes its pixels to be
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)  # of layers whose neurons are fitted: over what
    neuron_scales: dict[str, Ints] = field(default_factory=dict)  # of layers with any: exponents of 2 [channels]
    fitted: Fitted | None = None  # a program of saturating resonators
    folder: Path | None = None  # the design folder that it is of

    @property
    def table(self) -> Table:
        """Its layers."""
        rows = [
            (
                name,
                self.feed(name),
                *(f"{n:,}" for n in (own.chains, own.resonators, own.channels, own.layer.positions)),
            )
            for name, own in ((own.layer.name, own) for own in self.plan.layers)
        ]
        names = ("layer", "feed", "chains", "resonators", "channels", "positions")
        programs = ", ".join([*self.programs, *(["fitted"] if self.fitted else [])])
        notes = [f"programs: {programs}; input scales from {self.calibration}"]
        return Table(f"{self.cnn.file}, {self.folder or 'in no folder'}", names, rows, notes)

    def images(self, path: Path) -> ImageSet:
        """Images of a file as the network takes them. Raises InputError."""
        return read_images(path, self.cnn.input_shape, self.pixels)

    def fill(self, layer: str) -> float:
        """Largest weight of a layer as part of what a resonator can hold: plan.fill, or less if only less converges."""
        weights = self.plan.layer(layer).layer.matrix
        scale = self.program("coupled").layer(layer).weight_scale
        return float(scale * np.abs(weights).max() / self.plan.device.sensitivity)

    @property
    def trained(self) -> Cnn:
        """The network without scales of its neurons, as its file has it."""
        return scaled_network(self.cnn, {name: -own for name, own in self.neuron_scales.items()})

    def fit(self, layer: str) -> Fit | None:
        """What the neurons behind a layer are fitted with; None where they are exact, or where there are none."""
        return Fit(self.parameters.neuron.pieces, *self.sums[layer]) if layer in self.sums else None

    def neuron(self, layer: str) -> Neuron:
        """What hardware makes of a layer's activation."""
        return self.plan.layer(layer).layer.activation.neuron(self.fit(layer))

    @property
    def built(self) -> Cnn:
        """The network with the activations that the hardware has; behind the last layer nothing is built."""
        return built_network(
            self.cnn, {name: Fit(self.parameters.neuron.pieces, *ends) for name, ends in self.sums.items()}
        )

    def program(self, method: Method) -> Program:
        """Program by that method; InputError where the design has none."""
        if method == "fitted":
            if self.fitted is None:
                raise InputError(f"{self.cnn.file}: no fitted program yet; possible: resonet calibrate --on-data first")
            return self.fitted.program
        if method not in self.programs:
            known = ", ".join(self.programs)
            raise InputError(f"{self.cnn.file}: no {method} program yet; possible: {known}, or resonet calibrate first")
        return self.programs[method]

    def hardware(self, layer: str, method: Method) -> tuple[BusHardware, ...]:
        """Buses of a layer with the resonators programmed by `method`: what its decks are written from."""
        return layer_hardware(self.plan, self.plan.layer(layer), self.program(method).layer(layer).f_res)

    def graph(self, method: Method) -> HardwareGraph:
        """Hardware graph of the layers on buses with their resonators programmed by `method`."""
        program, kept = self.program(method), set(self.fed_by("bus"))
        layers = tuple(entry for entry in self.plan.layers if entry.layer.name in kept)
        programmed = tuple(entry for entry in program.layers if entry.layer in kept)
        return build_graph(replace(self.plan, layers=layers), replace(program, layers=programmed))

    def feed(self, layer: str) -> FeedKind:
        """How the tones reach the resonators of a layer. Raises InputError for a layer that is not there."""
        return self.parameters.feed.of(self.plan.layer(layer).layer)

    def fed_by(self, kind: FeedKind) -> list[str]:
        """Names of the layers with that feed."""
        return [entry.layer.name for entry in self.plan.layers if self.feed(entry.layer.name) == kind]

    def on_buses(self) -> "Design":
        """The same network with all its layers on buses."""
        return replace(self, parameters=replace(self.parameters, feed=FeedOptions()))

    def require_bus(self, what: str, layers: Iterable[str] | None = None, possible: str = ON_LINES) -> None:
        """Raise InputError if some of these layers (default: any) are on strip lines, which `what` knows nothing of.

        `possible`: what there is in its place.
        """
        lines = self.fed_by("stripline")
        found = [name for name in (lines if layers is None else layers) if name in lines]
        if found:
            raise InputError(
                f"{what}: layer {found[0]} is on strip lines (feed.kind), and this is of chains on buses; possible: "
                f"{possible}, or a design with feed.kind=bus"
            )


def compile_cnn(
    model: Path,
    parameters: Parameters | None = None,
    calibration: ImageSet | None = None,
    input_shape: tuple[int, ...] | None = None,
    input_range: tuple[float, float] | None = None,
    pixels: Pixels | None = None,
    output: str | None = None,
) -> Design:
    """Read a trained CNN and design its hardware: channels, tone levels, resonance frequencies, input scales.

    With a calibration batch the input scales are those that the batch needs; without, a bound that holds for any image
    with pixels in `input_range` (default: what `pixels` may become). `pixels` is what the network takes; default: what
    the calibration images were brought to, or else what the network's own operators say. `output` names one of the
    file's outputs, where it has several. Raises InputError.
    """
    parameters = parameters or read_parameters()
    cnn = read_cnn(model, input_shape, output)
    parameters.feed.check_layers(cnn.synapses)
    own = find_scales(cnn, parameters.plan.scale, parameters.plan.gain_range)
    on_buses = {layer.name for layer in cnn.synapses if parameters.feed.of(layer) == "bus"}  # others are not raised
    cnn = scaled_network(cnn, own.exponents, {name: more for name, more in own.raised.items() if name in on_buses})
    planned = plan(cnn, parameters.device, parameters.bus, parameters.plan)
    pixels = pixels or (calibration.pixels if calibration else cnn.pixels) or Pixels(source="nothing says otherwise")
    driven = tuple(entry for entry in planned.layers if entry.layer.name in on_buses)
    check_powers(replace(planned, layers=driven), parameters.neuron.p1db)
    pieces = parameters.neuron.pieces
    if calibration is None:
        input_range = input_range or pixels.range
        ranges = bounded_ranges(cnn, *input_range, pieces)
        source = f"any pixel within {input_range[0]:g} ... {input_range[1]:g}"
    else:
        if calibration.images.shape[1:] != cnn.input_shape:
            raise InputError(f"{calibration.file}: images {calibration.images.shape[1:]}; possible: {cnn.input_shape}")
        ranges, source = calibrated_ranges(cnn, calibration.images, pieces), f"{len(calibration.images)} images"
    sums = {name: ranges.sums[name] for name in fitted_layers(cnn)}
    if not np.isfinite([scale.full_scale for scale in ranges.scales.values()] + [*sum(sums.values(), ())]).all():
        raise InputError(f"{cnn.file}: activations overflow for {source}; possible: finite activations")
    return Design(cnn, parameters, planned, programs(planned), ranges.scales, source, pixels, sums, own.exponents)
