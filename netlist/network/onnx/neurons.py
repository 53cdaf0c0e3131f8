"""Oscillator neurons in ONNX: model-local functions `ThreeTerminal` and `TwoTerminal` in the domain `resonet`.

The functions are written in standard operators, so any runtime computes them; the parameters are attributes of the
node that calls them. A file from elsewhere may hold anything under these names: `is_ours` tells.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from resonet.core.errors import InputError
from resonet.netlist.network.activations.base import KINDS, Activation, Kind
from resonet.netlist.network.activations.oscillator import ATTRIBUTES, DOMAIN, OPERATORS

if TYPE_CHECKING:
    import onnx

__all__ = [
    "activation_function",
    "add_activations",
    "is_ours",
    "with_activations",
]

VERSION, OLDEST_IR = 1, 8
STANDARD = ("", "ai.onnx")
OLDEST_OPSET = 15  # of CastLike; the operators of the body have meant the same ever since

# over = ξ - 1. Above threshold p = (over + root) / (2 (ξ + Q_nl)); below, where that difference cancels, its conjugate
# 2 η / (root - over). `top` is the same at the clamp.
BODY = """
<opset_import: ["" : {opset}], domain: "{domain}">
{name} <drive, scale, qnl, clamp, seed> (z) => (y) {{
{constants}
    zero = Sub (one, one)
    two = Add (one, one)
    four = Add (two, two)
    lowest = Neg (one)
    highest = Sub (clamp, one)
    seed2 = Mul (two, seed)
    seed4 = Mul (four, seed)

    driven = Mul (drive, z)
    over = Clip (driven, lowest, highest)
    xi = Add (over, one)
    damping = Add (xi, qnl)
    agitation = Mul (seed4, damping)
    square = Mul (over, over)
    radicand = Add (square, agitation)
    root = Sqrt (radicand)
    sum = Add (root, over)
    damping2 = Mul (two, damping)
    p_above = Div (sum, damping2)
    difference = Sub (root, over)
    p_below = Div (seed2, difference)
    above = GreaterOrEqual (over, zero)
    p = Where (above, p_above, p_below)

    top_damping = Add (clamp, qnl)
    top_agitation = Mul (seed4, top_damping)
    top_square = Mul (highest, highest)
    top_radicand = Add (top_square, top_agitation)
    top_root = Sqrt (top_radicand)
    top_sum = Add (top_root, highest)
    top_damping2 = Mul (two, top_damping)
    top_p = Div (top_sum, top_damping2)
{power}
    share = Div (h, top_h)
    y = Mul (scale, share)
}}
"""
# The constants take the type of z, so that a network in double precision runs too.
CONSTANT = """
    {name}_ = Constant <value_float: float = {value}> ()
    {name} = CastLike ({name}_, z)"""
POWER: dict[Kind, str] = {
    "three_terminal": """
    h = Identity (p)
    top_h = Identity (top_p)""",
    "two_terminal": """
    p_xi = Mul (p, xi)
    h = Mul (p_xi, xi)
    top_p_xi = Mul (top_p, clamp)
    top_h = Mul (top_p_xi, clamp)""",
}


def _operator(kind: Kind) -> str:
    return next(name for name, its in OPERATORS.items() if its == kind)


def activation_function(kind: Kind, opset: int = 17) -> "onnx.FunctionProto":
    """Model-local function of "three_terminal" or "two_terminal" neurons: one input z, one output y, five attributes.

    `opset` is that of the model, which its functions must share. Raises InputError for another kind or an old opset.
    """
    import onnx
    import onnx.parser

    if kind not in KINDS:
        raise InputError(f"activation {kind[:40]!r}: possible: {', '.join(KINDS)}")
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise InputError(f"oscillator neurons in ONNX opset {opset}; possible: {OLDEST_OPSET} to {newest}")
    values = {"one": "1.0"} | {name: f"@{name}" for name in ATTRIBUTES}
    constants = "".join(CONSTANT.format(name=name, value=value) for name, value in values.items())
    text = BODY.format(opset=opset, domain=DOMAIN, name=_operator(kind), constants=constants, power=POWER[kind])
    return onnx.parser.parse_function(text)


def add_activations(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Copy of a model with the functions that its nodes of the domain `resonet` call, and the import of the domain.

    Raises InputError where a node of that domain is none of ours, or the model's opset is too old.
    """
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    called = sorted({node.op_type for node in made.graph.node if node.domain == DOMAIN})
    for name in called:
        if name not in OPERATORS:
            raise InputError(f"{DOMAIN}.{name[:40]!r}: no such function; possible: {', '.join(OPERATORS)}")
    opset = max((entry.version for entry in made.opset_import if entry.domain in STANDARD), default=1)
    others = [f for f in made.functions if f.domain != DOMAIN or f.name not in called]
    del made.functions[:]
    made.functions.extend([*others, *(activation_function(OPERATORS[name], opset) for name in called)])
    if called and DOMAIN not in [entry.domain for entry in made.opset_import]:
        made.opset_import.append(onnx.helper.make_opsetid(DOMAIN, VERSION))
    if called:
        made.ir_version = max(made.ir_version, OLDEST_IR)
    return made


def with_activations(model: "onnx.ModelProto", activations: Mapping[str, Activation]) -> "onnx.ModelProto":
    """Copy of a model with some of its Relu nodes turned into other activations.

    A Relu is named by itself, or by the tensor that it gives. Raises InputError where there is none of that name.
    """
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    for name, activation in activations.items():
        nodes = list(made.graph.node)
        place = nodes.index(_relu(nodes, name))
        relu = nodes[place]
        nodes[place : place + 1] = activation.write(relu.input[0], relu.output[0], relu.name)
        del made.graph.node[:]
        made.graph.node.extend(nodes)
    return add_activations(made)


def _relu(nodes: Iterable["onnx.NodeProto"], name: str) -> "onnx.NodeProto":
    relus = [node for node in nodes if node.op_type == "Relu" and node.domain in STANDARD]
    found = [node for node in relus if name and name in (node.name, *node.output)]
    if len(found) != 1:
        names = ", ".join(ascii((node.name or node.output[0])[:40]) for node in relus[:8]) or "none, it has no Relu"
        raise InputError(f"{len(found)} Relu nodes of the name {name[:40]!a}; possible: {names}")
    return found[0]


def is_ours(function: "onnx.FunctionProto") -> bool:
    """Whether a function computes what its name in our domain promises: the same body, operator by operator."""
    if function.domain != DOMAIN or function.name not in OPERATORS:
        return False
    versions = [entry.version for entry in function.opset_import if entry.domain in STANDARD]
    try:
        ours = activation_function(OPERATORS[function.name], *versions[:1])
    except InputError:
        return False
    return _essence(function) == _essence(ours)


def _essence(function: "onnx.FunctionProto") -> bytes:
    """Everything about a function but comments; fields that this onnx does not know count too."""
    import onnx

    bare = onnx.FunctionProto()
    bare.CopyFrom(function)
    names = sorted(bare.attribute)
    for spare in ("doc_string", "value_info", "metadata_props", "attribute"):
        bare.ClearField(spare)
    bare.attribute.extend(names)
    bare.overload = bare.overload  # set, or set to nothing: the same
    for entry in bare.opset_import:
        entry.domain = "" if entry.domain == "ai.onnx" else entry.domain
    for node in bare.node:
        node.domain = "" if node.domain == "ai.onnx" else node.domain
        node.overload = node.overload
        for spare in ("doc_string", "name", "metadata_props"):
            node.ClearField(spare)
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
    return bytes(bare.SerializeToString(deterministic=True))
