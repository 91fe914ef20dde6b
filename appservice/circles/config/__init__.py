"""The operator's configuration: what may be written, how it is read, and the sample that documents it.

`sections` holds the keys, `loading` reads file, environment and secret files, `problems` puts what is wrong in words,
`sample` writes the commented file. No value of a configuration is ever put into an error or a log line.
"""

from circles.config.loading import Config, Tokens
from circles.config.sample import sample
from circles.config.sections import (
    Appservice,
    CeilingSection,
    Health,
    Homeserver,
    Invites,
    Limits,
    Log,
    Member,
    Model,
    Storage,
    Timing,
    Voice,
)

__all__ = [
    "Appservice",
    "CeilingSection",
    "Config",
    "Health",
    "Homeserver",
    "Invites",
    "Limits",
    "Log",
    "Member",
    "Model",
    "Storage",
    "Timing",
    "Tokens",
    "Voice",
    "sample",
]
