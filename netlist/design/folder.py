"""The design folder: plain files, whole or not at all.

design.toml     every parameter, resolved, and the scales of every layer
model.onnx      the network it was compiled from
program.npz     channels, levels and resonance frequencies
fitted.npz      those of saturating resonators, fitted on data by `resonet calibrate --on-data`
calibrated.npz  resonance frequencies and scales after `resonet calibrate`; earlier.npz those of the design before
graph.graphml   blocks and nets; of large designs when somebody asks for it
decks/lib/      the subcircuits;  decks/formula/, decks/coupled/ ...: decks that run with a bare `ngspice -b`, those of
                large designs when somebody asks for them (netlist/design/decks.py);  decks/index.csv: which there are
results/        what was simulated, each file with the hash of what it was computed from
runs/           what each command printed and wrote, with the hash of what it depended on
seen.json       hashes of large files that have not changed (core/seen.py)
"""

import hashlib
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.files import _note, naming, new_file, read_toml, sync_file
from resonet.core.leftovers import draft_path, forget_draft, sweep_design
from resonet.core.npz import write_arrays
from resonet.core.parameters import plain_number, table_from_record
from resonet.core.seen import Seen, seen
from resonet.core.watching import Done, nothing
from resonet.netlist.bus.graph import write_graphml
from resonet.netlist.design.archive import (
    layer_channels,
    neuron_scale_arrays,
    program_archive,
    read_neuron_scales,
    read_program,
    read_weight_scales,
    sealed,
)
from resonet.netlist.design.commented import commented
from resonet.netlist.design.decks import few_decks, layer_decks, remove_decks, write_decks, write_index
from resonet.netlist.design.design import Design
from resonet.netlist.design.earlier import EARLIER, keep_earlier
from resonet.netlist.design.fitted_file import read_fitted, store_fitted
from resonet.netlist.design.model_table import (
    check_derived,
    derived_hash,
    lacking_plugins,
    printable,
    stored_output,
    stored_pixels,
    used_plugins,
    weight_table,
)
from resonet.netlist.design.parameters import CORNER, SECTIONS, TABLES, UNPROGRAMMED, Parameters, read_parameters
from resonet.netlist.design.replacing import CALIBRATED, carry_over, exchange, refuse_loss
from resonet.netlist.design.written import warn_of_edits
from resonet.netlist.network.cnn import Cnn, fitted_layers, inner_layers
from resonet.netlist.network.neuron_scales import scaled_network
from resonet.netlist.network.onnx.external import model_bytes
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.frequency_plan import FrequencyPlan, plan
from resonet.netlist.planning.powers import check_powers
from resonet.netlist.planning.scales import InputScale
from resonet.netlist.programming.methods import COMPILED, Method, Program

__all__ = ["load_design", "write_calibrated", "write_design", "write_fitted"]

# Defaults that older designs do not know.
NEW_IN_PLAN = {"scale": "auto", "gain_range": 1e3, "reach": 1.0, "levels": "equal"}
OLD_IN_BUS = (  # parameters that they do know
    *("impedance", "combiner_loss", "block_capacitance", "choke_inductance", "choke_resistance", "bypass_capacitance"),
    *("node_capacitance", "readout_resistance"),
)
SOURCES = ("design.toml", "model.onnx", "program.npz")  # what everything else is made from


def _parameter_tables(parameters: Parameters) -> dict[str, Any]:
    return {name: table_from_record(getattr(parameters, name)) for name in SECTIONS}


