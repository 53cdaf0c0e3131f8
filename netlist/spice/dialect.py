"""How a deck is spelled: the only place that knows a simulator's syntax. `Dialect` is ngspice's.

Another simulator is a subclass that overrides what it spells otherwise (netlist/spice/registry.py finds it).
`format_` gives one line or a part of one, `write_` gives several lines, `..._of` gives the name of a quantity or an
element. Numbers come as text, with as many digits as the deck wants; where a float is taken, all of its digits count.
Names of elements begin with SPICE's letter for their kind; a node is a name, "0" is ground.
"""

from collections.abc import Iterable, Mapping, Sequence

from resonet.spice_lib.library import library

__all__ = ["NGSPICE", "Dialect", "numbers"]


def numbers(digits: int, **values: float) -> dict[str, str]:
    """Values as text of so many significant digits, by name."""
    return {name: f"{value:.{digits}g}" for name, value in values.items()}


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else repr(value)


class Dialect:
    """Syntax of ngspice."""

    name = "ngspice"

    # What a deck consists of.

    def write_head(self, name: str, what: str, lib: str, devices: Iterable[str]) -> list[str]:
        """First line, what the deck is, and the libraries of its devices; `lib` is where they are, from the deck."""
        files = sorted({library()[device].file for device in devices})
        title = f"resonet {name}: {what}" if what else f"resonet {name}"
        return [self.format_comment(title), *(self.format_include(f"{lib}/{file}") for file in files)]

    def with_lines(self, text: str, lines: Iterable[str]) -> str:
        """The text of a deck with more lines before its commands."""
        head, control, rest = text.partition("\n.control\n")
        return "\n".join([head, *lines]) + control + rest

    def write_control(self, commands: Iterable[str]) -> list[str]:
        """What is to be done, and the end of the deck: without `quit` a bare batch run ends with status 1."""
        return [".control", "set filetype=binary", *commands, "quit", ".endc", ".end", ""]

    def write_runs(self, name: str, analyses: Sequence[str] = ("run",), vectors: Sequence[str] = ()) -> list[str]:
        """`write_control` of analyses one after the other, all of them into the raw file of the deck of that name."""
        commands: list[str] = []
        for number, analysis in enumerate(analyses):
            commands += [self.format_append()] if number == 1 else []
            commands += [analysis, self.format_write(name, vectors)]
        return self.write_control(commands)

    def format_comment(self, text: str) -> str:
        """A line for people; the first line of a deck is one."""
        return f"* {text}"

    def format_parameter(self, name: str, value: str) -> str:
        """A parameter of the whole deck, for `format_product`."""
        return f".param {name}={value}"

    def format_product(self, value: str, times: Sequence[str] = (), over: Sequence[str] = ()) -> str:
        """A number times some parameters of the deck, divided by others."""
        return "{" + "*".join([value, *times]) + "".join(f"/{name}" for name in over) + "}"

    def format_include(self, path: str) -> str:
        """Another file, in place of this line."""
        return f'.include "{path}"'

    def format_save(self, vectors: Iterable[str]) -> str:
        """Which quantities a raw file gets, of all analyses."""
        return ".save " + " ".join(vectors)

    def write_saves(self, vectors: Sequence[str], each: int) -> list[str]:
        """The same in lines of at most `each`."""
        return [self.format_save(vectors[at : at + each]) for at in range(0, len(vectors), each)]

    def format_fixed_step(self, reltol: str = "1e-6", vntol: str = "1e-10", abstol: str = "1e-14") -> str:
        """Trapezoids whose step no estimate of the truncation error ever shortens (trtol).

        The DC output is a thousandth of the RF on the same node, so Newton must converge far below it.
        """
        return f".options method=trap reltol={reltol} vntol={vntol} abstol={abstol} trtol=1e5"

    def format_pivots(self, least: str = "0.1") -> str:
        """Elements that equations are solved by: at least that part of the largest of their column.

        ngspice's own 0.001 loses up to eight digits where bias tees and nodes of a few fF, or chokes and leaks of 1 TΩ,
        stand side by side.
        """
        return f".options pivrel={least}"

    def format_initial(self, volts: Mapping[str, str]) -> str:
        """Voltages of nodes at the start of a transient."""
        return ".ic " + " ".join(f"{self.voltage_of(node)}={value}" for node, value in volts.items())

    # Elements and instances.

    def format_instance(
        self, name: str, nodes: Iterable[str], subcircuit: str, parameters: Mapping[str, str] | None = None
    ) -> str:
        """A subcircuit between nodes."""
        return " ".join([name, *nodes, subcircuit, *(f"{key}={value}" for key, value in (parameters or {}).items())])

    def write_subcircuit(self, name: str, pins: Iterable[str], body: Iterable[str]) -> list[str]:
        """Definition of a subcircuit."""
        return [f".subckt {name} {' '.join(pins)}", *body, f".ends {name}"]

    def format_element(self, name: str, nodes: Iterable[str], value: str) -> str:
        """Resistor (ohm), inductor (H), capacitor (F), or current source of a voltage (g..., four nodes, S)."""
        return f"{name} {' '.join(nodes)} {value}"

    def format_coupling(self, name: str, first: str, second: str, factor: str) -> str:
        """Coupling factor of two inductors."""
        return f"{name} {first} {second} {factor}"

    def format_transresistance(self, name: str, a: str, b: str, ammeter: str, ohm: str) -> str:
        """Voltage source between two nodes, of the current through an ammeter."""
        return f"{name} {a} {b} {ammeter} {ohm}"

    def format_current_copy(self, name: str, a: str, b: str, ammeter: str, factor: str) -> str:
        """Current source from a through itself to b, of the current through an ammeter."""
        return f"{name} {a} {b} {ammeter} {factor}"

    def format_ammeter(self, name: str, a: str, b: str) -> str:
        """Short circuit whose current others can refer to."""
        return f"{name} {a} {b} 0"

    def format_source(self, name: str, a: str, b: str, dc: str = "", ac: str = "", wave: str = "") -> str:
        """Voltage (v...) or current source (i..., from a through itself to b): DC, small-signal magnitude, in time."""
        parts = [f"dc {dc}" if dc else "", f"ac {ac}" if ac else "", wave]
        return " ".join([name, a, b, *(part for part in parts if part)])

    def format_sine(self, peak: str, frequency: str, phase: str = "") -> str:
        """Sine around 0 from time 0 on; Hz, degrees."""
        return f"sin(0 {peak} {frequency} 0 0 {phase})" if phase else f"sin(0 {peak} {frequency})"

    def format_port(self, name: str, node: str, number: int, impedance: str) -> str:
        """Port of an S-parameter analysis against ground, counted from 1; ohm."""
        return f"{name} {node} 0 dc 0 ac 1 portnum {number} z0 {impedance}"

    # Analyses: as a command, or with `format_analysis` as a line of the deck that `run` obeys.

    def format_analysis(self, command: str) -> str:
        """An analysis as a line of the deck."""
        return f".{command}"

    def format_op(self) -> str:
        """Operating point."""
        return "op"

    def format_ac(self, scale: str, number: int, low: float | str, high: float | str) -> str:
        """Small signals from low to high, Hz: `lin` number of points in all, `dec` points a decade."""
        return f"ac {scale} {number} {_text(low)} {_text(high)}"

    def format_sp(self, scale: str, number: int, low: float | str, high: float | str) -> str:
        """S-parameters between the ports, frequencies as of `format_ac`."""
        return f"sp {scale} {number} {_text(low)} {_text(high)}"

    def format_noise(
        self, output: str, source: str, scale: str, number: int, low: float | str, high: float | str
    ) -> str:
        """Noise of a voltage, also as if it came from a source, frequencies as of `format_ac`."""
        return f"noise {output} {source} {scale} {number} {_text(low)} {_text(high)}"

    def format_tran(self, step: float, stop: float, initial: bool = False) -> str:
        """Time domain in steps of that length, s; `initial`: from the voltages given, without an operating point."""
        return f"tran {step!r} {stop!r} 0 {step!r}" + (" uic" if initial else "")

    # Commands between analyses.

    def format_write(self, name: str, vectors: Iterable[str] = ()) -> str:
        """The last analysis into the raw file of the deck of that name: what was saved, or just those vectors."""
        return " ".join([f"write {name}.raw", *vectors])

    def format_append(self) -> str:
        """From here on each analysis is put behind the one before in the raw file."""
        return "set appendwrite"

    def format_forget(self, everything: bool = False) -> str:
        """Free the memory of the last analysis, or of all."""
        return "destroy all" if everything else "destroy"

    def format_alter(self, element: str, value: str, parameter: str = "") -> str:
        """New value of an element, or of one of its parameters."""
        return f"alter {element} {parameter} = {value}" if parameter else f"alter {element} = {value}"

    def format_alter_source(self, source: str, parameter: str, value: str) -> str:
        """New magnitude (`acmag`) or phase in degrees (`acphase`) of a source's small signal."""
        return f"alter @{source}[{parameter}] = {value}"

    # Names in commands and in the raw file; `inside`: the instance that holds the element or node.

    def voltage_of(self, node: str, inside: str = "") -> str:
        """Voltage of a node against ground."""
        return f"v({inside}.{node})" if inside else f"v({node})"

    def current_of(self, source: str, inside: str = "") -> str:
        """Current through a voltage source."""
        return f"i({self.element_of(source, inside)})"

    def element_of(self, element: str, inside: str = "") -> str:
        """An element."""
        return f"{element[0]}.{inside}.{element}" if inside else element

    def scattering_of(self, i: int, j: int) -> str:
        """S_ij, ports counted from 1, as `format_write` takes it."""
        return f"s_{i}_{j}"

    def write_scattering(self, ports: int) -> list[str]:
        """All S_ij of so many ports, row by row, as `format_write` takes them."""
        return [self.scattering_of(i, j) for i in range(1, ports + 1) for j in range(1, ports + 1)]


NGSPICE = Dialect()
