"""What `import resonet` gives: the commands as functions that return records, which show themselves.

The commands of the command line call the same functions: an option there is a keyword here, of the same name, and the
numbers are the same. docs/guide/from_python.md shows them all.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
