"""Operating points of the MNIST network that `resonet operate` found, and the closed forms behind the search."""

from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from _show import info, show

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.settle import predicted_settling
from resonet.cosim.ngspice.run import run_deck
from resonet.cosim.operate.axes import chosen_axes
from resonet.cosim.operate.latency import latency
from resonet.cosim.operate.limits import shortest_time
from resonet.cosim.operate.measuring import measure
from resonet.cosim.operate.points import METHOD, restructured
from resonet.cosim.operate.records import SearchOptions
from resonet.cosim.operate.search import operating_points
from resonet.cosim.operate.surrogate import surrogate
from resonet.cosim.operate.tolerances import tolerance
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.models.circuit.tile_coupling import tone_coupling
from resonet.models.presets.preset import list_presets
from resonet.models.resonator.chain import Chains, solve_chains
from resonet.models.resonator.far_chain import effective_reach
from resonet.netlist.bus.linear_chain import tee_parameters
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan
from resonet.netlist.planning.tile_coupling import tile_coupling
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE

__all__ = ["claims"]

POINTS = {"operating_point.toml": (0.985, 250e-6), "fastest_point.toml": (0.98, 10e-6)}  # accuracy, s
SEARCH = (  # as in docs/guide/operate.md
    "p_max=150nW:500nW,bandwidth=100kHz:3MHz,tile=6:8,reach=45:50,fill=0.85:0.95,block=10fF:12fF,bypass=10fF:25fF,"
    "choke=15uH:20uH,f_min=1.5GHz:2.5GHz"
)
IMAGES = {True: 300, False: 10_000}


@cache
def _mnist(point: str | None, preset: str | None = None) -> tuple[Design, ImageSet]:
    """The shipped network at one of its points."""
    with as_file(files("resonet.examples.mnist")) as folder, collected():
        given = read_parameters(folder / point if point else None, (), preset)
        cnn = compile_cnn(folder / "mnist.onnx", given)
        design = compile_cnn(folder / "mnist.onnx", given, cnn.images(folder / "mnist_calibration.npz"))
        return design, design.images(folder / "mnist_test.npz")


def _part(data: ImageSet, count: int) -> ImageSet:
    of = np.random.default_rng(3).permutation(len(data.images))[:count]
    return replace(data, images=data.images[of], labels=data.labels[of])


def _far() -> None:
    """Near and far programs of the same weights."""
    weights = np.clip(np.random.default_rng(1).normal(0, 0.18, (400, 6)), -0.8, 0.8)
    excited = {}
    for reach in (1.0, 50.0):
        of = Chains(np.geomspace(20e9, 1e9, 6), np.where(np.arange(6) % 2, -1.0, 1.0), 0.01, reach=reach)
        u, worst = solve_chains(weights, of)
        apart = (of.frequencies[:, None] * (1 + 0.01 * u[:, None, :]) / of.frequencies - 1) / 0.01
        excited[reach] = float(np.mean((1 / (1 + apart**2)).sum(2)))
        show(
            f"six tones, reach {reach:g}: largest error of 400 chains",
            f"{worst.max():.1e}",
            "1e-9 of K_SD",
            worst.max() < 1e-9,
        )
    part, farthest = excited[50.0] / excited[1.0], effective_reach(50.0, of.frequencies, 0.01)
    back = float(np.mean(np.abs(weights) < 2 * farthest / (1 + farthest**2)))  # that no far resonator holds alone
    show(
        "precession that tones excite, reach 50 over reach 1",
        f"{part:.2f}",
        f"{back:.2f} (too small) + 0.05",
        part < back + 0.05,
    )


def _settling() -> None:
    """Closed form of the latency against the step response of the blocks."""
    design, _ = _mnist("fastest_point.toml")
    hardware = parallel_hardware(design, METHOD, held=network_weights(design, METHOD, linear))
    step = float(predicted_settling(hardware.levels, 0.01, 4e-9)[-1])
    off = latency(design).parallel / step - 1
    show(
        "latency by two cumulants against the integrated step response",
        f"{100 * off:+.1f} %",
        "within 10 %",
        abs(off) < 0.1,
    )


def _found(quick: bool) -> None:
    """Accuracy with all noise and saturation at the shipped points."""
    for name, (target, longest) in POINTS.items():
        design, data = _mnist(name)
        part = _part(data, IMAGES[quick])
        found, time = measure(design, part, 11), latency(design)
        bar = f"{100 * target:g} %" + (f" - {200 * found.error:.1f}" if quick else "")
        least = target - (2 * found.error if quick else 0)
        show(
            f"{name}: saturation and all noise, {found.images:,} images",
            f"{100 * found.accuracy:.2f} %",
            bar,
            found.accuracy >= least,
        )
        show(
            f"{name}: latency of an image",
            f"{1e6 * time.parallel:.1f} us",
            f"{1e6 * longest:g} us",
            time.parallel <= longest,
        )
        info(f"{name}: with one copy of every kernel", f"{1e6 * time.sequential:.0f} us")


