"""`resonet plan`: what tile size, damping and channel layout cost, before anything is compiled."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resonet.cli.numbers import numbers
from resonet.cli.options import InputShape, Json, Layers, Output, ParameterFile, Preset, Settings, when
from resonet.cli.registry import Command
from resonet.cli.show import engineering, percent, print_files, print_json, print_table, say
from resonet.cli.steps import progress
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.calibration.planner import Advice, PlanPoint
    from resonet.models.resonator.family import ChannelMember, Family, Member
    from resonet.netlist.design.parameters import Parameters
    from resonet.netlist.network.cnn import Cnn
    from resonet.netlist.planning.bus_options import RfOption

__all__ = ["COMMAND"]

MOST_POINTS = 500
NETWORK = when(
    lambda values: not values["source"].is_dir(), "with a network; a design folder has its own parameters (and --set)"
)


def _table(points: "tuple[PlanPoint, ...]", title: str, chosen: tuple[int, float]) -> None:
    """Of all points; a layer with fewer inputs than a tile has is what it is in the largest tile below."""
    tile, damping = chosen
    own = {p.layer: p.tile for p in sorted(points, key=lambda p: p.tile) if p.tile <= tile and p.damping == damping}
    numbers = ("tones", "buses", "α", "fits", "formula", "coupled", "calibr.", "dBm")
    columns = {"layer": "left"} | dict.fromkeys(numbers, "right") | {"": "left"}
    rows = (
        (
            p.layer,
            str(p.channels),
            str(p.buses),
            f"{p.damping:g}",
            f"{100 * p.fill:.0f}",
            f"{100 * p.rms_formula:.2f}",
            f"{100 * p.rms_coupled:.3f}",
            f"{100 * p.rms_calibrated:.0e}",
            f"{p.source_dbm:.1f}",
            "<-" if p.damping == damping and p.tile == own.get(p.layer) else "",
        )
        for p in points
    )
    print_table(title, columns, rows)
    say("<-: recommended", "dim")


def _devices(given: "Parameters", dampings: "list[float]", family: "Family | None") -> "list[Member]":
    """What a resonator is at both ends of the band; the device's threshold current holds in the middle of it."""
    from resonet.models.resonator.family import FAMILIES, member

    band = given.plan.f_min, given.plan.f_max
    middle = math.sqrt(band[0] * band[1])
    noise = given.noise
    return [
        member(given.device, name, damping, f, middle, noise.temperature, noise.polarisation)
        for name in ((family,) if family else FAMILIES)
        for damping in dampings
        for f in band
    ]


def _device_table(members: "list[Member]", given: "Parameters") -> None:
    numbers = ("α", "at", "I_th", "K_SD, V/W", "linear to", "p_T", "moment, A m²")
    rows = (
        (
            m.family,
            f"{m.damping:g}",
            engineering(m.f0, "Hz"),
            engineering(m.threshold_current, "A"),
            f"{m.sensitivity:.4g}",
            engineering(m.linear_power, "W"),
            f"{m.thermal_power:.2g}",
            f"{m.moment:.1e}",
        )
        for m in members
    )
    print_table("what its resonators are", {"family": "left"} | dict.fromkeys(numbers, "right"), rows)
    say(
        "fixed_threshold: other volumes for other channels and dampings, what networks are built of; fixed_volume: one "
        "free layer, whose I_th goes as α f (Slavin and Tiberkevich 2009)"
    )
    own = given.device
    for damping in dict.fromkeys(m.damping for m in members if m.family == "fixed_volume" and m.damping != own.damping):
        threshold = own.threshold_current * damping / own.damping
        say(
            f"  the same free layer with α {damping:g}, in mid-band: --set device.damping={damping:g} "
            f"--set device.threshold_current={threshold:.6g}"
        )


def _channels(given: "Parameters", cnn: "Cnn", family: "Family") -> "list[ChannelMember]":
    """The device of every channel of the largest bus, as the plan stands."""
    from resonet.models.resonator.family import channel_members
    from resonet.netlist.planning.frequency_plan import plan

    buses = [bus for entry in plan(cnn, given.device, given.bus, given.plan).layers for bus in entry.buses]
    largest = max(buses, key=lambda bus: len(bus.frequencies))
    middle, noise = math.sqrt(given.plan.f_min * given.plan.f_max), given.noise
    made = (sorted(largest.frequencies.tolist()), middle, given.plan.p_max, noise.temperature, noise.polarisation)
    return channel_members(given.device, family, *made)


