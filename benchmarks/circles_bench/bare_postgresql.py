"""The least that stores in PostgreSQL: `python bare_postgresql.py PORT URL`, for the intake benchmark.

As the fixed `bare` does in SQLite: one commit a transaction, events unique by id, the words indexed; rows as arrays.
"""

import asyncio
import hmac
import sys
from typing import Any

import orjson
import psycopg
from aiohttp import web

TABLES = """
    CREATE TABLE txn (id text PRIMARY KEY);
    CREATE TABLE event (seq bigserial PRIMARY KEY, event_id text NOT NULL UNIQUE, room text NOT NULL,
        sender text NOT NULL, ts bigint NOT NULL, type text NOT NULL, body text, content bytea, words tsvector);
    CREATE INDEX ON event (room, ts);
    CREATE INDEX ON event USING gin (words);
"""
INSERT = """
    INSERT INTO event (event_id, room, sender, ts, type, body, content, words)
    SELECT id, room, sender, ts, type, body, content, to_tsvector('simple', body)
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::bytea[])
        AS made (id, room, sender, ts, type, body, content)
    ON CONFLICT DO NOTHING
"""


def put(connection: psycopg.Connection[Any], txn_id: str, events: list[dict[str, Any]]) -> None:
    """Store one transaction."""
    rows = [
        (
            event["event_id"],
            event["room_id"],
            event["sender"],
            event["origin_server_ts"],
            event["type"],
            event["content"].get("body"),
            orjson.dumps(event["content"]),
        )
        for event in events
    ]
    with connection.transaction():
        taken = connection.execute("INSERT INTO txn VALUES (%s) ON CONFLICT DO NOTHING", (txn_id,))
        if taken.rowcount:
            connection.execute(INSERT, [list(column) for column in zip(*rows, strict=True)])


async def main(port: int, url: str) -> None:
    """Serve until the end."""
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(TABLES.encode())

    async def handle(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("Authorization", ""), "Bearer hs"):
            return web.Response(status=401)
        put(connection, request.match_info["txn"], orjson.loads(await request.read())["events"])
        return web.Response(body=b"{}", content_type="application/json")

    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_put("/_matrix/app/v1/transactions/{txn}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
