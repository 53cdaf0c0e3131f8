"""The strip-line circuit: ideal limit, ngspice, passive and reciprocal, the small case in time, conv1 in windows."""

import resource
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from _conv1_windows import NEIGHBOURS, run_windows
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.strip.engine import StripResponse, strip_response, strip_scattering
from resonet.cosim.strip.transient import strip_transient
from resonet.models.line.strip_geometry import tuning_field
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.planning.frequency_plan import PlanOptions, channel_grid
from resonet.netlist.strip.circuit import FIELD_CAUSES, strip_circuit
from resonet.netlist.strip.drive import strip_program
from resonet.netlist.strip.parasitics import CAUSES, Parasitics, extract_parasitics
from resonet.netlist.strip.placement import Placement, place
from resonet.netlist.strip.usage import layer_usage, wired_usage

__all__ = ["claims"]

DEVICE = SpinDiode()
WEIGHTS = np.array([0.8, -0.5, 0.3])  # of the small case, units of K_SD
P_MAX = 1e-6  # W


def kernel_case(positions: int, kernels: int) -> tuple[Placement, Array, Array]:
    """Convolution 5 x 5 of stride 2 with random weights, small enough to solve whole; its resonances and tones."""
    size, weights = 2 * positions + 3, np.random.default_rng(5).uniform(-0.9, 0.9, (kernels, 1, 5, 5))
    synapses = Synapses(
        "conv", "", "conv", weights, np.zeros(kernels), (1, size, size), (kernels, positions, positions), (2, 2)
    )
    placement = place(layer_usage(synapses), "planar")
    tones = channel_grid(placement.usage.tones, PlanOptions())
    return placement, strip_program(placement, weights.ravel() * DEVICE.sensitivity, tones, DEVICE), tones


def ideal() -> None:
    """No causes: the weights programmed. Each cause alone, made faint: the same."""
    placement, f_res, tones = kernel_case(4, 1)
    usage, none = placement.usage, extract_parasitics(placement, 4e9, ())
    bare = strip_response(placement, none, f_res, tones, also=())
    wanted = np.zeros((usage.chains, len(bare.lines)))
    weights = -4 * DEVICE.damping * DEVICE.sensitivity * susceptibility(tones[usage.tone], f_res, DEVICE.damping).real
    wanted[usage.chain, usage.line] = weights * (1 - 2 * (usage.tap % 2))
    error = float(np.abs(bare.weights - wanted).max() / DEVICE.sensitivity)
    show("all parasitics zero: ideal weights, of K_SD", f"{error:.1e}", "<= 1e-9", error <= 1e-9)
    worst = max(
        float(np.abs(response.weights - bare.weights).max() / DEVICE.sensitivity)
        for cause in CAUSES
        for response in [strip_response(placement, faint(placement, none, cause), f_res, tones, also=())]
    )
    show("every parasitic alone, 1e-12 of its size: ideal weights", f"{worst:.1e}", "<= 1e-9", worst <= 1e-9)


def faint(placement: Placement, none: Parasitics, cause: str, size: float = 1e-12) -> Parasitics:
    """Parasitics with one cause on, at `size` of its magnitude."""
    full = extract_parasitics(placement, 4e9, (cause,))  # type: ignore[arg-type]

    def between(a: object, b: object) -> object:
        if hasattr(a, "rlgc"):
            return replace(a, r=between(a.r, b.r), g=between(a.g, b.g))  # type: ignore[attr-defined, type-var]
        return a + size * (b - a)  # type: ignore[operator]

    names = [n for n in Parasitics.__dataclass_fields__ if n not in ("causes", "frequency")]
    return replace(full, **{n: between(getattr(none, n), getattr(full, n)) for n in names})


def network() -> None:
    """Scattering of all line ports and chain heads; ngspice against the linear engine."""
    placement, f_res, tones = kernel_case(4, 1)
    par = extract_parasitics(placement, 4e9)
    circuit = strip_circuit(placement, par)
    sets = [strip_scattering(circuit, f, DEVICE.resistance) for f in (1e9, 4.5e9, 20e9)]
    ports, skew = len(sets[0]), max(float(np.abs(s - s.T).max()) for s in sets)
    gain = max(float(np.linalg.svd(s)[1].max()) for s in sets) - 1
    show(f"reciprocity, {ports} ports, 1 ... 20 GHz: |S - transpose|", f"{skew:.1e}", "<= 1e-9", skew <= 1e-9)
    show(f"passivity, {ports} ports: largest singular value - 1", f"{gain:.1e}", "<= 1e-9", gain <= 1e-9)
    ours, spice = (strip_response(placement, par, f_res, tones, range(3), engine=e) for e in ("linear", "ngspice"))
    error = float(np.abs(ours.current - spice.current).max() / np.abs(ours.current).max())
    show("currents, linear engine against ngspice .ac, all causes", f"{error:.1e}", "<= 1e-6", error <= 1e-6)
    error = float(np.abs(ours.weights - spice.weights).max() / np.abs(ours.weights).max())
    show("weights, the same", f"{error:.1e}", "<= 1e-6", error <= 1e-6)


