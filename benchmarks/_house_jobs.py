"""The jobs of `_house_numbers`, in a process of its own for each tree: `python _house_jobs.py earlier|this FOLDER`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _house_probe import Probe

__all__ = ["JOBS"]

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"  # networks and images: the same files for both trees
DIGITS = ("relu", "two_terminal", "three_terminal")
TRAINED_SEED = "neuron.seed=0.0105"  # of the shipped oscillator networks, which the earlier tree takes from their file


def _digits(probe: Probe, kind: str) -> tuple[Any, Any]:
    folder, get = EXAMPLES / "digits", probe.get
    batch = get("read_images")(folder / "digits_calibration.npz", (1, 8, 8))
    parameters = get("read_parameters")(folder / "design.toml", (TRAINED_SEED,))
    design = get("compile_cnn")(folder / f"digits_{kind}.onnx", parameters, batch)
    return design, get("read_images")(folder / "digits_test.npz", (1, 8, 8))


def _mnist(probe: Probe) -> tuple[Any, Any]:
    folder, get = EXAMPLES / "mnist", probe.get
    batch = get("read_images")(folder / "mnist_calibration.npz", (1, 28, 28))
    design = get("compile_cnn")(folder / "mnist.onnx", None, batch)
    return design, get("read_images")(folder / "mnist_test.npz", (1, 28, 28))


def compiled(probe: Probe) -> None:
    """Every deck of the shipped networks, as `compile` writes them; effective weights and accuracy."""
    models = {kind: EXAMPLES / "digits" / f"digits_{kind}.onnx" for kind in DIGITS}
    for kind, model in (models | {"mnist": EXAMPLES / "mnist" / "mnist.onnx"}).items():
        design, data = _mnist(probe) if kind == "mnist" else _digits(probe, kind)
        with probe.written(f"compiled {kind}") as scratch:
            probe.get("write_design")(design, model, scratch / "design")
            graph = (scratch / "design" / "graph.graphml").read_bytes()
            probe.note("graph.graphml", np.frombuffer(graph, np.uint8).astype(float))
        data = type(data)(data.file, data.images[:200], data.labels[:200])
        for engine in ("formula", "linear"):
            with probe.job(f"weights {kind} {engine}"):
                names = [entry.layer.name for entry in design.plan.layers]
                for method in ("formula", "coupled"):
                    held = {name: _weights(probe, design, name, method, engine) for name in names}
                    for name in names:
                        probe.note(f"{method} {name}", held[name].values)
                        probe.note(f"{method} {name} crosstalk", next(iter(held[name].crosstalk.values())))
                    share = probe.get("accuracy")(design, held, data)
                    probe.note(f"{method} accuracy", [share.software, share.circuit])
        with probe.job(f"weights {kind} ngspice"):
            name = design.plan.layers[0].layer.name
            probe.note(name, _weights(probe, design, name, "coupled", "ngspice").values)


def _weights(probe: Probe, design: Any, name: str, method: str, engine: str) -> Any:
    return probe.get("effective_weights")(design, name, method, engine=probe.get("ENGINES")[engine])


def time_domain(probe: Probe) -> None:
    """Chains in the time domain, each pre-warp; three tones."""
    design, _ = _digits(probe, "relu")
    for prewarp in ("tones", "tank", "none"):
        dry = probe.quick or prewarp != "tones"
        with probe.job(f"transient {prewarp}", dry):
            found, _ = probe.get("transient")(design, "conv1", "coupled", 2e-9 * np.ones(2), prewarp=prewarp)
            probe.note("volts", [found.transient, found.two_pass])
    with probe.job("three tones", dry=True):
        probe.get("three_tones")()


def cascades(probe: Probe) -> None:
    """Parallel networks: two passes, envelope, deck of the whole."""
    for kind in DIGITS:
        design, data = _digits(probe, kind)
        made = probe.get("parallel_hardware")(design)
        images = np.asarray(data.images, float)
        with probe.job(f"cascade {kind}"):
            probe.note("two-pass logits", probe.get("cascade")(made.levels, made.held, images[:20]).logits)
            if not probe.quick or kind == "relu":
                for n in range(2):
                    probe.note(f"envelope {n}", probe.get("envelope")(made.levels, images[n], 60e-9).logits)
        timing = probe.get("cascade_timing")(made.levels, 320e-9)
        tones = probe.get("pixel_tones")(made.design, images[:1])[0]
        with probe.job(f"cascade deck {kind}"):
            probe.get("cascade_deck")(made.levels, tones, timing, "network")


def crossbars(probe: Probe) -> None:
    """Weights, images and decks of crossbars."""
    design, data = _digits(probe, "relu")
    images = np.asarray(data.images[:50], float)
    names = [entry.layer.name for entry in design.plan.layers]
    arrays = {
        "wires": probe.get("CrossbarArray")(),
        "ideal": probe.get("CrossbarArray")(word_resistance=0.0, bit_resistance=0.0),
        "both": probe.get("CrossbarArray")(driver_resistance=10.0, sense_resistance=20.0, drive="both"),
    }
    for name, array in arrays.items():
        for method in ("direct", "compensated"):
            with probe.job(f"crossbar {name} {method}"):
                held = {layer: probe.get("crossbar_weights")(design, layer, array, method) for layer in names}
                for layer in names:
                    probe.note(layer, held[layer].values)
                probe.note("logits", probe.get("crossbar_forward")(design, held, images))
                states, _ = probe.get("first_array")(design, names[0], array, method)
                deck = probe.get("crossbar_deck")("array", states, np.linspace(0, 0.1, len(states)), array, [0, 1])
                probe.note("currents", probe.get("run_deck")(deck)[0].data)


def strips(probe: Probe) -> None:
    """Strip lines: weights of a layer, both engines, DC pass, transient."""
    get, device = probe.get, probe.get("SpinDiode")()
    # Both trees iterate, to 1e-10 in orders of their own: to rounding here, so that the equations are what is compared.
    object.__setattr__(get("EXACT"), "tolerance", 1e-14)
    design, _ = _digits(probe, "relu")
    layer = design.plan.layers[0].layer
    fitted = probe.results_of("solve_shared", used_by="strip_weights")
    for arrangement in ("planar", "stacked"):
        with probe.job(f"strip weights {arrangement}"):
            placement = get("place")(get("layer_usage")(layer), arrangement)
            tones = np.geomspace(10e9, 2e9, placement.usage.tones)
            solved = get("solve_layer_windows")(placement, layer, tones)
            for program, held in get("strip_weights")(solved, 0.8).items():
                if program != "shared":
                    probe.note(program, held.values)
            # Where squares are least they are flat: rounding fixes them, but the tunings only to its root.
            probe.note("shared, squares", fitted.pop().squares.sum())
    usage, weights = get("wired_usage")([[0, 1, 2], [1, 2, 3], [2, 3, 4]]), np.array([0.8, -0.5, 0.3])
    placement, tones = get("place")(usage, "planar"), np.geomspace(4e9, 2e9, 3)
    parasitics = get("extract_parasitics")(placement, 3e9)
    f_res = get("strip_program")(placement, weights * device.sensitivity, tones, device)
    for engine in ("linear", "ngspice"):
        with probe.job(f"strip {engine}"):
            found = get("strip_response")(placement, parasitics, f_res, tones, engine=engine)
            probe.note("weights", found.weights)
    circuit = get("strip_circuit")(placement, parasitics)
    currents, built = np.array([1e-3, -2e-3, 5e-4]), tones[placement.usage.tone]
    with probe.job("strip dc"):
        heads, sensed = get("strip_dc_pass")(circuit, 1e-6 * np.arange(len(built)), currents, device)
        probe.note("heads", heads)
        probe.note("sensed", sensed)
    with probe.job("strip transient", dry=True):
        get("strip_transient")(circuit, built, 3e9, currents, tones, 1e-6 * np.ones(5), device)


def sparameters(probe: Probe) -> None:
    """Blocks by all engines, and the decks that `compile` writes for a chain."""
    get = probe.get
    design, _ = _digits(probe, "relu")
    f = np.concatenate([np.linspace(1e9, 2e9, 5), np.linspace(2.5e9, 9e9, 14)])
    for kind in ("chain", "combiner", "tee", "bus"):
        for bias in (0.0, 5e-6) if kind == "chain" else (0.0,):
            block = get("design_block")(design, "conv1", "coupled", kind, bias=bias)
            for engine in ("linear", "scikit-rf", "ngspice"):
                with probe.job(f"block {kind} {bias:g} {engine}"):
                    probe.note("s", get("extract")(block, f, engine).s)
            if 2 <= len(block.ports) <= 5:
                with probe.job(f"block deck {kind} {bias:g}"):
                    for method in ("sp", "ac"):
                        get("block_deck")(block, f, method)
    stand = get("Stand")(get("BusCircuit")(), get("SpinDiode")())
    line = get("RlcLine")(1e4, 4e-7, 1.2e-10, 1e-4)
    row = get("RowOfLines")(2, 1e4, 4e-7, 1.0, 1.2e-10, 1e-3, 5e-8, 1e-11, 4)
    for name, block in (
        ("line", get("line_block")(line, np.array([3e9, 4e9]), stand, 1e-15)),
        ("row", get("row_block")(row, stand)),
    ):
        with probe.job(f"block {name}"):
            for method in ("sp", "ac"):
                get("block_deck")(block, f, method)
            probe.note("s", get("extract")(block, f, "ngspice").s)


def devices(probe: Probe) -> None:
    """Single devices, the simulated chip, the doctor."""
    get, point, diode = probe.get, probe.get("device_check"), probe.get("SpinDiode")()
    f0, f = 3e9, np.linspace(2.9e9, 3.1e9, 11)
    junction = {"f0": f0, "q": diode.quality, "r0": diode.resistance, "k": diode.transduction}
    oscillator = junction | {"ith": 1e-5}
    neuron = {"f0": f0, "z0": 50.0}
    jobs: dict[str, tuple[Callable[[], Any], bool]] = {
        "rectified_linear": (lambda: point.rectified_linear(f, junction), False),
        "impedance": (lambda: point.impedance_points(f, [0.0, 2e-6], "resonator", junction), False),
        "impedance, auto": (lambda: point.impedance_points(f, [0.0, 2e-6], "auto_oscillator", oscillator), False),
        "rectified_transient": (lambda: point.rectified_transient(f, 1e-9 * np.ones(11), oscillator), True),
        "precession": (lambda: point.precession_points(np.array([1.5e-5, 3e-5]), oscillator), True),
        "oscillator": (lambda: point.oscillator_points(np.array([1e-5, 2e-5]), "neuron_relu", neuron), True),
        "compression": (lambda: point.compression_points(np.array([0.1, 0.2]), f0, neuron), True),
        "macrospin": (
            lambda: point.macrospin_points(f, np.array([0.0, 0.6, 0.8]), 1e-5, {"alpha": 0.01, "width": 3e7}),
            True,
        ),
        "current": (lambda: point.current_points(np.linspace(-0.5, 0.5, 5), "resonator_dc", {"r0": 1e3}), False),
        "two_port": (lambda: point.two_port_points(f, "line_rlc", {"r": 1e4, "l": 4e-7, "c": 1e-10}), False),
    }
    for name, (work, dry) in jobs.items():
        with probe.job(f"device {name}", dry):
            probe.note("points", work())
    channels = np.geomspace(8e9, 2e9, 4)
    meter = get("Voltmeter")(1e-8, 1e-6, 0.0, np.random.default_rng(2))
    chip = get("SpiceChip")(channels, channels * 1.001, 1.2e12, 4e14, 2e-6, 0.35, diode, meter)
    with probe.job("chip"):
        probe.note("weights", chip.weights(np.array([[1e-5, -2e-5, 0.0, 3e-5]])))
    with probe.job("doctor"):
        get("examine")()


JOBS = (compiled, time_domain, cascades, crossbars, strips, sparameters, devices)


def _run(earlier: bool, folder: Path, quick: bool) -> None:
    """All jobs in one tree; decks and numbers go into the folder."""
    (folder / "decks").mkdir(parents=True)
    probe = Probe(earlier, folder / "decks", quick)
    for job in JOBS:
        job(probe)
    np.savez(folder / "numbers.npz", **{name.replace("/", "|"): value for name, value in probe.numbers.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("tree", choices=("earlier", "this"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    _run(given.tree == "earlier", given.folder, given.quick)
