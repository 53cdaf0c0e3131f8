"""Files older than the oldest opset that is read, brought to it by onnx's own version converter."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.node import escape

if TYPE_CHECKING:
    import onnx

__all__ = ["OLDEST_OPSET", "STANDARD", "opset_of", "renewed"]

OLDEST_OPSET = 6
STANDARD = ("", "ai.onnx")
# What an operator does where an old file says nothing, and another since: the version converter leaves it out.
DEFAULTS: Mapping[str, Mapping[str, float]] = {"Selu": {"alpha": 1.6732, "gamma": 1.0507}, "Concat": {"axis": 1}}
RENAMED: Mapping[str, Mapping[str, str]] = {
    "Pad": {"paddings": "pads"}
}  # in opset 2, which has no other news of operators that are read


def opset_of(model: "onnx.ModelProto") -> int:
    """Version of the standard operators."""
    return max((entry.version for entry in model.opset_import if entry.domain in STANDARD), default=1)


def renewed(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model itself, or one of opset 6 that computes the same. Raises InputError where there is none."""
    import onnx
    from onnx import version_converter

    opset, newest = opset_of(model), onnx.defs.onnx_opset_version()
    if OLDEST_OPSET <= opset <= newest:
        return model
    if opset > newest:
        raise InputError(
            f"is written in ONNX opset {opset}; possible: {OLDEST_OPSET} to {newest}, which the installed onnx "
            f"{onnx.__version__} knows (export with opset_version={newest}, or pip install -U onnx)"
        )
    why = f"is written in ONNX opset {opset}, which cannot be brought to opset {OLDEST_OPSET}"
    instead = "possible: export it again with opset_version=13, or onnx.version_converter of the onnx of its time"
    if opset < 1 or model.functions or any(entry.domain not in STANDARD for entry in model.opset_import):
        raise InputError(f"{why}: it holds operators of other domains, or none; {instead}")
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for node in made.graph.node:
        _said(node, opset)
    del made.opset_import[:]  # the very first files leave it out
    made.opset_import.append(onnx.helper.make_opsetid("", max(opset, 2)))
    try:
        onnx.checker.check_model(made)
        return version_converter.convert_version(made, OLDEST_OPSET)
    except Exception as error:  # whatever its C++ says
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise InputError(f"{why} ({escape(lines[0], 160)}); {instead}") from error


def _said(node: "onnx.NodeProto", opset: int) -> None:
    """Say in a node what its old version did, and the new one would not."""
    import onnx

    given = {attribute.name: attribute for attribute in node.attribute}
    for old, new in RENAMED.get(node.op_type, {}).items():
        if old in given and opset == 1:
            given[old].name = new
    for name, value in DEFAULTS.get(node.op_type, {}).items():
        if name not in given and (opset < 4 or node.op_type != "Concat"):
            node.attribute.append(onnx.helper.make_attribute(name, value))
