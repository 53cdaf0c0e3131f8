"""Part of show_report.py: what is built is what installs, on every Python that the project supports.

Interpreters: those that RESONET_PYTHONS lists, separated as PATH is, else python3.11, 3.12 and 3.13 of the PATH.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _show import info, show

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
VARIABLE = "RESONET_PYTHONS"


def run(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command without this Python's paths; its output is kept."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = list(map(str, words))
    return subprocess.run(command, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False)


def must(*words: object, cwd: Path, **environment: str) -> str:
    """Output of a command that has to succeed."""
    done = run(*words, cwd=cwd, **environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return done.stdout


def interpreters() -> dict[str, str]:
    """Program of every Python that answers, by its version."""
    given = os.environ.get(VARIABLE, "")
    programs = given.split(os.pathsep) if given else [f"python{version}" for version in VERSIONS]
    found = {}
    for program in programs:
        if (path := shutil.which(program)) is not None:
            told = run(path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])", cwd=ROOT)
            if told.returncode == 0:
                found[told.stdout.strip()] = path
    return found


def build(place: Path) -> tuple[Path, Path, Path]:
    """Source archive and wheel of the last commit, and the wheel that the source archive makes."""
    source, epoch = place / "source", must("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()
    source.mkdir()
    must("git", "archive", "--output", place / "source.tar", "HEAD", cwd=ROOT)
    with tarfile.open(place / "source.tar") as archive:
        archive.extractall(source, filter="tar")
    builder = (sys.executable, "-m", "build")
    must(*builder, "--sdist", "--wheel", "--outdir", place / "dist", source, cwd=place, SOURCE_DATE_EPOCH=epoch)
    (sdist,), (wheel,) = (list((place / "dist").glob(kind)) for kind in ("*.tar.gz", "*.whl"))
    with tarfile.open(sdist) as archive:
        archive.extractall(place / "unpacked", filter="tar")
    (unpacked,) = (place / "unpacked").iterdir()
    must(*builder, "--wheel", "--outdir", place / "again", unpacked, cwd=place, SOURCE_DATE_EPOCH=epoch)
    (again,) = (place / "again").iterdir()
    return sdist, wheel, again


def installed(program: str, wheel: Path, place: Path) -> Iterator[tuple[str, subprocess.CompletedProcess[str]]]:
    """Commands of a wheel in an environment of its own, outside of the repository, by what they show."""
    must(program, "-m", "venv", place / "env", cwd=place)
    must(place / "env" / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, cwd=place)
    resonet = place / "env" / "bin" / "resonet"
    yield "resonet --version", run(resonet, "--version", cwd=place)
    yield "resonet doctor", run(resonet, "doctor", cwd=place)
    where = "import pathlib, resonet.examples.digits as d; print(pathlib.Path(d.__path__[0]))"
    shipped = Path(must(place / "env" / "bin" / "python", "-c", where, cwd=place).strip())
    images = shipped / "digits_calibration.npz"
    yield (
        "resonet compile",
        run(resonet, "compile", shipped / "digits_relu.onnx", "--calibration", images, "-o", "build", cwd=place),
    )
    yield "resonet demo", run(resonet, "demo", cwd=place, OPENBLAS_NUM_THREADS="1")


def claims(quick: bool) -> None:
    """Print the claims; quickly what is built alone."""
    with tempfile.TemporaryDirectory(prefix="resonet-install-") as folder:
        place = Path(folder)
        sdist, wheel, again = build(place)
        same = wheel.read_bytes() == again.read_bytes()
        show(f"{sdist.name} makes the wheel of the tree", "same bytes" if same else "other bytes", "same bytes", same)
        info(f"size of {wheel.name}", f"{wheel.stat().st_size / 1e6:.1f} MB")
        if quick:
            info("installed on each Python", "without --quick")
            return
        found = interpreters()
        for version in VERSIONS:
            if version not in found:
                info(f"Python {version}", "not installed here")
                continue
            (own := place / version).mkdir()
            for what, done in installed(found[version], wheel, own):
                told = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:] or [""]
                if done.returncode:
                    print(done.stderr[-2000:])
                figure = told[0][-40:] if what.endswith("version") else f"exit status {done.returncode}"
                show(f"Python {version}: {what}, outside the repository", figure, "exit status 0", done.returncode == 0)
