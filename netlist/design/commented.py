"""Comments of design.toml: what a parameter means and may be, behind its value."""

from collections.abc import Mapping

from resonet.core.parameters import parameters_of, possible_values

__all__ = ["commented"]


def commented(text: str, tables: Mapping[str, type]) -> str:
    """TOML text as tomli_w writes it, with a comment behind every parameter of these tables (records of parameters)."""
    lines, table = [], ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line.strip("[]")
        name = line.partition(" = ")[0]
        spec = parameters_of(tables[table]).get(name) if table in tables else None
        if spec is not None:
            line = f"{line}  # {spec.metadata['doc']}; possible: {possible_values(spec)}"
        lines.append(line)
    return "\n".join(lines) + "\n"
