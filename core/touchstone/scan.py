"""Lines -> option line, keywords, comments and rows of numbers; nothing is interpreted beyond its line."""

from array import array
from dataclasses import dataclass, field

from resonet.core.errors import InputError
from resonet.core.touchstone.comments import Comments
from resonet.core.touchstone.keywords import BLOCKS, Keywords, keyword
from resonet.core.touchstone.numbers import plain_numbers
from resonet.core.touchstone.option_line import Options, option_line
from resonet.core.touchstone.record import fault, printable
from resonet.core.validity import warn

__all__ = ["Rows", "Scan", "scan"]

LISTS = ("reference", "mixed mode order")  # keywords whose arguments may go on in the next lines


@dataclass(slots=True)
class Rows:
    """Numbers of the lines of data, one after the other; count and number of each line."""

    values: "array[float]" = field(default_factory=lambda: array("d"))
    counts: "array[int]" = field(default_factory=lambda: array("q"))
    lines: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, numbers: list[float], line: int) -> None:
        """One line."""
        self.values.extend(numbers)
        self.counts.append(len(numbers))
        self.lines.append(line)


@dataclass(slots=True)
class Scan:
    """A file in its pieces."""

    options: Options = field(default_factory=Options)
    keywords: Keywords = field(default_factory=Keywords)
    comments: Comments = field(default_factory=Comments)
    network: Rows = field(default_factory=Rows)
    noise: Rows = field(default_factory=Rows)
    state: str = "head"  # then the keyword whose lines follow

    @property
    def keyed(self) -> bool:
        """Whether the file has keywords, as version 2."""
        return bool(self.keywords.given)

    def option(self, text: str, line: int) -> None:
        """The option line; further ones are left out, as the standard says."""
        if self.options.line:
            try:
                same = option_line(text, self.options.line) == self.options
            except InputError:
                same = False
            if not same:
                words = f"line {line}: a second option line that says something else is left out, as the standard asks"
                warn("touchstone-option-line", words, 2, 1)
            return
        if self.network.counts:
            raise fault(line, "the option line (#) comes after data")
        self.options = option_line(text, line)

    def keyword(self, text: str, line: int) -> None:
        """A line that begins with a bracket."""
        name, argument = keyword(text, line)
        if self.state == "end":
            raise fault(line, "text after [End]")
        if self.network.counts and not self.keyed:
            raise fault(line, f"[{name}] after data of version 1")
        if self.network.counts and name not in BLOCKS:
            raise fault(line, f"[{name}] after the data, which it would change")
        self.keywords.add(name, argument, line)
        if name in BLOCKS or name in LISTS:
            self.state = "head" if name == "end information" else name
        elif self.state in LISTS:
            self.state = "head"

    def data(self, text: str, line: int) -> None:
        """A line of numbers."""
        if self.state in LISTS:
            self.keywords.more(self.state, text)
        elif self.state == "noise data":
            self.noise.add(plain_numbers(text, line), line)
        elif self.state == "network data" or not self.keyed:
            self.network.add(plain_numbers(text, line), line)
        elif self.state == "end":
            raise fault(line, "text after [End]")
        else:
            raise fault(line, f"{printable(text)!r} before [Network Data]")


def scan(lines: list[str]) -> Scan:
    """Pieces of a file. Raises InputError with the line."""
    found = Scan()
    for number, raw in enumerate(lines, 1):
        body, mark, comment = raw.partition("!")
        body = body.strip()
        if mark:
            found.comments.take(number, comment, len(found.network.counts), not body or body[0] == "#")
        if not body:
            continue
        if found.state == "begin information":
            if body[0] == "[" and body.lower().replace("-", " ").startswith("[end information]"):
                found.keyword(body, number)
        elif body[0] == "#":
            found.option(body[1:], number)
        elif body[0] == "[":
            found.keyword(body, number)
        else:
            found.data(body, number)
    if found.state == "begin information":
        raise fault(found.keywords.line("begin information"), "[Begin Information] without [End Information]")
    return found
