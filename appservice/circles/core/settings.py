"""What the operator configured and a feature may know. No secrets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from circles.core.ids import UserID
from circles.core.language import Language
from circles_policies.model import Ceiling, Reach


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
    model: str | None = None
    model_host: str | None = None
    model_country: str | None = None
    names_hidden: bool = False
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

    def help_lines(self, language: Language) -> tuple[str, ...]:
        """Return the help lines in a language."""
        return self.help_text.get(language, ())

    def name(self, language: Language) -> str:
        """Return what the AI is called in a language."""
        return self.name_zh if language == "zh" else self.name_en
