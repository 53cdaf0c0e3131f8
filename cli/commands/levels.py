"""`resonet levels`: the level diagram of a network's cascade."""

import math
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resonet.cli.faults import complain
from resonet.cli.noise_tables import show_budget
from resonet.cli.options import FittedToo, Folder, Json, Neurons, WeightEngine
from resonet.cli.registry import Command
from resonet.cli.saturating import ResonatorLaw
from resonet.cli.show import answer, engineering, percent, print_files, print_table
from resonet.cli.witnesses import tell_engine, witness_json

if TYPE_CHECKING:
    from resonet.cosim.cascade.level_diagrams import LayerLevels, LevelDiagram, ToneLevel
    from resonet.cosim.noise.budget import LayerBudget

__all__ = ["COMMAND"]


def _plain(value: float, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:.1f} {unit}"


def _tone(buses: bool, lines: bool, tone: "ToneLevel") -> tuple[str, ...]:
    """A tone's way from its source to its resonator, beside tones on buses or on strip lines."""
    from resonet.cosim.cascade.level_diagrams import dbm

    def power(watts: float) -> str:
        return f"{dbm(watts):.1f}"

    on_bus = tone.feed == "bus"
    split = (str(tone.ways), power(tone.source), power(tone.splitter)) if on_bus else ("-", power(tone.source), "-")
    way = [*(split if buses else split[1:2]), power(tone.bus), power(tone.resonator)]
    return (
        *(tone.layer, tone.which, f"{tone.frequency / 1e9:.3f}", f"{tone.part:.3g}"),
        *(way if not lines else [*way, power(tone.weakest)]),
    )


def _neuron(tone: "ToneLevel") -> tuple[str, ...]:
    """What makes a tone."""
    from resonet.cosim.cascade.level_diagrams import dbm

    own = tone.neuron
    assert own is not None
    return (
        tone.layer,
        tone.which,
        f"{1e6 * own.voltage:.2f}",
        f"{1e6 * own.current:.2f}",
        f"{own.overdrive:.3f}",
        f"{dbm(own.oscillator):.1f}",
        f"{dbm(own.amplifier):.1f}",
        f"{dbm(own.p1db) - dbm(own.amplifier):.1f}",
    )


def _noise(layer: "LayerLevels", budget: "LayerBudget") -> tuple[str, ...]:
    from resonet.cosim.cascade.level_diagrams import dbm

    return (
        layer.layer,
        f"{dbm(layer.tone_noise):.1f} dBm",
        "-" if math.isnan(layer.amplifier_noise) else f"{dbm(layer.amplifier_noise):.1f} dBm",
        engineering(budget.bandwidth, "Hz"),
        f"{1e9 * budget.density:.3g}",
        f"{1e6 * layer.chain_noise:.3g} uV",
        f"{1e6 * layer.full_scale:.3g} uV",
        percent(layer.chain_noise / layer.full_scale, 1) if layer.full_scale else "-",
        str(layer.worst_neuron),
        percent(layer.chain_noise / layer.worst_full_scale, 1) if layer.worst_full_scale else "-",
    )


def _headroom(layer: "LayerLevels") -> tuple[str, ...]:
    return (
        layer.layer,
        f"{round(layer.p_max, 2) + 0.0:.2f} dB",
        f"{layer.linear:.1f} dB",
        percent(layer.beyond),
        "-" if math.isnan(layer.overdrive) else f"{layer.overdrive:.3f}",
        _plain(layer.clamp, "dB"),
        "-" if math.isnan(layer.clipped) else percent(layer.clipped),
        _plain(layer.p1db, "dB"),
    )


def _full_tones(layer: "LayerLevels") -> tuple[str, ...]:
    """How strong full tones are, where they are not alike."""
    return layer.layer, f"{layer.weakest:.3g}", f"{10 * math.log10(layer.weakest):.1f} dB", f"{layer.mean:.3g}"


def _show(diagram: "LevelDiagram", title: str) -> None:
    """The tables."""
    buses, lines = ({tone.feed for tone in diagram.tones} >= {feed} for feed in ("bus", "stripline"))
    headings = ("channel\nGHz", "part of\np_max", *(("split", "source", "behind\nsplitter") if buses else ("source",)))
    headings += (
        "at bus\nor line" if buses and lines else "at bus" if buses else "on the\nstrip line",
        "in reso-\nnator",
    )
    headings += ("in the\nweakest",) if lines else ()
    columns = {"into": "left", "tone": "left"} | dict.fromkeys(headings, "right")
    print_table(f"{title}: tones, dBm", columns, map(partial(_tone, buses, lines), diagram.tones))
    if any(layer.weakest < 1 for layer in diagram.layers):
        columns = {"into": "left"} | dict.fromkeys(("weakest, part\nof p_max", "below\np_max", "mean\npart"), "right")
        print_table("full tones (plan.levels)", columns, map(_full_tones, diagram.layers))
    made = [tone for tone in diagram.tones if tone.neuron]
    if made:
        names = ("chains\nuV", "drive\nuA", "drive\nI/I_th", "oscillator\ndBm", "amplifier\ndBm", "to P1dB\ndB")
        columns = {"into": "left", "tone": "left"} | dict.fromkeys(names, "right")
        print_table("what makes them", columns, map(_neuron, made))
    floors = (
        "kTB in a\nlinewidth",
        "amplifiers\nin it",
        "noise\nbandwidth",
        "density\nnV/rtHz",
        "chains\nrms",
        "chains\nfull scale",
        "noise /\nscale",
        "worst\nneuron",
        "noise /\nits scale",
    )
    columns = {"layer": "left"} | dict.fromkeys(floors, "right")
    rows = map(_noise, diagram.layers, diagram.budgets)
    print_table(f"noise floors at {diagram.temperature:g} K", columns, rows)
    show_budget(diagram.budgets)
    left = ("to p_max", "to linear\nlimit", "inputs\nbeyond", "largest\nI/I_th", "to clamp", "clipped", "to P1dB")
    print_table("headroom", {"layer": "left"} | dict.fromkeys(left, "right"), map(_headroom, diagram.layers))


def levels_command(
    folder: Folder,
    neurons: Neurons = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Calibration images (default: shipped ones that fit).")
    ] = None,
    program: FittedToo = "calibrated",
    engine: WeightEngine = "auto",
    resonators: ResonatorLaw = "linear",
    as_json: Json = False,
) -> None:
    """Level diagram of the cascade: power of a tone stage by stage, noise budget, headrooms.

    Exit status 1 if more than 1 % of the activations drive an oscillator beyond its clamp, or a resonator gets more
    than p_max.

    Example: resonet levels build --data calibration.npz
    """
    from resonet.api.diagrams import levels
    from resonet.report.neuron_figures import level_figure
    from resonet.report.style import save

    found = levels(folder, data, neurons=neurons, program=program, engine=engine, resonators=resonators)
    diagram, wrong, checked = found.diagram, list(found.faults), found.witness
    figures = save(level_figure(diagram), folder / "report", "levels")
    page = {"levels": asdict(diagram), "program": program, "resonators": resonators, "faults": wrong}
    if not answer(as_json, page | witness_json(engine, checked) | {"figures": figures}):
        law = ", saturating resonators" if resonators == "saturating" else ""
        _show(diagram, f"{found.hardware.holder.cnn.file}, {diagram.images} images of {found.data.file}{law}")
        tell_engine(engine, checked)
        print_files("figures", figures)
    for line in wrong:
        complain(line)
    if wrong:
        raise typer.Exit(1)


COMMAND = Command("analyse", levels_command)
