"""Fake quantisation: what exporters write around every layer is read as the real numbers that it stands for.

A tensor of integer codes q stands for s (q - z), scale s and zero point z. Here codes become these numbers:
QuantizeLinear clamps and rounds them, DequantizeLinear then changes nothing, and what only moves codes or takes the
largest does so with numbers. Operators on codes (QLinearConv, ...) are written as the plain ones between these two;
weights in codes are constants, and computed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.node import Node, escape

__all__ = ["DOMAIN", "ON_GRID", "QONNX", "without_codes"]

DOMAIN = "resonet.read"  # of operators that only this module makes
ON_GRID = "OnGrid"  # a constant that lies on a grid: x, scale, zero point; `low` and `high` code
QONNX = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
STANDARD = ("", "ai.onnx")
MICROSOFT = "com.microsoft"
# fmt: off
MOVES = frozenset([
    "DepthToSpace", "Expand", "Flatten", "Gather", "GlobalMaxPool", "Identity", "MaxPool", "ReduceMax", "Reshape",
    "Slice", "SpaceToDepth", "Squeeze", "Tile", "Transpose", "Unsqueeze",
])
# fmt: on
OF_THE_IMAGE = frozenset(["DynamicQuantizeLinear", "DynamicQuantizeMatMul"])
INTEGERS = {"ConvInteger": "Conv", "MatMulInteger": "MatMul"}
MOST_BITS = 32


@dataclass(slots=True)
class _Codes:
    """What is known of tensors of codes: the tensor of numbers that each stands for, its scale and zero point."""

    dynamic: set[str]  # tensors that depend on the image
    real: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    made: list[Node] = field(default_factory=list)

    def make(self, op: str, node: Node, inputs: Sequence[str], result: str, **attributes: int) -> None:
        """Append an operator in the place of a node."""
        domain = DOMAIN if op in ("Rounded", "Clamped", "Rescaled", ON_GRID) else ""
        self.made.append(Node(op, domain, node.name or node.source, tuple(inputs), (result,), attributes))


def without_codes(
    nodes: Sequence[Node], image: str, outputs: Sequence[str], number_of: Callable[[str], float | None]
) -> list[Node]:
    """The nodes of a file on numbers instead of codes; `number_of` gives the value of a constant of one number.

    Raises InputError.
    """
    if not any(_is_quantised(node) for node in nodes):
        return list(nodes)
    codes = _Codes({image})
    for whole in nodes:
        if whole.domain == DOMAIN:
            raise InputError(f"{whole.label}: is of the domain '{DOMAIN}'; possible: standard operators")
        for node in _plain_operators(whole):
            try:
                _follow(node, codes, number_of)
            except InputError as error:
                raise InputError(f"{whole.label}: {error}") from error
    for name in outputs:
        if name in codes.real:
            codes.made.append(Node("Identity", "", escape(name), (codes.real[name][0],), (name,), {}))
    return codes.made


def _is_quantised(node: Node) -> bool:
    known = ("QuantizeLinear", "DequantizeLinear", "Quant", *OF_THE_IMAGE, *INTEGERS, *_OPERATORS)
    return node.op in known or node.domain == DOMAIN


def _follow(node: Node, codes: _Codes, number_of: Callable[[str], float | None]) -> None:
    """Append a node, on numbers."""
    dynamic = [name for name in node.inputs if name in codes.dynamic]
    if not dynamic:
        if node.op == "Quant" and node.domain in QONNX:
            _constant_quant(node, codes, number_of)
        else:
            codes.made.append(node)
        return
    codes.dynamic.update(name for name in node.outputs if name)
    source, result = node.inputs[0], node.outputs[0]
    if node.op in OF_THE_IMAGE:
        raise InputError(
            "takes the scale of each image from itself, which fixed weights cannot; possible: static quantisation "
            "(QuantizeLinear and DequantizeLinear with constants)"
        )
    if node.op in INTEGERS and node.domain in STANDARD:
        _integers(node, codes, number_of)
    elif node.op == "Quant" and node.domain in QONNX:
        low, high = _range(node, number_of)
        codes.make("Rounded", node, node.inputs[:3], result, low=low, high=high)
    elif node.op == "QuantizeLinear" and node.domain in STANDARD:
        real = f"{result}\0real"
        inputs = (*node.inputs, "")[:3]
        codes.make("Rounded", node, inputs, real, axis=node.get("axis", 1))
        codes.real[result] = real, inputs[1], inputs[2]
    elif source not in codes.real:
        codes.made.append(node)
    elif node.op == "DequantizeLinear" and node.domain in STANDARD:
        real, scale, zero = codes.real[source]
        theirs = (*node.inputs, "")[1:3]
        if theirs == (scale, zero):
            codes.make("Identity", node, (real,), result)
        else:
            codes.make("Rescaled", node, (real, scale, zero, *theirs), result)
    elif node.op == "Clip" or node.op in MOVES:
        _on_numbers(node, codes)
    else:
        raise InputError(
            "computes with the integers of a QuantizeLinear; possible: a DequantizeLinear in between, or operators "
            f"that move data ({', '.join(sorted(MOVES))}), Clip, {', '.join(sorted(_OPERATORS))}"
        )


def _integers(node: Node, codes: _Codes, number_of: Callable[[str], float | None]) -> None:
    """Append a ConvInteger or MatMulInteger: numbers times weights, in units of the numbers' scale."""
    source, result = node.inputs[0], node.outputs[0]
    weight, point, own = (*node.inputs, "", "", "")[1:4]
    points = [number_of(name) if name else 0.0 for name in (point, own)]
    if weight in codes.dynamic or None in points:
        raise InputError(
            "has weights or zero points that are no constants of one number; possible: one zero point each"
        )
    names = [f"{result}\0{what}" for what in ("real", "zero", "unit", "weight")]
    if source in codes.real:
        real, scale, zero = codes.real[source]
        theirs = number_of(zero) if zero else 0.0
        if theirs != points[0]:
            raise InputError(f"takes {points[0]:g} as zero of numbers whose zero is {theirs}; possible: the same zero")
        codes.make("Reciprocal", node, (scale,), names[2])
    else:  # an image of integers
        real = names[0]
        codes.made.append(Node("Constant", "", node.name, (), (names[2],), {"value_float": 1.0}))
        codes.made.append(Node("Constant", "", node.name, (), (names[1],), {"value_float": points[0]}))
        codes.make("Cast", node, (source,), f"{real}\0", to=1)
        codes.make("Sub", node, (f"{real}\0", names[1]), real)
    codes.make("DequantizeLinear", node, (weight, names[2], *[own] * bool(own)), names[3])
    codes.made.append(replace(node, op=INTEGERS[node.op], domain="", inputs=(real, names[3]), outputs=(result,)))


