"""The level diagram of a network's cascade: power of a tone stage by stage, noise floors, headrooms."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from resonet.api.inputs import DesignOrFolder, Images, as_design, as_images
from resonet.api.laws import refuse_linear_fitted, saturated
from resonet.api.shipped import images_for
from resonet.core.tabled import Table, Tabled

if TYPE_CHECKING:
    from pandas import DataFrame

    from resonet.cosim.cascade.hardware import Hardware
    from resonet.cosim.cascade.level_diagrams import LevelDiagram
    from resonet.cosim.weights.witness import Witness
    from resonet.netlist.design.neuron_options import Kind
    from resonet.netlist.network.images import ImageSet

__all__ = ["Levels", "levels"]

Program = Literal["formula", "coupled", "calibrated", "fitted"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Levels(Tabled):
    """Levels of a network over a batch of images."""

    diagram: "LevelDiagram"
    faults: tuple[str, ...]  # oscillators that are clipped, resonators above p_max: a line each
    hardware: "Hardware"
    data: "ImageSet"
    engine: str

    @property
    def witness(self) -> "Witness | None":
        """The check of the engine."""
        from resonet.cosim.weights.checks import joined

        return joined(one.witness for one in self.hardware.held.values())

    def to_pandas(self) -> "DataFrame":
        """A row a tone: layer, which (largest, median, smallest), frequency (Hz), powers (W) on its way."""
        import pandas as pd

        rows = [asdict(tone) | {"neuron": None} for tone in self.diagram.tones]
        return pd.DataFrame(rows).drop(columns="neuron").set_index(["layer", "which"])

    @property
    def table(self) -> Table:
        """Tones in dBm, noise against full scale, what is wrong."""
        from resonet.cosim.cascade.level_diagrams import dbm

        rows = [
            (
                f"{tone.layer}, {tone.which}",
                f"{tone.frequency / 1000000000.0:.3f}",
                *tuple(f"{dbm(power):.1f}" for power in (tone.source, tone.splitter, tone.bus, tone.resonator)),
            )
            for tone in self.diagram.tones
        ]
        names = ("tone into", "GHz", "source dBm", "splitter dBm", "bus or line dBm", "resonator dBm")
        notes = [
            f"{one.layer}: noise {1e6 * one.chain_noise:.3g} uV rms, full scale {1e6 * one.full_scale:.3g} uV"
            for one in self.diagram.layers
        ]
        title = f"{self.hardware.holder.cnn.file}, {self.diagram.images} images of {self.data.file}"
        return Table(title, names, rows, [*notes, *self.faults])


def levels(
    design: DesignOrFolder,
    data: "Images | None" = None,
    *,
    neurons: "Kind | None" = None,
    program: Program = "calibrated",
    engine: str = "auto",
    resonators: Literal["linear", "saturating"] = "linear",
) -> Levels:
    """Power of a tone stage by stage (W; dBm where shown), noise budget of every layer (V rms), headrooms (dB).

    `data`: calibration images (default: shipped ones that fit); `neurons`: oscillators in the place of ReLUs: relu,
    two_terminal, three_terminal. Raises InputError, EngineError.

    >>> found = rn.levels(rn.load(build), program="coupled", engine="linear")
    >>> found.faults, [one.layer for one in found.diagram.layers]
    ((), ['conv1', 'dense1'])
    """
    from resonet.cosim.cascade.image_run import prepare
    from resonet.cosim.cascade.level_diagrams import level_diagram
    from resonet.cosim.cascade.level_faults import faults, warn_noisy
    from resonet.cosim.cascade.stage_maxima import warn_maxima
    from resonet.cosim.feed.store import stored_effective_weights
    from resonet.cosim.weights.engines import find_engine

    refuse_linear_fitted(program, resonators)
    given = as_design(design)
    own = None if data is None else as_images(data, given.cnn.input_shape, given.pixels)
    images = own or images_for(given, None, "calibration")
    chosen = find_engine(engine)
    held = partial(stored_effective_weights, given.folder, given, program, engine=chosen)
    hardware = prepare(given, program, neurons, images.images, ("two-pass",), None, chosen, held)
    if resonators == "saturating":
        hardware = saturated(hardware, program)
    diagram = level_diagram(hardware, images.images)
    warn_maxima(hardware.levels, [layer.full_scale for layer in diagram.layers])
    warn_noisy(diagram)
    return Levels(diagram, tuple(faults(diagram)), hardware, images, engine)
