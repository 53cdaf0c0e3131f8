"""That no number moved: decks and results of this tree against those of an earlier commit of it.

    python benchmarks/_house_numbers.py [--commit HASH] [--quick]

The earlier tree is taken out of git into a temporary folder and run by the same interpreter. Every deck that either
tree makes is caught where it is made, whatever made it, or read where it is written, so one list of jobs serves both;
what moved is in `MOVED`.
"""

import argparse
import importlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _house_rf_decks import RfDecks


__all__ = ["COMMIT", "Comparison", "claims", "compare_trees"]

COMMIT = "a9e0b6a"  # before the house was put in order
ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"^.*\bversion\b.*$", re.MULTILINE | re.IGNORECASE)  # lines that may differ
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")
CLOSE = 1e-12  # relative to the largest value of an array
EXAMPLES = ROOT / "examples"  # networks and images: the same files for both trees
DIGITS = ("relu", "two_terminal", "three_terminal")
TRAINED_SEED = "neuron.seed=0.0105"  # of the shipped oscillator networks, which the earlier tree takes from their file

# Name -> module of the earlier tree and of this one, below `resonet.`.
MOVED = {
    "Deck": ("netlist.deck", "netlist.spice.deck"),
    "compile_cnn": ("netlist.design", "netlist.design.design"),
    "read_parameters": ("netlist.design", "netlist.design.parameters"),
    "read_images": ("netlist.images", "netlist.network.images"),
    "write_design": ("netlist.folder", "netlist.design.folder"),
    "effective_weights": ("cosim.effective", "cosim.weights.effective"),
    "ENGINES": ("cosim.engines", "cosim.weights.engines"),
    "accuracy": ("cosim.inference", "cosim.weights.inference"),
    "run_deck": ("cosim.ngspice", "cosim.ngspice.run"),
    "transient": ("cosim.referee", "cosim.referee.chain"),
    "three_tones": ("cosim.mixing_check", "cosim.referee.mixing"),
    "device_check": ("cosim.device_check", "cosim.referee.device"),
    "SpiceChip": ("cosim.simulated_chips", "cosim.bench.simulated_chips"),
    "Voltmeter": ("cosim.simulated_chips", "cosim.bench.simulated_chips"),
    "SpinDiode": ("models.resonator", "models.resonator.linear"),
    "examine": ("cli.doctor", "cli.doctor"),
    "parallel_hardware": ("cosim.hardware", "cosim.cascade.hardware"),
    "cascade": ("cosim.cascade", "cosim.cascade.two_pass"),
    "pixel_tones": ("cosim.cascade", "cosim.cascade.two_pass"),
    "envelope": ("cosim.envelope", "cosim.cascade.envelopes"),
    "cascade_timing": ("cosim.cascade_transient", "cosim.cascade.transient"),
    "cascade_deck": ("netlist.cascade_deck", "netlist.cascade.deck"),
    "CrossbarArray": ("models.crossbar", "models.circuit.crossbar"),
    "crossbar_weights": ("cosim.crossbar", "cosim.crossbar.crossbar"),
    "crossbar_forward": ("cosim.crossbar", "cosim.weights.inference"),
    "first_array": ("cosim.crossbar", "cosim.crossbar.crossbar"),
    "crossbar_deck": ("netlist.crossbar_deck", "netlist.crossbar.deck"),
    "layer_usage": ("netlist.usage", "netlist.strip.usage"),
    "wired_usage": ("netlist.usage", "netlist.strip.usage"),
    "place": ("netlist.placement", "netlist.strip.placement"),
    "strip_program": ("netlist.strip_drive", "netlist.strip.drive"),
    "extract_parasitics": ("netlist.parasitics", "netlist.strip.parasitics"),
    "strip_circuit": ("netlist.strip_circuit", "netlist.strip.circuit"),
    "strip_response": ("cosim.strip_engine", "cosim.strip.engine"),
    "strip_dc_pass": ("cosim.strip_transient", "cosim.strip.transient"),
    "strip_transient": ("cosim.strip_transient", "cosim.strip.transient"),
    "solve_layer_windows": ("cosim.strip_layer", "cosim.strip.layer"),
    "strip_weights": ("cosim.strip_layer", "cosim.strip.layer"),
    "design_block": ("sparams.window", "sparams.window"),
    "extract": ("sparams.extract", "sparams.extract"),
    "block_deck": ("sparams.deck", "sparams.deck"),
    "RowOfLines": ("sparams.build", "sparams.build"),
    "Stand": ("sparams.build", "sparams.build"),
    "row_block": ("sparams.build", "sparams.build"),
    "line_block": ("sparams.build", "sparams.build"),
    "BusCircuit": ("models.bus", "models.circuit.bus"),
    "RlcLine": ("models.lines", "models.line.lines"),
}


