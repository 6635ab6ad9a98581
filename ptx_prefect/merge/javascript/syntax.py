"""JavaScript and TypeScript read with tree-sitter: top-level items, what binds a name, what uses one."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tree_sitter import Language, Node

ItemKind = Literal["import", "definition", "test", "statement"]

_DEFINITIONS = {
    *("function_declaration", "generator_function_declaration", "class_declaration", "abstract_class_declaration"),
    *("interface_declaration", "type_alias_declaration", "enum_declaration"),
}
_VARIABLES = {"lexical_declaration", "variable_declaration"}
_MEMBERS = {"method_definition", "field_definition", "public_field_definition", "property_signature", "pair"}
_FUNCTIONS = {"function_expression", "function", "arrow_function", "class", "generator_function"}
_EFFECTS = {
    *("call_expression", "new_expression", "await_expression", "yield_expression", "update_expression"),
    *("assignment_expression", "augmented_assignment_expression"),
}
_TESTS = {"it", "test", "describe", "context", "suite", "specify"}
_SCOPES = {"program", "statement_block", "class_body", "interface_body", "object"}


@dataclass(frozen=True, slots=True)
class Item:
    """One statement in lines of its own: blank lines and comments before it, its text to the end of its last line.

    ``names`` are what it binds. A statement without a name has its own text as key.
    """

    kind: ItemKind
    key: str
    lead: str
    body: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What the guards ask of one version of a file."""

    definitions: dict[str, str]
    """Dotted name to text, of what is defined at the top and in its classes."""

    doubled: frozenset[str]
    """Names bound twice in one scope, and keys that stand twice in one object."""

    bound: frozenset[str]
    used: frozenset[str]


def language_for(path: str, *texts: str) -> Language | None:
    """The grammar in which all the texts parse without an error; None where there is none, or no grammar installed."""
    for language in _languages(path.rsplit(".", 1)[-1].lower()):
        if all(is_valid(text, language) for text in texts):
            return language
    return None


def is_installed() -> bool:
    """True when the grammars are there (extra ``js``)."""
    return bool(_languages("js"))


def is_valid(text: str, language: Language) -> bool:
    """True when the text parses without an error."""
    return not parse(text, language).has_error


def parse(text: str, language: Language) -> Node:
    """The root of the syntax tree, errors and all."""
    from tree_sitter import Parser

    return Parser(language).parse(text.encode()).root_node


def items_of(text: str, language: Language) -> tuple[Item, ...] | None:
    """The statements of a text, which may be a part of a file; None unless they are whole, each in its own lines.

    Blank lines at the end of the text belong to no item and come as a last one with an empty body.
    """
    root = parse(text, language)
    return None if root.has_error else _items(text.encode(), list(root.children))


def members_of(text: str, language: Language) -> tuple[Item, ...] | None:
    """The same for the members of a class."""
    prefix = "class X {\n"
    source = f"{prefix}{text}}}\n"
    root = parse(source, language)
    if root.has_error or len(root.children) != 1 or not (body := root.children[0].child_by_field_name("body")):
        return None
    return _items(source.encode(), list(body.children[1:-1]), start=len(prefix), end=len(source.encode()) - 2)


def elements_of(text: str, language: Language) -> tuple[Item, ...] | None:
    """The same for elements of an array, objects and strings, each with its comma; keyed by their text."""
    prefix = "x = [\n"
    source = f"{prefix}{text}]\n"
    root = parse(source, language)
    if root.has_error or len(root.children) != 1 or root.children[0].type != "expression_statement":
        return None
    array = root.children[0].children[0].child_by_field_name("right")
    if array is None or array.type != "array" or array.end_byte < len(source.encode()) - 1:
        return None
    if any(one.type not in ("object", "string", "template_string", "comment") for one in array.named_children):
        return None
    items = _items(source.encode(), list(array.children[1:-1]), start=len(prefix), end=len(source.encode()) - 2)
    if items is None or any(item.body and not item.body.rstrip().endswith(",") for item in items):
        return None
    return tuple(replace(item, kind="test", names=()) for item in items)


def source_of(text: str, language: Language) -> Source:
    """Everything that the guards compare."""
    root = parse(text, language)
    doubled: set[str] = set()
    bound: set[str] = set()
    used: set[str] = set()
    for node in _walk(root):
        if node.type in _SCOPES:
            counts = Counter(name for child in node.children for name in _bindings(child))
            doubled |= {name for name, count in counts.items() if count > 1}
        if node.type in ("identifier", "type_identifier", "shorthand_property_identifier_pattern"):
            (bound if _is_binding(node) else used).add(_text(node))
        elif node.type == "shorthand_property_identifier":
            used.add(_text(node))
    return Source(_definitions(root), frozenset(doubled), frozenset(bound), frozenset(used))


