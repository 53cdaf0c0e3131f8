"""What `resonet sparams` computes and writes beside the plain chain: blocks, plots, sweeps, comparison, data sheet."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import parameter, parse
from resonet.core.types import Array, Done
from resonet.netlist.design.design import Design
from resonet.netlist.design.folder import write_deck
from resonet.netlist.programming.methods import Method
from resonet.sparams.block import Block, pick_ports, with_impedance
from resonet.sparams.build import Stand
from resonet.sparams.chain import find_bus
from resonet.sparams.deck import block_deck
from resonet.sparams.extract import Engine, extract
from resonet.sparams.grid import missed, refine, seen_resonances
from resonet.sparams.measured import TOLERANCE, FittedPart, part_from_file
from resonet.sparams.window import Kind, default_grid, design_block, layer_stand

if TYPE_CHECKING:
    from skrf import Network

    from resonet.sparams.sheet import LayerSheet

__all__ = [
    "BlockPage",
    "Options",
    "Units",
    "block_page",
    "check_request",
    "compare_page",
    "layer_parts",
    "plot_page",
    "readable",
    "sheet_json",
    "sweep_page",
]

MOST_SWEPT = 401


@dataclass(frozen=True, slots=True)
class Units:
    """Options of `resonet sparams` that have a unit."""

    bias: float = parameter(0.0, "A", -1.0, 1.0, "DC current through the chain, such as 5uA")
    start: float = parameter(1e9, "Hz", 1.0, 1e15, "lowest frequency, such as 0.5GHz")
    stop: float = parameter(1e9, "Hz", 1.0, 1e15, "highest frequency, such as 25GHz")
    tolerance: float = parameter(0.1, "dB", 0.0, 3.0, "gain of a measured part that its uncertainty explains")
    z0: float = parameter(50.0, "Ohm", 1e-3, 1e6, "reference impedance, such as 75Ohm")
    tuning: float = parameter(0.0, "A", -1.0, 1.0, "current in the tuning line, such as 5mA")
    temperature: float = parameter(300.0, "K", 1.0, 1000.0, "temperature of the resonators")
    width: float = parameter(1e-6, "m", 1e-9, 1e-1, "width of the tuning line, such as 1um")
    drift: float = parameter(0.0, "1/K", -0.1, 0.1, "relative change per kelvin")

    @classmethod
    def si(cls, name: str, text: str) -> float:
        """SI value of such an option. Raises InputError."""
        return float(parse(text, cls.__dataclass_fields__[name], "sparams"))


@dataclass(frozen=True, slots=True)
class Options:
    """What block is wanted, and how."""

    layer: str
    method: Method
    kind: Kind = "chain"
    bus: str | None = None
    chain: int = 0
    bias: float = 0.0
    engine: Engine = "linear"
    ports: tuple[str, ...] = ()
    impedance: tuple[str, ...] = ()  # 75Ohm, or NAME=75Ohm
    touchstone: str = "1"


@dataclass(frozen=True, slots=True, eq=False)
class BlockPage:
    """A block's S-parameters and what was written of them."""

    block: Block
    network: "Network"
    touchstone: list[Path]
    notes: list[str]


def layer_parts(
    design: Design,
    layer: str,
    bus: str | None,
    parts: tuple[str, ...],
    tolerance: float = TOLERANCE,
    done: Done | None = None,
) -> tuple[Stand, list[FittedPart]]:
    """What stands around the resonators, with the measured parts KIND=FILE in place of their models.

    `tolerance`: gain of a file, dB, that its uncertainty explains; `done` is called after each step of a fit.
    """
    tones = find_bus(design, layer, bus).size[1]
    blocks: dict[str, Block | None] = {}
    fitted = []
    for text in parts:
        kind, equals, file = text.partition("=")
        if not equals or kind in blocks:
            raise InputError(
                f"part {text[:60]!r}: possible: tee=FILE, combiner=FILE, line=FILE, package=FILE, each once"
            )
        blocks[kind], part = part_from_file(kind, Path(file), tones, tolerance, done)
        fitted.append(part)
    return layer_stand(design, **blocks), fitted


def wanted_block(design: Design, options: Options, stand: Stand) -> Block:
    """The block with its ports and impedances. Raises InputError."""
    block = design_block(
        design, options.layer, options.method, options.kind, options.bus, options.chain, options.bias, stand
    )
    for text in options.impedance:
        name, equals, value = text.rpartition("=")
        ohm = Units.si("z0", value)
        block = with_impedance(block, {name: ohm} if equals else ohm)
    return pick_ports(block, list(options.ports)) if options.ports else block


