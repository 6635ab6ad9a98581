"""Find a user by e-mail: filter and map over immutable records."""

from __future__ import annotations

from collections.abc import Sequence

User = tuple[int, str, str]


def normalise(email: str) -> str:
    return email.strip().lower()


def name_of(user: User) -> str:
    return user[1]


class UserDirectory:
    """Users as (id, name, email)."""

    def __init__(self, users: Sequence[User]) -> None:
        self._users = users

    def find(self, email: str) -> str | None:
        """The name of the first user with this e-mail, or None."""
        wanted = normalise(email)
        matches = tuple(map(name_of, filter(lambda user: user[2] == wanted, self._users)))
        return matches[0] if matches else None