def _channel_table(channels: "list[ChannelMember]", family: "Family") -> None:
    numbers = ("channel", "I_th", "K_SD, V/W", "linear to", "p_T", "tone for the\nsame voltage", "over\nlinear")
    rows = (
        (
            engineering(own.device.f0, "Hz"),
            engineering(own.device.threshold_current, "A"),
            f"{own.device.sensitivity:.4g}",
            engineering(own.device.linear_power, "W"),
            f"{own.device.thermal_power:.2g}",
            engineering(own.tone_power, "W"),
            f"{own.over_linear:.3g}",
        )
        for own in channels
    )
    print_table(f"{family}: every channel of the largest bus", dict.fromkeys(numbers, "right"), rows)
    if family == "fixed_volume":
        say(
            "networks are not built of it: their programs are of one K_SD. With these tone powers, in proportion to f, "
            "programs, sums, Johnson and precession noise would be the same; saturation not (docs/theory/models.md)"
        )


def _say(advice: "Advice", given: "Parameters") -> None:
    """The recommendation, in words."""
    settings = " ".join(f"--set {setting}" for setting in advice.settings) or "as it is"
    say(f"compile with: {settings}", style="bold")
    holds = f"the largest tile of these, {advice.tile}, whose chains all hold their weights at plan.fill"
    least = f"no tile of these holds all weights at plan.fill; the one that holds most of them, {advice.tile}"
    say(f"rule: {holds if advice.held else least}, at device.damping {given.device.damping:g}")
    say(
        f"largest weight that all chains hold: {percent(advice.fill, 0)} of a resonator's range "
        f"({percent(advice.fill_before, 0)} with tiles of {advice.tile} and the channels as the plan has them)"
    )
    for moment, found in (("now", advice.products), ("then", advice.products_after)):
        worst = found.worst
        text = (
            "none"
            if worst is None
            else (
                f"the worst, f{worst.first} {'-' if worst.difference else '+'} f{worst.second} on f{worst.victim}, at "
                f"{worst.level:.0f} dBc, {worst.offset / 1e6:+.1f} MHz off; the worst channel moves by up to "
                f"{percent(found.total, 3)} of full scale"
            )
        )
        say(f"second-order products within a linewidth, {moment}: {found.count:,}, of them {found.steady} slow; {text}")
    if not advice.held:
        wanted = percent(given.plan.fill, 0)
        say(f"no tile of these holds all weights at {wanted}; what each change alone would take:")
        for remedy in advice.remedies:
            say(f"  --set {remedy.setting}={remedy.value:.4g}: {remedy.text}")


def _say_feeds(feeds: "tuple[RfOption, ...]") -> None:
    """What a tone source must give, however the buses are fed."""
    before, others = feeds[0].most, "; with other ways to feed the buses:" if len(feeds) > 1 else ""
    say(f"a tone source of the plan as it stands must give {before:.1f} dBm{others}")
    for feed in feeds[1:]:
        settings = " ".join(f"--set {setting}" for setting in feed.settings)
        say(f"  {settings}: {feed.most:.1f} dBm, {feed.most - before:+.1f} dB")


