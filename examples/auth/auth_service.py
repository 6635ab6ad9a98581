"""A small authentication service: enough for a suite of 40 tests in four layers."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode


class Tokens:
    """Signed tokens that expire. Times are seconds, handed in."""

    def __init__(self, secret: bytes, *, lifetime_s: int = 3600) -> None:
        self._secret, self._lifetime_s = secret, lifetime_s

    def issue(self, user: str, *, now_s: int) -> str:
        """A token for ``user``."""
        body = urlsafe_b64encode(json.dumps({"user": user, "until": now_s + self._lifetime_s}).encode()).decode()
        return f"{body}.{self._sign(body)}"

    def user_of(self, token: str, *, now_s: int) -> str | None:
        """Whose token it is; None where it is forged, broken or over."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature, self._sign(body)):
            return None
        data = json.loads(urlsafe_b64decode(body))
        return str(data["user"]) if data["until"] > now_s else None

    def _sign(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()


class Accounts:
    """Users and their passwords; three wrong passwords lock an account."""

    def __init__(self) -> None:
        self._passwords: dict[str, bytes] = {}
        self._failures: dict[str, int] = {}

    def add(self, user: str, password: str) -> None:
        """Register a user.

        Raises:
            ValueError: an empty name, a short password, or a name that is taken.
        """
        if not user or len(password) < 8 or user in self._passwords:
            raise ValueError(f"{user!r} cannot be registered")
        self._passwords[user] = _digest(user, password)

    def is_right(self, user: str, password: str) -> bool:
        """Whether that is the password; counts failures."""
        if self._failures.get(user, 0) >= 3 or user not in self._passwords:
            return False
        right = hmac.compare_digest(self._passwords[user], _digest(user, password))
        self._failures[user] = 0 if right else self._failures.get(user, 0) + 1
        return right


class Service:
    """Login and who is behind a token."""

    def __init__(self, accounts: Accounts, tokens: Tokens) -> None:
        self._accounts, self._tokens = accounts, tokens

    def login(self, user: str, password: str, *, now_s: int) -> tuple[int, str]:
        """An HTTP status and a body: the token, or what is wrong."""
        if not user or not password:
            return 400, "user and password are needed"
        if not self._accounts.is_right(user, password):
            return 401, "wrong user or password"
        return 200, self._tokens.issue(user, now_s=now_s)

    def profile(self, token: str, *, now_s: int) -> tuple[int, str]:
        """An HTTP status and the user."""
        user = self._tokens.user_of(token, now_s=now_s)
        return (200, user) if user else (401, "log in first")


def _digest(user: str, password: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), user.encode(), 1000)
