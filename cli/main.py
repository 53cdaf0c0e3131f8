"""The `resonet` command: parses, calls one function of the packages, prints.

Exit status: 0 fine, 1 the physics, the input or the engine says no (one line on stderr), 2 wrong usage.
"""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from resonet.cli.calibrate import calibrate_command
from resonet.cli.clean import clean_command
from resonet.cli.crossbar import crossbar_command
from resonet.cli.device import device_command
from resonet.cli.layout import layout_command
from resonet.cli.levels import levels_command
from resonet.cli.plan import plan_command
from resonet.cli.quantise import quantise_command
from resonet.cli.run import run_command
from resonet.cli.share import share_command
from resonet.cli.show import err, out, percent, print_json, print_table, progress, summary_json, summary_table
from resonet.cli.sneak import sneak_command
from resonet.cli.sparams import sparams_command
from resonet.cli.status import status_command
from resonet.cli.sweep import sweep_command
from resonet.core.errors import InputError
from resonet.cosim.ngspice.run import EngineError

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Circuit-level netlists and SPICE co-simulation of CNNs on radio-frequency spintronic hardware.",
)

MUCH_CLIPPED = 0.01  # share of a layer's inputs from which on a warning is due

Folder = Annotated[Path, typer.Argument(help="Design folder that `resonet compile` wrote.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of tables.")]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="ngspice processes at once (default: one a core).")]
Layer = Annotated[str, typer.Option("--layer", help="Layer, as `resonet compile` names it: conv1, dense1, ...")]
Chosen = Annotated[
    Literal["coupled", "formula", "calibrated"], typer.Option("--program", help="How the resonators are programmed.")
]
Programs = Annotated[
    Literal["all", "formula", "coupled", "calibrated"], typer.Option("--program", help="Only this program.")
]


def _numbers(text: str, kind: type, option: str, example: str) -> tuple[float, ...]:
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r}: numbers separated by commas are expected, such as {example}", param_hint=option
        ) from None


def _files(title: str, paths: list[Path]) -> None:
    out.print(f"{title}: " + ", ".join(str(path) for path in paths), soft_wrap=True, markup=False)


