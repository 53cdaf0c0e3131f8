"""JSON Schemas of what the commands answer with --json: docs/schemas, made of the types in answers.py by pydantic.

python -m resonet.cli.schemas docs/schemas
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["schemas"]


def _with_null(node: Any) -> Any:
    """The same where a number may be null, as one that is not finite is."""
    if isinstance(node, list):
        return [_with_null(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    made = {key: _with_null(value) for key, value in node.items() if key not in ("title", "default")}
    if made.get("type") == "number":
        made["type"] = ["number", "null"]
    return made


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) of every command's answer, by command. Takes pydantic, of the extra `test`."""
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema

    from resonet.cli.answers import ANSWERS, RECORDS, VERSIONS

    class Generator(GenerateJsonSchema):
        """Arrays of numpy are lists."""

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
            return {"type": "array"}

    def made_of(kind: Any) -> dict[str, Any]:
        return TypeAdapter(kind).json_schema(mode="serialization", schema_generator=Generator)

    found = {}
    for command, kind in sorted(ANSWERS.items()):
        made = made_of(kind)
        if command in RECORDS:
            own = made_of(RECORDS[command])
            made["properties"] = own["properties"] | made["properties"]
            made["required"] = sorted({*own["required"], *made["required"]})
            made.setdefault("$defs", {}).update(own.get("$defs", {}))
        made = _with_null(made)
        name = f"resonet.{command}/{VERSIONS[command]}"
        made["properties"]["schema"] = {"const": name}
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": name}
        found[command] = head | made | {"additionalProperties": False}
    return found


def write(folder: Path) -> None:
    """Write all of them, and remove those of commands that there are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    found = schemas()
    for old in folder.glob("*.json"):
        if old.stem not in found:
            old.unlink()
    for command, schema in found.items():
        text = json.dumps(schema, indent=1, ensure_ascii=False)
        (folder / f"{command}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
