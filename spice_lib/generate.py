"""Writes the interface parts of the .lib and .va files from the device records, the one table of pins and parameters.

    python -m resonet.spice_lib.generate            rewrite what has drifted
    python -m resonet.spice_lib.generate --check    name what has drifted, exit status 1 if anything has
    python -m resonet.spice_lib.generate PACKAGE    either for the devices of a plug-in package

Between `<generated>` and `</generated>` (after `*` in .lib, `//` in .va) a file holds what is made here: in .lib the
table of pins and parameters and the .subckt line, in .va the module line, the pins and the parameters. All else is
written by hand and kept. A file may hold several devices. The parameters in .va are of the instance, so that one model
does for a whole chain; a value on the model line stands for all of its instances.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from resonet.models.device.registry import devices

__all__ = ["drift", "format_lib", "format_va", "regenerate"]

FOLDER = Path(__file__).parent


def _number(value: float) -> str:
    text = f"{value:.12g}"
    # Verilog-A takes digits alone for an integer of 32 bits, and openvaf-r dies of a larger one.
    return f"{text}.0" if abs(value) >= 2**31 and text.lstrip("-").isdigit() else text


def format_lib(kind: type[Any]) -> str:
    """Table of pins and parameters and the .subckt line."""
    pins = [f"{name:<18}{doc}" for name, doc in kind.SPICE.pins]
    table = [f"{s.name + ' ':<9}{(s.metadata['unit'] or '1') + ' ':<9}{s.metadata['doc']}" for s in fields(kind)]
    lines = [
        f"* {head if n == 0 else '':<8}{row}"
        for head, rows in (("pins", pins), ("params", table))
        for n, row in enumerate(rows)
    ]
    names = " ".join(name for name, _ in kind.SPICE.pins)
    defaults = " ".join(f"{s.name}={_number(s.default)}" for s in fields(kind))  # type: ignore[arg-type]
    return "\n".join([*lines, f".subckt {kind.SPICE.name} {names} {defaults}"])


def format_va(kind: type[Any]) -> str:
    """Module line, pins and parameters."""
    pins = ", ".join(name for name, _ in kind.SPICE.pins)
    lines = [f"module {kind.SPICE.name}({pins});", f"    inout {pins};", f"    electrical {pins};"]
    for s in fields(kind):
        meta = s.metadata
        limits = f"[{_number(meta['low'])}:{_number(meta['high'])}]"
        default = _number(s.default)  # type: ignore[arg-type]
        comment = f"{meta['unit'] or '1'}, {meta['doc']}"
        lines.append(f'    (* type="instance" *) parameter real {s.name} = {default} from {limits}; // {comment}')
    return "\n".join(lines)


FORMATS: dict[str, tuple[str, str, Callable[[type[Any]], str]]] = {
    ".lib": ("* ", r"^\.subckt +(\w+)", format_lib),
    ".va": ("// ", r"^module +(\w+)", format_va),
}


def regenerate(path: Path) -> tuple[str, list[str]]:
    """Text that a .lib or .va file should have, and the names of the devices in it."""
    mark, header, write = FORMATS[path.suffix]
    text = path.read_text(encoding="utf-8")
    names = []
    first, last = f"{mark}<generated>\n", f"{mark}</generated>\n"

    def part(found: re.Match[str]) -> str:
        name = re.search(header, found.group(1), re.MULTILINE)
        if name is None or name.group(1) not in devices():
            raise ValueError(
                f"{path.name}: no device of the models between the marks; possible: {', '.join(devices())}"
            )
        names.append(name.group(1))
        return f"{first}{write(devices()[name.group(1)])}\n{last}"

    made = re.sub(f"^{re.escape(first)}(.*?){re.escape(last)}", part, text, flags=re.MULTILINE | re.DOTALL)
    outside = re.findall(header, made, re.MULTILINE)
    if outside != names:
        raise ValueError(f"{path.name}: devices {outside} are there, generated are {names}")
    return made, names


def drift(folder: Path | None = None, package: str = "resonet") -> list[str]:
    """What differs between the records of a package and the files of a folder, one line each; empty if nothing does."""
    found = []
    folder = FOLDER if folder is None else folder
    wanted = [name for name, kind in devices().items() if kind.__module__.partition(".")[0] == package]
    for suffix in FORMATS:
        held: list[str] = []
        for path in sorted(folder.glob(f"*{suffix}")):
            text, names = regenerate(path)
            held += names
            if text != path.read_text(encoding="utf-8"):
                found.append(f"{path.name}: differs from its records")
        found += [f"no {suffix} file holds {name}" for name in wanted if name not in held]
        found += [f"{name} is in more than one {suffix} file" for name in set(held) if held.count(name) > 1]
    return found


def _folder(package: str) -> Path | None:
    """Folder of a package whose records are devices."""
    for kind in devices().values():
        if kind.__module__.partition(".")[0] == package:
            return FOLDER if package == "resonet" else Path(str(sys.modules[kind.__module__].__file__)).parent
    return None


def main(arguments: list[str]) -> int:
    """Rewrite the files, or with --check only name what has drifted."""
    check = "--check" in arguments
    package, *more = [word for word in arguments if word != "--check"] or ["resonet"]
    folder = _folder(package)
    if more or folder is None:
        owners = sorted({kind.__module__.partition(".")[0] for kind in devices().values()})
        sys.stderr.write(
            "usage: python -m resonet.spice_lib.generate [--check] [PACKAGE]\n"
            f"possible: {', '.join(owners)} (installed, with devices)\n"
        )
        return 2
    if not check:
        for suffix in FORMATS:
            for path in sorted(folder.glob(f"*{suffix}")):
                text, _ = regenerate(path)
                if text != path.read_text(encoding="utf-8"):
                    path.write_text(text, encoding="utf-8")
                    sys.stdout.write(f"{path.name}: rewritten\n")
    left = drift(folder, package)
    sys.stdout.write("".join(f"{line}\n" for line in left))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
