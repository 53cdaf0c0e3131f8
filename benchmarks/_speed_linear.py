"""Speed of the linear engine: against ngspice in one run, at a million resonators, a LeNet under strip lines, growth.

Large runs are in processes of their own, so that their peak memory is theirs. Nothing is stored.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from _conv1_windows import VICTIMS, compare, conv1, window_chains
from _show import info, show
from matplotlib import rc_context

from resonet.core.types import Array, Complex, Ints
from resonet.cosim.referee.chain import patch_powers, transient
from resonet.cosim.strip.ngspice import ngspice_plays
from resonet.cosim.strip.passes import layer_resonances
from resonet.cosim.strip.stream import streamed_weights
from resonet.cosim.strip.tree_solver import STREAMED, swept_batches
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear, ngspice
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.images import read_images
from resonet.netlist.planning.frequency_plan import PlanOptions, channel_grid, plan
from resonet.netlist.programming.methods import LayerProgram, Program
from resonet.netlist.strip.circuit import StripCircuit, strip_circuit
from resonet.netlist.strip.placement import place
from resonet.netlist.strip.usage import layer_usage
from resonet.report.style import COUPLED, FORMULA, INK, STYLE, figure, finish, save

__all__ = ["bus_million", "claims", "lenet", "scaling_figure"]

DEVICE = SpinDiode()
MNIST = Path(__file__).parents[1] / "examples" / "mnist"
SIZES = (10_000, 31_600, 100_000, 316_000, 1_000_000)


def dense(name: str, inputs: int, outputs: int) -> Synapses:
    """Dense layer with random weights."""
    weight = np.random.default_rng(inputs).normal(size=(outputs, inputs, 1, 1))
    return Synapses(name, "", "dense", weight, np.zeros(outputs), (inputs, 1, 1), (outputs, 1, 1), (1, 1))


def kernels(name: str, channels: int, outputs: int, size: int) -> Synapses:
    """Convolution 5 x 5 without padding, random weights."""
    weight, to = np.random.default_rng(outputs).normal(size=(outputs, channels, 5, 5)), size - 4
    return Synapses(name, "", "conv", weight, np.zeros(outputs), (channels, size, size), (outputs, to, to), (1, 1))


def lenet_layers() -> list[Synapses]:
    """LeNet-5 on 28 x 28 pixels without padding; pooling is between the layers. 281,640 resonators, all positions."""
    convolutions = [kernels("conv1", 1, 6, 28), kernels("conv2", 6, 16, 12)]
    return [*convolutions, dense("dense1", 256, 120), dense("dense2", 120, 84), dense("dense3", 84, 10)]


def bus_million(resonators: int) -> dict[str, float]:
    """Effective weights and crosstalk of one dense layer under bus feed, chains in tiles of 48; best of nine times."""
    outputs = max(10, round(resonators**0.5))
    synapses = dense("dense", resonators // outputs, outputs)
    cnn = Cnn("random", "", synapses.in_shape, (synapses,))
    begin = time.perf_counter()
    planned = plan(cnn)
    planning = time.perf_counter() - begin
    rng = np.random.default_rng(0)  # detunings within a linewidth; the time does not depend on them
    f_res = tuple(
        bus.frequencies * (1 + DEVICE.damping * rng.uniform(-1, 1, bus.size)) for bus in planned.layers[0].buses
    )
    program = Program("formula", (LayerProgram("dense", DEVICE.sensitivity, f_res, 0.0),))
    design = Design(cnn, read_parameters(), planned, {"formula": program}, {}, "")
    effective_weights(design, "dense", "formula", engine=linear)
    taken = []
    for _ in range(9):
        begin = time.perf_counter()
        effective_weights(design, "dense", "formula", engine=linear)
        taken.append(time.perf_counter() - begin)
    return {"resonators": synapses.weight.size, "planning": planning, "time": min(taken), "memory": peak()}


def peak() -> float:
    """Peak memory of this process, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def strip_time(synapses: Synapses) -> dict[str, float]:
    """Weights of a layer under strip-line feed, all parasitics, planar, from the placement on."""
    begin, cpu = time.perf_counter(), time.process_time()
    placement = place(layer_usage(synapses), "planar")
    tones = channel_grid(placement.usage.tones, PlanOptions())
    f_res, _ = layer_resonances(placement, synapses, tones, DEVICE, 0.9, "coupled")
    pairs = sum(w.size for _, _, w in streamed_weights(placement, tones, f_res, device=DEVICE))
    return {
        "resonators": len(f_res),
        "weights": pairs,
        "time": time.perf_counter() - begin,
        "cpu": time.process_time() - cpu,
        "memory": peak(),
    }


