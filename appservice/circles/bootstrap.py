"""The composition root: configuration in, a running service out. The one module that knows all the others."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
import logging
import os
import re
import resource
import signal
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from circles.adapters.clock import SystemClock
from circles.adapters.matrix.account import control_room, name_account, ping, register
from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.contact import Contact
from circles.adapters.matrix.creation import Creation
from circles.adapters.matrix.crypto.client import Crypto
from circles.adapters.matrix.crypto.sealing import Sealing
from circles.adapters.matrix.direct import DirectRooms
from circles.adapters.matrix.names import Names
from circles.adapters.matrix.sender import Sender
from circles.adapters.matrix.standings import GateStandings
from circles.adapters.matrix.talk import MatrixTalk
from circles.adapters.scheduler.wakes import ApschedulerWakes
from circles.adapters.store import backlog, erasures, journal, kept, positions, purges, quarantine, redactions
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.faults import Faults, fault_of
from circles.adapters.store.migrate import Standing, head, standing
from circles.adapters.store.quota import AnswerLimits, DailyLimits, drop_before
from circles.config import Config, Model
from circles.core.ids import EventID, RoomID, UserID
from circles.core.settings import ModelPlace, Settings
from circles.entrypoints import machine, purge_list
from circles.entrypoints.catching_up import CatchingUp
from circles.entrypoints.checks import Finding, our_version
from circles.entrypoints.committing import Commits
from circles.entrypoints.deliveries import Deliveries
from circles.entrypoints.entering import Entering
from circles.entrypoints.erasing import Erasing
from circles.entrypoints.gathering import Items, KeptMessages, WhatIsHeld, tell_features
from circles.entrypoints.health import Health, listen, serve_health
from circles.entrypoints.intake import Intake
from circles.entrypoints.leading import Leading
from circles.entrypoints.measuring import Measuring
from circles.entrypoints.opening import Keys, Opener, Wait
from circles.entrypoints.performing import Aftermath, Performer, VoiceRules
from circles.entrypoints.purge_list import PurgeList
from circles.entrypoints.reading import Rates, Reader
from circles.entrypoints.rereading import Rereading
from circles.entrypoints.retrying import Retrying
from circles.entrypoints.transactions import door
from circles.entrypoints.waker import Chore, Waker
from circles.entrypoints.whereabouts import DOUBT, LOST, Whereabouts
from circles.entrypoints.worker import Worker
from circles.errors import ConfigurationError, MachineFailed, MatrixError, NotFound
from circles.facts.current_state import REREAD
from circles.metrics import Metrics
from circles.ports import Database, Ports
from circles.registry import help_lines
from circles.troubles import ADVICE, Trouble, Troubles, advice_on
from circles_policies import explain
from circles_policies.model import Reach

if TYPE_CHECKING:
    from circles.adapters.ai.circle_models import CircleModels

log = logging.getLogger(__name__)

Client = TypeVar("Client", bound=MatrixClient)

T = TypeVar("T")

RETRY_SECONDS: Final = (0.5, 1, 1, 2, 2, 5, 5, 10, 30)
SEND_SECONDS: Final = 3
"""So long what is still to be said is sent, once we are told to stop; the rest waits in its rows."""
KEEP_COUNTS: Final = timedelta(days=2)
"""How long it stays written who asked how much on a day: no longer than a budget may ask."""


def settings_of(config: Config) -> Settings:
    """Return what features may know of the configuration."""
    model = config.model
    return Settings(
        ai=UserID(config.bot_user_id),
        server_name=config.homeserver.server_name,
        name_en=config.member.name_en,
        name_zh=config.member.name_zh,
        former_names=config.member.former_names,
        operator=config.member.operator_name or "",
        language=config.member.language,
        zone=config.member.zone,
        ceiling=config.ceiling.ceiling(),
        reach=model.reach if model is not None else Reach.NONE,
        model=model.model if model is not None else None,
        model_host=model.host if model is not None else None,
        model_country=model.country if model is not None else None,
        names_hidden=model.hide_names if model is not None else False,
        models={name: _place(each) for name, each in config.models.items()},
        plugin=config.homeserver.plugin,
        gated=config.homeserver.gated,
        loosening_hours=config.timing.loosening_hours,
        tightening_hours=config.timing.tightening_hours,
        newcomers_seconds=config.timing.newcomers_seconds,
        marks_per_day=config.limits.marks_per_person_per_day,
        circles_per_day=config.limits.circles_per_person_per_day,
        unasked_per_day=config.voice.posts_per_day,
        alias_prefix=config.appservice.alias_prefix,
        ghost_prefix=config.appservice.ghost_prefix,
        help_text={"en": help_lines("en"), "zh": help_lines("zh")},
        may_invite=config.invites.allows,
        may_enter=config.invites.allows_room,
    )


def _place(model: Model) -> ModelPlace:
    return ModelPlace(model.model, model.host, model.reach, model.country, model.hide_names)


@dataclass
class Service:
    """The running parts."""

    config: Config
    database: SqlDatabase
    faults: Faults
    client: MatrixClient
    contact: Contact
    model: CircleModels | None
    intake: Intake
    deliveries: Deliveries
    catching_up: CatchingUp
    worker: Worker
    sender: Sender
    waker: Waker
    scheduler: ApschedulerWakes
    metrics: Metrics
    names: Names
    troubles: Troubles
    whereabouts: Whereabouts
    purge_list: PurgeList
    leading: Leading
    crypto: Crypto
    opener: Opener
    erasing: Erasing
    standings: GateStandings | None = None
    ready: bool = False

    async def meet(self) -> None:
        """Make sure that the homeserver knows us, also one whose database was made anew, and find out where we are.

        Raises:
            MatrixError: it did not answer, or does not take our token.
        """
        account = self.config.appservice
        name = self.config.member.name_en
        await register(self.client, account.bot_localpart)
        await self.crypto.meet()
        await name_account(self.client, account.bot_localpart, name)
        await self.whereabouts.look()

    async def back(self) -> None:
        """Contact with the homeserver stands, and nothing is missing: let it deliver what it holds back.

        By a ping, and by an event that concerns us: after a restart of Synapse a delivery that broke off waits for one.
        """
        log.info("The homeserver is there.", extra={"action": "homeserver_back"})
        self.sender.heard()
        account = self.config.appservice
        await ping(self.client, account.id)
        with contextlib.suppress(MatrixError):
            server_name = self.config.homeserver.server_name
            room_id = await control_room(self.client, f"{account.alias_prefix}control", server_name)
            await self.client.send(RoomID(room_id), "io.github.matrix_circles.kick", {}, uuid.uuid4().hex)

    def look_after(self, after: Aftermath) -> None:
        """Tell the running parts what a commit left for them to look at."""
        self.purge_list.look()
        if self.standings is not None:
            self.standings.note()
        for room_id in after.renamed:
            self.names.forget(room_id)
        for room_id in after.interrupted:
            self.worker.interrupt(room_id)
        for room_id in after.rooms:
            self.worker.kick(room_id)
        for lane in after.lanes:
            self.sender.kick(lane)
        if after.woken:
            self.waker.look()
        if after.parked:
            self.opener.look()
        if after.erases:
            self.erasing.look()
        if after.interrupted:
            self.opener.judge_again()


def build(config: Config) -> Service:
    """Wire everything. Nothing runs yet."""
    storage = config.storage
    storage.prepare()
    settings, clock, metrics = settings_of(config), SystemClock(), Metrics()
    metrics.build(
        our_version(), "sqlite" if storage.is_sqlite else "postgresql", "gated" if settings.gated else "direct"
    )
    troubles = Troubles(clock)
    faults = Faults(troubles)
    database = SqlDatabase(storage.url, faults)
    client = _connected(MatrixClient, config, troubles, metrics)
    contact = _connected(Contact, config, troubles, metrics)
    server = settings.server_name
    ghosts = re.compile(rf"@{re.escape(config.appservice.ghost_prefix)}.*:{re.escape(server)}")
    crypto = Crypto(
        database,
        client,
        storage.crypto_dir,
        storage.secrets_dir,
        config.appservice.device_id,
        config.member.name_en,
        clock,
    )
    tried: dict[EventID, Wait] = {}
    sealing = Sealing(database, client, crypto)
    direct = DirectRooms(database, client, sealing, server, config.appservice.alias_prefix)
    names = Names(client, clock)
    stamped = (*explain.room_names(settings.name_en), *explain.room_names(settings.name_zh))
    own_names = (*stamped, settings.name_en, settings.name_zh, *settings.former_names, settings.ai)
    creation = Creation(client, server, config.appservice.alias_prefix, config.appservice.ghost_prefix)
    standings = GateStandings(database, client) if settings.gated else None
    before, settle = (standings.flush, standings.settle) if standings is not None else (None, None)
    talk = MatrixTalk(database, client, clock, settings, own_names, ghosts, crypto.decrypt, settle)
    model = _model(config, database, clock, settings, metrics, names)
    ports = Ports(
        clock=clock,
        database=database,
        talk=talk,
        names=names,
        rooms=creation,
        doors=creation,
        held=WhatIsHeld(database),
        kept=KeptMessages(database),
        settings=settings,
        items=Items(database),
        model=model,
        keys=Keys(database, crypto, tried),
    )
    performer = Performer(
        VoiceRules(config.voice.posts_per_day, config.voice.night_start, config.voice.night_end, settings.zone)
    )
    holder: list[Service] = []

    def after(aftermath: Aftermath) -> None:
        holder[0].look_after(aftermath)

    intake = Intake(database, performer, settings, clock, metrics, after, ghosts)
    reader = Reader(database, intake, names, settings, clock, _rates(config), refused=metrics.refused)
    worker = Worker(database, reader, performer, ports, after, config.timing.placeholder_after_seconds)
    commits = Commits(database, performer, clock, after)
    whereabouts = Whereabouts(commits, client, intake)
    sender = Sender(
        database,
        client,
        direct,
        sealing,
        clock,
        tell_features,
        counted=metrics.sent,
        before=before,
        gone=whereabouts.gone,
        replaced_at=lambda: crypto.replaced_at,
    )
    scheduler = ApschedulerWakes()
    entering = Entering(database, client, intake, ports)
    deliveries = Deliveries(held=True)

    async def back() -> None:
        await holder[0].back()

    async def meet() -> None:
        await holder[0].meet()

    catching_up = CatchingUp(database, client, contact, intake, deliveries, settings, clock, back, meet=meet)
    chores: dict[str, Chore] = {
        quarantine.RETRY: Retrying(database, client, intake).retry,
        DOUBT: whereabouts.settle,
        LOST: whereabouts.give_up,
        REREAD: Rereading(commits, client, intake, whereabouts).read,
    }
    waker = Waker(database, scheduler, entering, performer, ports, metrics, after, chores=chores)
    listing = PurgeList(database, clock, storage.data_dir / purge_list.FILE)
    unreadable = timedelta(seconds=config.timing.unreadable_seconds)
    opener = Opener(database, crypto, intake, performer, clock, after, unreadable, tried)
    service = Service(
        config=config,
        database=database,
        faults=faults,
        client=client,
        contact=contact,
        model=model,
        intake=intake,
        deliveries=deliveries,
        catching_up=catching_up,
        worker=worker,
        sender=sender,
        waker=waker,
        scheduler=scheduler,
        metrics=metrics,
        names=names,
        troubles=troubles,
        whereabouts=whereabouts,
        standings=standings,
        purge_list=listing,
        # What becomes of the host of the one that leads must not take the only list with it.
        leading=Leading(database, clock, listing.run),
        crypto=crypto,
        opener=opener,
        erasing=Erasing(database, after),
    )
    holder.append(service)
    return service


def _connected(kind: type[Client], config: Config, troubles: Troubles, metrics: Metrics) -> Client:
    return kind(
        config.homeserver.url,
        UserID(config.bot_user_id),
        config.tokens.as_token,
        device_id=None,
        troubles=troubles,
        timeout_seconds=config.timing.homeserver_seconds,
        reached=metrics.homeserver_up.set,
    )


def _rates(config: Config) -> Rates:
    limits = config.limits
    answers = AnswerLimits(limits.answers_per_person_per_day, limits.answers_per_room_per_day)
    return Rates(limits.commands_per_person_per_minute, limits.turns_in_a_row, answers)


def _day(instant: datetime) -> str:
    return instant.date().isoformat()


def _model(
    config: Config, database: SqlDatabase, clock: SystemClock, settings: Settings, metrics: Metrics, names: Names
) -> CircleModels | None:
    given: dict[str | None, Model] = {None: config.model} if config.model is not None else {}
    given.update(config.models)
    if not given:
        return None
    # The SDK behind it is 15 MB and most of a second: only whoever has a model shall pay for it.
    from circles.adapters.ai.circle_models import CircleModels
    from circles.adapters.ai.clearance import SendClearance
    from circles.adapters.ai.openai_client import Endpoint, ModelPort

    # Of the token, so that every replica has the same; nobody who sees a pseudonym can compute the next one.
    mask_key = hmac.digest(config.tokens.as_token.encode(), b"pseudonyms", "sha256")
    limits = DailyLimits(
        calls_per_person=config.limits.calls_per_person_per_day,
        calls_per_room=config.limits.calls_per_room_per_day,
        tokens_per_room=config.limits.model_tokens_per_room_per_day,
        tokens_per_person=config.limits.model_tokens_per_person_per_day,
    )

    def port(name: str | None, model: Model) -> ModelPort:
        endpoint = Endpoint(
            base_url=model.base_url,
            model=model.model,
            api_key=model.api_key.get_secret_value() if model.api_key is not None else None,
            timeout_seconds=model.timeout_seconds,
            max_tokens=model.max_tokens,
            context_tokens=model.context_tokens,
            mask_key=mask_key if model.hide_names else None,
        )
        return ModelPort(
            endpoint,
            asks=SendClearance(database, clock, settings, metrics.denied, name=name),
            database=database,
            clock=clock,
            limits=limits,
            measured=metrics.model,
            refused=metrics.refused,
            people=names.people,
        )

    return CircleModels(database, {name: port(name, each) for name, each in given.items()})


async def run(config: Config) -> None:
    """Run the service until it is told to stop (SIGTERM, SIGINT).

    Raises:
        NotAlone: another process has the database, or took over from this one.
        ConfigurationError, MachineFailed: the database cannot be used, for good or for now.
    """
    with _usable():
        service = build(config)
        service.leading.claim()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    _open_many_files()
    loop.set_exception_handler(partial(_unhandled, service.faults))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    measuring = Measuring(
        service.database,
        service.metrics,
        SystemClock(),
        config.storage.data_dir,
        lambda: service.ready or service.leading.stands_by,
        lambda: service.troubles.standing,
    )
    health = await serve_health(
        config.health.host, config.health.port, lambda: _health(service), service.metrics, measuring.look
    )
    taking = asyncio.create_task(service.leading.take(), name="take the lead")
    try:
        with _usable():
            leads = await _first_of(stopping, taking)
        if leads:
            await _serve(service, stopping)
        if service.faults.damaged.is_set():
            await stopping.wait()  # Whoever looks at /health is told what to do; a start anew would change nothing.
            raise ConfigurationError([("storage.data_dir", ADVICE[Trouble.CORRUPT])])
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await health.cleanup()
        await service.database.close()


@contextlib.contextmanager
def _usable() -> Generator[None]:
    """Say in words what keeps us from the database.

    Raises:
        ConfigurationError: only a person can mend it, so nobody need start us again before.
        MachineFailed: it may pass.
    """
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        fault = fault_of(error)
        if fault is None:
            raise
        if fault in (Trouble.CORRUPT, Trouble.READ_ONLY):
            raise ConfigurationError([("storage.data_dir", ADVICE[fault])]) from None
        raise MachineFailed(f"Circles cannot start: {ADVICE[fault]}.") from None


def _open_many_files() -> None:
    """Allow ourselves as many open files as the system lets us: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _unhandled(faults: Faults, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Note where the event loop itself cannot open a connection: it tries again each second, and says so each time."""
    error = context.get("exception")
    if isinstance(error, OSError) and fault_of(error) is Trouble.FILES:
        faults.met(error)
        return
    loop.default_exception_handler(context)


async def _serve(service: Service, stopping: asyncio.Event) -> None:
    """Do the work of whoever leads, until we are told to stop or the database turns out to be damaged.

    Raises:
        LeadLost: another process does it now.
    """
    config = service.config
    await service.client.open()
    await service.contact.open()
    app = door(
        service.intake,
        config.tokens.hs_token,
        service.metrics,
        config.limits.transaction_bytes,
        service.troubles,
        heard=service.sender.heard,
        deliveries=service.deliveries,
    )
    runner = web.AppRunner(app, access_log=None)
    await listen(runner, config.appservice.host, config.appservice.port, "appservice")
    service.metrics.leader.set(1)
    starting = asyncio.create_task(_start(service), name="start")
    leading = asyncio.create_task(service.leading.keep(), name="keep the lead")
    damaged = asyncio.create_task(_note_damage(service), name="note damage")
    keeping = (
        asyncio.create_task(service.crypto.sync(service.opener.received), name="sync of the device"),
        asyncio.create_task(_keep_clean(service), name="keep clean"),
        asyncio.create_task(service.erasing.run(), name="erase"),
        asyncio.create_task(service.purge_list.run(), name="purge list"),
        asyncio.create_task(service.deliveries.run(), name="pulse"),
        *((asyncio.create_task(service.standings.run(), name="tell the gate"),) if service.standings else ()),
    )
    try:
        await _first_of(stopping, starting, leading, damaged)
    finally:
        log.info("The service stops.", extra={"action": "stopping"})
        if stopping.is_set() and service.ready:
            await _drain(service)
        service.ready = False
        ended = (starting, leading, damaged, *keeping)
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        service.deliveries.release()
        await runner.cleanup()
        await service.waker.stop()
        service.scheduler.stop()
        await service.opener.stop()
        await service.worker.stop()
        await service.sender.stop()
        await service.crypto.stop()
        if service.model is not None:
            await service.model.aclose()
        await service.client.close()
        await service.contact.close()


async def _note_damage(service: Service) -> None:
    """Wait until a damaged page is met, and say so."""
    await service.faults.damaged.wait()
    log.error(
        "The database is damaged: nothing is read, written or answered any more. Stop Circles, keep a copy of "
        "storage.data_dir, and put the last backup back with `circles restore`.",
        extra={"action": "database_damaged"},
    )


async def _drain(service: Service) -> None:
    """Let what is begun come to its end. Deliveries come in meanwhile: what tightens still tightens."""
    try:
        await service.waker.stop()
        await service.worker.drain(service.config.timing.drain_seconds)
        await service.sender.drain(SEND_SECONDS)
    except Exception as error:  # noqa: BLE001  # a full disk must not keep us from stopping
        log.error(  # noqa: TRY400  # the traceback may carry text
            "What was begun could not be brought to its end.",
            extra={"action": "drain_failed", "error": type(error).__name__},
        )


async def _first_of(stopping: asyncio.Event, *tasks: asyncio.Task[None]) -> bool:
    """Wait until we are told to stop or one of these ends, and raise what ended it; return whether one did."""
    stopped = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if stopped in done:
            return False
        for task in tasks:
            if task in done:
                task.result()
        return True
    finally:
        stopped.cancel()


async def _start(service: Service) -> None:
    """Make the account, then let everything go; the homeserver may still be starting itself."""
    await _until_reached(service.meet)
    service.scheduler.start()
    restored = await service.database.read(positions.restored_from)
    if restored is not None:
        # What stands in the rooms is not to be said twice.
        log.warning("A backup was restored: the rooms are read first.", extra={"action": "restored", "at": restored})
        await service.catching_up.first()
    service.opener.start()
    await service.sender.start()
    await service.waker.start()
    if restored is not None:
        # What was due since then fires first, so that a tap on it finds whose it is.
        await service.waker.idle()
        await service.database.write(positions.is_caught_up)
    await service.worker.start()
    service.ready = True
    log.info("The service is ready.", extra={"action": "ready"})
    await service.catching_up.run()


async def _until_reached(work: Callable[[], Awaitable[None]]) -> None:
    attempt = 0
    while True:
        try:
            await work()
        except MatrixError as error:
            pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
            attempt += 1
            log.warning(
                "The homeserver is not ready for us.",
                extra={"action": "start_waits", "errcode": error.errcode, "status": error.status, "seconds": pause},
            )
            await asyncio.sleep(pause)
        else:
            return


async def _keep_clean(service: Service) -> None:
    """Delete kept messages whose time is over, and empty the write-ahead log of what was deleted."""
    while True:
        await asyncio.sleep(service.config.timing.checkpoint_seconds)
        try:
            now = int(SystemClock().now().timestamp() * 1000)
            while await service.database.write(partial(kept.drop_expired, now=now, most=erasures.BATCH)):
                pass
            await service.database.write(partial(drop_before, day=_day(SystemClock().now() - KEEP_COUNTS)))
            await service.database.write(partial(journal.drop_transactions, now=now))
            await service.database.write(partial(redactions.drop_old, now=now))
            await service.database.write(partial(purges.drop_before, at=now - purges.KEEP_DAYS * 86_400_000))
            await service.database.wipe()
            service.waker.look()  # An operator may have asked for a quarantined event again.
        except Exception as error:  # noqa: BLE001  # a full disk must not end the cleaning for good
            log.error(  # noqa: TRY400  # the traceback may carry text
                "The database could not be cleaned.", extra={"action": "clean_failed", "error": type(error).__name__}
            )


def _health(service: Service) -> Health:
    troubles = " ".join(service.troubles.standing)
    if service.leading.stands_by:
        return Health(ok=True, status="standby")
    parts: dict[str, int | float | str] = {"in_hand": service.worker.busy, "troubles": troubles}
    if troubles:
        parts["advice"] = "; ".join(advice_on(code) for code in service.troubles.standing)
    return Health(ok=service.ready, parts=parts)


@contextlib.asynccontextmanager
async def opened(config: Config) -> AsyncGenerator[Database]:
    """Open the database for a command beside the service; it must be there and have the newest schema.

    Raises:
        NotFound: it is not.
    """
    database = SqlDatabase(config.storage.url)
    try:
        found = await asyncio.to_thread(standing, database)
        if found.objection is not None or found.revision != head():
            raise NotFound("The database is not ready: start the service once, or see `circles check`.")
        yield database
    finally:
        await database.close()


async def check_quarantine(config: Config) -> Finding:
    """Return whether something that broke us waits for the operator."""
    try:
        async with opened(config) as database:
            return machine.quarantine(await database.read(quarantine.count))
    except Exception:  # noqa: BLE001  # another line says what is wrong with the database
        return Finding(True, "quarantine: not looked at, for the database is not ready")


async def check_backlog(config: Config) -> Finding:
    """Return whether something waits that should not: the service is down, or behind."""
    return await _check_rows(config, "backlog", machine.backlog)


async def check_rooms(config: Config) -> Finding:
    """Return whether the homeserver knows the rooms the AI is in."""
    return await _check_rows(config, "rooms", machine.rooms)


async def _check_rows(config: Config, name: str, judge: Callable[[backlog.Backlog], Finding]) -> Finding:
    async def look(database: SqlDatabase) -> Finding:
        found = await asyncio.to_thread(standing, database)
        if found.objection is not None or found.revision != head():
            return Finding(True, f"{name}: not looked at, for the database is not ready")
        now = SystemClock().now()
        ms, day = int(now.timestamp() * 1000), _day(now)
        return judge(await database.read(partial(backlog.look, now=ms, day=day)))

    try:
        return await _opened(config, look)
    except Exception:  # noqa: BLE001  # another line says what is wrong with the database
        return Finding(True, f"{name}: not looked at, for the database does not open")


async def _opened(config: Config, work: Callable[[SqlDatabase], Awaitable[T]]) -> T:
    """Open the database for a check. Raises whatever the disk or the driver does."""
    config.storage.prepare()
    database = SqlDatabase(config.storage.url)
    try:
        return await work(database)
    finally:
        await database.close()


async def check_database(config: Config) -> Finding:
    """Return whether the database opens and has the newest schema; `circles run` brings it up by itself."""

    async def look(database: SqlDatabase) -> tuple[Standing, bool]:
        if database.is_file and not os.access(str(database.url.database), os.W_OK):
            raise OSError(errno.EACCES, "may only be read")  # Looking at it needs no more, running does.
        return await asyncio.to_thread(standing, database), await asyncio.to_thread(database.is_whole)

    try:
        found, is_whole = await _opened(config, look)
    except Exception as error:  # noqa: BLE001  # whatever the disk or the driver raises is one finding
        if (fault := fault_of(error)) is not None:
            return Finding(False, f"database ({fault.value})", f"{ADVICE[fault]}.")
        where = "at the disk" if config.storage.is_sqlite else "whether the server runs and lets Circles in"
        return Finding(False, f"database does not open ({type(error).__name__})", f"look at storage.url and {where}.")
    if not is_whole:
        return Finding(False, f"database ({Trouble.CORRUPT.value})", f"{ADVICE[Trouble.CORRUPT]}.")
    name = f"database ({found.version})"
    if found.objection is not None:
        return Finding(False, f"{name}, storage.url", found.objection)
    if found.revision is None:
        return Finding(True, f"{name}: new, made at the first start")
    return Finding(True, f"{name}: " + ("up to date" if found.revision == head() else "upgraded at the next start"))
