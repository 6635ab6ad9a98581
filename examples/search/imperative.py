"""Find a user by e-mail: walk the records by index and stop at the first match."""

from __future__ import annotations

from collections.abc import Sequence

User = tuple[int, str, str]


class UserDirectory:
    """Users as (id, name, email)."""

    def __init__(self, users: Sequence[User]) -> None:
        self._users = users

    def find(self, email: str) -> str | None:
        """The name of the first user with this e-mail, or None."""
        wanted = email.strip().lower()
        index = 0
        count = len(self._users)
        found = None
        while index < count:
            user = self._users[index]
            if user[2] == wanted:
                found = user[1]
                break
            index += 1
        return found
