"""`resonet demo`: the main job, end to end, on the shipped MNIST network."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from dataclasses import asdict, dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from resonet.api.laws import operating_point
from resonet.cli.show import engineering, out, percent, print_table, say, summary_table
from resonet.cli.witnesses import tell_engine, witness_json, witness_of
from resonet.core.types import Array
from resonet.core.watching import Done
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.feed.store import count_steps, stored_programs
from resonet.cosim.ngspice.run import find_ngspice
from resonet.cosim.noise.repeats import NoisyAccuracy, Reads, noisy_accuracy
from resonet.cosim.referee.chain import TransientResult, patch_powers, transient
from resonet.cosim.saturation.accuracy import at_power
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.held import RfWeights
from resonet.cosim.weights.inference import Accuracy, accuracy
from resonet.cosim.weights.software import SoftwareLogits
from resonet.cosim.weights.summary import LayerSummary, summarise
from resonet.cosim.weights.witness import Witness
from resonet.netlist.design.decks import write_deck
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.folder import write_calibrated, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet, read_images
from resonet.netlist.programming.methods import METHODS, Method
from resonet.netlist.spice.deck import Deck

__all__ = ["DemoResult", "demo_json", "run_demo", "show_demo"]

LAYER = "conv1"  # where the transient and the S-parameters are taken
TRANSIENT_SIZES = (9, 25)
BATCH = 500
POWER, BANDWIDTH = 20e-9, 10e3  # W, Hz: an operating point at which noise and saturation leave the network its accuracy
AT = f"{engineering(POWER, 'W')}, {engineering(BANDWIDTH, 'Hz')}, saturation, noise"
Progress = Callable[[str, int], AbstractContextManager[Done]]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything that the demo prints."""

    layers: list[LayerSummary]
    images: int
    software: float
    circuit: dict[str, float]  # accuracy by program
    noisy: NoisyAccuracy  # of the calibrated program, with noise at the default power and bandwidth
    point: str  # these, for people
    slow: NoisyAccuracy  # of the same with saturation as well, at POWER and BANDWIDTH
    slow_point: str
    witness: Witness | None  # check of the weights by ngspice
    transients: list[TransientResult]
    folder: Path
    decks: int
    figures: list[Path]


@contextmanager
def _shipped() -> Iterator[Path]:
    """Folder with the shipped network and its images."""
    with as_file(files("resonet.examples.mnist")) as folder:
        yield folder


@contextmanager
def _begun(design: Design, images: Array, folder: Path) -> Iterator[Callable[[Done], list[TransientResult]]]:
    """The referee on chains of conv1, in processes of ngspice beside what this one does meanwhile.

    Yields what waits for the results, and then puts the decks into the design folder.
    """

    def one(size: int) -> tuple[TransientResult, Deck]:
        return transient(design, LAYER, "coupled", patch_powers(design, LAYER, images, size))

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(copy_context().run, one, size) for size in TRANSIENT_SIZES]

        def results(done: Done) -> list[TransientResult]:
            for _ in as_completed(running):
                done()
            for future in running:
                write_deck(future.result()[1], folder / "decks" / "coupled")
            return [future.result()[0] for future in running]

        yield results