# What a number is, by its job and name: the first that fits.
QUANTITIES = {
    r".*accuracy$": "accuracies",
    r"compiled ": "graph.graphml, bytes",
    r"weights .* (\w+)\|": r"effective weights, \1",
    r"cascade .*\|(\S+)": r"cascades, \1",
    r"crossbar .*\|(logits|currents)": r"crossbars, \1",
    r"crossbar ": "crossbars, weights",
    r"strip weights": "strip lines, weights of a layer by every program",
    r"strip (\w+)": r"strip lines, \1",
    r"block .* (\S+)\|": r"S-parameters, \1",
    r"block \w+\|": "S-parameters, lines by ngspice",
    r"device ": "single devices",
    r"transient ": "chain in the time domain",
}
# Decks of no network that are spelled otherwise since, on purpose: their title, and when the raw file is appended to.
RESPELLED = ("chip__chip__1.cir", "doctor__probe__1.cir")


class _Dry(Exception):
    """A deck was made that is not to be run."""


RENAMED = {"crossbar_forward": "forward"}  # one law of a layer now serves all hardware


class Probe:
    """One tree at work: what it makes of each job, by name."""

    def __init__(self, earlier: bool, folder: Path, quick: bool) -> None:
        self._earlier, self._folder, self.quick = earlier, folder, quick
        self.numbers: dict[str, NDArray[Any]] = {}
        self.decks: dict[str, int] = {}
        self._job, self._dry, self._written = "", False, False
        kind, begin = self.get("Deck"), self.get("Deck").__init__

        def caught(deck: Any, name: str, text: str) -> None:
            begin(deck, name, text)
            if not self._written:
                self._keep(name, text)

        kind.__init__ = caught

    def get(self, name: str) -> Any:
        """What that name stands for in this tree."""
        module = MOVED[name][0 if self._earlier else 1]
        found = importlib.import_module(f"resonet.{module}")
        if name == "device_check":
            return found
        return getattr(found, name if self._earlier else RENAMED.get(name, name))

    def _keep(self, name: str, text: str) -> None:
        job = f"{self._job}/{name}"
        self.decks[job] = self.decks.get(job, 0) + 1
        path = self._folder / f"{job.replace('/', '__')}__{self.decks[job]}.cir"
        path.write_text(text, encoding="utf-8")
        if self._dry:
            raise _Dry

    def note(self, name: str, values: Any) -> None:
        """Keep numbers, real or complex."""
        self.numbers[f"{self._job}/{name}"] = np.asarray(values)

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        """A folder for what a job writes; its decks, in folders by program, are the job's."""
        with self.job(name), tempfile.TemporaryDirectory() as scratch:
            self._written = True
            yield Path(scratch)
            self._written = False
            for path in sorted(Path(scratch).rglob("*.cir")):
                self._keep(f"{path.parent.name}/{path.stem}", path.read_text(encoding="utf-8"))

    @contextmanager
    def job(self, name: str, dry: bool = False) -> Iterator[None]:
        """Decks made in here belong to that job; `dry` ones are not run."""
        self._job, self._dry = name, dry
        with suppress(_Dry):
            yield
        self._dry = False


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
    design, _ = _digits(probe, "relu")
    layer = design.plan.layers[0].layer
    for arrangement in ("planar", "stacked"):
        with probe.job(f"strip weights {arrangement}"):
            placement = get("place")(get("layer_usage")(layer), arrangement)
            tones = np.geomspace(10e9, 2e9, placement.usage.tones)
            solved = get("solve_layer_windows")(placement, layer, tones)
            for program, held in get("strip_weights")(solved, 0.8).items():
                probe.note(program, held.values)
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


