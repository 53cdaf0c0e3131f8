"""A layer on strip lines next to what else could hold it: the other programs, RF buses, resistive crossbars."""

from dataclasses import dataclass

from resonet.core.errors import InputError
from resonet.core.watching import Done, nothing
from resonet.cosim.calibration.newton import calibrated_design
from resonet.cosim.crossbar.crossbar import CROSSBAR_PROGRAMS
from resonet.cosim.crossbar.studies import crossbar_point
from resonet.cosim.strip.held import StripWeights
from resonet.cosim.strip.laid_out import LaidOut
from resonet.cosim.strip.layer import strip_weights
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import accuracy
from resonet.cosim.weights.software import SoftwareLogits
from resonet.models.circuit.crossbar import CrossbarArray, CrossbarCell
from resonet.netlist.design.design import Design
from resonet.netlist.network.images import ImageSet
from resonet.netlist.programming.methods import Method

__all__ = ["LayerComparison", "compare_layer", "comparison_steps"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerComparison:
    """Accuracies of the network by what holds the layer; the other layers are calibrated on buses."""

    images: int
    accuracy: dict[str, float]
    programs: dict[Method, StripWeights]


def comparison_steps(laid: LaidOut) -> int:
    """How often `compare_layer` calls `done`."""
    return len(laid.windows) + 5 + len(CROSSBAR_PROGRAMS)


def compare_layer(design: Design, laid: LaidOut, images: ImageSet, done: Done = nothing) -> LayerComparison:
    """The whole layer on strip lines by every program, and the network on buses and in crossbars.

    `done` is called `comparison_steps` times. Raises InputError, EngineError.
    """
    if not images.labels.size:
        raise InputError(f"{images.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    strip = laid.solve(done)
    bus = calibrated_design(design.on_buses())
    names = [entry.layer.name for entry in bus.plan.layers]
    effective = {name: effective_weights(bus, name, "calibrated", engine=linear) for name in names}
    software = SoftwareLogits(bus.cnn, images.images)
    on_buses = accuracy(bus, effective, images, software=software)
    shares = {"software": on_buses.software, "RF bus, calibrated": on_buses.circuit}
    done()
    on_strips = strip_weights(strip, laid.fill)
    for name, weights in on_strips.items():
        network = {**effective, laid.layer.name: weights}
        shares[f"strip lines, {name}"] = accuracy(bus, network, images, software=software).circuit
        done()
    device = bus.plan.device
    array = CrossbarArray(CrossbarCell(device.resistance, 1 + device.magnetoresistance))
    for program in CROSSBAR_PROGRAMS:
        shares[f"crossbar, {program}"] = float(crossbar_point(bus, names, array, program, images).accuracy or 0)
        done()
    return LayerComparison(len(images.images), shares, on_strips)
