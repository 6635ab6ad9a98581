"""8 integration tests of the login flow. Two fail on purpose: the service does not do yet what they ask for."""

import pytest


@pytest.mark.parametrize("now_s", [0, 100, 10**6])
def test_login_gives_a_token_for_the_profile(service, now_s):
    status, token = service.login("ada", "correct horse", now_s=now_s)

    assert status == 200 and service.profile(token, now_s=now_s) == (200, "ada")


@pytest.mark.parametrize("attempts", [3, 4, 5])
def test_an_account_is_locked_after_three_failures(service, attempts):
    for _ in range(attempts):
        service.login("ada", "wrong", now_s=0)

    assert service.login("ada", "correct horse", now_s=0)[0] == 401


def test_a_locked_account_is_told_so(service):
    for _ in range(3):
        service.login("ada", "wrong", now_s=0)

    assert service.login("ada", "correct horse", now_s=0)[0] == 423


def test_a_lock_opens_after_an_hour(service):
    for _ in range(3):
        service.login("ada", "wrong", now_s=0)

    assert service.login("ada", "correct horse", now_s=3600)[0] == 200