def lenet(names: list[str] | None = None) -> list[dict[str, float]]:
    """Weights of all layers, or of those named; the compiled code is loaded before the clock starts."""
    strip_time(kernels("small", 1, 1, 7))
    return [strip_time(synapses) for synapses in lenet_layers() if names is None or synapses.name in names]


def blocks(count: int) -> dict[str, float]:
    """The first layer of the shipped network with `count` of its kernels' worth of blocks."""
    strip_time(kernels("small", 1, 1, 7))
    weight = np.random.default_rng(0).normal(size=(count, 1, 5, 5))
    return strip_time(Synapses("conv", "", "conv", weight, np.zeros(count), (1, 28, 28), (count, 12, 12), (2, 2)))


def alone(call: str) -> dict[str, float] | list[dict[str, float]]:
    """A call of this module in a process of its own."""
    code = f"import json, _speed_linear as s; print(json.dumps(s.{call}))"
    out = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, check=True)
    return json.loads(out.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def timed(call: Callable[[], object]) -> tuple[float, object]:
    """Seconds, and what the call gives."""
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def bus_ratio() -> None:
    """Effective weights of the whole shipped network under bus feed; ngspice with a deck a bus, on both cores."""
    design = compile_cnn(MNIST / "mnist.onnx")
    names, both = [entry.layer.name for entry in design.plan.layers], []
    for engine in (linear, ngspice.with_jobs(2)):
        run = partial(lambda e: [effective_weights(design, name, "coupled", engine=e).values for name in names], engine)
        if engine is linear:
            run()  # loads the compiled code
        both.append(timed(run))
    (fast, ours), (slow, theirs) = both
    error = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, theirs, strict=True))  # type: ignore[call-overload]
    show("shipped network, bus: ngspice .ac over linear", f"{slow / fast:,.0f}", ">= 30", slow / fast >= 30)
    info("  ngspice, linear", f"{slow:.1f} s, {fast:.4f} s")
    show("  weights, largest difference", f"{error:.1e}", "<= 1e-6", error <= 1e-6)
    transients(design, fast)


def transients(design: Design, fast: float) -> None:
    """Transient of sampled chains of conv1; one image needs one a chain and position."""
    images = read_images(MNIST / "mnist_test.npz", design.cnn.input_shape).images[:20]
    powers, taken, off = patch_powers(design, "conv1", images, 9), [], []
    for chain in range(3):
        spent, (result, _) = timed(partial(transient, design, "conv1", "coupled", powers, chain))  # type: ignore[misc]
        taken.append(spent)
        off.append(abs(result.difference_of_full_scale))
    runs = sum(entry.chains * entry.layer.positions for entry in design.plan.layers)
    mean, spread = float(np.mean(taken)) * runs, float(np.std(taken, ddof=1)) / np.sqrt(3) * runs
    show(
        "  transient of one image, from 3 chains of 9, over linear", f"{mean / fast:.1e}", ">= 1e5", mean / fast >= 1e5
    )
    info("  transient, extrapolated (all chains as short as 9)", f"{mean:,.0f} +- {spread:,.0f} s")
    show("  two passes against transient, of full scale", f"{max(off):.1e}", "<= 5e-3", max(off) <= 0.005)