def block_page(
    design: Design, folder: Path, options: Options, stand: Stand, sweep: tuple[float | None, float | None, int]
) -> BlockPage:
    """S-parameters of a block; writes its deck and its Touchstone file. A grid that misses a resonance is refined."""
    from resonet.sparams.touchstone import provenance, write_touchstone

    block = wanted_block(design, options, stand)
    f = default_grid(design, options.layer, options.bus, sweep[2], sweep[0], sweep[1])
    seen = seen_resonances(block)
    count = int(missed(f, *seen).sum())
    fine = refine(f, *seen)
    notes = [f"grid refined around {count} resonances: {len(f)} -> {len(fine)} frequencies"] if count else []
    network = extract(block, fine, options.engine)
    kind = f"_{options.bias * 1e6:g}ua".replace("-", "m").replace(".", "p") if options.bias else ""
    network.name = f"{block.name}_{options.engine.replace('-', '_')}{kind}_{options.method}"
    deck = block_deck(block, np.array([fine[0], fine[-1]]))  # the netlist that the file came from, without its sweep
    if options.engine == "ngspice":
        write_deck(block_deck(block, fine), folder / "decks" / options.method)
    version, ending = ("2.0", "ts") if options.touchstone == "2" else ("1.0", f"s{network.nports}p")
    path = folder / "results" / f"{network.name}.{ending}"
    header = provenance(network, options.engine, deck.text)
    written = write_touchstone(network, path, version, header)  # type: ignore[arg-type]
    return BlockPage(block, network, [written], notes)


def check_request(kinds: tuple[str, ...], sweep: str | None, drift: tuple[str, ...], width: str) -> None:
    """Refuse what cannot be drawn before anything is computed or written. Raises InputError."""
    from resonet.report.sparam_figures import PLOTS

    unknown = [kind for kind in kinds if kind not in PLOTS]
    if unknown:
        possible = ", ".join([*PLOTS, "waterfall (with --sweep)"])
        raise InputError(f"plot {unknown[0][:40]!r}: unknown; possible: {possible}")
    Units.si("width", width)
    _drifts(drift)
    if sweep:
        swept_values(sweep)


def plot_page(network: "Network", channels: Array, kinds: tuple[str, ...], folder: Path) -> list[Path]:
    """Figures of a network by kind, channels marked. Raises InputError."""
    from resonet.report.sparam_figures import PLOTS
    from resonet.report.style import save

    paths = []
    for kind in dict.fromkeys(kinds):
        paths += save(PLOTS[kind](network, np.sort(channels)), folder / "report", f"sparams_{network.name}_{kind}")
    return paths


def readable(file: Path) -> "tuple[Network, list[tuple[str, str]]]":
    """A Touchstone file, read before anything is computed, and notes (code, text) on it. Raises InputError."""
    from resonet.sparams.touchstone import network_of, read_file

    data = read_file(file)
    return network_of(data, file.stem), [(note.code, f"{file.name}: {note.text}") for note in data.notes]


def compare_page(
    network: "Network", measured: "Network", file: Path, folder: Path
) -> tuple[dict[str, Any], list[Path]]:
    """The network against a measured one: differences and the overlay."""
    from resonet.report.sparam_figures import compare_figure
    from resonet.report.style import save
    from resonet.sparams.compare import compare_networks

    found = compare_networks(network, measured)
    drawn = compare_figure(found.simulated, found.measured)
    n = network.nports
    entries = [
        {
            "entry": f"S{i + 1}{j + 1}" if n < 10 else f"S{i + 1},{j + 1}",
            "rms": float(found.rms[i, j]),
            "largest": float(found.largest[i, j]),
            "at_hz": float(found.where[i, j]),
            "largest_db": float(found.largest_db[i, j]),
        }
        for i in range(n)
        for j in range(n)
    ]
    entries = sorted(entries, key=lambda row: -float(row["largest"]))[:36]  # type: ignore[arg-type]
    files = save(drawn, folder / "report", f"sparams_{network.name}_compare")
    points = len(found.simulated.f)
    sampling = found.sampling if np.isfinite(found.sampling) else None
    rows = {"file": file, "frequencies": points, "rms": found.total_rms, "sampling_error": sampling}
    notes = [{"code": code, "text": text} for code, text in found.notes]
    return rows | {"entries": entries, "notes": notes}, files


