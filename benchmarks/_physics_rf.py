"""RF options of a bus: closed form, linear engine and ngspice against each other, and what each option takes off."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.cosim import calibrate, effective_weights
from resonet.cosim.cascade.energy_budget import energy
from resonet.cosim.cascade.envelopes import envelope
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.weights.engines import linear, ngspice
from resonet.cosim.weights.passes import rf_pass
from resonet.cosim.weights.witness import compare_bus
from resonet.models.circuit.bus import BusCircuit, bus_currents, bus_load, tone_levels
from resonet.models.circuit.combiner import tone_gains
from resonet.models.circuit.dc_side import DcStack
from resonet.models.circuit.groups import group_sizes
from resonet.models.circuit.matching import fano_loss, matched_ratio, transformer_band
from resonet.models.circuit.multiplexer import multiplexer_leakage, multiplexer_scattering
from resonet.models.neuron.electronics import POLES
from resonet.netlist.bus.hardware import bus_hardware
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.planning.frequency_plan import source_power
from resonet.sparams.combining import multiplexer_block
from resonet.sparams.extract import extract
from resonet.sparams.linear import linear_s

__all__ = ["claims"]

EXAMPLES = Path(__file__).parents[1] / "examples"
FILTERS, COILS = "bus.combining=multiplexer", "bus.transformer=5.5"
GROUPS = "bus.groups=5"
JUNCTION = "bus.junction_capacitance=2 fF"
AGREED = 1e-9
R0, TONES, CHAINS = 1e3, 48, 32  # the fullest bus of the digit network


def _design(name: str, *settings: str) -> Design:
    return compile_cnn(EXAMPLES / name, read_parameters(settings=settings))


def _sparams() -> None:
    """Filters alone: three ways to the same numbers."""
    circuit = BusCircuit(combining="multiplexer", filter_stray=1e-15)
    tones = np.geomspace(20e9, 1e9, 6)
    f = np.unique(np.concatenate([tones[1:-1], np.geomspace(1e9, 20e9, 15)]))
    block, closed = multiplexer_block(tones, circuit), multiplexer_scattering(f, tones, 1 / circuit.impedance, circuit)
    ours = linear_s(block, f)[:, : len(tones), : len(tones)]
    off = float(np.abs(ours - closed).max())
    show("multiplexer of 6: S-parameters, linear engine off closed form", f"{off:.1e}", f"<= {AGREED:g}", off <= AGREED)
    theirs = np.asarray(extract(block, f, "ngspice").s)[:, : len(tones), : len(tones)]
    off = float(np.abs(theirs - closed).max())
    show("the same, ngspice off closed form", f"{off:.1e}", f"<= {AGREED:g}", off <= AGREED)


def _decks(plain: Design, layer: int) -> None:
    """The fullest bus of a layer of the digit network in ngspice, with each option, against the linear engine."""
    entry = plain.plan.layers[layer]
    number = max(range(len(entry.buses)), key=lambda n: entry.buses[n].size[0] * entry.buses[n].size[1])
    for what, settings in (
        ("filters", [FILTERS]),
        ("transformer", [COILS]),
        ("junctions of 2 fF", [JUNCTION]),
        ("5 groups", [GROUPS]),
    ):
        design = _design("mnist/mnist.onnx", *settings)
        made, f_res = design.plan.layers[layer], design.program("coupled").layers[layer].f_res[number]
        bus = made.buses[number]
        found = rf_pass([bus_hardware(design.plan, bus, f_res)])[0]
        one = replace(made, buses=(bus,))
        off = compare_bus(design.plan, made, bus, found, linear(design.plan, one, [f_res]).rf[0])
        chains, size = bus.size
        label = f"{what}: RF deck of {chains} chains of {size}, ngspice off linear"
        show(label, f"{off:.1e}", f"<= {AGREED:g}", off <= AGREED)
        if what in ("filters", "transformer"):
            least = linear(plain.plan, replace(entry, buses=(entry.buses[number],)), [f_res]).rf[0]
            size_of = np.abs(np.abs(found.current) ** 2 - np.abs(least.current) ** 2).max()
            moved = float(size_of / (np.abs(least.current) ** 2).max())
            show(f"{what}: its powers off those of a combiner", f"{moved:.1e}", f"<= {AGREED:g}", moved <= AGREED)


def _needed(circuit: BusCircuit, f: Array) -> float:
    """Largest power that a tone source needs on the fullest bus, dB above an arbitrary one."""
    levels = tone_levels(f, R0, CHAINS, circuit)
    return 20 * float(np.log10(np.abs(levels / tone_gains(f, R0, CHAINS, circuit)).max()))


def _powers() -> None:
    """What filters and coils take off the sources of the fullest bus, over their losses."""
    f = np.geomspace(20e9, 1e9, TONES)
    plain, ideal = _needed(BusCircuit(), f), 10 * np.log10(TONES)
    info("a combiner of 48 takes, and filters in no one's way would give back, dB", f"{ideal:.1f}")
    for unloaded in (100, 500, 2000):
        for q in (20, 50, 100):
            circuit = BusCircuit(combining="multiplexer", filter_q=q, filter_unloaded=unloaded)
            gain = plain - _needed(circuit, f)
            leak = multiplexer_leakage(f, bus_load(f, R0, TONES, CHAINS, circuit), circuit).max()
            what = f"filters of Q {q}, unloaded {unloaded}: worst source, dB less; into another source"
            info(what, f"{gain:.1f}; {10 * np.log10(leak):.1f} dB")
    gain = plain - _needed(BusCircuit(combining="multiplexer"), f)
    show(
        "filters as they are by default (Q 50, unloaded 500): worst source, dB less", f"{gain:.1f}", ">= 14", gain >= 14
    )
    stray = plain - _needed(BusCircuit(combining="multiplexer", filter_stray=1e-15), f)
    info("the same with 1 fF of each at the common node", f"{stray:.1f}")


def _matching() -> None:
    """A transformer on the fullest bus, and what Fano's limit leaves."""
    f, load = np.geomspace(20e9, 1e9, TONES), TONES * R0 / CHAINS
    plain, ratio = _needed(BusCircuit(), f), matched_ratio(50.0, load)
    ideal = -10 * np.log10(4 * 50 * load / (50 + load) ** 2)
    info(f"mismatch of {load:.0f} ohm on 50 ohm, dB; turns that match", f"{ideal:.1f}; {ratio:.2f}")
    for coupling in (0.9, 0.95, 0.98, 0.995):
        circuit = BusCircuit(transformer=ratio, transformer_coupling=coupling)
        low, high = transformer_band(50.0, circuit.transformer_inductance, coupling)
        what = f"transformer, coupling {coupling}: {low / 1e9:.2f} ... {high / 1e9:.1f} GHz; worst source, dB less"
        info(what, f"{plain - _needed(circuit, f):.1f}")
    gain = plain - _needed(BusCircuit(transformer=ratio), f)
    show("transformer as it is by default (0.98, 10 nH): worst source, dB less", f"{gain:.1f}", ">= 6", gain >= 6)
    both = plain - _needed(BusCircuit(transformer=ratio, combining="multiplexer"), f)
    all_of_it = ideal + 10 * np.log10(TONES)
    show(
        "both: worst source, dB less (all there is: combiner and mismatch)",
        f"{both:.1f} of {all_of_it:.1f}",
        ">= 20",
        both >= 20,
    )
    for farad in (5e-15, 20e-15, 100e-15):
        circuit = BusCircuit(transformer=ratio, capacitance=farad)
        best = fano_loss(load, farad, 1e9, 20e9)
        gain = plain - _needed(circuit, f)
        what = f"bus of {1e15 * farad:.0f} fF: loss by Fano at best, dB; worst source behind the transformer"
        info(what, f"{best:.2f}; {gain:.1f} less")


