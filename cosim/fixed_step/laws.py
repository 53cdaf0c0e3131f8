"""Laws of B sources and diodes, compiled: values with their derivatives to every control, by a stack machine."""

import math

import numba

from resonet.cosim.fixed_step.expressions import OPERATIONS

__all__ = ["FAST", "laws_at"]

FAST = {"contract", "reassoc", "arcp"}
NUMBER, TIME, CONTROL = (OPERATIONS[name] for name in ("number", "time", "control"))
ADD, SUB, MUL, DIV, POW = (OPERATIONS[name] for name in "+-*/^")
MORE, LESS, NEG, PICK = (OPERATIONS[name] for name in (">", "<", "neg", "?"))
SQRT, EXP, LN, SIN, COS, TANH = (OPERATIONS[name] for name in ("sqrt", "exp", "ln", "sin", "cos", "tanh"))
ABS, MIN, MAX, DIODE = (OPERATIONS[name] for name in ("abs", "min", "max", "diode"))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _unary(op, a):  # type: ignore[no-untyped-def]
    """Function of one value, and its derivative."""
    f, d = -a, -1.0
    if op == SQRT:
        f = math.sqrt(a)
        d = 0.5 / f if f > 0 else 0.0
    elif op == EXP:
        f = math.exp(a)
        d = f
    elif op == LN:
        f, d = math.log(a), 1 / a
    elif op == SIN:
        f, d = math.sin(a), math.cos(a)
    elif op == COS:
        f, d = math.cos(a), -math.sin(a)
    elif op == TANH:
        f = math.tanh(a)
        d = 1 - f * f
    elif op == ABS:
        f, d = abs(a), 1.0 if a >= 0 else -1.0
    return f, d


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _binary(op, a, b):  # type: ignore[no-untyped-def]
    """Function of two values, and its derivative to either."""
    f, da, db = a + b, 1.0, 1.0
    if op == SUB:
        f, db = a - b, -1.0
    elif op == MUL:
        f, da, db = a * b, b, a
    elif op == DIV:
        f, da, db = a / b, 1 / b, -a / (b * b)
    elif op == POW:
        f, da, db = a**b, b * a ** (b - 1), 0.0  # exponents are numbers
    elif op == MIN:
        f = min(a, b)
        da, db = (1.0, 0.0) if a <= b else (0.0, 1.0)
    elif op == MAX:
        f = max(a, b)
        da, db = (1.0, 0.0) if a >= b else (0.0, 1.0)
    elif op == MORE:
        f, da, db = (1.0 if a > b else 0.0), 0.0, 0.0
    elif op == LESS:
        f, da, db = (1.0 if a < b else 0.0), 0.0, 0.0
    return f, da, db


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _diode(current, width, v):  # type: ignore[no-untyped-def]
    """Current of a junction as in SPICE2, and its derivative; far in reverse it follows a cube."""
    if v >= -3 * width:
        grown = math.exp(v / width)
        return current * (grown - 1), current * grown / width
    cube = (3 * width / (v * math.e)) ** 3
    return -current * (1 + cube), 3 * current * cube / v


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _law(operation, argument, first, last, c, start, count, time, value, slope):  # type: ignore[no-untyped-def]
    """One law: its value, the derivatives left in slope[0]."""
    top = -1
    for step in range(first, last):
        op, x = operation[step], argument[step]
        if op <= CONTROL:
            top += 1
            for n in range(count):  # and not by slices, here and below: they take a second longer to compile
                slope[top, n] = 0.0
            if op == CONTROL:
                value[top] = c[start + int(x)]
                slope[top, int(x)] = 1.0
            else:
                value[top] = x if op == NUMBER else time
        elif op == NEG or (op >= SQRT and op <= ABS):
            value[top], d = _unary(op, value[top])
            for n in range(count):
                slope[top, n] *= d
        elif op == PICK:
            keep = top - 1 if value[top - 2] != 0 else top
            top -= 2
            value[top] = value[keep]
            for n in range(count):
                slope[top, n] = slope[keep, n]
        elif op == DIODE:
            top -= 2
            value[top], d = _diode(value[top + 1], value[top + 2], value[top])
            for n in range(count):
                slope[top, n] *= d
        else:
            top -= 1
            value[top], da, db = _binary(op, value[top], value[top + 1])
            for n in range(count):
                slope[top, n] = da * slope[top, n] + db * slope[top + 1, n]
    return value[0]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def laws_at(factor, start, steps, operation, argument, c, time, value, slope, f, gradient):  # type: ignore[no-untyped-def]
    """Values f [laws] at controls c and their derivatives [controls]; the arrays of `Laws`, then room for the stack."""
    for m in range(len(factor)):
        first, second = factor[m] * c[2 * m], factor[m] * c[2 * m + 1]
        f[m] = first * c[2 * m + 1]
        gradient[2 * m], gradient[2 * m + 1] = second, first
    for m in range(len(factor), len(f)):
        at = start[m]
        count = start[m + 1] - at
        f[m] = _law(operation, argument, steps[m], steps[m + 1], c, at, count, time, value, slope)
        for n in range(count):
            gradient[at + n] = slope[0, n]
