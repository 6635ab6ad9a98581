"""5 end-to-end tests of the whole authentication cycle."""

import pytest


@pytest.mark.parametrize("user", ["bob", "eve", "ünï", "a b", "x" * 200])
def test_register_log_in_and_out(accounts, service, user):
    accounts.add(user, "long enough")

    status, token = service.login(user, "long enough", now_s=0)

    assert status == 200
    assert service.profile(token, now_s=1) == (200, user)
    assert service.profile(token, now_s=60)[0] == 401