def _accuracies(
    design: Design, effective: Mapping[Method, Mapping[str, RfWeights]], data: ImageSet, progress: Progress
) -> tuple[dict[Method, Accuracy], NoisyAccuracy, NoisyAccuracy]:
    """By program; of the calibrated one with noise, and with noise and saturation at POWER and BANDWIDTH."""
    batches = -(-len(data.images) // BATCH)
    with progress("images through the circuit", (1 + len(METHODS)) * batches) as done:
        software = SoftwareLogits(design.cnn, data.images, done)
        found = {m: accuracy(design, effective[m], data, done, software) for m in METHODS}
        trained, held = classes(software.values, design.cnn.ranked), effective["calibrated"]
    at = _operated(design)
    few = Reads().of(at, data) or data

    def saturating() -> NoisyAccuracy:
        return noisy_accuracy(at, held, few, trained, base=saturating_weights(at, held, wide=True), done=done)

    with (
        progress("noise, and saturation", batches + -(-len(few.images) // BATCH)) as done,
        ThreadPoolExecutor() as pool,
    ):
        slow = pool.submit(copy_context().run, saturating)
        noisy = noisy_accuracy(design, held, data, trained, done=done)
        return found, noisy, slow.result()


def run_demo(folder: Path, jobs: int | None, progress: Progress, force: bool = False) -> DemoResult:
    """Compile the shipped network into `folder`, simulate it, write figures and Touchstone files.

    `progress(what, total)` is a context that yields what to call after each step. Raises InputError, EngineError.
    """
    from resonet.cli.pages import chain_page, overview_page  # matplotlib and scikit-rf, which take a second to load

    find_ngspice()  # said before half a minute of work, not after
    with _shipped() as shipped, progress("compile", 6) as done:
        model = shipped / "mnist.onnx"
        shape = (1, 28, 28)
        data, batch = (
            read_images(shipped / "mnist_test.npz", shape),
            read_images(shipped / "mnist_calibration.npz", shape),
        )
        design = compile_cnn(model, read_parameters(), batch)
        write_design(design, model, folder, done, force)
    layers = [entry.layer.name for entry in design.plan.layers]
    with _begun(design, batch.images[:16], folder) as referee:
        with progress("calibrate", 2 * len(layers)) as done:
            design = calibrate(design, done=done).design
            write_calibrated(design, folder, layers, done)
        with progress("weights, checked by ngspice", len(METHODS) * count_steps(design, layers)) as done:
            effective = stored_programs(folder, design, METHODS, layers, jobs, done)
        found, noisy, slow = _accuracies(design, effective, data, progress)
        with progress("ngspice, transient of whole chains", len(TRANSIENT_SIZES)) as done:
            transients = referee(done)
    with progress("S-parameters and figures", 2) as done:
        bias = design.plan.device.threshold_current
        chain = chain_page(design, folder, LAYER, "coupled", bias=bias)
        done()
        shares = _shares(found["coupled"].software, {m: found[m].circuit for m in METHODS}, noisy, slow)
        figures = overview_page(folder, effective, shares, len(data.images), chain, design)
        done()
    return DemoResult(
        summarise(design, effective),
        len(data.images),
        found["coupled"].software,
        {method: found[method].circuit for method in METHODS},
        noisy,
        operating_point(design),
        slow,
        operating_point(_operated(design)),
        witness_of(one for held in effective.values() for one in held.values()),
        transients,
        folder,
        len(list(folder.glob("decks/*/*.cir"))),
        figures,
    )


def _operated(design: Design) -> Design:
    """The design at POWER and BANDWIDTH; its program holds the same weights there."""
    own = at_power(design, POWER)
    neuron = replace(own.parameters.neuron, bandwidth=BANDWIDTH)
    return replace(own, parameters=replace(own.parameters, neuron=neuron))


def _shares(
    software: float, circuit: Mapping[str, float], noisy: NoisyAccuracy, slow: NoisyAccuracy
) -> dict[str, float]:
    """Accuracies by what they include."""
    shares = {"software": software} | {f"circuit, {program}": share for program, share in circuit.items()}
    return shares | {"2 nW, 20 MHz, noise": noisy.mean, AT: slow.mean}


def demo_json(result: DemoResult) -> dict[str, Any]:
    """The result for scripts: layers, accuracy, transient."""
    keys = ["name", "chains", "resonators", "channels", "positions"]
    keys += [*(f"rms_error_{method}" for method in METHODS), "worst_aggressor_db"]
    accuracies: dict[str, Any] = {"software": result.software, "images": result.images}
    return {
        "layers": [{key: asdict(row)[key] for key in keys} for row in result.layers],
        "accuracy": accuracies
        | {f"circuit_{method}": share for method, share in result.circuit.items()}
        | {"noisy_calibrated": result.noisy.mean, "operating_point": result.point}
        | {"noisy_saturating": result.slow.mean, "noisy_saturating_images": result.slow.images}
        | {"slow_operating_point": result.slow_point},
        **witness_json("auto", result.witness),
        "transient": [
            {"resonators": t.resonators, "difference_of_full_scale": abs(t.difference_of_full_scale)}
            for t in result.transients
        ],
    }


def show_demo(result: DemoResult) -> None:
    """The result for people."""
    summary_table(
        "MNIST network: weights that the circuit holds (RMS error: part of the largest weight)", result.layers
    )
    shares = _shares(result.software, result.circuit, result.noisy, result.slow)
    print_table(
        f"Accuracy on {result.images:,} test images, with the weights that the circuit holds",
        {"network": "left", "accuracy": "right"},
        ((name, percent(share)) for name, share in shares.items()),
    )
    say(f"with noise: {result.point}", "dim")
    say(f"with noise and saturating resonators: {result.slow_point}, {result.slow.images:,} images", "dim")
    tell_engine("auto", result.witness)
    columns = dict.fromkeys(("chain", "transient", "two-pass", "difference / full scale"), "right") | {"chain": "left"}
    print_table(
        f"ngspice transient of {LAYER} chains against the two-pass result",
        columns,
        (
            (
                f"{t.resonators} resonators",
                f"{t.transient * 1e6:.2f} uV",
                f"{t.two_pass * 1e6:.2f} uV",
                percent(t.difference_of_full_scale, 3),
            )
            for t in result.transients
        ),
    )
    what = f"{result.decks} decks, Touchstone files and figures in {result.folder}/"
    out.print(f"{what}; start with {result.figures[0]}", markup=False, soft_wrap=True)