def _fingerprint(cnn: Cnn, tables: dict[str, Any]) -> str:
    """Hash of what a program is made from: the model, which output of it, and every parameter."""
    # Designs of versions without scales of neurons, reach, or RF options of a bus, stay what they were.
    plain = {name: value for name, value in tables["plan"].items() if NEW_IN_PLAN.get(name) != value}
    usual, bus = table_from_record(SECTIONS["bus"]()), tables["bus"]
    old = {name: value for name, value in bus.items() if name in OLD_IN_BUS or value != usual[name]}
    tables = tables | {"plan": plain, "bus": old}
    made_from = [cnn.sha256, tables] + [cnn.head] * bool(cnn.head)
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _neuron_table(design: Design, name: str) -> dict[str, Any]:
    """What is to be known of the transconductors of a layer with neurons, if their curve is not straight."""
    neuron = design.neuron(name)
    found: dict[str, Any] = {"neuron_pieces": neuron.curve.pieces} if neuron.curve else {}
    if neuron.error:
        low, high = design.sums[name]
        found |= {"neuron_error_max": neuron.error.largest, "neuron_error_rms": neuron.error.rms}
        found |= {"sums_low": low, "sums_high": high}
    return found


def _sums(path: Path, tables: Any, cnn: Cnn) -> dict[str, tuple[float, float]]:
    """Sums that the fitted neurons of a network are fitted over, out of design.toml."""
    found = {}
    for name in fitted_layers(cnn):
        try:
            low, high = (float(tables[name][key]) for key in ("sums_low", "sums_high"))
        except (KeyError, TypeError, ValueError, OverflowError):
            low = high = math.nan
        if not -math.inf < low <= high < math.inf:
            raise InputError(f"{path}: layers.{name}: sums missing or impossible; possible: compile again")
        found[name] = low, high
    return found


def _tables(design: Design, network: bytes) -> dict[str, Any]:
    """The content of design.toml, for a network that is the ONNX file `network`."""
    layers, inner = {}, {layer.name for layer in inner_layers(design.cnn)}
    for number, entry in enumerate(design.plan.layers):
        layer, scale = entry.layer, design.scales[entry.layer.name]
        layers[layer.name] = {
            "kind": layer.kind,
            "activation": str(layer.activation),
            "source": layer.source,
            "chains": entry.chains,
            "resonators_per_chain": layer.series,
            "buses": len(entry.buses),
            "positions": layer.positions,
            "weight_scale": design.programs["coupled"].layers[number].weight_scale,
            "input_offset": scale.offset,
            "input_full_scale": scale.full_scale,
        } | (_neuron_table(design, layer.name) if layer.name in inner else {})
        if (own := design.neuron_scales.get(layer.name)) is not None:
            layers[layer.name] |= {"neuron_scales": [2.0 ** int(own.min()), 2.0 ** int(own.max())]}
        layers[layer.name] |= weight_table(layer)
    model = {
        "file": design.cnn.file,
        "sha256": design.cnn.sha256,
        "input_shape": list(design.cnn.input_shape),
        "input_scales_from": design.calibration,
        "pixels": str(design.pixels),
        "pixels_from": design.pixels.source,
        "pixels_guessed": design.pixels.guessed,
        "notes": list(design.cnn.notes),
        **({"output": design.cnn.head} if design.cnn.head else {}),
        **({"plugins": plugins} if (plugins := used_plugins(design.cnn, network)) else {}),
    }
    unprogrammed: dict[str, Any] = {name: table_from_record(getattr(design.parameters, name)) for name in UNPROGRAMMED}
    if design.parameters.corners:
        unprogrammed[CORNER] = {name: corner.table() for name, corner in design.parameters.corners.items()}
    tables = {"model": model, **_parameter_tables(design.parameters), **unprogrammed, "layers": layers}
    return tables | {"derived": {"hash": derived_hash(tables)}}


def _program_arrays(design: Design) -> dict[str, Any]:
    arrays: dict[str, Any] = {"fingerprint": np.array(_fingerprint(design.cnn, _parameter_tables(design.parameters)))}
    for entry in design.plan.layers:
        name = entry.layer.name
        arrays |= {f"{name}/{part}": values for part, values in layer_channels(entry).items()}
        for part in ("frequencies", "levels"):
            arrays[f"{name}/{part}"] = np.concatenate([getattr(bus, part) for bus in entry.buses])
    for method in COMPILED:
        arrays |= _resonances(design, method)
    return arrays | neuron_scale_arrays(design.cnn, design.neuron_scales)


