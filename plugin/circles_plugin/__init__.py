"""The homeserver's half of Circles: a Synapse module. Synapse loads `circles_plugin.CirclesModule`."""

from circles_plugin.module import CirclesModule

__all__ = ["CirclesModule"]
