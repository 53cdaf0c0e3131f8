"""Every reader of files and texts from outside, with good examples; a new reader is one line of READERS.

What a reader may do with a broken file: take it, or refuse it with InputError or EngineError (or None, where a file
that cannot be read is computed anew). Anything else is a fault.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from mutator import mutated

from resonet.api.replay import Record, read_record
from resonet.cli.device_sheet import device_record
from resonet.core.errors import EngineError, InputError
from resonet.core.files import read_toml
from resonet.core.touchstone import read, real_reference
from resonet.core.validity import collected
from resonet.cosim.feed.result_file import read_result, write_result
from resonet.cosim.ngspice.raw import read_raw
from resonet.cosim.sweep.axes import parse_axis
from resonet.cosim.sweep.journal import read_journal, sealed_line
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.cosim.weights.held import Aggressor
from resonet.models.fit.measured import read_curve
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_calibrated, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import read_images
from resonet.netlist.network.onnx.read import read_cnn

__all__ = ["READERS", "Case", "Reader", "run_case"]

Good = Callable[[Path], list[bytes]]  # examples; may use an empty folder


@dataclass(frozen=True)
class Reader:
    """How one kind of input is read."""

    suffix: str
    good: Good
    read: Callable[[Path], object]
    write: Callable[[Path, bytes], object] = Path.write_bytes  # what a mutated example becomes


@dataclass(frozen=True)
class Case:
    """What became of one broken file."""

    outcome: str  # accepted, refused, traceback, outside
    detail: str = ""


# Texts of options: the file holds what a user would write behind the option.


def _settings(path: Path) -> object:
    return read_parameters(settings=[path.read_bytes().decode("utf-8", "replace")])


def _axis(path: Path) -> object:
    return parse_axis(path.read_bytes().decode("utf-8", "replace"))


def _device(path: Path) -> object:
    return device_record("resonator", None, [path.read_bytes().decode("utf-8", "replace")])


def _texts(*texts: str) -> Good:
    return lambda folder: [text.encode() for text in texts]


# Good files.


def _tomls(folder: Path) -> list[bytes]:
    presets = Path(__file__).parents[2] / "models" / "presets"
    return [path.read_bytes() for path in sorted(presets.glob("*.toml"))] + [design(folder)["design.toml"]]


def _curves(folder: Path) -> list[bytes]:
    rows = [(4.4 + 0.01 * n, round(3 * np.sin(n), 3)) for n in range(40)]
    plain = "frequency (GHz),voltage (uV),power (uW)\n" + "".join(f"{f:.2f},{v},1.5\n" for f, v in rows)
    comma = plain.replace(",", ";").replace(".", ",")
    blank = "# f (GHz) V/P (mV/mW)\n" + "".join(f"{f:.2f}   {v}\n" for f, v in rows)
    units = "f\tv\ttemperature\nGHz\tµV\tK\n" + "".join(f"{f:.2f}\t{v}\t300\n" for f, v in rows)
    return [plain.encode(), comma.encode(), blank.encode(), units.encode("cp1252"), units.encode("utf-16")]


def _curve(path: Path) -> object:
    try:
        return read_curve(path)
    except InputError:
        return read_curve(path, 1e-6)


def _images(folder: Path) -> list[bytes]:
    rng, found = np.random.default_rng(1), []
    for images in (
        rng.integers(0, 255, (5, 1, 8, 8)).astype(np.uint8),
        rng.uniform(0, 1, (4, 8, 8)).astype(np.float32),
    ):
        for save in (np.savez, np.savez_compressed):
            file = io.BytesIO()
            save(file, images=images, labels=np.arange(len(images)))
            found.append(file.getvalue())
    return found


def _arrays(folder: Path) -> list[bytes]:
    found = []
    for array in (np.zeros((3, 8, 8)), np.ones((2, 1, 8, 8), np.uint8), np.asfortranarray(np.ones((4, 8, 8), ">f4"))):
        file = io.BytesIO()
        np.save(file, array)
        found.append(file.getvalue())
    return found


def _archive(path: Path, data: bytes) -> None:
    """An archive that is whole, of an array that is not."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("images.npy", data)


