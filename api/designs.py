"""Designs: compile a network, load a folder, calibrate against the circuit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from resonet.api.inputs import (
    DesignOrFolder,
    Images,
    ParametersLike,
    PathText,
    as_design,
    as_images,
    as_parameters,
    as_path,
    design_layers,
    refuse,
)
from resonet.core.numbers import percent, small_percent
from resonet.core.tabled import Table, Tabled
from resonet.core.validity import warn
from resonet.core.watching import Progress, unwatched

if TYPE_CHECKING:
    from pandas import DataFrame

    from resonet.cosim.calibration.newton import LayerCalibration
    from resonet.cosim.weights.engines import Engine
    from resonet.netlist.design.design import Design
    from resonet.netlist.programming.methods import Method

__all__ = ["HELD", "Calibrated", "calibrate", "compile", "compiled", "load", "warn_held"]

HELD = 1e-6  # of the largest weight: what the coupled program may leave


def warn_held(residuals: Mapping[str, float]) -> None:
    """Warn (weights-held) of layers whose coupled programs leave more than `HELD` of the largest weight."""
    for layer, residual in residuals.items():
        if residual > HELD:
            warn(
                "weights-held",
                f"layer {layer}: some chains cannot hold their weights (off by up to {percent(residual)} of the "
                "largest even without parasitics); possible: smaller plan.tile or plan.fill, wider band, lower damping",
                residual,
                HELD,
            )


def compiled(
    model: Path,
    folder: Path | None,
    parameters: Any,
    calibration: "Images | None" = None,
    input_shape: Sequence[int] | None = None,
    input_range: tuple[float, float] | None = None,
    pixels: str | None = None,
    output: str | None = None,
    force: bool = False,
    progress: Progress = unwatched,
) -> "tuple[Design, int]":
    """As `compile`, of parameters that were read; and the number of decks that were written."""
    from resonet.netlist.design.design import compile_cnn
    from resonet.netlist.design.folder import write_design
    from resonet.netlist.network.onnx.read import read_cnn
    from resonet.netlist.network.pixels import Pixels

    refuse("input_range", calibration is not None and input_range is not None, "without calibration")
    refuse("force", force and folder is None, "with a folder")
    shape = tuple(input_shape) if input_shape else None
    taken, images = Pixels.parse(pixels, "--pixels") if pixels else None, None
    if calibration is not None:
        cnn = read_cnn(model, shape, output)
        images = as_images(calibration, cnn.input_shape, taken or cnn.pixels, "calibration images")
    made = compile_cnn(model, parameters, images, shape, input_range, taken, output)
    decks = 0
    if folder is not None:
        with progress("write decks", 2 * len(made.plan.layers)) as done:
            decks = write_design(made, model, folder, done, force)
        made = replace(made, folder=folder.absolute())
    warn_held({p.layer: p.residual for p in made.programs["coupled"].layers})
    return made, decks


def compile(
    model: PathText,
    folder: PathText | None = None,
    *,
    calibration: "Images | None" = None,
    parameters: "ParametersLike | None" = None,
    preset: str | None = None,
    input_shape: Sequence[int] | None = None,
    input_range: tuple[float, float] | None = None,
    pixels: str | None = None,
    output: str | None = None,
    force: bool = False,
    progress: Progress = unwatched,
) -> "Design":
    """Design the hardware of a trained CNN (ONNX file, or list of layers), and write its folder where one is given.

    `calibration`: images [n, ...] (array or .npz file) that set the scale of every layer's input; without, a bound for
    pixels within `input_range`. `parameters`: a mapping, {"plan.tile": 32, "bus.node_capacitance": "0.1 fF"} (numbers
    are SI) or {"plan": {"tile": 32}}, or a design.toml; `preset`: a device of the literature beneath them.
    `input_shape` (without the batch), `pixels` and `output` as `resonet compile` has them; `force` replaces another
    design in the folder. Raises InputError that names file, layer or parameter and what is possible.

    >>> design = rn.compile(digits / "digits_relu.onnx", calibration=digits / "digits_calibration.npz")
    >>> [entry.layer.name for entry in design.plan.layers]
    ['conv1', 'dense1']
    """
    place, given = None if folder is None else Path(folder), as_parameters(parameters, preset)
    made = (calibration, input_shape, input_range, pixels, output, force, progress)
    return compiled(as_path("model", model), place, given, *made)[0]


def load(folder: PathText) -> "Design":
    """The design of a folder that `compile` wrote, with all of its programs. Raises InputError that names the file.

    >>> rn.load(build).fed_by("bus")
    ['conv1', 'dense1']
    """
    return as_design(folder)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibrated(Tabled):
    """A design with its program `calibrated`, and how every layer went."""

    design: "Design"
    layers: "tuple[LayerCalibration, ...]"
    engine: "Engine"
    start: "Method"
    decks: int  # that were written into the folder

    @property
    def converged(self) -> bool:
        """Whether every chain holds its weights."""
        return not any(one.failing for one in self.layers)

    def to_pandas(self) -> "DataFrame":
        """A row a layer; RMS errors as part of its largest weight, the worst as part of its neuron's."""
        import pandas as pd

        keys = (
            "layer",
            "passes",
            "fill",
            "rms_before",
            "rms_after",
            "worst_after",
            "worst_neuron",
            "chains",
            "failing",
        )
        rows = [{key: getattr(one, key) for key in keys} | {"status": one.status.name.lower()} for one in self.layers]
        return pd.DataFrame(rows).set_index("layer")

    @property
    def table(self) -> Table:
        """Its layers."""
        rows = [
            (
                one.layer,
                small_percent(one.rms_before),
                small_percent(one.rms_after),
                small_percent(one.worst_after),
                str(one.passes),
                f"{one.failing} of {one.chains}",
                one.status.name.lower(),
            )
            for one in self.layers
        ]
        names = ("layer", f"RMS {self.start}", "RMS calibrated", "worst weight", "passes", "chains off", "status")
        return Table(f"{self.design.cnn.file}: weights that the circuit holds, by {self.engine.name}", names, rows)