def _on_numbers(node: Node, codes: _Codes) -> None:
    """Append what moves or clamps codes as what does so with numbers."""
    result = node.outputs[0]
    real, scale, zero = codes.real[node.inputs[0]]
    moved = f"{result}\0real"
    if node.op == "Clip":
        codes.make("Clamped", node, (real, *(*node.inputs, "", "")[1:3], scale, zero), moved)
    else:
        codes.made.append(replace(node, inputs=(real, *node.inputs[1:]), outputs=(moved, *node.outputs[1:])))
    codes.real[result] = moved, scale, zero


def _range(node: Node, number_of: Callable[[str], float | None]) -> tuple[int, int]:
    """Least and largest code of a QONNX Quant."""
    bits = number_of(node.inputs[3]) if len(node.inputs) == 4 else None
    if bits is None or not 1 <= bits <= MOST_BITS or bits != int(bits):
        raise InputError(f"has no constant bit width; possible: 1 to {MOST_BITS}")
    if str(node.attributes.get("rounding_mode", "ROUND")).upper() not in ("ROUND", "HALF_EVEN"):
        raise InputError("rounds otherwise than to the nearest; possible: rounding_mode ROUND")
    narrow, width = node.flag("narrow"), int(bits)
    if node.flag("signed", True):
        return -(2 ** (width - 1)) + narrow, 2 ** (width - 1) - 1
    return 0, 2**width - 1 - narrow


