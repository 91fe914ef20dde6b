"""Which user IDs are the AI's own. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """The AI and its helpers on one homeserver.

    Attributes:
        ai: the AI's user ID.
        prefix: how the localparts of its helpers begin; never empty.
        server_name: the homeserver's name.
    """

    ai: str
    prefix: str
    server_name: str

    def is_ours(self, user_id: str) -> bool:
        """Say whether this is the AI or one of its helpers."""
        return user_id == self.ai or (
            user_id.startswith(f"@{self.prefix}") and user_id.endswith(f":{self.server_name}")
        )

    def is_local_person(self, user_id: str) -> bool:
        """Say whether this is somebody else of this homeserver."""
        return user_id.partition(":")[2] == self.server_name and not self.is_ours(user_id)
