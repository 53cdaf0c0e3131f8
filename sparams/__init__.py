"""S-parameters of blocks, as scikit-rf networks and Touchstone files."""

from resonet.sparams.chain import chain_deck, chain_sparams, write_touchstone

__all__ = ["chain_deck", "chain_sparams", "write_touchstone"]