def plan_command(
    source: Annotated[Path, typer.Argument(help="Trained CNN as an ONNX file, or a design folder.")],
    layer: Layers = None,
    tiles: Annotated[str, typer.Option(help="Most channels per bus, the sizes to try.")] = "9,16,24,32,48,64",
    damping: Annotated[
        str | None, typer.Option(help="Dampings to try (default: half of, just, and twice device.damping).")
    ] = None,
    random: Annotated[
        bool, typer.Option("--random", help="Uniform random weights in place of the trained ones.")
    ] = False,
    most_power: Annotated[float, typer.Option(help="Most that a tone source gives, dBm; bounds the tile.")] = 1000.0,
    sample: Annotated[
        int,
        typer.Option(
            min=0, help="Resonators of a layer that a row is made from, at most; the advice is of all (0: all)."
        ),
    ] = 50_000,
    family: Annotated[
        Literal["fixed_threshold", "fixed_volume"] | None,
        typer.Option(
            help="What stays the same over channels and dampings (default: both; of one, every channel is shown too)."
        ),
    ] = None,
    folder: Annotated[Path | None, typer.Option("-o", "--out", help="Where the figure goes.")] = None,
    design: Annotated[ParameterFile, NETWORK] = None,
    preset: Annotated[Preset, NETWORK] = None,
    settings: Settings = None,
    input_shape: Annotated[InputShape, NETWORK] = None,
    output: Annotated[Output, NETWORK] = None,
    as_json: Json = False,
) -> None:
    """Channels per bus and damping against weight error, range and power; what to compile with.

    Example: resonet plan mnist.onnx --tiles 16,32,48 --set plan.f_max="15 GHz"
    """
    from resonet.cosim.calibration.planner import advise, random_weights, trade_off
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.design.parameters import read_parameters
    from resonet.netlist.network.neuron_scales import find_scales, scaled_network
    from resonet.netlist.network.onnx.read import read_cnn
    from resonet.netlist.planning.bus_options import rf_options
    from resonet.report.plan_figures import plan_figure
    from resonet.report.style import save

    if source.is_dir():
        cnn, given = load_design(source).trained, read_parameters(source / "design.toml", settings or ())
    else:
        shape = tuple(numbers(input_shape, int, "--input-shape", "1,28,28")) if input_shape else None
        cnn, given = read_cnn(source, shape, output), read_parameters(design, settings or (), preset)
    scales = find_scales(cnn, given.plan.scale, given.plan.gain_range)
    cnn = scaled_network(cnn, scales.exponents, scales.raised)
    own = given.device.damping
    sizes = sorted(set(numbers(tiles, int, "--tiles", "16,32", 1, 4096)))
    given_dampings = numbers(damping, float, "--damping", "0.005,0.01", 1e-5, 0.2) if damping else None
    dampings = given_dampings or [own / 2, own, min(2 * own, 0.2)]
    dampings = sorted({*dampings, own})
    layers = list(dict.fromkeys(layer or [entry.name for entry in cnn.synapses]))
    total = len(layers) * len(sizes) * len(dampings)
    if total > MOST_POINTS:
        raise InputError(f"{total} points; possible: {MOST_POINTS} (fewer --tiles, --damping or --layer)")
    cnn = random_weights(cnn) if random else cnn
    with progress("plan", total + 1) as done:
        sample = sample or max(entry.weight.size for entry in cnn.synapses)
        points = trade_off(cnn, given, layers, sizes, dampings, done, sample)
        advice = advise(cnn, given, points, most_power, sample)
        feeds = rf_options(cnn, given.device, given.bus, given.plan)
        done()
    weights = "random weights" if random else "its own weights"
    title = f"{cnn.file}: {weights}, {given.plan.f_min / 1e9:g}-{given.plan.f_max / 1e9:g} GHz"
    place = folder or (source / "report" if source.is_dir() else Path())
    chosen = advice.tile, own
    figures = save(plan_figure(points, given.plan.fill, title, chosen), place, "plan")
    if as_json:
        devices = [asdict(member) for member in _devices(given, dampings, family)]
        feeding = [asdict(feed) | {"most": feed.most} for feed in feeds]
        found = {"points": [asdict(p) for p in points], "devices": devices, "advice": asdict(advice) | {"damping": own}}
        if family is not None:
            found["channels"] = [asdict(own) for own in _channels(given, cnn, family)]
        print_json(found | {"feeds": feeding, "figures": figures})
        return
    _table(points, title, chosen)
    say(
        "tones: channels per bus; fits: largest weight, % of a resonator's range; formula, coupled, calibrated: RMS "
        "weight error, % of the largest weight; dBm: what a tone source must give"
    )
    for name in dict.fromkeys(p.layer for p in points if p.sample < p.resonators):
        rows = [p for p in points if p.layer == name]
        least = min(p.sample for p in rows)
        say(f"{name}: fits and errors are of {least:,} or more of its {rows[0].resonators:,} resonators (--sample)")
    _device_table(_devices(given, dampings, family), given)
    if family is not None:
        _channel_table(_channels(given, cnn, family), family)
    _say(advice, given)
    _say_feeds(feeds)
    print_files("figures", figures)


COMMAND = Command("design", plan_command)
