"""What `resonet sparams` computes and writes: blocks, plots, sweeps, comparison, data sheet."""

import hashlib
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.decibel import level
from resonet.core.errors import InputError
from resonet.core.parameters import check_value, parameter, parse
from resonet.core.types import Array, Done
from resonet.netlist.design.decks import write_deck
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method
from resonet.sparams.block import Block, pick_ports, with_impedance
from resonet.sparams.build import Stand
from resonet.sparams.deck import block_deck
from resonet.sparams.extract import Engine, extract
from resonet.sparams.grid import missed, refine, seen_resonances
from resonet.sparams.measured import TOLERANCE, FittedPart, part_from_file
from resonet.sparams.window import (
    PARTS,
    Kind,
    default_engine,
    default_grid,
    design_block,
    find_bus,
    layer_stand,
    resonance_table,
)

if TYPE_CHECKING:
    from skrf import Network

    from resonet.sparams.sheet import LayerSheet

__all__ = [
    "BlockPage",
    "Options",
    "Units",
    "block_page",
    "check_parts",
    "compare_page",
    "layer_parts",
    "plot_page",
    "readable",
    "sheet_json",
    "wanted_block",
]


OPTION_OF = {
    "tuning": "--sweep tuning",
    "temperature": "--sweep temperature",
    "width": "--tuning-width",
    "tolerance": "--passive-tolerance",
}


UNITS = {
    **dict.fromkeys(("frequency", "wanted", "centre", "bandwidth"), "Hz"),
    **dict.fromkeys(("insertion_loss", "return_loss", "isolation", "rejection", "depth"), "dB"),
    **{"group_delay": "s", "loaded_q": "", "unloaded_q": ""},
}


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
        """SI value of such an option, within its range, however it is given. Raises InputError."""
        spec, option = cls.__dataclass_fields__[name], OPTION_OF.get(name, f"--{name}")
        value = float(parse(text, spec, option))
        check_value(value, spec, option)
        return value


@dataclass(frozen=True, slots=True)
class Options:
    """What block is wanted, and how."""

    layer: str
    method: Method
    kind: Kind = "chain"
    bus: str | None = None
    chain: int = 0
    bias: float = 0.0
    engine: Engine | None = None  # None: `default_engine` of the block
    ports: tuple[str, ...] = ()
    impedance: tuple[str, ...] = ()  # 75Ohm, or NAME=75Ohm
    touchstone: str = "1"
    parts: tuple[tuple[str, Path], ...] = ()  # measured parts in the block: kind, file
    all_points: bool = False  # in the Touchstone file, however large


@dataclass(frozen=True, slots=True, eq=False)
class BlockPage:
    """A block's S-parameters and what was written of them."""

    block: Block
    network: "Network"
    unbiased: "Network"  # without the bias of the chain; the same network where there is none
    engine: Engine
    channels: Array  # Hz, of the bus
    resonances: Array  # Hz, of the chain, from the feed to the far end; none for other blocks
    bias: float  # A
    touchstone: list[Path]
    figures: list[Path]
    notes: list[str]

    @property
    def rows(self) -> list[tuple[float, float, float, float]]:
        """Channel, resonance (Hz), |S21| and |S11| (dB) of a chain at the grid's points nearest to the channels."""
        if not len(self.resonances):
            return []
        db, at = level(self.network.s), [int(np.abs(self.network.f - f).argmin()) for f in self.channels]
        rows = zip(self.channels, self.resonances, at, strict=True)
        return [(float(f), float(f_res), float(db[n, 1, 0]), float(db[n, 0, 0])) for f, f_res, n in rows]


def check_parts(parts: tuple[str, ...], kind: Kind, metrics: bool) -> tuple[tuple[str, Path], ...]:
    """Kind and file of the measured parts KIND=FILE that the block holds.

    InputError for one that changes nothing: neither the block nor the data sheet (--metrics) holds it.
    """
    held = PARTS["bus"] if metrics else PARTS[kind]
    for text in parts:
        name, equals, _ = text.partition("=")
        if not equals or name not in PARTS["bus"]:
            said = f"part {name[:40]!r}: unknown" if equals else f"part {text[:60]!r}"
            raise InputError(f"{said}; possible: {', '.join(f'{x}=FILE' for x in PARTS['bus'])}, each once")
        if name not in held:
            blocks = ", ".join(f"--block {block}" for block, inside in PARTS.items() if name in inside)
            raise InputError(
                f"part {text[:60]!r}: changes nothing, block {kind} holds no {name}; possible: "
                f"{', '.join(f'{x}=FILE' for x in held)}; {name} with {blocks} or with --metrics"
            )
    pairs = [text.partition("=") for text in parts]
    return tuple((name, Path(file)) for name, _, file in pairs if name in PARTS[kind])


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


def _bias_tag(bias: float) -> str:
    return f"_{bias * 1e6:g}ua".replace("-", "m").replace(".", "p") if bias else ""


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _parts_tag(options: Options) -> str:
    """What tells results with measured parts from others: kinds, and first digits of the files' hashes."""
    return "".join(f"_{kind}{_digest(file)[:6]}" for kind, file in sorted(options.parts))