def tokens_of(text: str, language: Language) -> tuple[str, ...]:
    """The text's tokens without what a formatter decides: white space, the kind of quotes, commas before a bracket."""
    leaves = sorted((node for node in _walk(parse(text, language)) if not node.children), key=lambda n: n.start_byte)
    tokens: list[str] = []
    for node in leaves:
        token = _text(node)
        if token in (")", "]", "}") and len(tokens) > 1 and tokens[-1] == "," and tokens[-2] not in ("[", ","):
            tokens.pop()
        tokens.append('"' if token == "'" and node.parent is not None and node.parent.type == "string" else token)
    return tuple(tokens)


def definition_at(text: str, line: int, language: Language) -> str | None:
    """The dotted name of what is defined around that line (from 0)."""
    names: list[str] = []
    nodes = list(parse(text, language).children)
    while nodes:
        node = next((one for one in nodes if one.start_point[0] <= line <= one.end_point[0]), None)
        if node is None:
            break
        if node.type in _DEFINITIONS | _MEMBERS or node.type == "variable_declarator":
            names += [_text(name)] if (name := _name_node(node)) else []
        nodes = list(node.children)
    return ".".join(names) or None


@functools.cache
def _languages(suffix: str) -> tuple[Language, ...]:
    try:
        import tree_sitter_javascript as javascript
        import tree_sitter_typescript as typescript
        from tree_sitter import Language
    except ImportError:
        return ()
    tsx = Language(typescript.language_tsx())
    if suffix == "ts":
        return (Language(typescript.language_typescript()),)
    return (tsx,) if suffix == "tsx" else (Language(javascript.language()), tsx)


def _items(source: bytes, nodes: list[Node], *, start: int = 0, end: int | None = None) -> tuple[Item, ...] | None:
    items: list[Item] = []
    at = start
    end = len(source) if end is None else end
    for number, node in enumerate(nodes):
        if node.type in ("comment", ";", ",", "hash_bang_line") or not node.is_named:
            continue
        line_end = source.find(b"\n", _end_of(nodes, number))
        stop = end if line_end < 0 else line_end + 1
        first_line = source.rfind(b"\n", 0, node.start_byte) + 1
        following = next((one for one in nodes[number + 1 :] if one.type not in (";", ",", "comment")), None)
        if first_line < at or (following is not None and following.start_byte < stop):
            return None
        kind, key, names = _kind_of(node)
        items.append(Item(kind, key, source[at:first_line].decode(), source[first_line:stop].decode(), names))
        at = stop
    rest = source[at:end].decode()
    return (*items, Item("statement", rest.strip(), rest, "")) if rest else tuple(items)


def _end_of(nodes: list[Node], number: int) -> int:
    """Where a statement ends, with the mark that may follow it as a node of its own."""
    following = nodes[number + 1] if number + 1 < len(nodes) else None
    return following.end_byte if following is not None and following.type in (";", ",") else nodes[number].end_byte


def _kind_of(node: Node) -> tuple[ItemKind, str, tuple[str, ...]]:
    plain = " ".join(_text(node).split())
    if node.type == "import_statement":
        return "import", plain, tuple(_bindings(node))
    if node.type == "export_statement" and node.child_by_field_name("source") is not None:
        return "import", plain, ()
    if (title := _test_title(node)) is not None:
        return "test", title, ()
    names = tuple(_bindings(node))
    if names and (_is_require(node)):
        return "import", plain, names
    if names and _is_inert(node):
        return "definition", ",".join(names), names
    return "statement", plain, names


def _test_title(node: Node) -> str | None:
    call = node.children[0] if node.type == "expression_statement" and node.children else None
    if call is None or call.type != "call_expression":
        return None
    callee, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if callee is None or arguments is None or _text(callee).split(".")[0] not in _TESTS:
        return None
    first = arguments.named_children[0] if arguments.named_children else None
    return f"{_text(callee)} {_text(first)}" if first is not None and first.type == "string" else None


def _is_require(node: Node) -> bool:
    declarators = [child for child in node.children if child.type == "variable_declarator"]
    values = [one.child_by_field_name("value") for one in declarators]
    return bool(values) and all(value is not None and _text(value).startswith("require(") for value in values)


