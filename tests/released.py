"""Rows of every table as each released program wrote them, for tests of what becomes of them later."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import MetaData, Table

from circles.adapters.store.database import SqlDatabase

RELEASED: Final = sorted((Path(__file__).parent / "data" / "released").glob("*.json"))
"""`NNNN.json` is of the schema of that number."""


def fill(database: SqlDatabase, released: Path) -> dict[str, int]:
    """Write the rows of a release; return how many stand in each table."""
    rows = json.loads(released.read_text(encoding="utf-8"))
    with database.writer.begin() as connection:
        for name, values in rows.items():
            if name == "messages_text":
                for row in values:
                    database.dialect.index(connection, row["rowid"], row["terms"])
                continue
            table = Table(name, MetaData(), autoload_with=connection)
            connection.execute(table.insert(), [{key: _value(value) for key, value in row.items()} for row in values])
        database.dialect.count_on(connection)
    return {name: len(values) for name, values in rows.items()}


def _value(value: Any) -> object:
    if isinstance(value, dict) and "base64" in value:
        return base64.b64decode(cast("dict[str, str]", value)["base64"])
    return cast("object", value)
