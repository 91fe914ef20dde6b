"""The rooms in which the table is played: a homeserver, the service, a model, and somebody for every standing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from circles_bench.leaks.canary import Canary, Flock
from circles_bench.leaks.table import Cell, Kind, Moment, Rules, Selection, Standing
from circles_harness import ElementClients, Homeserver, ModelServer, Person, Service
from circles_harness.service import merged, registration
from circles_harness.wire import Wire

GATE = "/_synapse/client/circles/gate"
LATER_HOURS = 2 / 3_600
CONFIG: dict[str, Any] = {
    "invites": {"allow": ["*"]},
    "member": {"operator_name": "Anna"},
    "timing": {"checkpoint_seconds": 1, "newcomers_seconds": 3_600, "loosening_hours": LATER_HOURS},
    "limits": {"commands_per_person_per_minute": 1_000_000},
    "log": {"level": "DEBUG"},
}
"""Newcomers wait for their notice longer than any run, so that whoever comes later stays one."""


class Bridged(Person):
    """Somebody on the other side of a bridge, written for by the bridge's token."""

    async def request(self, method: str, path: str, body: Any = None, *, query: Any = ()) -> dict[str, Any]:
        """Call as this user."""
        return await super().request(method, path, body, query=[*query, ("user_id", self.user_id)])


@dataclass
class Stage:
    """Everything a run needs, running.

    Attributes:
        service: the AI.
        model: what it asks; every request is remembered.
        host: who makes the rooms, decides in them and asks; they said yes.
        people: one for each standing.
        questions: of each room the AI's first event, its question what it may look at.
        private: the direct message of whoever has one with the AI.
        encrypted: whether the circles are, and everybody's client is Element's own crypto.
        wires: in gated mode what leads to the service and what leads from it to the gate; every byte is remembered.
    """

    service: Service
    model: ModelServer
    host: Person
    people: Mapping[Standing, Person]
    wires: Sequence[Wire] = ()
    encrypted: bool = False
    flock: Flock = field(default_factory=Flock)
    cells: list[Cell] = field(default_factory=list[Cell])
    rooms: dict[Rules, str] = field(default_factory=dict[Rules, str])
    questions: dict[str, str] = field(default_factory=dict[str, str])
    private: dict[Person, str] = field(default_factory=dict[Person, str])

    @property
    def gated(self) -> bool:
        """Whether the homeserver's gate stands in between."""
        return bool(self.wires)

    def word(self, rules: Rules, kind: Kind, standing: Standing, moment: Moment) -> str:
        """Return the word of one cell, said once."""
        self.cells.append(Cell(rules, kind, standing, moment, self.gated, self.encrypted))
        return self.flock.new().word

    def cell(self, canary: Canary) -> Cell:
        """Return what a word stands for."""
        return self.cells[canary.number]


async def people_at(homeserver: Homeserver, standings: Sequence[Standing]) -> dict[Standing, Person]:
    """Make those who live on a homeserver."""
    return {each: await homeserver.person(f"p-{each.value}", unique=True) for each in standings}


def bridge_on(homeserver: Homeserver) -> Mapping[str, Any]:
    """Register a bridge; before the homeserver starts."""
    registered = registration(server_name=homeserver.server_name, url="", localpart="bridge") | {"url": None}
    homeserver.add_appservice(registered)
    return registered


async def bridged(homeserver: Homeserver, bridge: Mapping[str, Any]) -> Person:
    """Make the bridge's one user."""
    person = Bridged(
        base_url=homeserver.base_url,
        user_id=f"@bridge_zoe:{homeserver.server_name}",
        access_token=bridge["as_token"],
        device_id="",
    )
    register = {"type": "m.login.application_service", "username": "bridge_zoe", "inhibit_login": True}
    await Person.request(person, "POST", "/v3/register", register)
    await person.set_display_name("Zoe")
    return person


@contextlib.asynccontextmanager
async def tapped(service: Service) -> AsyncGenerator[Sequence[Wire]]:
    """Put a wire into both ways between a gate and the service behind it; before either starts."""
    here = service.homeserver
    async with Wire(service.url) as to_service, Wire(here.gate_url) as to_gate:
        here.modules[-1] = merged(here.modules[-1], {"config": {"gate": {"service_url": to_service.url}}})
        service.configure({"homeserver": {"url": f"{to_gate.url}{GATE}/hs"}})
        yield to_service, to_gate


@contextlib.asynccontextmanager
async def staged(
    selection: Selection, *, program: Sequence[str] | None = None, module: str | None = None
) -> AsyncGenerator[Stage]:
    """Start the homeservers, the service, a bridge and a model, for one run.

    Args:
        selection: what will be played; says whether through the gate.
        program: what to start in the place of `python -m circles`, for a run with one guard off.
        module: what to load into the homeserver in the place of the gate's own module, for the same.
    """
    async with contextlib.AsyncExitStack() as stack:
        model = stack.enter_context(ModelServer())
        speaking = {standing for pairs in selection.rooms.values() for standing, _ in pairs}
        standings = [standing for standing in Standing if standing in speaking]
        here = Homeserver(federation=True, gate_listener=selection.gated)
        bridge = bridge_on(here)
        service = Service(here, model=model, config=CONFIG, gated=selection.gated, program=program)
        wires: Sequence[Wire] = ()
        if selection.gated:
            wires = await stack.enter_async_context(tapped(service))
            changed = {"config": {"loosening_hours": LATER_HOURS}} | ({"module": module} if module else {})
            here.modules[-1] = merged(here.modules[-1], changed)
        await stack.enter_async_context(here)
        await stack.enter_async_context(service)
        people = await people_at(here, [each for each in standings if each not in (Standing.REMOTE, Standing.GHOST)])
        if Standing.REMOTE in standings:
            elsewhere = await stack.enter_async_context(Homeserver(federation=True))
            people |= await people_at(elsewhere, [Standing.REMOTE])
        if Standing.GHOST in standings:
            people[Standing.GHOST] = await bridged(here, bridge)
            stack.push_async_callback(people[Standing.GHOST].close)
        host = await here.person("host")
        if selection.encrypted:
            clients = await stack.enter_async_context(ElementClients())
            host = await clients.start(host)
            people = {standing: await clients.start(person) for standing, person in people.items()}
            for person in (host, *people.values()):
                stack.push_async_callback(person.close)
        yield Stage(service, model, host, people, wires, selection.encrypted)