def _extracted(
    block: Block, f: Array, engine: Engine, options: Options, folder: Path, notes: list[str]
) -> tuple["Network", Path]:
    """The network, named after block, bias, engine and program; its Touchstone file, and ngspice's deck, written."""
    from resonet.sparams.touchstone import MOST_FILE, fit_for_file, provenance, write_touchstone

    network = extract(block, f, engine)
    network.name = f"{block.name}_{engine.replace('-', '_')}_{options.method}"
    deck = block_deck(block, f[[0, -1]])  # the netlist that the file came from, without its sweep
    if engine == "ngspice":
        write_deck(block_deck(block, f), folder / "decks" / options.method)
    version, ending = ("2.0", "ts") if options.touchstone == "2" else ("1.0", f"s{network.nports}p")
    path = folder / "results" / f"{network.name}.{ending}"
    header = provenance(network, engine, deck.text)
    header += [f"measured {kind}: {file.name[:60]}, sha256 {_digest(file)}" for kind, file in options.parts]
    most = sys.maxsize if options.all_points else MOST_FILE
    held, digits, told = fit_for_file(network, version, most)  # type: ignore[arg-type]
    if told:
        header.append(told)
        notes.append(f"{path.name}: {told} (--all-points: all, {network.s.size * 46 / 1e6:.0f} MB)")
    return network, write_touchstone(held, path, version, header, digits)  # type: ignore[arg-type]


def block_page(
    design: Design,
    folder: Path,
    options: Options,
    stand: Stand | None = None,
    sweep: tuple[float | None, float | None, int] = (None, None, 1000),
) -> BlockPage:
    """S-parameters of a block; writes its deck and its Touchstone file. A grid that misses a resonance is refined.

    A chain under bias comes without it as well, and with the figure of what the bias changes.
    """
    from resonet.report.figures import sparam_figure
    from resonet.report.style import save

    stand = stand or layer_stand(design)
    bare = wanted_block(design, options, stand)
    bare = replace(bare, name=bare.name + _parts_tag(options))
    block = replace(bare, name=bare.name + _bias_tag(options.bias))
    f = default_grid(design, options.layer, options.bus, sweep[2], sweep[0], sweep[1])
    seen = seen_resonances(block)
    count = int(missed(f, *seen).sum())
    fine = refine(f, *seen)
    notes = [f"grid refined around {count} resonances: {len(f)} -> {len(fine)} frequencies"] if count else []
    engine = options.engine or default_engine(block)
    channels = np.asarray(find_bus(design, options.layer, options.bus).frequencies, float)
    chain = options.kind == "chain" and block.port_names == ["rf", "far"]
    written = []
    if chain and options.bias:
        silent = replace(wanted_block(design, replace(options, bias=0.0), stand), name=bare.name)
        unbiased, path = _extracted(silent, fine, engine, options, folder, notes)
        written.append(path)
    network, path = _extracted(block, fine, engine, options, folder, notes)
    written.append(path)
    if not chain:
        return BlockPage(block, network, network, engine, channels, np.empty(0), options.bias, written, [], notes)
    if not options.bias:
        unbiased = network
    resonances = resonance_table(design, options.layer, options.method, options.bus)[options.chain]
    drawn = sparam_figure(network, channels, resonances, unbiased if options.bias else None, options.bias)
    figures = save(drawn, folder / "report", f"sparams_{network.name}")
    return BlockPage(block, network, unbiased, engine, channels, resonances, options.bias, written, figures, notes)


def plot_page(network: "Network", channels: Array, kinds: tuple[str, ...], folder: Path) -> list[Path]:
    """Figures of a network by kind, channels marked. Raises InputError."""
    from resonet.report.sparam_figures import PLOTS
    from resonet.report.style import save

    paths = []
    for kind in dict.fromkeys(kinds):
        paths += save(PLOTS[kind](network, np.sort(channels)), folder / "report", f"sparams_{network.name}_{kind}")
    return paths


def readable(file: Path) -> "Network":
    """A Touchstone file, read before anything is computed. Raises InputError."""
    from resonet.sparams.touchstone import read_touchstone

    return read_touchstone(file)


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
    return rows | {"entries": entries}, files


def sheet_json(sheet: "LayerSheet") -> dict[str, Any]:
    """A data sheet for scripts, with the unit of every number; nan becomes null."""

    def plain(values: Array) -> list[float | None]:
        return [float(v) if np.isfinite(v) else None for v in values]

    return {
        "layer": sheet.layer,
        "bus": sheet.bus,
        "passed": sheet.passed,
        "units": UNITS,
        "channels": {key: plain(value) for key, value in asdict(sheet.channels).items()},
        "resonances": {key: plain(value) for key, value in asdict(sheet.resonances).items()},
        "isolation": plain(sheet.isolation),
        "rejection": plain(sheet.rejection),
        "limits": [asdict(verdict) for verdict in sheet.verdicts],
    }