def _onnx(folder: Path) -> list[bytes]:
    return [design(folder)["model.onnx"], *(path.read_bytes() for path in sorted(_shipped().glob("*relu.onnx")))]


def _shipped() -> Path:
    return Path(__file__).parents[2] / "examples" / "digits"


def _touchstones(folder: Path) -> list[bytes]:
    rows = [f"{n} 0.1 0.2 0.3 -0.4 0.3 -0.4 0.5 0.6\n" for n in range(1, 20)]
    plain = "! x\n# GHz S RI R 50\n" + "".join(rows) + "19 1 0.2 30 0.4\n"
    solved = "".join(f"{row}! Port Impedance60 1 70 {row[0]}\n" for row in rows)
    solver = f"!Data is not renormalized\n# GHz S MA\n{solved}"
    head = "[Version] 2.0\n# MHz Z DB R 50\n[Number of Ports] 2\n[Two-Port Data Order] 21_12\n"
    more = "[Number of Frequencies] 19\n[Reference] 50\n75\n[Mixed-Mode Order] S1 S2\n[Network Data]\n"
    keyed = head + more + "".join(rows) + "[End]\n"
    return [plain.encode(), solver.encode(), keyed.encode(), keyed.encode("utf-16")]


def _touchstone(path: Path) -> object:
    return real_reference(read(path))


def _raws(folder: Path) -> list[bytes]:
    found = []
    for flags, values in (("real", np.arange(12.0)), ("complex", np.arange(12.0) + 1j)):
        head = f"Title: x\nDate: y\nPlotname: AC Analysis\nFlags: {flags}\nNo. Variables: 3\nNo. Points: 4\n"
        head += "Variables:\n\t0\tfrequency\tfrequency\n\t1\tv(a)\tvoltage\n\t2\ti(b)\tcurrent\nBinary:\n"
        found.append(head.encode() + values.tobytes())
    return [*found, b"".join(found)]


def _journals(folder: Path) -> list[bytes]:
    head = {"sweep": {"source": "build", "axes": [["plan.tile", [16, 32]]]}}
    end = {"end": 0, "values": {"rms_error": {"coupled": {"conv1": 1e-3}}}, "error": "", "final": True}
    end |= {"seconds": 0.5, "process": "host 1", "time": "2026-01-01T00:00:00"}
    lines = [
        head,
        {"start": 0, "time": ""},
        end,
        {"start": 1, "time": ""},
        end | {"end": 1, "values": None, "error": "no"},
    ]
    return ["".join(map(sealed_line, lines)).encode()]


def _records(folder: Path) -> list[bytes]:
    record = Record(["status", "b"], "/x", {"code": "ab"}, 0, "text\n", "", {"/x/y": "cd"}, 0.5, "2026-01-01 00:00:00")
    return [json.dumps(asdict(record) | {"own_hash": record.own_hash}, indent=1).encode()]


def _sealed(path: Path, data: bytes) -> None:
    """A record whose hash of itself is right, whatever else is not: as somebody would who forges one."""
    try:
        table = json.loads(data)
        table["own_hash"] = Record(**{key: value for key, value in table.items() if key != "own_hash"}).own_hash
        path.write_text(json.dumps(table))
    except (ValueError, TypeError, AttributeError, RecursionError):
        path.write_bytes(data)


def _results(folder: Path) -> list[bytes]:
    rng = np.random.default_rng(2)
    result = EffectiveWeights(
        layer="conv1",
        values=rng.normal(0, 1, (1, 3, 9)),
        trained=rng.normal(0, 1, (1, 3, 9)),
        method="coupled",
        crosstalk={"t0": rng.normal(0, 1, (9, 9))},
        worst=Aggressor(-20.0, "t0", 0, 1, 2),
    )
    write_result(result, {"code": "ab", "device": "cd"}, folder / "result.nc")
    write_result(replace(result, worst=None), {}, folder / "other.nc")
    return [(folder / name).read_bytes() for name in ("result.nc", "other.nc")]


