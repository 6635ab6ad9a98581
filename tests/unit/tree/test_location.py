"""Names of directories made from any text."""

from __future__ import annotations

import pytest

from ptx_prefect.tree.location import own_slug_of, slug_of


def test_a_plain_name_is_its_own_directory() -> None:
    assert own_slug_of("auth-suite-001") == slug_of("auth-suite-001") == "auth-suite-001"


@pytest.mark.parametrize(("one", "other"), [("a b", "a-b"), ("задача", "работа"), ("x" * 90, "x" * 91), ("a/b", "a b")])
def test_two_names_never_share_a_directory(one: str, other: str) -> None:
    assert own_slug_of(one) != own_slug_of(other)
    assert len(own_slug_of(one)) <= 90 and "/" not in own_slug_of(one)
