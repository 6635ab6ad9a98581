"""What a module offers to others, read off its source: who can be called how, and which names a star brings."""

from __future__ import annotations

import ast

import pytest

from ptx_prefect.merge.surface import CallShape, call_shape, fields_signature, signature_of, surface_of


def function(parameters: str) -> ast.FunctionDef:
    node = ast.parse(f"def f({parameters}): ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


def shape(arguments: str) -> CallShape:
    node = ast.parse(f"f({arguments})", mode="eval").body
    assert isinstance(node, ast.Call)
    return call_shape(node)


@pytest.mark.parametrize(
    ("parameters", "arguments", "landed"),
    [
        ("a, b=1", "1", ("a",)),
        ("a, b=1", "1, 2", ("a", "b")),
        ("a, b=1", "1, b=2", ("a",)),
        ("a, b=1", "1, 2, 3", None),
        ("a, b=1", "", None),
        ("a, b=1", "1, c=2", None),
        ("a, b=1", "1, a=2", None),
        ("a, /, b=1", "a=1", None),
        ("a, *rest", "1, 2, 3", ("a",)),
        ("a, **more", "1, c=2", ("a",)),
        ("a, **more", "1, a=2", None),
        ("*, a", "", None),
        ("*, a", "a=1", ()),
    ],
)
def test_a_call_fits_as_python_binds_it(parameters: str, arguments: str, landed: tuple[str, ...] | None) -> None:
    """Python itself agrees."""
    assert signature_of(function(parameters), drop_first=False).bound(shape(arguments)) == landed
    program = f"def f({parameters}): ...\nf({arguments})"
    if landed is None:
        with pytest.raises(TypeError):
            exec(program, {})
    else:
        exec(program, {})


def test_a_method_is_called_without_its_receiver() -> None:
    assert signature_of(function("self, a"), drop_first=True).bound(shape("1")) == ("a",)


@pytest.mark.parametrize(
    ("source", "starred"),
    [
        ("__all__ = ['a']\n", {"a"}),
        ("__all__ = ('a',)\n__all__ += ['b']\n", {"a", "b"}),
        ("__all__: list[str] = ['a']\n", {"a"}),
        ("__all__ = [name for name in dir()]\n", {"a", "b"}),
        ("__all__ = ['a', NAME]\n", {"a", "b"}),
        ("__all__ = ['a']\n__all__.append('b')\n", {"a", "b"}),
        ("", {"a", "b"}),
    ],
)
def test_a_star_brings_what_all_says_where_it_is_written_out(source: str, starred: set[str]) -> None:
    """Otherwise anything might come."""
    surface = surface_of(f"{source}a = 1\nb = 2\n".encode())

    assert surface is not None
    assert {name for name in "ab" if surface.offers[name].is_starred} == starred


@pytest.mark.parametrize("source", ["from m import *\n", "def __getattr__(name): ...\n"])
def test_a_module_that_may_have_more_is_open(source: str) -> None:
    surface = surface_of(source.encode())

    assert surface is not None and surface.is_open


def test_names_of_every_branch_and_keys_of_dictionaries_are_offered() -> None:
    source = b"try:\n    import a\nexcept ImportError:\n    b = {'x': 1, **c}\nb['y'] = 2\nif b:\n    def f(): ...\n"
    surface = surface_of(source)

    assert surface is not None and not surface.is_open
    assert {"a", "b", "b.[x]", "b.[y]", "f"} <= set(surface.offers)


@pytest.mark.parametrize("source", [b"def f(:", b"\0", b"(" * 2000])
def test_what_does_not_parse_offers_nothing_that_one_knows(source: bytes) -> None:
    assert surface_of(source) is None


@pytest.mark.parametrize(
    ("source", "is_closed"),
    [
        ("class A: ...", True),
        ("class A(object, metaclass=ABCMeta): ...", True),
        ("@dataclass\nclass A:\n    a: int", True),
        ("class A(Base): ...", False),
        ("class A(metaclass=Meta): ...", False),
        ("class A(flag=True): ...", False),
        ("@register\nclass A: ...", False),
        ("class A:\n    def f(self): setattr(self, 'x', 1)", False),
        ("class A:\n    def f(self): self.__dict__['x'] = 1", False),
    ],
)
def test_a_class_is_closed_where_only_its_body_decides(source: str, is_closed: bool) -> None:
    surface = surface_of(source.encode())

    assert surface is not None and surface.offers["A"].is_closed is is_closed


@pytest.mark.parametrize(
    ("source", "required"),
    [
        ("@dataclass\nclass A:\n    a: int\n    b: int = 1\n    C: ClassVar[int] = 2", {"a"}),
        ("class A(NamedTuple):\n    a: int\n    b: int", {"a", "b"}),
        ("@dataclass\nclass A:\n    a: int\n    def __init__(self): ...", None),
        ("@dataclass\nclass A:\n    a: int = field(init=False)", None),
        ("@dataclass\nclass A(Base):\n    a: int", None),
        ("class A:\n    a: int", None),
    ],
)
def test_a_record_is_made_of_its_fields(source: str, required: set[str] | None) -> None:
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.ClassDef)
    found = fields_signature(node)

    assert (None if found is None else set(found.required)) == required
