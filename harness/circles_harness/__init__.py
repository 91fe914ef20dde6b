"""What tests and the demo stand on: a throwaway homeserver, people, the running service, a scripted model.

Development only: never shipped in the wheel, never imported by the program itself.
"""

from circles_harness.client import Event, NotSeen, Person, Refused
from circles_harness.element import ElementClients, ElementPerson
from circles_harness.homeserver import Homeserver, federated_pair
from circles_harness.model import ModelServer
from circles_harness.process import DidNotStart
from circles_harness.service import Service

__all__ = [
    "DidNotStart",
    "ElementClients",
    "ElementPerson",
    "Event",
    "Homeserver",
    "ModelServer",
    "NotSeen",
    "Person",
    "Refused",
    "Service",
    "federated_pair",
]
