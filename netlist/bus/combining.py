"""How the tones get onto a bus, in the deck: their sources, and a power combiner or the filters of a multiplexer."""

from collections.abc import Sequence

from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.multiplexer import channel_filters
from resonet.netlist.bus.hardware import BusHardware
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers

__all__ = [
    "combiner_lines",
    "feed_lines",
    "feed_port",
    "matching_lines",
    "multiplexer_lines",
    "run_one_by_one",
    "source_lines",
]


def combiner_lines(
    nodes: Sequence[str],
    port: str,
    gains: Sequence[float],
    circuit: BusCircuit,
    stem: str = "",
    dialect: Dialect = NGSPICE,
) -> list[str]:
    """Arms between `nodes` and a port, then the port: a combiner into it, a splitter out of it; `stem` in its names."""
    z0, last = numbers(12, z0=circuit.impedance), len(nodes) - 1
    ends = ["0", *(f"s{stem}{k}" for k in range(1, last + 1)), f"emf{stem}"]  # the arms stack up the EMF of the port
    arms = [
        dialect.format_instance(
            f"xarm{stem}{k}",
            (node, ends[k], ends[k + 1], port, f"emf{stem}"),
            "combiner_arm",
            z0 | numbers(15, gain=gain),
        )
        for k, (node, gain) in enumerate(zip(nodes, gains, strict=True))
    ]
    return [*arms, dialect.format_instance(f"xout{stem}", (port, f"emf{stem}"), "combiner_out", z0)]


def multiplexer_lines(
    nodes: Sequence[str], port: str, channels: Array, circuit: BusCircuit, dialect: Dialect = NGSPICE
) -> list[str]:
    """Filters between `nodes` and a common node, each on its channel (Hz), and what that node has to ground."""
    filters, element = channel_filters(channels, circuit), dialect.format_element
    lines = []
    for k, node in enumerate(nodes):
        values = (filters.resistance[k], filters.inductance[k], filters.capacitance[k])
        at = (node, f"mr{k}", f"ml{k}", port)
        for kind, a, b, value in zip("rlc", at[:-1], at[1:], values, strict=True):
            lines.append(element(f"{kind}mux{k}", (a, b), f"{value:.17g}"))
    lines.append(element("lmux", (port, "0"), f"{circuit.filter_return:.17g}"))
    if circuit.filter_stray:
        lines.append(element("cmux", (port, "0"), f"{len(nodes) * circuit.filter_stray:.17g}"))
    return lines


def feed_port(circuit: BusCircuit) -> str:
    """Node of the combiner's output: the bus, or what is before its transformer."""
    return "bus" if circuit.transformer == 1 else "tap"


def matching_lines(port: str, bus: str, circuit: BusCircuit, dialect: Dialect = NGSPICE) -> list[str]:
    """Transformer from the combiner's port to the bus, and the bus's own capacitance, as far as there are any."""
    element, lines = dialect.format_element, []
    if circuit.transformer != 1:
        n, ohm, henry = circuit.transformer, circuit.transformer_resistance, circuit.transformer_inductance
        for side, node, scale in (("1", port, 1.0), ("2", bus, n**2)):
            lines.append(element(f"rw{side}", (node, f"w{side}"), f"{ohm * scale:.17g}"))
            lines.append(element(f"lw{side}", (f"w{side}", "0"), f"{henry * scale:.17g}"))
        lines.append(dialect.format_coupling("kw", "lw1", "lw2", f"{circuit.transformer_coupling:.17g}"))
    if circuit.capacitance:
        lines.append(element("cbus", (bus, "0"), f"{circuit.capacitance:.17g}"))
    return lines


def feed_lines(
    nodes: Sequence[str], port: str, channels: Array, circuit: BusCircuit, gain: float, dialect: Dialect = NGSPICE
) -> list[str]:
    """What brings the tones at `nodes` together: a combiner with that gain of each arm, or filters."""
    if circuit.combining == "resistive":
        return combiner_lines(nodes, port, [gain] * len(nodes), circuit, dialect=dialect)
    return multiplexer_lines(nodes, port, channels, circuit, dialect)


def source_lines(hardware: BusHardware, tones: Sequence[dict[str, str]], dialect: Dialect) -> list[str]:
    """Tone sources with these parameters, and the combiner."""
    circuit, z0 = hardware.circuit, numbers(12, z0=hardware.circuit.impedance)
    nodes, plain = [f"in{k}" for k in range(len(tones))], circuit.combining == "resistive"
    what = "power combiner" if plain else "multiplexer (series resonators on the channels)"
    lines = [dialect.format_comment(f"tone sources (emf, f: the tone at p_max, for .tran) and {what}")]
    sources = [
        dialect.format_instance(f"xsrc{k}", (node,), "tone_port", z0 | tone)
        for k, (node, tone) in enumerate(zip(nodes, tones, strict=True))
    ]
    port = feed_port(circuit)
    feed = feed_lines(nodes, port, hardware.bus.frequencies, circuit, hardware.gain, dialect)
    if plain:
        feed = [*(line for pair in zip(sources, feed[:-1], strict=True) for line in pair), feed[-1]]
    else:
        feed = [*sources, *feed]
    return [*lines, *feed, *matching_lines(port, "bus", circuit, dialect)]


def run_one_by_one(name: str, sweeps: Sequence[str], dialect: Dialect) -> list[str]:
    """Commands of a deck in which each source runs alone, the last first, and leaves its analysis in the raw file."""
    commands: list[str] = []
    for number, (k, sweep) in enumerate(zip(reversed(range(len(sweeps))), sweeps, strict=True)):
        source = dialect.element_of("vemf", f"xsrc{k}")
        commands += [dialect.format_append()] if number == 1 else []
        commands += [dialect.format_alter_source(source, "acmag", "1"), sweep, dialect.format_write(name)]
        commands.append(dialect.format_alter_source(source, "acmag", "0"))
    return commands