def _constant_quant(node: Node, codes: _Codes, number_of: Callable[[str], float | None]) -> None:
    """A Quant of weights as plain operators, which are computed."""
    low, high = _range(node, number_of)
    x, scale, zero = node.inputs[:3]
    names = [f"{node.outputs[0]}\0{n}" for n in range(9)]
    for name, value in zip(names[5:7], (low, high), strict=True):
        codes.made.append(Node("Constant", "", node.name, (), (name,), {"value_float": float(value)}))
    codes.make("Div", node, (x, scale), names[0])
    codes.make("Add", node, (names[0], zero), names[1])
    codes.make("Round", node, (names[1],), names[2])
    codes.make("Max", node, (names[2], names[5]), names[3])
    codes.make("Min", node, (names[3], names[6]), names[4])
    codes.make("Sub", node, (names[4], zero), names[7])
    codes.make("Mul", node, (names[7], scale), names[8])
    codes.make(ON_GRID, node, (names[8], scale, zero), node.outputs[0], low=low, high=high)


def _plain_operators(node: Node) -> Iterator[Node]:
    """A node on codes as plain ones between DequantizeLinear and QuantizeLinear; any other as it is."""
    layout = _OPERATORS.get(node.op)
    if layout is None or node.domain not in layout.domains:
        yield node
        return
    inputs = (*node.inputs, *[""] * 9)
    plain: list[str] = []
    rest = 2 if layout.op == "Concat" else 0
    places = range(2, len(node.inputs), 3) if layout.op == "Concat" else layout.numbers
    for place in places:
        name = f"{node.outputs[0]}\0{place}"
        axis = {"axis": layout.axis} if place else {}
        yield Node("DequantizeLinear", "", node.name, inputs[place : place + 3], (name,), axis)
        plain.append(name)
    if layout.bias is not None and inputs[layout.bias]:
        scale, bias = (f"{node.outputs[0]}\0{what}" for what in ("scale", "bias"))
        yield Node("Mul", "", node.name, (inputs[1], inputs[4]), (scale,), {})
        yield Node("DequantizeLinear", "", node.name, (inputs[layout.bias], scale), (bias,), {"axis": 0})
        plain.append(bias)
    scale, zero = (inputs[0], inputs[1]) if rest else inputs[layout.result : layout.result + 2]
    result = f"{node.outputs[0]}\0plain" if scale else node.outputs[0]
    yield replace(node, op=layout.op, domain="", inputs=tuple(plain), outputs=(result,))
    if scale:
        yield Node("QuantizeLinear", "", node.name, (result, scale, zero), node.outputs, {})


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where an operator on codes has its inputs: tensors (followed by scale and zero point), bias, result's scale."""

    op: str
    numbers: tuple[int, ...]
    result: int
    bias: int | None = None
    axis: int = 0  # of scales of the second tensor
    domains: tuple[str, ...] = (MICROSOFT,)


_OPERATORS: Mapping[str, _Layout] = {
    "QLinearConv": _Layout("Conv", (0, 3), 6, 8, domains=(*STANDARD, MICROSOFT)),
    "QLinearMatMul": _Layout("MatMul", (0, 3), 6, axis=1, domains=(*STANDARD, MICROSOFT)),
    "QGemm": _Layout("Gemm", (0, 3), 7, 6),
    "QLinearAdd": _Layout("Add", (0, 3), 6),
    "QLinearAveragePool": _Layout("AveragePool", (0,), 3),
    "QLinearConcat": _Layout("Concat", (), 0),
    "QLinearGlobalAveragePool": _Layout("GlobalAveragePool", (0,), 3),
    "QLinearLeakyRelu": _Layout("LeakyRelu", (0,), 3),
    "QLinearSigmoid": _Layout("Sigmoid", (0,), 3),
}
