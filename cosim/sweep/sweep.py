"""Sweep: the network compiled and measured at many points of its parameters; each point is a unit of work.

A point is planned, programmed, spread by fabrication where asked, and answered by an engine: weight errors of every
layer and program, and accuracy where there are images. Results go to `results/sweep_<key>.nc`, whose key is made of
everything that they depend on; as long as points are missing, `results/sweep_<key>.jsonl` keeps those that are done.
"""

import functools
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.core.validity import collected
from resonet.core.watching import Done, nothing
from resonet.cosim.feed.feeds import feed_of
from resonet.cosim.strip.held import StripWeights
from resonet.cosim.strip.laid_out import lay_out
from resonet.cosim.sweep.axes import Axis, Spread, at_point, axis_point, axis_values, count_points
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.prepared import Preparation, fabricated
from resonet.cosim.sweep.study import Study, run_study, study_key
from resonet.cosim.sweep.tested import Law, Tested, answering
from resonet.cosim.weights.checks import check_cases, spread_over
from resonet.cosim.weights.engines import Engine, find_engine
from resonet.cosim.weights.held import RfWeights
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.folder import load_design
from resonet.netlist.design.parameters import SECTIONS, Parameters, read_parameters
from resonet.netlist.network.images import read_images
from resonet.netlist.network.onnx.external import data_files
from resonet.netlist.planning.frequency_plan import source_power
from resonet.netlist.programming.methods import METHODS, Method, Program
from resonet.netlist.strip.drive import line_emf
from resonet.netlist.strip.parasitics import extract_parasitics

__all__ = ["Measure", "Sweep", "measure_point", "run_sweep", "sweep_from_table", "sweep_key"]

Measure = Literal["weights", "accuracy", "noise"]
MOST_CHECKED = 8  # points at which an engine is checked
MOST_BREAKS = 3  # times that a pool of processes is opened anew


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is computed. The files are named, not sent: every worker must see them."""

    source: str  # design folder, or TOML file of parameters
    axes: tuple[Axis, ...]
    together: bool = False  # axes value by value, not all combinations
    measure: Measure = "weights"
    programs: tuple[Method, ...] = METHODS
    engine: str = "auto"
    data: str | None = None  # labelled images
    model: str | None = None  # ONNX file, where the source is a TOML file
    calibration: str | None = None  # images that set the input scales, where the source is a TOML file
    spread: Spread = field(default_factory=Spread)
    repeats: int = 1  # of the images, where noise is measured
    resonators: Law = "linear"  # of the accuracy

    @property
    def noise(self) -> bool:
        """Whether the images are read with noise too."""
        return self.measure == "noise"

    @property
    def count(self) -> int:
        """How many points there are. Raises InputError for axes that do not go together."""
        return count_points(self.axes, self.together)

    def point(self, number: int) -> dict[str, float | int]:
        """Values of a point by parameter."""
        return axis_point(self.axes, self.together, number)

    def values_at(self, numbers: Ints) -> dict[str, Array]:
        """Values [points] by parameter, of the points of some numbers."""
        return axis_values(self.axes, self.together, numbers)


def sweep_from_table(table: dict[str, Any]) -> Sweep:
    """A sweep as its journal's first line has it; KeyError, TypeError or InputError for what is none."""
    known = {spec.name: table[spec.name] for spec in fields(Sweep)}
    axes = tuple(Axis(str(axis["name"]), tuple(axis["values"])) for axis in table["axes"])
    return Sweep(**known | {"axes": axes, "programs": tuple(table["programs"]), "spread": Spread(**table["spread"])})


def _base(sweep: Sweep) -> tuple[Design, Parameters]:
    """The design that is varied, and its parameters."""
    source = Path(sweep.source)
    if source.is_dir():
        return load_design(source), read_parameters(source / "design.toml")
    if sweep.model is None:
        raise InputError(f"{source}: parameters without a network; possible: --model MODEL.onnx, or a design folder")
    given = read_parameters(source)
    design = compile_cnn(Path(sweep.model), given)
    if sweep.calibration is None:
        return design, given
    images = read_images(Path(sweep.calibration), design.cnn.input_shape, design.cnn.pixels)
    return compile_cnn(Path(sweep.model), given, images), given


