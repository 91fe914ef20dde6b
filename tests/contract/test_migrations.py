"""The migrations make exactly the tables that the code describes, and the database probe says how things stand."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection, text

import circles.registry
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import alembic_config, head, is_ours, migrate, standing
from circles.bootstrap import check_database
from circles.config import Config
from circles.core.extract.tokens import index_terms, query_terms
from circles.dialects import dialect_of
from circles.entrypoints.checks import Finding
from circles.errors import ConfigurationError
from circles.facts.tables import metadata
from circles_harness.postgresql import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlDatabase]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        opened = SqlDatabase(f"sqlite:///{tmp_path / 'circles.db'}")
        yield opened
        opened.writer.dispose()
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    url = server.create()
    opened = SqlDatabase(url)
    yield opened
    opened.writer.dispose()
    server.drop(url)


def differences(database: SqlDatabase) -> list[object]:
    """Return what a new migration would have to change."""
    with database.writer.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": is_ours, "compare_type": True, "target_metadata": metadata}
        )
        return list(compare_metadata(context, metadata))


def test_a_fresh_database_has_the_tables_of_the_code(database: SqlDatabase) -> None:
    """No drift: whoever changes a table runs `scripts/migration`."""
    migrate(database)

    assert circles.registry.FEATURES
    assert differences(database) == []
    assert standing(database).revision == head()


def test_the_newest_schema_is_what_alembic_takes_for_it() -> None:
    """The program itself reads it from the files' names, for it starts without Alembic."""
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == head()


def test_migrating_again_changes_nothing(database: SqlDatabase) -> None:
    """Every start does it."""
    migrate(database)
    migrate(database)

    assert differences(database) == []


def test_the_index_of_words_is_there(database: SqlDatabase) -> None:
    """It is no table of SQLAlchemy's, so the first migration makes it by hand."""
    migrate(database)
    with database.writer.connect() as connection:
        dialect = dialect_of(connection.dialect.name)
        dialect.index(connection, 1, index_terms("Four plates and don't forget \\ the 'cups'"))
        dialect.index(connection, 2, index_terms("x" * 5_000))
        found = [
            connection.execute(dialect.matching(query_terms(words))).scalars().all()
            for words in ("plates cups", "don't", "x" * 5_000, "plates and saucers")
        ]
        dialect.unindex(connection, [1, 2])
        left = connection.execute(dialect.matching(query_terms("plates"))).scalars().all()

    assert found == [[1], [1], [2], []]
    assert left == []


def test_a_new_database_has_no_revision(database: SqlDatabase) -> None:
    """And is none the worse for being asked."""
    assert standing(database).revision is None


# --- `circles check` ----------------------------------------------------------------------------------------------


def a_config(folder: Path) -> Config:
    return Config.model_validate(
        {
            "homeserver": {"url": "http://127.0.0.1:1", "server_name": "home.example"},
            "appservice": {"as_token": SecretStr("a" * 40), "hs_token": SecretStr("h" * 40)},
            "storage": {"data_dir": folder},
        }
    )


async def test_the_probe_of_a_new_database_says_that_it_is_new(tmp_path: Path) -> None:
    """The first start makes it."""
    finding = await check_database(a_config(tmp_path / "data"))

    assert finding.ok
    assert "new" in finding.text


async def test_the_probe_of_a_database_in_use_says_that_it_is_up_to_date(tmp_path: Path) -> None:
    """And leaves it closed and private."""
    config = a_config(tmp_path / "data")
    config.storage.prepare()
    database = SqlDatabase(config.storage.url)
    migrate(database)
    await database.close()
    finding = await check_database(config)

    assert finding.ok
    assert "up to date" in finding.text
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700  # a test


async def test_the_probe_of_an_older_database_says_that_it_is_upgraded_at_the_start(tmp_path: Path) -> None:
    """Nothing to do for the operator."""
    config = a_config(tmp_path / "data")
    config.storage.prepare()
    database = SqlDatabase(config.storage.url)
    migrate(database)

    def older(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    await database.write(older)
    await database.close()
    finding = await check_database(config)

    assert finding.ok
    assert "next start" in finding.text


async def test_a_database_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    """By the check and by the start, which then ends with the exit code for a wrong configuration."""
    config = a_config(tmp_path / "data")
    config.storage.prepare()
    database = SqlDatabase(config.storage.url)
    migrate(database)

    def newer(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await database.write(newer)
    with pytest.raises(ConfigurationError) as refused:
        migrate(database)
    await database.close()
    finding = await check_database(config)

    assert "newer version" in refused.value.problems[0][1]
    assert not finding.ok
    assert "newer version" in finding.advice


async def test_the_probe_of_what_is_no_database_says_what_to_look_at(tmp_path: Path) -> None:
    """Not ok, with a name and no words of the driver."""
    config = a_config(tmp_path / "data")
    config.storage.prepare()
    Path(SqlDatabase(config.storage.url).url.database or "").write_bytes(b"not a database at all" * 100)  # noqa: ASYNC240
    finding = await check_database(config)

    assert not finding.ok
    assert "circles restore" in finding.advice


async def test_the_probe_of_a_server_tells_its_version_and_what_keeps_it_from_serving(
    tmp_path: Path, postgresql_server: PostgreSQL, postgresql_url: str
) -> None:
    """Up to date; in an encoding that cannot hold all that people write; not there at all."""

    async def found(url: str) -> Finding:
        base = a_config(tmp_path / "data")
        return await check_database(base.model_copy(update={"storage": base.storage.model_copy(update={"url": url})}))

    fine = await found(postgresql_url)
    assert fine.ok
    assert fine.text.startswith("database (PostgreSQL 18")
    assert "up to date" in fine.text

    options = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    narrow = postgresql_server.create(options)
    finding = await found(narrow)
    assert not finding.ok
    assert "LATIN1" in finding.advice
    database = SqlDatabase(narrow)
    with pytest.raises(ConfigurationError):
        migrate(database)
    database.writer.dispose()
    postgresql_server.drop(narrow)

    away = await found("postgresql://nobody@127.0.0.1:1/nothing")
    assert not away.ok
    assert "server runs" in away.advice