def streamed_phasors(circuit: StripCircuit, lines: Ints, tones: Ints, frequencies: Array, device: SpinDiode) -> Complex:
    """`linear_phasors` as the streamed weights have them."""
    out = np.empty((len(lines), len(circuit.head)), complex)
    for which, currents in swept_batches(circuit, lines, tones, frequencies, device, STREAMED):
        out[which] = currents()
    return out


def strip_ratio() -> None:
    """conv1 under strip lines: ngspice windows on both cores, sampled, over the linear engine on the whole layer."""
    job = conv1()
    windows = window_chains(job[0])
    sample = [windows[n] for n in np.linspace(0, len(windows) - 1, 12).astype(int)]
    with ThreadPoolExecutor(2) as pool:
        table = np.array(list(pool.map(lambda chains: compare(job, chains, streamed_phasors), sample)))
    slow = table[:, 2].mean() * len(windows) / 2
    spread = table[:, 2].std(ddof=1) / np.sqrt(len(sample)) * len(windows) / 2
    whole = alone("blocks(16)")
    fast = float(whole["time"])  # type: ignore[call-overload]
    what = f"conv1, strip: ngspice windows of {VICTIMS} chains, 2 cores, over linear"
    show(what, f"{slow / fast:,.0f}", ">= 30", slow / fast >= 30)
    info(f"  ngspice, from {len(sample)} of {len(windows)} windows, two at a time", f"{slow:,.0f} +- {spread:,.0f} s")
    info(
        "  linear, weights of every line, the whole layer; processor",
        f"{fast:.1f} s; {whole['cpu']:.1f} s",  # type: ignore[call-overload]
    )
    show("  phasors, largest difference", f"{table[:, 3:].max():.1e}", "<= 1e-6", bool(table[:, 3:].max() <= 1e-6))
    single_deck(fast, (4, 8, 16, 32))


def single_deck(fast: float, widths: tuple[int, ...]) -> None:
    """Time of one tone in one deck against its size, and from that the whole layer in one deck.

    The bar is held by the least that it can be, growth in proportion from the largest deck on; what the measured
    growth would make is printed with its error. 1,000 resonators and one tone take two minutes, and 300 MB.
    """
    placement, parasitics, f_res, tones = conv1()
    sizes, taken = [], []
    for width in widths:
        circuit = strip_circuit(placement, parasitics, np.arange(width))
        lines = np.unique(circuit.line[circuit.tone == 3])
        play = partial(ngspice_plays, circuit, [(float(tones[3]), lines)], f_res[circuit.resonators], DEVICE)
        sizes.append(len(circuit.head))
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        play()
        taken.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
    (slope, _), ((spread, _), _) = np.polyfit(np.log(sizes), np.log(taken), 1, cov=True)
    more = len(f_res) / sizes[-1]
    least = taken[-1] * more * len(tones)
    info("  one deck, one tone: resonators", ", ".join(f"{n:,}" for n in sizes))
    info("  processor seconds", ", ".join(f"{t:.2f}" for t in taken))
    what = "  one deck a layer, in proportion from the largest deck on, over linear"
    show(what, f"{least / fast:,.0f}", ">= 1000", least / fast >= 1000)
    low, high = (least * more ** (v - 1) / fast for v in (slope - spread**0.5, slope + spread**0.5))
    info("  exponent of the decks", f"{slope:.1f} +- {spread**0.5:.1f}")
    info(f"  with that exponent, EXTRAPOLATED {more:.0f}-fold", f"{low:,.0e} ... {high:,.0e}")