SWEPT = {
    "bias": ("bias", 1e6, "bias, µA"),
    "tuning": ("tuning", 1e3, "tuning current, mA"),
    "temperature": ("temperature", 1.0, "temperature, K"),
}


def swept_values(text: str) -> tuple[str, Array]:
    """bias=0:10uA:21 -> the name and its values."""
    name, _, rest = text.partition("=")
    parts = rest.split(":")
    example = "possible: bias=0:10uA:21, tuning=0:20mA:41, temperature=250:350:11 (first:last:number)"
    if name not in SWEPT or len(parts) != 3 or not parts[2].isdigit():
        raise InputError(f"sweep {text[:60]!r}; {example}")
    count = int(parts[2]) if len(parts[2]) < 6 else 0
    if not 2 <= count <= MOST_SWEPT:
        raise InputError(f"sweep {text[:60]!r}: {parts[2][:12]} values; possible: 2 ... {MOST_SWEPT}")
    first, last = (Units.si(name, part) for part in parts[:2])
    return name, np.linspace(first, last, count)


def _drifts(drift: tuple[str, ...]) -> dict[str, float]:
    """tcf=-1e-4 ... as numbers by name."""
    found = {key: (equals, value) for key, equals, value in (entry.partition("=") for entry in drift)}
    wrong = [key for key, (equals, _) in found.items() if key not in ("tcr", "tcf", "tcq", "tck") or not equals]
    if wrong:
        raise InputError(f"drift {wrong[0][:40]!r}: possible: tcr=, tcf=, tcq=, tck= with a number per kelvin")
    return {key: Units.si("drift", value) for key, (_, value) in found.items()}


def sweep_page(
    design: Design,
    folder: Path,
    page: BlockPage,
    options: Options,
    stand: Stand,
    text: str,
    width: str,
    drift: tuple[str, ...],
) -> list[Path]:
    """Waterfall and family of curves of a block over bias, tuning current or temperature.

    The waterfall is the change against the first value; where the bias is swept, against no bias.
    """
    from resonet.report.sparam_figures import sweep_figure, waterfall_figure
    from resonet.report.style import save
    from resonet.sparams.conditions import Drift, biased, sweep, tuned, tuning_slope, warmed

    name, values = swept_values(text)
    block, base = page.block, 0.5 * design.plan.device.threshold_current
    if not options.bias:  # without a bias there is nothing to see
        block = wanted_block(design, replace(options, bias=base), stand)
    bias = options.bias or base
    slope, drifts = tuning_slope(Units.si("width", width)), Drift(**_drifts(drift))
    at = {
        "bias": lambda value: biased(block, value / bias),
        "tuning": lambda value: tuned(block, value, slope),
        "temperature": lambda value: warmed(block, value, drifts),
    }[name]
    networks = sweep(at, values, page.network.f)
    reference = extract(biased(block, 0.0), page.network.f) if name != "temperature" else networks[0]
    _, scale, label = SWEPT[name]
    pair = (1, 0) if page.network.nports > 1 else (0, 0)
    for network in networks:
        network.name = page.block.name
    stem = f"sparams_{page.block.name}_{options.method}_{name}"
    files = save(
        waterfall_figure(networks, values * scale, label, pair, reference), folder / "report", f"{stem}_waterfall"
    )
    some = np.unique(np.linspace(0, len(values) - 1, min(len(values), 9)).astype(int))
    family = sweep_figure([networks[k] for k in some], values[some] * scale, label, pair)
    return files + save(family, folder / "report", f"{stem}_curves")


def sheet_json(sheet: "LayerSheet") -> dict[str, Any]:
    """A data sheet for scripts; nan becomes null."""

    def plain(values: Array) -> list[float | None]:
        return [float(v) if np.isfinite(v) else None for v in values]

    return {
        "layer": sheet.layer,
        "bus": sheet.bus,
        "passed": sheet.passed,
        "channels": {key: plain(value) for key, value in asdict(sheet.channels).items()},
        "resonances": {key: plain(value) for key, value in asdict(sheet.resonances).items()},
        "isolation": plain(sheet.isolation),
        "rejection": plain(sheet.rejection),
        "limits": [asdict(verdict) for verdict in sheet.verdicts],
    }