# A design folder, one of its files broken.


@cache
def _design_files() -> dict[str, bytes]:
    import tempfile

    from conftest import save_model
    from onnx import helper

    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1)]
    weights = {"w": np.random.default_rng(4).normal(0, 1, (2, 4)), "b": np.zeros(2)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = save_model(folder / "small.onnx", nodes, weights, (1, 2, 2), "y")
        made = compile_cnn(model)
        made.programs["calibrated"] = replace(made.programs["coupled"], method="calibrated")
        write_design(made, model, folder / "build")
        write_calibrated(made, folder / "build", [])
        names = ("design.toml", "model.onnx", "program.npz", "calibrated.npz")
        return {name: (folder / "build" / name).read_bytes() for name in names}


def design(folder: Path) -> dict[str, bytes]:
    """Files of a good design folder."""
    return _design_files()


def _folder_of(broken: str) -> Reader:
    def write(path: Path, data: bytes) -> None:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        for name, good in design(path).items():
            (path / name).write_bytes(data if name == broken else good)

    return Reader("", lambda folder: [design(folder)[broken]], load_design, write)


READERS = {
    "--set": Reader(".txt", _texts("bus.node_capacitance=0.1 fF", "plan.f_max=10 GHz", "plan.tile=32"), _settings),
    "--over": Reader(".txt", _texts("plan.tile=16,32", "device.damping=0.005:0.02:8:log", "spread=0,0.1"), _axis),
    "device --set": Reader(".txt", _texts("f0=8 GHz", "psi=-0.3 rad", "damping=1e-2"), _device),
    "TOML": Reader(".toml", _tomls, read_toml),
    "parameters": Reader(".toml", _tomls, read_parameters),
    "curve": Reader(".csv", _curves, _curve),
    "npz": Reader(".npz", _images, lambda path: read_images(path, (1, 8, 8))),
    "npz, arrays in it": Reader(".npz", _arrays, lambda path: read_images(path, (1, 8, 8)), _archive),
    "ONNX": Reader(".onnx", _onnx, read_cnn),
    "Touchstone": Reader(".s2p", _touchstones, _touchstone),
    "raw file": Reader(".raw", _raws, read_raw),
    "journal": Reader(".jsonl", _journals, read_journal),
    "record": Reader(".json", _records, read_record),
    "record, forged": Reader(".json", _records, read_record, _sealed),
    "result": Reader(".nc", _results, read_result),
    "folder, design.toml": _folder_of("design.toml"),
    "folder, program.npz": _folder_of("program.npz"),
    "folder, calibrated.npz": _folder_of("calibrated.npz"),
    "folder, model.onnx": _folder_of("model.onnx"),
}


def run_case(name: str, number: int, good: list[bytes], folder: Path) -> Case:
    """Read broken input `number` of a reader in `folder`, which is empty before and after."""
    reader = READERS[name]
    path = folder / f"case{reader.suffix}"
    reader.write(path, mutated(f"{name} {number}", good))
    before = {found: found.stat().st_mtime_ns for found in folder.rglob("*")}
    try:
        with collected():
            outcome = "refused" if reader.read(path) is None else "accepted"
        detail = ""
    except (InputError, EngineError) as error:
        detail = str(error)
        plain = detail.isprintable() and len(detail) < 2000
        outcome = "refused" if plain else "traceback"
    except Exception as error:
        outcome, detail = "traceback", f"{type(error).__name__}: {str(error)[:200]}"
    after = {found: found.stat().st_mtime_ns for found in folder.rglob("*")}
    if before != after:
        outcome, detail = "outside", str(sorted(map(str, after.keys() ^ before.keys()))[:3])
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return Case(outcome, detail)