def _files(sweep: Sweep) -> list[Path]:
    """Every file that the points depend on."""
    source = Path(sweep.source)
    inputs = [source / "design.toml", source / "model.onnx"] if source.is_dir() else [source]
    inputs += [Path(name) for name in (sweep.data, sweep.model, sweep.calibration) if name is not None]
    return inputs if sweep.model is None else [*inputs, *data_files(Path(sweep.model))]


def sweep_key(sweep: Sweep) -> str:
    """Hash of everything that the results depend on. Raises InputError, EngineError."""
    what = asdict(replace(sweep, source="", data=None, model=None, calibration=None))
    return study_key(what, _files(sweep), sweep.engine)


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What all points share; made once in a process."""

    design: Design
    given: Parameters
    engine: Engine
    prepared: Preparation
    tested: Tested | None


_grounds: dict[str, _Ground] = {}  # of the last sweep, by its key: a sweep of a million points is slow to compare


def _ground(sweep: Sweep, key: str) -> _Ground:
    if key not in _grounds:
        _grounds.clear()
        _grounds[key] = _make_ground(sweep, key)
    return _grounds[key]


def _make_ground(sweep: Sweep, key: str) -> _Ground:
    if sweep_key(sweep) != key:
        raise InputError(f"{sweep.source}: files, code or engine differ here from those where the sweep was started")
    with collected():  # what is said of the design that is varied says nothing of the points
        design, given = _base(sweep)
    if sweep.spread.spread or any(axis.name == "spread" for axis in sweep.axes):
        design.require_bus("spread of fabrication", None, "sweep without --spread and --over spread")
    tested = None
    if sweep.measure != "weights":
        if sweep.data is None:
            raise InputError(f"--measure {sweep.measure}: needs labelled images; possible: --data IMAGES.npz")
        tested = Tested.read(design, Path(sweep.data))
    engine = find_engine(sweep.engine).with_jobs(1)  # points are what goes on side by side
    return _Ground(design, given, engine, Preparation(design.cnn, sweep.programs, engine.unchecked), tested)


def measure_point(sweep: Sweep, key: str, number: int) -> dict[str, Any]:
    """Quantities of one point, by name. Raises InputError, EngineError.

    rms_error        {program: {layer: x}} of the weights, as part of the layer's largest
    residual         {program: {layer: x}} largest error that the program itself left, as part of the same; of layers on
                     strip lines, whose programs are made for the circuit on the spot, that of the circuit
    worst_aggressor  {program: {layer: x}} dB
    fill             {program: {layer: x}} largest weight as part of a resonator's range
    source_dbm       {layer: x} largest power of a tone source
    witness          check of the engine, as a record, at some points from the first to the last
    warnings         those of validity, as records, where there are any
    accuracy         {program: share}, and `software`, the trained network's: where there are images
    noisy            {program: mean share} with noise, and `noisy_spread`, of one repeat: where noise is measured
    float64          {program: reason} where float32 was not enough for these
    """
    ground = _ground(sweep, key)
    given, spread = at_point(ground.given, sweep.spread, sweep.point(number))
    shared = ground.prepared(given)
    made = {method: fabricated(shared.plan, program, spread) for method, program in shared.programs.items()}
    design = replace(ground.design, plan=shared.plan, programs=made, parameters=given)
    names, quick = [entry.layer.name for entry in shared.plan.layers], ground.engine.unchecked
    held: dict[Method, dict[str, RfWeights]] = {method: {} for method in made}
    for name in names:  # programs inside: the passes of strip lines are kept from one to the next
        for method in made:
            feed = feed_of(design, name)
            held[method][name] = feed.weights(design, name, feed.stands_for(method), quick)
    found = _weight_values(design, made, held)
    if number in (checked := spread_over(sweep.count, MOST_CHECKED)):
        buses = set(design.fed_by("bus"))
        programmed = [one for program in made.values() for one in program.layers if one.layer in buses]
        ends = [(shared.plan, shared.plan.layer(one.layer), one.f_res) for one in programmed]
        witness = check_cases(ground.engine.with_budget(ground.engine.budget / len(checked)), ends)
        found |= {"witness": asdict(witness)} if witness else {}
    if ground.tested is not None:
        base = answering(design, held, sweep.resonators, quick)
        found |= ground.tested.shares(design, base)
        found |= ground.tested.noisy_shares(design, held, base, spread.seed, sweep.repeats) if sweep.noise else {}
    return found | {"warnings": [asdict(entry) for entry in shared.warnings]} if shared.warnings else found


def _by_plan(sweep: Sweep, numbers: list[int]) -> list[int]:
    """Points in an order in which those that share plan and programs follow one another."""
    values = sweep.values_at(np.array(numbers, np.int64))
    keys = [row for name, row in values.items() if name.partition(".")[0] in SECTIONS]
    return np.array(numbers)[np.lexsort(keys[::-1])].tolist() if keys else numbers


def _source(design: Design, layer: str) -> float:
    """Largest power of a tone source into a layer, dBm."""
    entry = design.plan.layer(layer)
    if design.feed(layer) == "bus":
        return source_power(entry, design.plan)
    laid = lay_out(design, layer)
    ends = extract_parasitics(laid.placement, float(np.sqrt(laid.frequencies[0] * laid.frequencies[-1])), laid.ends)
    emf = line_emf(laid.placement, ends, laid.device.resistance)
    return float(10 * np.log10(emf**2 * design.plan.options.p_max / (8 * ends.source)) + 30)


def _weight_values(
    design: Design, made: dict[Method, Program], held: dict[Method, dict[str, RfWeights]]
) -> dict[str, Any]:
    planned, buses = design.plan, set(design.fed_by("bus"))
    top = {e.layer.name: float(np.abs(e.layer.matrix).max()) / planned.device.sensitivity for e in planned.layers}
    fill = {m: {p.layer: p.weight_scale * top[p.layer] for p in made[m].layers if p.layer in buses} for m in made}
    residual = {m: {p.layer: p.residual for p in made[m].layers if p.layer in buses} for m in made}
    for method, layers in held.items():
        for name, own in layers.items():
            if isinstance(own, StripWeights):
                trained, values = own.pairs
                fill[method][name] = own.fill
                residual[method][name] = float(np.abs(values - trained).max() / (np.abs(trained).max() or 1.0))
    return {
        "rms_error": {str(m): {name: one.rms_error for name, one in held[m].items()} for m in held},
        "worst_aggressor": {
            str(m): {name: one.worst.level if one.worst else None for name, one in held[m].items()} for m in held
        },
        "residual": {str(m): residual[m] for m in held},
        "fill": {str(m): fill[m] for m in held},
        "source_dbm": {e.layer.name: _source(design, e.layer.name) for e in planned.layers},
    }


def _study(sweep: Sweep) -> Study:
    key = sweep_key(sweep)
    return Study(
        "sweep",
        key,
        asdict(sweep),
        sweep.count,
        functools.partial(measure_point, sweep, key),
        functools.partial(_ground, sweep, key),
        functools.partial(_by_plan, sweep),
    )


def run_sweep(
    sweep: Sweep,
    folder: Path,
    jobs: int | None = None,
    scheduler: str | None = None,
    done: Done = nothing,
) -> tuple[Path, Outcomes]:
    """Compute what is missing of a sweep; the path of its journal and the outcome of every point: see `run_study`."""
    return run_study(_study(sweep), folder, jobs, scheduler, done)
