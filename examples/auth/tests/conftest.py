import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from auth_service import Accounts, Service, Tokens


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(b"secret", lifetime_s=60)


@pytest.fixture
def accounts() -> Accounts:
    made = Accounts()
    made.add("ada", "correct horse")
    return made


@pytest.fixture
def service(accounts: Accounts, tokens: Tokens) -> Service:
    return Service(accounts, tokens)