def _child(earlier: bool, folder: Path, quick: bool) -> None:
    """All jobs in one tree; decks and numbers go into the folder."""
    (folder / "decks").mkdir(parents=True)
    probe = Probe(earlier, folder / "decks", quick)
    for job in JOBS:
        job(probe)
    np.savez(folder / "numbers.npz", **{name.replace("/", "|"): value for name, value in probe.numbers.items()})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of decks and numbers."""

    decks: int  # compared
    kinds: int  # of decks, by what made them
    differing: list[str]  # decks that are not the same, or that only one tree makes
    rounded: list[str]  # decks that are the same but for numbers that are off by rounding
    rf: "RfDecks"  # of buses, spelled otherwise on purpose: their results
    numbers: dict[str, tuple[int, float]]  # by quantity: values compared, largest difference of the largest value
    missing: list[str]  # numbers that only one tree gives

    @property
    def same(self) -> bool:
        """Whether nothing moved."""
        moved = [off for _, off in self.numbers.values() if off > CLOSE]
        return not self.differing and not self.missing and not moved and self.rf.difference <= CLOSE


def earlier_tree(commit: str, folder: Path) -> Path:
    """A commit of this repository in a folder, with its packages linked below `resonet`."""
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    package = folder / "resonet"
    package.mkdir()
    (package / "__init__.py").touch()  # a whole package: no part of it is looked for elsewhere
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path != package:
            (package / path.name).symlink_to(path, target_is_directory=True)
    return folder


def _run(earlier: bool, folder: Path, quick: bool, tree: Path | None = None) -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    if tree:
        environment["PYTHONPATH"] = str(tree)
    which = "earlier" if earlier else "this"
    command = [sys.executable, __file__, "--child", which, str(folder), *(["--quick"] if quick else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{which} tree: {done.stderr[-4000:]}")


def _quantity(name: str) -> str:
    """What a number is, for people."""
    for pattern, quantity in QUANTITIES.items():
        found = re.match(pattern, name)
        if found:
            return found.expand(quantity)
    return name.partition("|")[0]


def _difference(before: NDArray[Any], now: NDArray[Any]) -> float:
    """Largest difference, of the largest value."""
    if before.shape != now.shape or not np.array_equal(np.isnan(before), np.isnan(now)):
        return float("inf")
    scale = float(np.nanmax(np.abs(before), initial=0.0)) or 1.0
    return float(np.nanmax(np.abs(now - before), initial=0.0)) / scale


def _rounded(before: str, now: str) -> bool:
    """Whether two decks differ by rounding of their numbers only."""
    words = [NUMBER.split(text) for text in (before, now)]
    values = [np.array([float(x) for x in NUMBER.findall(text)]) for text in (before, now)]
    return words[0] == words[1] and bool(np.all(np.abs(values[1] - values[0]) <= CLOSE * np.abs(values[0])))


def _compare(before: Path, now: Path, tree: Path) -> Comparison:
    from _house_rf_decks import RF_DECK, compare_rf_decks  # knows this tree only

    decks = [{path.name: path for path in (folder / "decks").iterdir()} for folder in (before, now)]
    differing, rounded = sorted(set(decks[0]) ^ set(decks[1])), list[str]()
    rf = compare_rf_decks(decks[0], decks[1], (tree / "spice_lib", ROOT / "spice_lib"))
    run = {name for name in decks[0] if RF_DECK.fullmatch(name)} | set(RESPELLED)
    for name in sorted(set(decks[0]) & set(decks[1]) - run):
        texts = [VERSION.sub("", part[name].read_bytes().decode()) for part in decks]
        if texts[0] != texts[1]:
            (rounded if _rounded(*texts) else differing).append(name)
    numbers: dict[str, tuple[int, float]] = {}
    with np.load(before / "numbers.npz") as old, np.load(now / "numbers.npz") as new:
        missing = sorted(set(old.files) ^ set(new.files))
        for name in sorted(set(old.files) & set(new.files)):
            count, off = numbers.get(_quantity(name), (0, 0.0))
            numbers[_quantity(name)] = (count + old[name].size, max(off, _difference(old[name], new[name])))
    kinds = {re.sub(r"__.*", "", name) for name in decks[0]}
    count = len((set(decks[0]) | set(decks[1])) - run)
    return Comparison(count, len(kinds), differing, rounded, rf, numbers, missing)


def compare_trees(commit: str = COMMIT, quick: bool = False) -> Comparison:
    """Run all jobs in the tree of an earlier commit and in this one, and compare."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "tree").mkdir()
        tree = earlier_tree(commit, folder / "tree")
        _run(True, folder / "before", quick, tree)
        _run(False, folder / "now", quick)
        return _compare(folder / "before", folder / "now", tree)


def claims(quick: bool, commit: str = COMMIT) -> None:
    """Print how many decks and values are the same."""
    from _show import show

    found = compare_trees(commit, quick)
    show(
        f"decks of {found.kinds} jobs as at {commit}; numbers off by rounding in",
        f"{found.decks - len(found.differing)} of {found.decks}; {len(found.rounded)}",
        "all; <= 1e-12",
        not found.differing,
    )
    for name in found.differing[:10]:
        print(f"    {name}")
    rf, (earlier, now) = found.rf, found.rf.seconds
    show(
        f"RF decks, both run: {rf.values:,} phasors of {rf.decks} pairs, largest difference",
        f"{rf.difference:.1e}",
        f"<= {CLOSE:g}",
        rf.decks > 0 and rf.difference <= CLOSE,
    )
    show("processor time of the earlier RF decks over these", f"{earlier / now:.2f}", "> 1", earlier > now)
    for quantity, (count, off) in found.numbers.items():
        show(f"{quantity}: {count:,} values, largest difference", f"{off:.1e}", f"<= {CLOSE:g}", off <= CLOSE)
    show("values that only one tree gives", str(len(found.missing)), "0", not found.missing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--commit", default=COMMIT)
    parser.add_argument("--quick", action="store_true", help="fewer transients")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _child(given.child[0] == "earlier", Path(given.child[1]), given.quick)
    else:
        from _show import stop

        claims(given.quick, given.commit)
        stop()
