"""Accuracy: software against circuit on the same images, of linear or saturating resonators, with noise and without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from resonet.api.inputs import DesignOrFolder, Images, as_design, as_images, design_layers, one_of, refuse, whole
from resonet.api.laws import (
    chosen_chip,
    refuse_linear_fitted,
    saturating_held,
    tone_powers,
    warn_clipped,
    warn_of_noise,
    worst_clipped,
)
from resonet.api.weights import held_weights
from resonet.core.errors import InputError
from resonet.core.numbers import engineering, percent
from resonet.core.tabled import Table, Tabled
from resonet.core.watching import Progress, unwatched

if TYPE_CHECKING:
    from pandas import DataFrame

    from resonet.cosim.noise.noisy import NoisyWeights
    from resonet.cosim.noise.repeats import NoisyAccuracy, Reads
    from resonet.cosim.saturation.accuracy import SaturatingAccuracy
    from resonet.cosim.weights.held import RfWeights
    from resonet.cosim.weights.inference import Accuracy, DiodeAccuracy
    from resonet.cosim.weights.witness import Witness
    from resonet.netlist.chips.chip import Chip
    from resonet.netlist.design.design import Design
    from resonet.netlist.network.images import ImageSet
    from resonet.netlist.programming.methods import Method

__all__ = ["Accuracies", "accuracy"]

BATCH = 500  # images that a step of progress stands for


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Accuracies(Tabled):
    """Shares of labelled images that are classified right."""

    design: "Design"
    data: "ImageSet"
    engine: str
    software: float  # of the trained network
    witness: "Witness | None"
    programs: "Mapping[Method, Accuracy]"  # of linear resonators
    diodes: "Mapping[Method, DiodeAccuracy]"  # the same with max pools of diodes, where there are any
    noisy: "Mapping[Method, NoisyAccuracy]"  # the same with noise, where it was drawn
    program: "Method | None" = None  # of saturating resonators
    saturating: "tuple[SaturatingAccuracy, ...]" = ()  # power by power, variant by variant
    chip: "Chip | None" = None  # of one of many

    @property
    def images(self) -> int:
        """How many there were."""
        return len(self.data.images)

    @property
    def circuit(self) -> dict[str, float]:
        """Share without noise by program, or by variant of saturating resonators (at the last power)."""
        linear = {str(name): one.circuit for name, one in self.programs.items()}
        return linear | {one.variant: one.circuit for one in self.saturating}

    @property
    def with_noise(self) -> dict[str, float]:
        """The same with noise, where it was drawn: of the first images, or of all with `noise`."""
        linear = {str(name): one.mean for name, one in self.noisy.items()}
        return linear | {one.variant: one.noisy.mean for one in self.saturating if one.noisy}

    def _rows(self) -> list[dict[str, Any]]:
        def noise(found: "NoisyAccuracy | None") -> dict[str, Any]:
            return {} if found is None else {"with_noise": found.mean, "noise_images": found.images}

        rows: list[dict[str, Any]] = [
            {"network": str(name), "p_max": self.design.plan.options.p_max, "accuracy": one.circuit}
            | {"same_class": one.same_class, "logit_rms": one.logit_rms, "logit_max": one.logit_max}
            | noise(self.noisy.get(name))
            for name, one in self.programs.items()
        ]
        rows += [
            {"network": f"{name}, diode maxima", "accuracy": one.circuit, "same_class": one.same_class}
            for name, one in self.diodes.items()
        ]
        rows += [
            {"network": one.variant, "p_max": one.p_max, "accuracy": one.circuit, "same_class": one.same_class}
            | noise(one.noisy)
            for one in self.saturating
        ]
        return rows

    def to_pandas(self) -> "DataFrame":
        """A row a network: software, then every program or variant; shares, p_max in W."""
        import pandas as pd

        return pd.DataFrame([{"network": "software", "accuracy": self.software}, *self._rows()]).set_index("network")

    @property
    def table(self) -> Table:
        """Shares."""
        rows = [("software", "-", percent(self.software), "-", "-")]
        for row in self._rows():
            power = engineering(row["p_max"], "W") if "p_max" in row else "-"
            noisy = f"{percent(row['with_noise'])} of {row['noise_images']:,}" if "with_noise" in row else "-"
            rows.append((row["network"], power, percent(row["accuracy"]), percent(row["same_class"]), noisy))
        names = ("network", "p_max", "accuracy", "same class", "with noise")
        law = ", saturating resonators" if self.saturating else ""
        notes = [f"weights by {self.engine}" + (f"; {self.witness}" if self.witness else "")]
        return Table(f"{self.data.file}: {self.images:,} images{law}", names, rows, notes)


def _noisy_lines(
    design: "Design", method: "Method", held: "Mapping[str, RfWeights]", seed: int
) -> "dict[str, NoisyWeights] | None":
    """Weights with noise of a design with layers on strip lines, as `run` has them; None where all are on buses."""
    from resonet.cosim.cascade.hardware import parallel_hardware

    return parallel_hardware(design, method, held=held).noisy(seed) if design.fed_by("stripline") else None


def _held(
    design: "Design", program: str, engine: str, jobs: int | None, chip: "Chip | None", progress: Progress
) -> "dict[Method, dict[str, RfWeights]]":
    from resonet.cosim.chips import chip_weights
    from resonet.cosim.feed.feeds import chosen_programs
    from resonet.cosim.weights.engines import find_engine

    methods, chosen = chosen_programs(design, program), find_engine(engine)
    if chip is None:
        return held_weights(design, methods, design_layers(design, None), engine, jobs, progress)
    quick = "linear" if chosen.name == "auto" else engine
    with progress("weights", len(methods)) as done:
        found: dict[Method, dict[str, RfWeights]] = {}
        for method in methods:
            found[method] = chip_weights(design, method, chip, quick)
            done()
        return found


def _linear(
    design: "Design",
    images: "ImageSet",
    path: Path | None,
    held: "dict[Method, dict[str, RfWeights]]",
    reads: "Reads | None",
    progress: Progress,
) -> dict[str, Any]:
    """Fields of linear resonators, and what is warned of."""
    from resonet.cosim.noise.repeats import noisy_accuracy
    from resonet.cosim.weights.inference import accuracy as measure
    from resonet.cosim.weights.inference import diode_accuracy
    from resonet.cosim.weights.maxima import has_maxima, warn_maximum
    from resonet.cosim.weights.software import SoftwareLogits
    from resonet.netlist.network.chance import check_chance
    from resonet.netlist.network.forward import classes

    few = None if reads is None else reads.of(design, images)
    through = (1 + (2 if has_maxima(design.built) else 1) * len(held)) * -(-len(images.images) // BATCH)
    through += len(held) * reads.repeats * -(-len(few.images) // BATCH) if reads and few else 0
    noisy: dict[Method, NoisyAccuracy] = {}
    with progress("images through the circuit", through) as done:
        software = SoftwareLogits(design.cnn, images.images, done)
        found = {m: measure(design, own, images, done, software) for m, own in held.items()}
        diodes = {m: diode_accuracy(design, own, images, software.values, done) for m, own in held.items()}
        own = classes(software.values, design.cnn.ranked)
        if reads is not None and few is not None:
            for m, one in held.items():
                lines = _noisy_lines(design, m, one, reads.seed)
                noisy[m] = noisy_accuracy(design, one, few, own, reads.seed, reads.repeats, None, done, lines)
    pooled = {m: made for m, made in diodes.items() if made}
    first = next(iter(found.values()))
    check_chance(design.cnn, path, images, software.values)
    warn_of_noise(design, first.software, {m: one.circuit for m, one in found.items()}, noisy)
    warn_clipped(design, worst_clipped({str(m): one.clipped for m, one in found.items()}))
    for made in list(pooled.values())[-1:]:
        for pool in made.pools:
            more = (
                f"here {percent(pool.rms)} rms and {percent(pool.largest)} at most, counted where it says diode maxima"
            )
            warn_maximum(pool.layer, pool.inputs, pool.bound, pool.full_scale, more)
    return {"software": first.software, "programs": found, "diodes": pooled, "noisy": noisy}


def _saturating(
    design: "Design",
    images: "ImageSet",
    of: "tuple[Method, dict[str, RfWeights]]",
    engine: str,
    powers: tuple[float, ...],
    calibration: "ImageSet | None",
    balance: Literal["fast", "full"] | None,
    reads: "Reads",
    progress: Progress,
) -> dict[str, Any]:
    """Fields of saturating resonators, and what is warned of."""
    from resonet.cosim.cascade.hardware import saturating_hardware
    from resonet.cosim.saturation.accuracy import at_power, saturating_accuracy
    from resonet.cosim.weights.engines import find_engine
    from resonet.cosim.weights.inference import check_labels
    from resonet.cosim.weights.software import SoftwareLogits
    from resonet.netlist.network.forward import classes

    method, held = of
    steps, few = -(-len(images.images) // BATCH), reads.of(design, images)
    noisy = reads.repeats * -(-len(few.images) // BATCH) if few else 0
    variants = max(len(powers), 1) * (3 if calibration else 1)
    with progress("images through the circuit", steps + variants * (steps + noisy)) as done:
        software = SoftwareLogits(design.cnn, images.images, done).values
        check_labels(images, software, design.cnn.ranked)
        own = classes(software, design.cnn.ranked)
        made = (calibration, find_engine(engine), balance, None, done)
        saturate = saturating_hardware(method, held, balance) if design.fed_by("stripline") else None
        found = saturating_accuracy(design, held, images, own, powers, *made, reads, saturate)
    share = float((own == images.labels).mean())
    for power in dict.fromkeys(one.p_max for one in found):
        here = {one.variant: one for one in found if one.p_max == power}
        noisy_here = {name: one.noisy for name, one in here.items() if one.noisy}
        warn_of_noise(at_power(design, power), share, {name: one.circuit for name, one in here.items()}, noisy_here)
    nothing: dict[str, Any] = {"programs": {}, "diodes": {}, "noisy": {}}
    return {"software": share, "program": method, "saturating": tuple(found)} | nothing


def accuracy(
    design: DesignOrFolder,
    data: Images,
    *,
    program: str = "all",
    engine: str = "auto",
    resonators: Literal["linear", "saturating"] = "linear",
    p_max: float | str | Sequence[float | str] | None = None,
    fit: "Images | None" = None,
    balance: Literal["fast", "full"] | None = None,
    noise: bool = False,
    seed: int = 1,
    repeat: int = 1,
    corner: str | None = None,
    sample: int | None = None,
    chip_seed: int = 1,
    jobs: int | None = None,
    progress: Progress = unwatched,
) -> Accuracies:
    """Accuracy of the circuit beside that of the trained network, on labelled images: (images, labels) or .npz file.

    Noise is drawn in the first thousand images, `repeat` times; with `noise` in all of them. Resonators are linear, or
    saturating: then of one `program`, at each tone power of `p_max` (W), also with detunings that `fit` images fit.
    `corner`, `sample`: one chip as programmed, without noise. Shares are 0 ... 1. Raises InputError, EngineError.

    >>> found = rn.accuracy(rn.load(build), digits / "digits_test.npz", program="coupled", engine="linear")
    >>> round(found.software, 3), bool(found.circuit["coupled"] > 0.9)
    (0.969, True)
    """
    from resonet.cosim.noise.repeats import FEW, Reads

    one_of("resonators", resonators, ("linear", "saturating"))
    one_of("balance", balance or "fast", ("fast", "full"))
    seed, repeat, chip_seed = whole("seed", seed, 0), whole("repeat", repeat, 1), whole("chip_seed", chip_seed, 0)
    refuse_linear_fitted(program, resonators)
    given = as_design(design)
    images = as_images(data, given.cnn.input_shape, given.pixels)
    chip = chosen_chip(given, corner, sample, chip_seed)
    for name, there in (("resonators", resonators != "linear"), ("noise", noise), ("repeat", repeat > 1)):
        if chip is not None and there:
            option = f"--{name}{' saturating' if name == 'resonators' else ''}"
            told = "possible: without it, linear and without noise"
            raise InputError(f"{option} of one chip (--corner, --sample); {told}")
    refuse("chip_seed", chip_seed != 1 and sample is None, "with sample")
    refuse("seed", seed != 1 and chip is not None, "without corner and sample, which have no noise")
    reads = Reads(seed, repeat, None if noise else FEW)
    if resonators == "saturating":
        return _of_saturating(given, images, program, engine, jobs, p_max, fit, balance, reads, progress)
    for name, value in (("p_max", p_max), ("fit", fit), ("balance", balance)):
        refuse(name, value is not None, 'with resonators="saturating"')
    held = _held(given, program, engine, jobs, chip, progress)
    witness = _joined(one for own in held.values() for one in own.values())
    path = Path(data) if isinstance(data, str | Path) else None
    found = _linear(given, images, path, held, None if chip else reads, progress)
    return Accuracies(design=given, data=images, engine=engine, witness=witness, chip=chip, **found)


def _joined(weights: Any) -> "Witness | None":
    from resonet.cosim.weights.checks import joined

    return joined(one.witness for one in weights)


def _of_saturating(
    design: "Design",
    images: "ImageSet",
    program: str,
    engine: str,
    jobs: int | None,
    p_max: float | str | Sequence[float | str] | None,
    fit: "Images | None",
    balance: Literal["fast", "full"] | None,
    reads: "Reads",
    progress: Progress,
) -> Accuracies:
    from resonet.cosim.saturation.tables import check_engine
    from resonet.cosim.weights.engines import find_engine

    check_engine(find_engine(engine))
    if design.fed_by("stripline") and fit is not None:
        design.require_bus("--fit", None, "without it")
    powers = tone_powers(p_max)
    calibration = None if fit is None else as_images(fit, design.cnn.input_shape, design.pixels)
    held = saturating_held(design, program, engine, jobs, progress)
    found = _saturating(design, images, held, engine, powers, calibration, balance, reads, progress)
    witness = _joined(held[1].values())
    return Accuracies(design=design, data=images, engine=engine, witness=witness, **found)