def _groups() -> None:
    """Chains in groups on the fullest bus: sources, how even a tone is along a chain, settling of the DC side."""
    f = np.geomspace(20e9, 1e9, TONES)
    plain = _needed(BusCircuit(), f)
    for groups in (1, 2, 3, 5, 6, 8, 12):
        circuit = BusCircuit(groups=groups)
        power = np.abs(bus_currents(f[:1], R0, TONES, CHAINS, circuit)[0]) ** 2
        even = 10 * float(np.log10(power.max() / power.min()))
        stack = DcStack.of_tiles(group_sizes(TONES, groups)[::-1], R0, circuit, 20e6, POLES)
        less, settle = plain - _needed(circuit, f), 1e9 * stack.delay
        what = f"{groups} groups: worst source, dB less; 20 GHz along the chain; DC side's mean delay"
        info(what, f"{less:.1f}; {even:.2f} dB; {settle:.0f} ns")
    for henry, ohm in ((10e-6, 1.0), (10e-6, 300.0), (1e-6, 100.0)):
        circuit = BusCircuit(choke_inductance=henry, choke_resistance=ohm)
        rates = np.linalg.eigvals(DcStack.of_tiles([4] * 9, R0, circuit, 20e6, POLES).matrix)
        ringing = rates[np.abs(rates.imag) > 1e7]
        slowest = ringing[ringing.real.argmax()]
        what = f"9 groups of 4 in series, chokes of {1e6 * henry:g} uH and {ohm:.0f} ohm: they ring with"
        info(what, f"{-1e9 / slowest.real:.0f} ns, {abs(slowest.imag) / 2e6 / np.pi:.0f} MHz")
    gain = plain - _needed(BusCircuit(groups=5), f)
    show("5 groups (matched would be 5.48): worst source, dB less", f"{gain:.1f}", ">= 8", gain >= 8)
    both = plain - _needed(BusCircuit(groups=5, combining="multiplexer"), f)
    show("5 groups and filters: worst source, dB less", f"{both:.1f}", ">= 22", both >= 22)


