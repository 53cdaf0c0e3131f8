"""What the show scripts share: a line per claim, the count of those that fall short, the exit status."""

import argparse
import importlib
import os
import platform
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version

from resonet.cosim.ngspice.run import find_ngspice, ngspice_version

__all__ = ["header", "info", "run_parts", "show", "stop"]

_fallen: list[str] = []


def header(*packages: str) -> None:
    """Print date, machine and versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(f"ngspice {ngspice_version(find_ngspice())}, {versions}\n", flush=True)


def show(what: str, figure: str, bar: str, holds: bool) -> None:
    """Print one claim: what, figure, bar, and whether it holds."""
    if not holds:
        _fallen.append(what)
    print(f"{what:<70} {figure:>20}   {bar:<22} {'holds' if holds else 'FALLS SHORT'}", flush=True)


def info(what: str, figure: str) -> None:
    """Print a measurement that has no bar."""
    print(f"{what:<70} {figure:>20}", flush=True)


def stop() -> None:
    """Print the verdict and leave: status 1 if any claim fell short."""
    print(f"\n{len(_fallen)} fall short" if _fallen else "\nall hold")
    sys.exit(1 if _fallen else 0)


def run_parts(about: str, prefix: str, parts: Sequence[str], *packages: str) -> None:
    """Run `claims(quick)` of the modules prefix + part, all or the one asked for, then leave; `about` is for --help."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="what ends within a minute")
    parser.add_argument("--part", choices=parts, help="only this part")
    given = parser.parse_args()
    header(*packages)
    for part in (given.part,) if given.part else parts:
        print(f"\n{part.replace('_', ' ')}")
        importlib.import_module(prefix + part).claims(given.quick)
    stop()
