"""What every command answers with --json, as types: JSON Schemas are made of these (schemas.py), and nothing else.

Numbers that are not finite are null, complex ones [real, imaginary], paths text. Keys that are not required stand
there where an option asks for them.
"""

from resonet.cli import answers_design, answers_simulate
from resonet.cli.show import version_of
from resonet.cosim.referee.chain import TransientResult

__all__ = ["ANSWERS", "RECORDS", "VERSIONS"]

ANSWERS: dict[str, type] = {
    name.removesuffix("Answer").lower(): kind
    for module in (answers_design, answers_simulate)
    for name, kind in vars(module).items()
    if name.endswith("Answer")
}
RECORDS: dict[str, type] = {"transient": TransientResult}  # whose fields stand in an answer beside its keys
VERSIONS = {command: version_of(command) for command in ANSWERS}