def calibrate(
    design: DesignOrFolder,
    *,
    layer: str | Sequence[str] | None = None,
    engine: str = "auto",
    start: Literal["formula", "coupled", "calibrated"] | None = None,
    fill: float = 0.0,
    branches: Literal["near", "both"] = "near",
    tolerance: float = 1e-6,
    passes: int = 6,
    jobs: int | None = None,
    progress: Progress = unwatched,
) -> Calibrated:
    """Reprogram resonators so that the circuit, parasitics included, holds the trained weights: `.design` has them.

    A design of a folder gets its program `calibrated` written there. `layer`: names (default: on buses). `tolerance`:
    largest error left, as part of its neuron's largest weight; `fill`: largest weight as part of what a resonator
    holds, 0: what fits; `passes`: most measurements after the first. Of chains that cannot hold their weights the best
    is kept and `.converged` is False. Raises InputError, EngineError.

    >>> rn.calibrate(rn.load(build)).converged
    True
    """
    from resonet.cosim.calibration.newton import CalibrationOptions
    from resonet.cosim.calibration.newton import calibrate as solve
    from resonet.cosim.weights.engines import find_engine
    from resonet.netlist.design.earlier import read_earlier
    from resonet.netlist.design.folder import write_calibrated

    options, given = CalibrationOptions(tolerance, passes, fill, branches), as_design(design)
    names = design_layers(given, layer) if layer else given.fed_by("bus")
    chosen = find_engine(engine).with_jobs(jobs)
    begin: Method = start or "coupled"
    earlier = {} if start or given.folder is None else read_earlier(given.folder, given)
    with progress(f"calibrate, {engine}", len(names)) as done:
        found, decks = solve(given, chosen, names, options, begin, done, earlier), 0
    if given.folder is not None:
        with progress("write decks", len(names)) as done:
            decks = write_calibrated(found.design, given.folder, names, done)
    return Calibrated(found.design, found.layers, chosen, begin, decks)