def _is_inert(node: Node) -> bool:
    """True when running the statement only defines something, so that its place among others is free."""
    if node.type == "export_statement":
        return any(_is_inert(child) for child in node.children)
    if node.type in _DEFINITIONS or node.type in _MEMBERS or node.type == "shorthand_property_identifier":
        return True
    if node.type == "expression_statement":
        assignment = node.children[0]
        right = assignment.child_by_field_name("right") if assignment.type == "assignment_expression" else None
        return right is not None and right.type in ("function_expression", "arrow_function", "class")
    if node.type in _VARIABLES:
        values = [one.child_by_field_name("value") for one in node.children if one.type == "variable_declarator"]
        return all(value is not None and _is_pure(value) for value in values)
    return False


def _is_pure(value: Node) -> bool:
    """True when nothing is called or changed where the value is computed."""
    stack = [value]
    while stack:
        node = stack.pop()
        if node.type in _EFFECTS or _text(node).startswith("delete "):
            return False
        if node.type not in _FUNCTIONS:
            stack.extend(node.children)
    return True


def _bindings(node: Node) -> Iterator[str]:
    """The names that a statement, member or import binds in the scope around it."""
    if node.type in _DEFINITIONS or node.type in _MEMBERS:
        if (name := _name_node(node)) is not None:
            yield _qualifier(node) + _text(name)
    elif node.type in ("shorthand_property_identifier",):
        yield _text(node)
    elif node.type in _VARIABLES:
        for declarator in node.children:
            if declarator.type == "variable_declarator" and (name := _name_node(declarator)) is not None:
                yield from _pattern_names(name)
    elif node.type == "export_statement":
        if any(child.type == "default" for child in node.children):
            yield "export default"
        for child in node.children:
            yield from _bindings(child)
    elif node.type == "import_statement":
        yield from (_text(one) for one in _walk(node) if one.type == "identifier" and _is_binding(one))
    elif node.type == "expression_statement" and node.children and node.children[0].type == "assignment_expression":
        left = node.children[0].child_by_field_name("left")
        right = node.children[0].child_by_field_name("right")
        if left is not None and right is not None and right.type in ("function_expression", "class"):
            yield _text(left)


def _qualifier(node: Node) -> str:
    """What tells members of one name apart: a getter from its setter, static from not."""
    words = [_text(child) for child in node.children if child.type in ("get", "set", "static")]
    if node.type in ("interface_declaration", "type_alias_declaration"):
        return "type "  # a type and a value may share a name
    return " ".join(words) + " " if words else ""


def _name_node(node: Node) -> Node | None:
    return node.child_by_field_name("name") or node.child_by_field_name("key") or node.child_by_field_name("property")


def _pattern_names(node: Node) -> Iterator[str]:
    if node.type == "identifier":
        yield _text(node)
        return
    for one in _walk(node):
        if one.type == "shorthand_property_identifier_pattern" or (one.type == "identifier" and _is_binding(one)):
            yield _text(one)


def _is_binding(node: Node) -> bool:
    parent = node.parent
    if parent is None:
        return False
    match parent.type:
        case "import_clause" | "namespace_import" | "formal_parameters" | "catch_clause" | "rest_pattern":
            return True
        case "array_pattern" | "type_parameter":
            return True
        case "required_parameter" | "optional_parameter":
            return parent.child_by_field_name("value") != node  # a default is used, not bound
        case "object_assignment_pattern":
            return parent.child_by_field_name("right") != node
        case "import_specifier":
            alias = parent.child_by_field_name("alias")
            return alias is None or alias == node
        case "pair_pattern":
            return parent.child_by_field_name("value") == node
        case "assignment_pattern" | "for_in_statement":
            return parent.child_by_field_name("left") == node
        case "arrow_function":
            return parent.child_by_field_name("parameter") == node
        case _:
            return node.type == "shorthand_property_identifier_pattern" or parent.child_by_field_name("name") == node


def _definitions(root: Node) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in root.children:
        for name in _bindings(node):
            found[name] = _text(node)
        inner = next((one for one in (node, *node.children) if one.type in _DEFINITIONS), None)
        body = inner.child_by_field_name("body") if inner is not None else None
        if inner is not None and body is not None and body.type in ("class_body", "interface_body"):
            owner = next(_bindings(inner), "")
            found |= {f"{owner}.{name}": _text(member) for member in body.children for name in _bindings(member)}
        if (title := _test_title(node)) is not None:
            found[title] = _text(node)
    return found


def _walk(root: Node) -> Iterator[Node]:
    """Every node, without recursion: trees can be deep."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.children)


def _text(node: Node) -> str:
    return node.text.decode() if node.text is not None else ""