def scaling_figure(bus: list[dict[str, float]], strip: list[dict[str, float]], folder: Path) -> list[Path]:
    """Time and memory against the number of resonators, both feeds."""
    drawn = figure(7.4, 3.1)
    with rc_context(STYLE):
        panels = drawn.subplots(1, 2)
    for axes, key, label in zip(panels, ("time", "memory"), ("Time (s)", "Peak memory (GiB)"), strict=True):
        for rows, name, colour in ((bus, "bus, 48 channels", COUPLED), (strip, "strip lines, 25 tones", FORMULA)):
            n, y = np.array([[row["resonators"], row[key]] for row in rows]).T
            axes.plot(n, y, "o-", color=colour, ms=4, lw=1.3, label=name)
        if key == "time":
            n, y = bus[0]["resonators"], bus[0]["time"]
            axes.plot([n, 100 * n], [y, 100 * y], ":", color=INK, lw=0.9, label="linear growth")
        axes.set_xscale("log")
        axes.grid(True)
        axes.set_axisbelow(True)
        finish(axes, label.split(" (")[0], "Resonators", label)
        if key == "time":
            axes.set_yscale("log")
            axes.legend(fontsize=8, loc="upper right", frameon=False)
        else:
            axes.set_ylim(0, None)
    return save(drawn, folder, "speed_linear")


def exponent(rows: list[dict[str, float]]) -> float:
    """Slope of time over resonators, both logarithmic."""
    n, t = np.array([[row["resonators"], row["time"]] for row in rows]).T
    return float(np.polyfit(np.log(n), np.log(t), 1)[0])


def growth(quick: bool) -> None:
    """A million resonators on buses; time over resonators of both feeds."""
    bus: list[dict[str, float]] = [alone(f"bus_million({n})") for n in (SIZES[::2] if quick else SIZES)]  # type: ignore[misc]
    last, slope = bus[-1], exponent(bus)
    show("1,000,000 resonators, bus, 48 channels", f"{last['time']:.2f} s", "<= 10 s", last["time"] <= 10)
    show("  peak memory", f"{last['memory']:.2f} GiB", "<= 4 GiB", last["memory"] <= 4)
    info("  its frequency plan", f"{last['planning']:.2f} s")
    show("  exponent of time, 10k ... 1M resonators", f"{slope:.2f}", "<= 1.1", slope <= 1.1)
    strip: list[dict[str, float]] = [alone(f"blocks({n})") for n in ((2, 8) if quick else (2, 4, 8, 16))]  # type: ignore[misc]
    slope = exponent(strip)
    show(
        f"  the same, strip, {strip[0]['resonators']:,} ... {strip[-1]['resonators']:,}",
        f"{slope:.2f}",
        "<= 1.1",
        slope <= 1.1,
    )
    info(
        "  wall; processor", "; ".join(", ".join(f"{row[key]:.1f}" for row in strip) + " s" for key in ("time", "cpu"))
    )
    folder = Path(tempfile.gettempdir()) / "resonet_speed"
    folder.mkdir(exist_ok=True)
    info("  figure", str(scaling_figure(bus, strip, folder)[0].relative_to(folder.parent)))


def strip_lenet(quick: bool) -> None:
    """LeNet under strip lines with all parasitics."""
    rows = alone("lenet(['dense1', 'dense2', 'dense3'])" if quick else "lenet()")
    total = {key: sum(row[key] for row in rows) for key in ("resonators", "weights", "time", "cpu")}  # type: ignore[index]
    memory = max(row["memory"] for row in rows)  # type: ignore[index, call-overload]
    what = f"LeNet-5{', its dense layers only' if quick else ''}, strip, {total['resonators']:,} resonators"
    show(what, f"{total['time']:.0f} s", "<= 60 s", total["time"] <= 60)
    info("  processor time; peak memory; weights", f"{total['cpu']:.0f} s; {memory:.1f} GiB; {total['weights']:,}")
    info("  load of the machine, this run included; cores", f"{os.getloadavg()[0]:.1f}; {os.cpu_count()}")


def claims(quick: bool) -> None:
    """Print all claims; `quick` takes fewer blocks, of LeNet the dense layers, and no strip lines in ngspice."""
    bus_ratio()
    growth(quick)
    if not quick:
        strip_ratio()
    strip_lenet(quick)
