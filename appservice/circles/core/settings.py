"""What the operator configured and a feature may know. No secrets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from circles.core.ids import UserID
from circles.core.language import Language
from circles_policies.model import DEFAULT_MODEL, Ceiling, Policy, Reach


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Which model somewhere, and how far text goes when it is asked."""

    model: str
    host: str
    reach: Reach
    country: str | None = None
    names_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator configured and a feature may know. No secrets."""

    ai: UserID
    server_name: str
    name_en: str = "Circle"
    name_zh: str = "小圈"
    operator: str = ""
    language: Language = "en"
    zone: str = "UTC"
    ceiling: Ceiling = field(default_factory=Ceiling)
    reach: Reach = Reach.NONE
    """How far the model goes that serves where a room chose none, and below, what and where it is."""
    model: str | None = None
    model_host: str | None = None
    model_country: str | None = None
    names_hidden: bool = False
    models: Mapping[str, ModelPlace] = field(default_factory=dict[str, "ModelPlace"])
    """The models that a room can choose by name."""
    plugin: bool = False
    gated: bool = False
    loosening_hours: float = 24.0
    tightening_hours: float = 24.0
    newcomers_seconds: float = 20.0
    """Who comes within this time is welcomed by one notice."""
    marks_per_day: int = 20
    """How many messages one person may hide a day."""
    circles_per_day: int = 10
    """How many circles one person may have made a day."""
    unasked_per_day: int = 1
    """How many unasked posts a quiet room gets a day."""
    alias_prefix: str = "circle-"
    ghost_prefix: str = "circle_"
    former_names: tuple[str, ...] = ()

    may_invite: Callable[[str, str], bool] = lambda _user, _server: True
    may_enter: Callable[[str], bool] = lambda _room: True
    """Whose invites, and into which rooms, the operator allows."""
    help_text: Mapping[Language, tuple[str, ...]] = field(default_factory=dict[Language, tuple[str, ...]])
    """The help lines of all commands, the most important first; from the registry."""

    def place(self, name: str | None) -> ModelPlace | None:
        """Return the model of a name, None where the operator has none; the name None stands for the default one."""
        if name is not None:
            return self.models.get(name)
        if self.reach is Reach.NONE:
            return None
        return ModelPlace(self.model or "", self.model_host or "", self.reach, self.model_country, self.names_hidden)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that a room can choose, as people type them; empty where there is nothing to choose."""
        return (*self.models, *((DEFAULT_MODEL,) if self.place(None) is not None else ())) if self.models else ()

    def is_missing(self, policy: Policy | None) -> bool:
        """Say whether a room chose a model that the operator does not have: then nothing is sent anywhere."""
        return policy is not None and policy.model is not None and policy.model not in self.models

    def may_send(self, policy: Policy | None) -> bool:
        """Say whether a room lets its text go as far as its model is; the model port asks again, for each message."""
        place = self.place(policy.model) if policy is not None else None
        return policy is not None and place is not None and Reach.NONE < place.reach <= policy.send

    def help_lines(self, language: Language) -> tuple[str, ...]:
        """Return the help lines in a language."""
        return self.help_text.get(language, ())

    def name(self, language: Language) -> str:
        """Return what the AI is called in a language."""
        return self.name_zh if language == "zh" else self.name_en