def small_case(quick: bool) -> None:
    """3 chains x 3 resonators, 5 inputs, a padded convolution of 3 taps, 3 tuning currents; transient."""
    usage = wired_usage([[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    placement = place(replace(usage, tone=usage.line), "planar")
    tones, reference = np.geomspace(4e9, 2e9, 5), 3e9
    built = tones[placement.usage.tone]
    full, images = DEVICE.sensitivity * P_MAX, np.random.default_rng(0).uniform(0, P_MAX, (2 if quick else 8, 3))
    for name, causes, also in (("no causes", (), ()), ("all causes", CAUSES, FIELD_CAUSES)):
        circuit = strip_circuit(placement, extract_parasitics(placement, reference, causes), also=also)
        f_res = strip_program(placement, WEIGHTS * DEVICE.sensitivity, tones, DEVICE)
        currents = (
            (f_res / built - 1)[:3] * reference / (placement.geometry.slope * float(tuning_field(placement.geometry)))
        )
        weights = strip_response(placement, circuit.parasitics, f_res, tones, also=also).weights
        powers = np.pad(images, ((0, 0), (1, 1)))
        volts = np.array([strip_transient(circuit, built, reference, currents, tones, p, DEVICE) for p in powers])
        software = np.array([DEVICE.sensitivity * np.convolve(p, WEIGHTS[::-1], "valid") for p in powers])
        error = 100 * float(np.abs(volts - software).mean()) / full
        if name == "no causes":
            show(
                f"small case, {len(images)} images: transient against software",
                f"{error:.1e} %",
                "<= 0.28 %",
                error <= 0.28,
            )
        else:
            info("small case with all causes, not calibrated: against software", f"{error:.2f} % of full scale")
            error = 100 * float(np.abs(volts - powers @ weights.T).mean()) / full
            info("small case with all causes: transient against two passes", f"{error:.2f} % of full scale")


def truncation(quick: bool) -> None:
    """Error of a window against the layer solved whole, by the number of neighbour chains."""
    placement, f_res, tones = kernel_case(4, 1 if quick else 2)
    every = extract_parasitics(placement, float(np.sqrt(tones[0] * tones[-1])))
    for name, par in (("all causes", every), ("no crossings of lines", replace(every, line_crossing=0.0))):
        begin = time.perf_counter()
        whole = strip_response(placement, par, f_res, tones)
        taken = time.perf_counter() - begin
        info(f"{len(f_res):,} resonators whole, {len(whole.lines)} lines, {name}", f"{taken:.1f} s")
        for neighbours in (0, 1, 2, 4, 15):
            table = np.concatenate(
                [window_error(whole, f_res, n, neighbours) for n in range(0, placement.usage.chains, 4)]
            )
            worst, rms = table.max(), np.sqrt((table**2).mean())
            info(f"  windows of 4 chains, {neighbours} neighbours: worst and rms, of K_SD", f"{worst:.1e} {rms:.1e}")


def window_error(whole: StripResponse, f_res: Array, first: int, neighbours: int) -> Array:
    """Error of the weights of 4 chains, units of K_SD, [chains, lines]."""
    placement, par = whole.circuit.placement, whole.circuit.parasitics
    chains = np.arange(first, min(first + 4, placement.usage.chains))
    part = strip_response(placement, par, f_res, whole.frequencies, chains, neighbours=neighbours)
    full = np.zeros((len(chains), len(whole.lines)))
    full[:, np.searchsorted(whole.lines, part.lines)] = part.weights
    return np.asarray(np.abs(full - whole.weights[chains]) / DEVICE.sensitivity)


def conv1_windows(quick: bool) -> None:
    """Whole conv1 through ngspice at all of its channels."""
    begin = time.perf_counter()
    table = np.array(run_windows(4 if quick else None))
    wall, memory = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    error = float(table[:, 3:].max())
    what = f"conv1, {len(table)} of 576 windows of 4 chains, {NEIGHBOURS} neighbour to either side"
    show(f"{what}: ngspice against linear", f"{error:.1e}", "<= 1e-6", error <= 1e-6)
    info("  time: wall, in ngspice", f"{wall:.0f} s, {table[:, 2].sum():.0f} s")
    info("  memory of one process at most, a fork of this one counts", f"{memory:.0f} MB")


def claims(quick: bool) -> None:
    """Print all claims; `quick` takes fewer images, a smaller layer, and few windows of conv1."""
    steps: list[Callable[[], None]] = [ideal, network]
    for step in steps:
        step()
    for sized in (small_case, truncation, conv1_windows):
        sized(quick)
