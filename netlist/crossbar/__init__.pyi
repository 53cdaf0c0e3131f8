from .deck import crossbar_deck as crossbar_deck
