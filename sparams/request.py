"""What is asked of a layer's blocks, and the answer: which block, with which parts, on which frequencies, by whom."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resonet.core.decibel import level
from resonet.core.errors import InputError
from resonet.core.parameters import check_value, parameter, parse
from resonet.core.types import Array
from resonet.core.watching import Done
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method
from resonet.sparams.block import Block, pick_ports, with_impedance
from resonet.sparams.build import Stand
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

__all__ = [
    "Options",
    "SolvedBlock",
    "Units",
    "check_parts",
    "file_digest",
    "layer_parts",
    "solve_block",
    "wanted_block",
]

OPTION_OF = {
    "tuning": "--sweep tuning",
    "temperature": "--sweep temperature",
    "width": "--tuning-width",
    "tolerance": "--passive-tolerance",
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
    def si(cls, name: str, text: float | str) -> float:
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
class SolvedBlock:
    """A block's S-parameters."""

    block: Block
    network: "Network"
    silent: Block | None  # a chain under bias: the same without it
    unbiased: "Network"  # its network; the same network where there is no bias
    engine: Engine
    f: Array  # Hz, of all of them
    channels: Array  # Hz, of the bus
    resonances: Array  # Hz, of the chain, from the feed to the far end; none for other blocks
    bias: float  # A
    notes: tuple[str, ...]

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


def file_digest(file: Path) -> str:
    """SHA-256 of a measured part's file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _parts_tag(options: Options) -> str:
    """What tells results with measured parts from others: kinds, and first digits of the files' hashes."""
    return "".join(f"_{kind}{file_digest(file)[:6]}" for kind, file in sorted(options.parts))


def _network(block: Block, f: Array, engine: Engine, method: Method) -> "Network":
    """The block's network, named after block, engine and program."""
    network = extract(block, f, engine)
    network.name = f"{block.name}_{engine.replace('-', '_')}_{method}"
    return network


def solve_block(
    design: Design,
    options: Options,
    stand: Stand | None = None,
    sweep: tuple[float | None, float | None, int] = (None, None, 1000),
) -> SolvedBlock:
    """S-parameters of a block, on frequencies from `sweep`: lowest, highest (Hz), number per decade.

    A grid that misses a resonance is refined. A chain under bias comes without it as well. Raises InputError,
    EngineError.
    """
    stand = stand or layer_stand(design)
    bare = wanted_block(design, options, stand)
    bare = replace(bare, name=bare.name + _parts_tag(options))
    block = replace(bare, name=bare.name + _bias_tag(options.bias))
    f = default_grid(design, options.layer, options.bus, sweep[2], sweep[0], sweep[1])
    seen = seen_resonances(block)
    count = int(missed(f, *seen).sum())
    fine = refine(f, *seen)
    notes = (f"grid refined around {count} resonances: {len(f)} -> {len(fine)} frequencies",) if count else ()
    engine = options.engine or default_engine(block)
    channels = np.asarray(find_bus(design, options.layer, options.bus).frequencies, float)
    chain = options.kind == "chain" and block.port_names == ["rf", "far"]
    silent, unbiased = None, None
    if chain and options.bias:
        silent = replace(wanted_block(design, replace(options, bias=0.0), stand), name=bare.name)
        unbiased = _network(silent, fine, engine, options.method)
    network = _network(block, fine, engine, options.method)
    resonances = np.empty(0)
    if chain:
        resonances = resonance_table(design, options.layer, options.method, options.bus)[options.chain]
    made = (engine, fine, channels, resonances, options.bias, notes)
    return SolvedBlock(block, network, silent, unbiased or network, *made)