@app.command("compile")
def compile_command(
    model: Annotated[Path, typer.Argument(help="Trained CNN as an ONNX file.")],
    folder: Annotated[Path, typer.Option("-o", "--out", help="Design folder to write.")],
    calibration: Annotated[
        Path | None, typer.Option(help="Images (.npz) that set the scale of every layer's input; else a safe bound.")
    ] = None,
    design: Annotated[Path | None, typer.Option(help=r"TOML file with \[device], \[bus], \[plan] tables.")] = None,
    preset: Annotated[str | None, typer.Option(help="Device from the literature, such as vortex_mtj.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help='One parameter, such as --set bus.node_capacitance="0.1 fF".')
    ] = None,
    input_shape: Annotated[
        str | None, typer.Option(help="Shape of one image where the file leaves it open, such as 1,28,28.")
    ] = None,
    input_range: Annotated[str, typer.Option(help="Pixel range, used without --calibration.")] = "0,1",
    force: Annotated[
        bool, typer.Option("--force", help="Replace another design in that folder; results stay where they still hold.")
    ] = False,
    as_json: Json = False,
) -> None:
    """CNN -> design folder: plan, program, graph, decks.

    Example: resonet compile mnist.onnx -o build --calibration images.npz --set plan.tile=32
    """
    from resonet.cosim.weights.summary import summarise
    from resonet.netlist.design.design import compile_cnn
    from resonet.netlist.design.folder import write_design
    from resonet.netlist.design.parameters import read_parameters
    from resonet.netlist.network.images import read_images
    from resonet.netlist.network.onnx.read import read_cnn

    shape = _numbers(input_shape, int, "--input-shape", "1,28,28") if input_shape else None
    low_high = _numbers(input_range, float, "--input-range", "0,1")
    if len(low_high) != 2:
        raise typer.BadParameter(f"{input_range!r}: two numbers are expected", param_hint="--input-range")
    parameters = read_parameters(design, settings or (), preset)
    known_shape = tuple(int(n) for n in shape) if shape else None
    images = read_images(calibration, read_cnn(model, known_shape).input_shape) if calibration else None
    made = compile_cnn(model, parameters, images, known_shape, (low_high[0], low_high[1]))
    with progress("write decks", 2 * len(made.plan.layers)) as done:
        decks = write_design(made, model, folder, done, force)
    rows = summarise(made)
    residuals = {p.layer: p.residual for p in made.programs["coupled"].layers}
    fills = {row.name: made.fill(row.name) for row in rows}
    if as_json:
        layers = [
            row
            | {"fill": fills[row["name"]], "coupled_residual": residuals[row["name"]]}
            | {"input_scale": asdict(made.scales[row["name"]])}
            for row in summary_json(rows)
        ]
        print_json({"folder": folder, "decks": decks, "notes": made.cnn.notes, "layers": layers})
        return
    summary_table(f"{made.cnn.file}: {decks} decks in {folder}", rows)
    for note in made.cnn.notes:
        out.print(f"note: {note}", markup=False)
    for layer, fill in fills.items():
        if 0 < fill < 0.99 * made.plan.options.fill:
            used = f"{percent(fill, 0)} of a resonator's range, not {percent(made.plan.options.fill, 0)}"
            out.print(
                f"note: layer {layer}: its largest weight takes {used}: only so do all chains hold their weights",
                soft_wrap=True,
            )
    for layer, residual in residuals.items():
        if residual > 1e-6:
            err.print(
                f"warning: layer {layer}: some chains cannot hold their weights (off by up to {percent(residual)} of "
                "the largest even without parasitics); possible: smaller plan.tile or plan.fill, wider band, "
                "lower damping",
                soft_wrap=True,
            )


@app.command()
def crosstalk(
    folder: Folder,
    layer: Annotated[list[str] | None, typer.Option("--layer", help="Only these layers.")] = None,
    program: Programs = "all",
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Effective weights against trained weights, and who disturbs whom.

    Example: resonet crosstalk build --layer conv1
    """
    from resonet.cosim.weights.store import count_decks, stored_effective_weights
    from resonet.cosim.weights.summary import summarise
    from resonet.netlist.design.folder import load_design

    design = load_design(folder)
    methods = tuple(design.programs) if program == "all" else (program,)
    layers = layer or [entry.layer.name for entry in design.plan.layers]
    for name in layers:
        design.plan.layer(name)
    with progress("ngspice, RF and DC passes", len(methods) * count_decks(design, layers)) as done:
        effective = {m: stored_effective_weights(folder, design, m, layers, jobs, done) for m in methods}
    rows = summarise(design, effective)
    from resonet.cli.pages import weights_page

    figures = weights_page(folder, effective)
    if as_json:
        print_json({"layers": summary_json(rows), "figures": figures})
        return
    summary_table(f"{design.cnn.file}: weights that the circuit holds (errors: part of the largest weight)", rows)
    for row in rows:
        if row.worst_aggressor:
            out.print(
                f"{row.name}: worst aggressor {row.worst_aggressor_db:.1f} dB, {row.worst_aggressor}", markup=False
            )
    _files("figures", figures)


app.command("sparams")(sparams_command)


@app.command()
def accuracy(
    folder: Folder,
    data: Annotated[Path, typer.Option("--data", help="Labelled images: .npz with images [n, ...] and labels [n].")],
    program: Programs = "all",
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Software against circuit accuracy on the same images.

    Example: resonet accuracy build --data test.npz
    """
    from resonet.cli.pages import accuracy_page
    from resonet.cosim.weights.inference import accuracy as measure
    from resonet.cosim.weights.store import count_decks, stored_effective_weights
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.network.forward import propagate
    from resonet.netlist.network.images import read_images

    design = load_design(folder)
    images = read_images(data, design.cnn.input_shape)
    methods = tuple(design.programs) if program == "all" else (program,)
    layers = [entry.layer.name for entry in design.plan.layers]
    with progress("ngspice, RF and DC passes", len(methods) * count_decks(design, layers)) as done:
        effective = {m: stored_effective_weights(folder, design, m, jobs=jobs, done=done) for m in methods}
    with progress("images through the circuit", (1 + len(methods)) * -(-len(images.images) // 500)) as done:
        software = propagate(design.cnn, images.images, done=done)
        found = {m: measure(design, effective[m], images, done, software) for m in methods}
    first = next(iter(found.values()))
    shares = {"software": first.software} | {f"circuit, {m}": found[m].circuit for m in methods}
    figures = accuracy_page(folder, shares, first.images)
    if as_json:
        shown: dict[str, float] = {"images": first.images, "software": first.software}
        shown |= {f"circuit_{m}": found[m].circuit for m in methods}
        shown |= {f"same_class_{m}": found[m].same_class for m in methods}
        print_json({"accuracy": shown, "clipped": first.clipped, "figures": figures})
        return
    rows = [("software", percent(first.software), "-")]
    rows += [(f"circuit, {m}", percent(found[m].circuit), percent(found[m].same_class)) for m in methods]
    columns = {"network": "left", "accuracy": "right", "same class as software": "right"}
    print_table(f"{images.file}: {first.images:,} images", columns, rows)
    for name, share in first.clipped.items():
        if share > MUCH_CLIPPED:
            scale = design.scales[name]
            err.print(
                f"warning: layer {name}: {percent(share)} of its inputs lie beyond {0 - scale.offset:g} ... "
                f"{scale.full_scale - scale.offset:g}, which its tones carry, and are cut off; possible: compile with "
                "--calibration, or with --input-range of these images",
                soft_wrap=True,
            )
    _files("figures", figures)


@app.command()
def transient(
    folder: Folder,
    layer: Layer,
    chain: Annotated[int, typer.Option(min=0, help="Chain of the layer's first bus.")] = 0,
    resonators: Annotated[
        int | None, typer.Option(min=1, help="Keep only so many, evenly spaced (default: all).")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Images; the brightest patch of the first 16 sets the tones.")
    ] = None,
    points: Annotated[
        float | None, typer.Option(help="Time points per period of the highest tone (default: 20; 60 if not by tones).")
    ] = None,
    prewarp: Annotated[
        Literal["tones", "tank", "none"], typer.Option(help="What is moved against the integrator's error.")
    ] = "tones",
    program: Chosen = "coupled",
    as_json: Json = False,
) -> None:
    """The referee: one chain in the time domain, against the two-pass result.

    Without --data every tone has half of p_max. Example: resonet transient build --layer conv1 --resonators 9
    """
    import numpy as np

    from resonet.cosim.referee.chain import patch_powers
    from resonet.cosim.referee.chain import transient as run
    from resonet.netlist.design.folder import load_design, write_deck
    from resonet.netlist.network.images import read_images

    design = load_design(folder)
    size = design.plan.layer(layer).buses[0].size[1]
    if resonators is not None and resonators > size:
        raise InputError(f"layer {layer}: {resonators} resonators of a chain of {size}; possible: 1 ... {size}")
    if data:
        images = read_images(data, design.cnn.input_shape).images[:16]
        powers = patch_powers(design, layer, images, resonators)
    else:
        powers = np.full(resonators or size, 0.5 * design.plan.options.p_max)
    with progress("ngspice, transient", 1) as done:
        result, deck = run(design, layer, program, powers, chain, points, prewarp)
        done()
    path = write_deck(deck, folder / "decks" / program)
    if as_json:
        print_json(asdict(result) | {"difference_of_full_scale": abs(result.difference_of_full_scale), "deck": path})
        return
    columns = {"chain": "left", "transient": "right", "two-pass": "right", "difference / full scale": "right"}
    row = (
        f"{layer}, chain {chain}, {result.resonators} resonators",
        f"{result.transient * 1e6:.3f} uV",
        f"{result.two_pass * 1e6:.3f} uV",
        percent(result.difference_of_full_scale, 4),
    )
    print_table(f"pre-warp: {prewarp}; full scale {result.full_scale * 1e6:.1f} uV = K_SD p_max", columns, [row])
    _files("deck", [path])


app.command("calibrate")(calibrate_command)
app.command("crossbar")(crossbar_command)
app.command("device")(device_command)
app.command("quantise")(quantise_command)
app.command("share")(share_command)
app.command("plan")(plan_command)
app.command("layout")(layout_command)
app.command("sneak")(sneak_command)
app.command("sweep")(sweep_command)
app.command("status")(status_command)
app.command("clean")(clean_command)
app.command("run")(run_command)
app.command("levels")(levels_command)


@app.command()
def doctor(as_json: Json = False) -> None:
    """What is installed, what is missing, how to get it.

    Example: resonet doctor
    """
    from resonet.cli.doctor import examine

    findings = examine()
    missing = [f for f in findings if f.needed and not f.found]
    if as_json:
        print_json({"ok": not missing, "findings": [asdict(f) for f in findings]})
    else:
        rows = [
            (f.name, f.found or ("MISSING" if f.needed else "not here"), "" if f.found else f.remedy) for f in findings
        ]
        print_table("resonet doctor", {"what": "left", "found": "left", "how to get it": "left"}, rows)
    if missing:
        raise typer.Exit(1)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("-o", "--out", help="Design folder to write.")] = Path("demo"),
    jobs: Jobs = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another design in that folder.")] = False,
    as_json: Json = False,
) -> None:
    """The main job on the shipped MNIST network: compile, simulate, compare, draw.

    Example: resonet demo -o demo
    """
    from resonet.cli.demo import demo_json, run_demo, show_demo

    result = run_demo(folder, jobs, progress, force)
    if as_json:
        print_json(demo_json(result))
    else:
        show_demo(result)


def _complain(message: str) -> None:
    err.print(f"resonet: {' '.join(message.split())}", style="red", markup=False, soft_wrap=True)


def main() -> None:
    """Entry point: turns what a user can cause into one line and an exit status."""
    try:
        app(prog_name="resonet")
    except (InputError, EngineError) as error:
        _complain(str(error))
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; so do we
        sys.exit(1)
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
        sys.exit(1)


if __name__ == "__main__":
    main()
