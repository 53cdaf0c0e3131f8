"""That no number of the shipped networks moved: decks and results against those of an earlier commit of this tree."""

from _house_numbers import claims

__all__ = ["claims"]
