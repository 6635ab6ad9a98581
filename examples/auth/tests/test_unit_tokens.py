"""12 unit tests of the token service."""

import pytest


@pytest.mark.parametrize("now_s", [0, 1, 59])
def test_a_token_is_good_until_its_end(tokens, now_s):
    assert tokens.user_of(tokens.issue("ada", now_s=0), now_s=now_s) == "ada"


@pytest.mark.parametrize("now_s", [60, 61, 10**9])
def test_and_not_after(tokens, now_s):
    assert tokens.user_of(tokens.issue("ada", now_s=0), now_s=now_s) is None


@pytest.mark.parametrize("token", ["", ".", "a.b", "x", "....", "é.b"])
def test_nonsense_is_nobody(tokens, token):
    assert tokens.user_of(token, now_s=0) is None