def _resonances(design: Design, method: Method) -> dict[str, Any]:
    """Resonance frequencies of one program by name in the archive, bus by bus and chain by chain."""
    arrays: dict[str, Any] = {}
    for layer in design.program(method).layers:
        arrays[f"{layer.layer}/{method}/residual"] = np.array(layer.residual)
        arrays[f"{layer.layer}/f_res_{method}"] = np.concatenate([f_res.ravel() for f_res in layer.f_res])
    return arrays


def write_calibrated(design: Design, folder: Path, layers: list[str], done: Done = nothing) -> int:
    """Write the calibrated program of a design into its folder, and the decks of `layers`; returns their number.

    `done` is called after each layer.
    """
    arrays: dict[str, Any] = {"fingerprint": np.array(_fingerprint(design.cnn, _parameter_tables(design.parameters)))}
    arrays |= _resonances(design, "calibrated")
    for entry in design.program("calibrated").layers:
        arrays[f"{entry.layer}/calibrated/weight_scale"] = np.array(entry.weight_scale)
    decks, count, few = folder / "decks" / "calibrated", 0, few_decks(design)
    for layer in layers if decks.is_dir() else ():  # of the program before: from here on they are wrong
        remove_decks(layer_decks(design.hardware(layer, "calibrated")), decks)
    with new_file(folder / CALIBRATED, durable=True) as temporary:
        write_arrays(temporary, sealed(arrays))
    (folder / EARLIER).unlink(missing_ok=True)
    for layer in layers:
        count += write_decks(design.hardware(layer, "calibrated"), decks, few)
        done()
    return count


def write_fitted(design: Design, folder: Path) -> None:
    """Write the fitted program of a design into its folder; decks of the one before are taken away."""
    assert design.fitted is not None
    decks = folder / "decks" / "fitted"
    for layer in design.fed_by("bus") if decks.is_dir() else ():
        remove_decks(layer_decks(design.hardware(layer, "fitted")), decks)
    store_fitted(design.fitted, _fingerprint(design.cnn, _parameter_tables(design.parameters)), folder)


def _write_sources(design: Design, network: bytes, draft: Path) -> None:
    """Write what everything else is made from. OSError names the file."""
    import tomli_w

    text = commented(tomli_w.dumps(_tables(design, network)), TABLES)
    contents = {"design.toml": text.encode(), "model.onnx": network}
    for name in SOURCES:
        with naming(draft / name):
            if name in contents:
                (draft / name).write_bytes(contents[name])
            else:
                write_arrays(draft / name, sealed(_program_arrays(design)))


def write_design(design: Design, model: Path, folder: Path, done: Done = nothing, force: bool = False) -> int:
    """Write the design folder of a compiled network; returns the number of decks. `done` is called after each layer.

    All of it is written beside `folder` first and renamed at the end. An existing design is replaced where nothing is
    lost by that, or with `force`; what of it goes on to hold stays, such as results. Any other folder that is not empty
    is left alone (InputError).
    """
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file stands there; possible: a new folder, or an earlier design to replace")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "design.toml").is_file():
        raise InputError(f"{folder}: not empty and no design; possible: a new folder, or an earlier design to replace")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep_design(folder)
        draft = draft_path(folder.parent, folder.name)
        draft.mkdir()
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from None
    decks, network = 0, model_bytes(model)
    try:
        with naming(folder, draft):
            _write_sources(design, network, draft)
            fingerprint = _fingerprint(design.cnn, _parameter_tables(design.parameters))
            if (folder / "design.toml").is_file() and not force:
                refuse_loss(folder, draft, fingerprint)
            few = few_decks(design)
            if not few:
                with naming(draft / "graph.graphml"):
                    write_graphml(design.graph("coupled"), draft / "graph.graphml")
            for method in COMPILED:
                for layer in design.fed_by("bus"):
                    decks += write_decks(design.hardware(layer, method), draft / "decks" / method, few)
                    done()
            write_index(design, draft / "decks")
            for name in SOURCES:
                sync_file(draft / name)
            own = [path.relative_to(draft) for path in draft.rglob("*") if path.is_file()]
            if (folder / "design.toml").is_file():
                keep_earlier(folder, draft, design, load_design)
                carry_over(folder, draft, fingerprint)
                exchange(draft, folder)
            else:
                draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        forget_draft(draft)
    _note(*(folder / path for path in own))
    return decks


