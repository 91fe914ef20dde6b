"""The homeserver's side: what is asked of it, sent to it, and kept secret from it.

matrix-nio keeps its keys through peewee, which loads the driver of every database that it finds: of PostgreSQL's, 9 MB
that nobody needs whose own database is a file.  So peewee is loaded here, before nio, and finds none.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

_DRIVERS: Final = tuple(name for name in ("psycopg", "psycopg2") if name not in sys.modules)

for name in _DRIVERS:
    sys.modules[name] = None  # type: ignore[assignment]  # what stands for a module that is not there
try:
    importlib.import_module("peewee")
finally:
    for name in _DRIVERS:
        del sys.modules[name]
