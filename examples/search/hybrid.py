"""Find a user by e-mail: a hash map, built when it is first needed and kept for repeated searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

User = tuple[int, str, str]


class UserDirectory:
    """Users as (id, name, email)."""

    def __init__(self, users: Sequence[User]) -> None:
        self._users = users

    @cached_property
    def _names(self) -> Mapping[str, str]:
        # Backwards, so that the first user with an e-mail is the one that stays.
        return {email: name for _, name, email in reversed(self._users)}

    def find(self, email: str) -> str | None:
        """The name of the first user with this e-mail, or None."""
        return self._names.get(email.strip().lower())
