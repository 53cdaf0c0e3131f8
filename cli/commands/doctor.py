"""`resonet doctor`: what is installed, what is missing, how to get it."""

from dataclasses import asdict

import typer

from resonet.cli.options import Json
from resonet.cli.registry import Command
from resonet.cli.show import print_json, print_table

__all__ = ["COMMAND"]


def doctor_command(as_json: Json = False) -> None:
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


COMMAND = Command("tools", doctor_command, stored=False)
