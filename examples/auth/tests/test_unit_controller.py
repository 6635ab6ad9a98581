"""15 unit tests of the login controller."""

import pytest


@pytest.mark.parametrize("user", ["", "bob", "ADA", "ada ", "a" * 1000])
def test_an_unknown_user_is_refused(service, user):
    assert service.login(user, "correct horse", now_s=0)[0] in (400, 401)


@pytest.mark.parametrize("password", ["", "wrong", "correct horse ", "CORRECT HORSE", "\0"])
def test_a_wrong_password_is_refused(service, password):
    assert service.login("ada", password, now_s=0)[0] in (400, 401)


@pytest.mark.parametrize("user", ["ada", ""])
@pytest.mark.parametrize("password", ["", None])
def test_what_is_missing_is_a_bad_request(service, user, password):
    assert service.login(user, password, now_s=0)[0] == 400


def test_the_right_password_is_let_in(service):
    assert service.login("ada", "correct horse", now_s=0)[0] == 200