def _limits() -> None:
    """The physical limit of every device at the structure of the fastest point, at 98 %."""
    structure, data = _mnist("fastest_point.toml")
    few = _part(data, 500)
    allowed = tolerance(structure.cnn, few.images, few.labels)
    for preset in (None, *list_presets()):
        design = structure
        if preset:
            with collected():
                device = read_parameters(preset=preset).device
            design = restructured(replace(structure, parameters=replace(structure.parameters, device=device)), {}, ())
        unit = design.plan.device.threshold_power
        powers = np.geomspace(0.2 * unit, min(20 * unit, 1.0), 9).tolist()  # what a design may ask for at most
        with collected():
            made = surrogate(design, allowed, few.images[:40], powers, (1e4, 1e8))
        time, power = shortest_time(made, powers, allowed.variance(0.98))
        info(
            f"{preset or 'default device'}: shortest time that noise leaves at 98 %, at {power:.2g} W",
            f"{1e6 * time:.3g} us",
        )


def _by_itself(target: float, longest: float) -> None:
    """The search, from the default parameters."""
    design, data = _mnist(None)
    with collected():
        options = SearchOptions(target, structures=8, measured=2, images=2000)
        try:
            found = operating_points(design, data, chosen_axes(SEARCH), options)
        except InputError:
            show(f"operate by itself, target {100 * target:g} %", "not reached", f"{100 * target:g} %", False)
            return
    show(
        f"operate by itself, target {100 * target:g} %: on {found.confirmed.images:,} images it has not seen",
        f"{100 * found.confirmed.accuracy:.2f} %",
        f"{100 * target:g} % - 2 errors",
        found.confirmed.accuracy >= target - 2 * found.confirmed.error,
    )
    time = found.latency.parallel
    show("its latency", f"{1e6 * time:.1f} us", f"{1e6 * longest:g} us", time <= longest)
    info("its power and bandwidth", f"{1e9 * found.setting.p_max:.0f} nW, {1e-6 * found.setting.bandwidth:.2f} MHz")


def _spice_coupling(plan: FrequencyPlan, stack: tuple[Bus, Bus], driven: int, tone: int) -> float:
    """κ of a tone of one of two tiles in the other one, by `.ac` of the two alone."""
    circuit, tee, dialect, tail = plan.circuit, tee_parameters(plan.circuit), NGSPICE, "0"
    lines = dialect.write_head("kappa", "two tiles of a neuron", "../lib", ("bias_tee",))
    half = f"{circuit.node_capacitance / 2:.12g}"
    for t, bus in enumerate(stack):
        lines.append(dialect.format_source(f"ve{t}", f"e{t}", "0", dc="0", ac=str(int(t == driven))))
        lines.append(dialect.format_element(f"rs{t}", (f"e{t}", f"b{t}"), f"{bus.size[0] * circuit.impedance:.12g}"))
        lines.append(dialect.format_instance(f"xt{t}", (f"b{t}", f"w{t}", f"h{t}_0"), "bias_tee", tee))
        for k in range(bus.size[1]):
            foot = tail if k == bus.size[1] - 1 else f"h{t}_{k + 1}"
            lines.append(dialect.format_ammeter(f"vs{t}_{k}", f"h{t}_{k}", f"i{t}_{k}"))
            lines.append(dialect.format_element(f"r{t}_{k}", (f"i{t}_{k}", foot), f"{plan.device.resistance:.12g}"))
            for name, node in (("ca", f"h{t}_{k}"), ("cb", foot)):
                lines.append(dialect.format_element(f"{name}{t}_{k}", (node, "0"), half))
        tail = f"w{t}"
    lines.append(dialect.format_element("rin", (tail, "0"), f"{circuit.readout_resistance:.12g}"))
    current, f = dialect.current_of(f"vs{1 - driven}_{tone}"), float(stack[driven].frequencies[tone])
    lines += [dialect.format_save([current]), dialect.format_analysis(dialect.format_ac("lin", 1, f, f))]
    plot = run_deck(Deck("kappa", "\n".join([*lines, *dialect.write_runs("kappa")])))[0]
    seen = float(np.abs(plot.columns([current]))[0, 0])
    return seen * float(stack[driven].levels[tone]) * float(np.sqrt(plan.device.resistance / 2))


def _tiles() -> None:
    """What tiles do to each other at the points, and its closed form against ngspice."""
    for name in POINTS:
        design, _ = _mnist(name)
        found = [own.largest for entry in design.plan.layers if (own := tile_coupling(design.plan, entry))]
        info(f"{name}: largest current of a tone in the tile beside its own", f"{100 * max(found):.2f} %")
        chosen = "tiles" in design.parameters.noise.chosen
        show(f"{name}: that is among its noise", str(chosen), "True", chosen)
        entry, worst = design.plan.layers[-1], 0.0
        stack = entry.buses[0], entry.buses[1]
        f, sizes, chains = stack[0].frequencies, [bus.size[1] for bus in stack], [bus.size[0] for bus in stack]
        for driven in (0, 1):
            closed = tone_coupling(
                f, design.plan.device.resistance, sizes, chains, design.plan.circuit, driven, stack[driven].levels
            )[1 - driven]
            for tone in (0, len(f) - 1):
                worst = max(worst, abs(_spice_coupling(design.plan, stack, driven, tone) / closed[tone] - 1))
        show(f"{name}: the same of two tiles against ngspice, worst of 4", f"{worst:.1e}", "1e-3", worst < 1e-3)


def claims(quick: bool) -> None:
    """Lines of this part."""
    _far()
    _settling()
    _tiles()
    _found(quick)
    if not quick:
        _limits()
        for target, longest in POINTS.values():
            _by_itself(target, longest)
