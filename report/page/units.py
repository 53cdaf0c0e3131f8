"""Values with their units, as typeset."""

from resonet.core.numbers import engineering

__all__ = ["si"]


def si(value: float, unit: str, digits: int = 3) -> str:
    """A value to some digits with an SI prefix: µ and Ω instead of what a keyboard has."""
    return engineering(value, unit, digits).replace(" u", " µ").replace("Ohm", "Ω")
