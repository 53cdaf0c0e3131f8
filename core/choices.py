"""Parameters and options that are words: one of a few, or several with commas; as `parameter` is for numbers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field, field
from typing import Any, TypeVar

from resonet.core.errors import InputError
from resonet.core.text import meant

__all__ = ["check_choices", "choice", "chosen_words", "parse_choice", "words"]

Word = TypeVar("Word", bound=str)


def choice(default: str, possible: Callable[[], Iterable[str]] | None, doc: str, several: bool = False) -> Any:
    """Dataclass field that holds one of the words `possible`, or `several` of them with commas; None: any words.

    `possible` is asked only where another word than the default is given, so that it may look at what is installed.
    """
    return field(default=default, metadata={"unit": "", "choices": possible, "several": several, "doc": doc})


def words(text: str) -> tuple[str, ...]:
    """The words of a parameter of several."""
    return tuple(part.strip() for part in text.split(","))


def chosen_words(given: str | Sequence[str], possible: Sequence[Word], what: str) -> tuple[Word, ...]:
    """Those of some words, in their order, that a text with commas or a list names, or `all`. Raises InputError."""
    if given == "all":
        return tuple(possible)
    names = words(given) if isinstance(given, str) else tuple(part.strip() for part in given)
    wrong = next((name for name in names if name not in possible), None)
    if wrong is not None:
        raise InputError(f"{what} {wrong[:40]!r}: possible: all, {', '.join(possible)}, several with commas")
    return tuple(word for word in possible if word in names)


def parse_choice(text: object, spec: "Field[Any]", section: str) -> str:
    """What somebody wrote for a choice; of several also as a list. Raises InputError that names what is possible."""
    name, several = f"{section}.{spec.name}", spec.metadata["several"]
    if several and isinstance(text, list) and text and all(isinstance(part, str) for part in text):
        text = ", ".join(text)
    if not isinstance(text, str) or not text.strip() or len(text) > 1000 or not text.isprintable():
        raise InputError(f"{name} = {str(text)[:40]!r}: a word is expected ({spec.metadata['doc']})")
    given = words(text) if several else (text.strip(),)
    if given != (spec.default,) and spec.metadata["choices"] is not None:
        possible = tuple(spec.metadata["choices"]())
        wrong = next((part for part in given if part not in possible), None)
        if wrong is not None:
            listed = f"{', '.join(possible)} ({spec.metadata['doc']})"
            raise InputError(f"{name} = {wrong[:40]!r}: possible: {listed}{meant(wrong, possible)}")
    return ", ".join(given)


def check_choices(record: Any, section: str) -> None:
    """Raise InputError if a choice of a record is not possible."""
    for spec in record.__dataclass_fields__.values():
        if "choices" in spec.metadata:
            parse_choice(getattr(record, spec.name), spec, section)