def _load_programs(
    folder: Path, planned: FrequencyPlan, fingerprint: str, scales: dict[str, float], table: Seen
) -> dict[Method, Program]:
    """Every program of a folder, checked against the plan that the parameters give."""
    path, calibrated = folder / "program.npz", folder / CALIBRATED
    with program_archive(path, fingerprint, table) as file:
        programs = {method: read_program(path, file, planned, method, scales) for method in COMPILED}
    if calibrated.is_file():
        with program_archive(calibrated, fingerprint, table) as file:
            own = read_weight_scales(calibrated, file, planned)
            programs["calibrated"] = read_program(calibrated, file, planned, "calibrated", own)
    return programs


def load_design(folder: Path) -> Design:
    """Read a design folder back. Raises InputError that names the file and what is wrong with it.

    Large programs are mapped, not read; files that have not changed since they were checked are not checked again.
    """
    with seen(folder) as table:
        return _load_design(folder, table)


def _load_design(folder: Path, table: Seen) -> Design:
    path = folder / "design.toml"
    sweep_design(folder)
    if not path.is_file():
        raise InputError(f"{folder}: no design here; possible: a folder that `resonet compile MODEL -o FOLDER` wrote")
    tables = read_toml(path)
    parameters = read_parameters(path)
    try:
        sha256, shape = tables["model"]["sha256"], tuple(plain_number(n, int) for n in tables["model"]["input_shape"])
        source, name = (printable(tables["model"][key]) for key in ("input_scales_from", "file"))
        numbers = {
            layer: tuple(plain_number(table[key]) for key in ("weight_scale", "input_offset", "input_full_scale"))
            for layer, table in tables["layers"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path}: incomplete ({error}); possible: compile again") from None
    pixels = stored_pixels(path, tables["model"])
    try:
        cnn = read_cnn(folder / "model.onnx", shape, stored_output(path, tables["model"]))
    except InputError as error:
        raise InputError(f"{error}{lacking_plugins(tables['model'])}") from None
    if cnn.sha256 != sha256:
        raise InputError(f"{folder / 'model.onnx'}: not the file that design.toml was compiled from")
    try:
        parameters.feed.check_layers(cnn.synapses)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    fingerprint = _fingerprint(cnn, _parameter_tables(parameters))
    with program_archive(folder / "program.npz", fingerprint) as file:
        own, raised = read_neuron_scales(folder / "program.npz", file, cnn)
        cnn = scaled_network(cnn, own, raised)
    planned = plan(cnn, parameters.device, parameters.bus, parameters.plan)
    for entry in planned.layers:
        known = numbers.get(entry.layer.name)
        if not known or not np.all(np.isfinite(known)) or known[0] <= 0 or known[1] < 0 or known[2] <= 0:
            raise InputError(
                f"{path}: layers.{entry.layer.name}: scales missing or impossible; possible: compile again"
            )
    check_powers(planned, parameters.neuron.p1db)
    weight_scales = {layer: values[0] for layer, values in numbers.items()}
    programs = _load_programs(folder, planned, fingerprint, weight_scales, table)
    fitted = read_fitted(folder, planned, fingerprint, table)
    sums = _sums(path, tables["layers"], cnn)
    check_derived(path, tables)
    warn_of_edits(folder, table)
    scales = {entry.layer.name: InputScale(*numbers[entry.layer.name][1:]) for entry in planned.layers}
    made = (replace(cnn, file=name), parameters, planned, programs, scales, source, pixels, sums, own, fitted)
    return Design(*made, folder.absolute())