def _group_weights() -> None:
    """Weights of the program `coupled`, which takes a tone's current to be the same all along a chain."""
    for name, layer, tile, counts in (
        ("digits/digits_relu.onnx", "conv1", 12, (1, 2, 3)),
        ("mnist/mnist.onnx", "conv2", 48, (1, 5, 6)),
    ):
        errors = []
        for groups in counts:
            design = _design(name, f"plan.tile={tile}", f"bus.groups={groups}")
            errors.append(f"{100 * effective_weights(design, layer, 'coupled', engine=linear).rms_error:.2g} %")
        told = ", ".join(map(str, counts))
        info(f"{name}, {layer}, tiles of {tile}: weights off by `coupled`, {told} groups", ", ".join(errors))


def _design_powers() -> None:
    """Source powers of the digit network, layer by layer."""
    for name, settings in (
        ("combiner", []),
        ("filters", [FILTERS]),
        ("transformer", [COILS]),
        ("both", [FILTERS, COILS]),
        ("5 groups and filters", [FILTERS, GROUPS]),
    ):
        plan = _design("mnist/mnist.onnx", *settings).plan
        told = ", ".join(f"{source_power(entry, plan):.1f}" for entry in plan.layers)
        info(f"digit network, 2 nW, {name}: a source must have, dBm, layer by layer", told)


def _junctions() -> None:
    """Junction capacitance: what it does to weights that were calibrated without it, and with it."""
    plain = calibrate(_design("digits/digits_relu.onnx", "plan.tile=12")).design
    for farad in ("0.4 fF", "2 fF", "10 fF"):
        design = _design("digits/digits_relu.onnx", f"bus.junction_capacitance={farad}", "plan.tile=12")
        moved = effective_weights(replace(design, programs=plain.programs), "dense1", "calibrated", engine=linear)
        after = effective_weights(calibrate(design).design, "dense1", "calibrated", engine=ngspice)
        what = f"junctions of {farad}: weights calibrated without them; with, by ngspice"
        figure = f"{100 * moved.rms_error:.2g} %; {after.rms_error:.0e}"
        show(what, figure, "<= 1e-6", after.rms_error <= 1e-6)


def _energy() -> None:
    """A whole network: energy of the sources, and filters in the time domain."""
    images, sources = np.random.default_rng(1).uniform(0, 1, (1, 1, 8, 8)), []
    for settings in ([], [FILTERS], [FILTERS, COILS]):
        design = _design("digits/digits_relu.onnx", "plan.tile=12", *settings)
        levels = parallel_hardware(design, "coupled").levels
        sources.append(energy(levels, envelope(levels, images[0], 200e-9), images[0]).per_synapse_with_sources)
    for what, each in zip(("combiner", "filters", "filters and transformer"), sources, strict=True):
        info(f"8 x 8 digits, {what}: RF of the sources per synaptic operation, 200 ns", f"{1e15 * each:.3g} fJ")


def _time_domain() -> None:
    """A whole network in the time domain, filters included: as near to the two passes as with a combiner."""
    image, off = np.random.default_rng(1).uniform(0, 1, (1, 8, 8)), []
    for settings in ([], [FILTERS], ["bus.groups=3", "bus.choke_resistance=300 Ohm"]):
        band = ("plan.tile=12", "plan.f_min=2 GHz", "plan.f_max=6 GHz")
        hardware = parallel_hardware(_design("digits/digits_relu.onnx", *band, *settings), "coupled")
        found = run_cascade(hardware.levels, image, cascade_timing(hardware.levels, 500e-9), 60e-9, engine="fixed_step")
        wanted = cascade(hardware.levels, hardware.held, image[None]).logits[0]
        off.append(float(np.abs(found.logits - wanted).max() / np.abs(wanted).max()))
    figure = f"{off[1]:.1e}, {off[2]:.1e} ({off[0]:.1e})"
    what = "8 x 8 digits in the time domain, filters, groups (neither), off two passes"
    show(what, figure, "<= 5e-3", max(off) <= 5e-3)


def claims(quick: bool) -> None:
    """Print all claims."""
    _sparams()
    _decks(_design("mnist/mnist.onnx"), 0 if quick else 1)
    _powers()
    _matching()
    _groups()
    _group_weights()
    _design_powers()
    _junctions()
    _energy()
    if not quick:
        _time_domain()
