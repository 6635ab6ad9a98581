"""The facts of one file, read in one pass over its logical lines; the names that they use come after."""

from __future__ import annotations

import re

from ptx_prefect.plan.references.facts import BASE, CLASS, DECORATOR, FUNCTION, MADE, MODULE, VARIABLE, FileFacts
from ptx_prefect.plan.references.facts import NAME as PLAIN
from ptx_prefect.plan.references.imports import read_import, scan_literals
from ptx_prefect.plan.references.masking import STRING, pieces_of, without_strings
from ptx_prefect.plan.references.scopes import Scope, Scopes
from ptx_prefect.plan.references.statements import (
    arguments_of,
    bare_names,
    logical_lines,
    named_by_as,
    named_by_walrus,
    split_header,
    targets_of,
    tokens_of,
    with_joined_dots,
)
from ptx_prefect.plan.references.uses import NO_NAMES, Uses

_WORD = re.compile(r"[^\W\d]\w*")
_FULL_CHAIN = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_WHOLE_CALL = re.compile(r"([^\W\d][\w.]*)\([^()]*(?:\([^()]*\)[^()]*)*\)")
_DEFINED = re.compile(r"(?:async\s+)?(?:def|class)\s+(\w+)")
_OPTIONAL = re.compile(r"(?:typing\.)?Optional\[\s*([\w.]+)\s*\]|([\w.]+)\s*\|\s*None|None\s*\|\s*([\w.]+)")
_DECLARED = re.compile(r"([^\W\d][\w.]*)\s*:\s*([\w.\[\]| ,]+)$")
_IN = re.compile(r"\bin\b")
_COMPOUND = frozenset(
    ("if", "elif", "else", "try", "except", "finally", "for", "while", "with", "async", "match", "case")
)
_FIRST_WORDS = _COMPOUND | {"def", "class", "import", "from", "global", "nonlocal"}
_KEYWORD = re.compile(rf"(?:{'|'.join(sorted(_FIRST_WORDS))})\b|@")
_TYPE_ALIAS = re.compile(r"type\s+([^\W\d]\w*)\s*(?:\[[^=]*?\])?\s*=(?!=)")
_TYPE_PARAMETERS = re.compile(r"[\w\s]+\[([^()]*?)\]\s*\(")
_TYPE_PARAMETER = re.compile(r"(?:^|,)\s*\*{0,2}\s*([^\W\d]\w*)")
_TESTS = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")


def scan_file(source: str, *, path: str, module: str, is_package: bool) -> FileFacts:
    """The facts of a file that is known to parse."""
    scanner = _Scanner(source, FileFacts(path, module, is_package))
    scanner.run()
    return scanner.facts


class _Scanner:
    __slots__ = ("checking", "facts", "is_test", "pending", "pieces", "scopes", "source", "uses")

    def __init__(self, source: str, facts: FileFacts) -> None:
        self.source = source
        self.pieces = pieces_of(source)
        self.facts = facts
        self.scopes = Scopes(facts)
        self.uses = Uses(facts, self.scopes)
        self.pending: list[tuple[int, list[str], str]] = []
        self.checking: list[int] = []
        self.is_test = bool(_TESTS.search(facts.path)) or "fixture" in source

    def run(self) -> None:
        last = previous = 1
        scopes, checking, shown = self.scopes, self.checking, without_strings(self.pieces)
        for first, last, indent, text in logical_lines(shown):
            if indent <= scopes.current.indent:
                scopes.leave(indent, previous)
            previous = last
            while checking and indent <= checking[-1]:
                checking.pop()
            self._statement(text, first, last, indent)
        scopes.leave(-1, last)
        self.facts.definitions[0][4] = last
        scan_literals(self.facts, self.source, shown, self.pieces)
        scopes.finish()
        self.uses.find()
        scopes.let_go()

    def _statement(self, text: str, first: int, last: int, indent: int) -> None:
        if text[0] == STRING or text[0] == "\\":
            if text[0] == STRING and "," not in text and "." not in text:
                return
            text = text.lstrip("\\\n\t ")
            if not text:
                return
        word = text.partition(" ")[0]
        if word not in _FIRST_WORDS:
            match = None if word.isidentifier() else _KEYWORD.match(text)
            word = match.group() if match else ""
        if word == "import" or word == "from":
            if text[len(word) : len(word) + 1] != "=":
                read_import(self.facts, self.scopes, text, first, checking=bool(self.checking))
                return
        elif " ." in text or ". " in text or ("\n" in text and (".\n" in text or ".\\" in text)):
            text = with_joined_dots(text)
        if not word:
            self._simple(text, first, last)
        elif word in ("def", "class") or (word == "async" and text[5:].lstrip().startswith("def")):
            self._definition(text, word, first, indent)
        elif word == "@":
            self._decorator(text, first)
        elif word in _COMPOUND and self._compound(text, word, first, last, indent):
            return
        elif word in ("global", "nonlocal"):
            self.scopes.declare(word, _WORD.findall(text)[1:])
        else:
            self._simple(text, first, last)

    def _compound(self, text: str, word: str, first: int, last: int, indent: int) -> bool:
        """Reads an ``if``, ``for``, ``with`` …; False when ``match`` and ``case`` turn out to be ordinary names."""
        header, body = (text, "") if text[-1] == ":" else split_header(text)
        if word in ("match", "case") and (header[-1] != ":" or text[len(word) : len(word) + 1] in ".=:,)"):
            return False
        if word == "if" and "TYPE_CHECKING" in header and "not " not in header:
            self.checking.append(indent)
        rest = header[len(word) :]
        if word == "async":
            word = _WORD.findall(header)[1]
            rest = header[header.index(word) + len(word) :]
        if word == "for" and len(parts := _IN.split(rest, 1)) == 2:
            for name in bare_names(parts[0]):
                self.scopes.bind_variable(name, None, first, first)
        elif word in ("with", "except") or (word == "case" and " as " in rest):
            for name in named_by_as(rest):
                self.scopes.bind_variable(name, None, first, first)
        if word == "case":
            self._captures(rest, first)
        self._walrus(rest, first)
        self.uses.add(rest, first, PLAIN, self.scopes.owner)
        if body:
            self._statement(body, first, last, indent + 1)
            if word == "if" and self.checking and self.checking[-1] == indent:
                self.checking.pop()
        return True

    def _captures(self, pattern: str, line: int) -> None:
        for token in tokens_of(pattern.split(" if ", 1)[0]):
            chain = token.rstrip(STRING)
            if _WORD.fullmatch(chain) and chain not in NO_NAMES:
                self.scopes.bind_variable(chain, None, line, line)

    def _decorator(self, text: str, line: int) -> None:
        chain = found.group() if (found := _FULL_CHAIN.match(text, 1)) else ""
        self.pending.append((line, [chain], text))

    def _definition(self, text: str, word: str, line: int, indent: int) -> None:
        header, body = (text, "") if text[-1] == ":" else split_header(text)
        is_class = word == "class"
        defined = _DEFINED.match(header)
        assert defined
        name = defined.group(1)
        pending, self.pending = self.pending, []
        outer = self.scopes.current
        start = pending[0][0] if pending else line
        scope = self.scopes.enter(name, CLASS if is_class else FUNCTION, start=start, line=line, indent=indent)
        owner = scope.owner
        seen_from = outer
        if "[" in header and (generic := _TYPE_PARAMETERS.match(header)):
            scope.bound |= dict.fromkeys(_TYPE_PARAMETER.findall(generic.group(1)))
            seen_from = scope
        decorators = []
        for at, chains, decorator in pending:
            decorators += chains
            self.uses.add(decorator, at, DECORATOR, owner, outer)
        arguments, after, down = arguments_of(header)
        if is_class:
            self._bases(arguments, owner, seen_from, line, scope)
        else:
            self._parameters(arguments, line, scope, outer, decorators, seen_from)
            if after != ":":
                self.uses.add(after, line + down, PLAIN, owner, seen_from)
        self._note_pytest(name, owner, arguments, decorators, pending)
        if body:
            self._statement(body, line, line, indent + 1)

    def _bases(self, arguments: list[tuple[str, str, int]], owner: int, outer: Scope, line: int, scope: Scope) -> None:
        bases = []
        for name, rest, down in arguments:
            if rest.startswith("=") and not rest.startswith("=="):
                self.uses.add(rest, line + down, PLAIN, owner, outer)
                continue
            chain = (name + rest).split("[", 1)[0].strip()
            if _FULL_CHAIN.fullmatch(chain):
                bases.append(chain)
                self.uses.add(chain, line + down, BASE, owner, outer)
                self.uses.add(rest[rest.find("[") :] if "[" in rest else "", line + down, PLAIN, owner, outer)
            else:
                self.uses.add(name + rest, line + down, PLAIN, owner, outer)
        self.scopes.set_bases(scope, bases, outer)

    def _parameters(
        self,
        arguments: list[tuple[str, str, int]],
        line: int,
        scope: Scope,
        outer: Scope,
        decorators: list[str],
        seen_from: Scope,
    ) -> None:
        for index, (name, rest, down) in enumerate(arguments):
            value = None
            if rest:
                if rest[0] == ":":
                    value = _instance_of(rest[1:].split("=", 1)[0])
                self.uses.add(rest, line + down, PLAIN, scope.owner, seen_from)
            if index == 0 and outer.kind == CLASS and "staticmethod" not in decorators:
                on_class = "classmethod" in decorators or scope.name in ("__new__", "__init_subclass__")
                value = f"#{outer.qualname}:" if on_class else f"#{outer.qualname}():"
                scope.receiver = name
            if name:
                scope.bound[name] = (value, outer) if value else None

    def _note_pytest(
        self,
        name: str,
        owner: int,
        arguments: list[tuple[str, str, int]],
        decorators: list[str],
        pending: list[tuple[int, list[str], str]],
    ) -> None:
        if not self.is_test:
            return
        names = [argument for argument, _, _ in arguments if argument]
        notes = self.facts.pytest
        for decorator, (line, _, text) in zip(decorators, pending, strict=True):
            if decorator.split(".")[-1] in ("fixture", "yield_fixture"):
                raw = "\n".join(self.source.split("\n")[line - 1 : line + text.count("\n")])
                renamed = re.search(r"\bname\s*=\s*['\"](\w+)", raw)
                notes.fixtures[owner] = [renamed.group(1) if renamed else name, "autouse" in text]
                notes.parameters[owner] = names
        if name.startswith("test"):
            notes.parameters[owner] = names

    def _simple(self, text: str, first: int, last: int) -> None:
        owner = self.scopes.owner
        if text[:5] == "type " and (alias := _TYPE_ALIAS.match(text)):
            owner = self._bind([alias.group(1)], None, False, first, last, owner)
            text = text[alias.end() :]
        elif "=" in text:
            if ":=" in text:
                self._walrus(text, first)
            bracket = text.find("(")
            if bracket <= 0 or bracket > text.find("="):  # else it is a call with named arguments
                owner = self._assignment(text, first, last, owner)
        elif ":" in text and (declared := _DECLARED.match(text)) and declared.group(1) not in NO_NAMES:
            owner = self._bind([declared.group(1)], _instance_of(declared.group(2)), False, first, last, owner)
        self.uses.add(text, first, PLAIN, owner)

    def _walrus(self, text: str, line: int) -> None:
        if ":=" in text:
            for name in named_by_walrus(text):
                self.scopes.bind_variable(name, None, line, line)

    def _assignment(self, text: str, first: int, last: int, owner: int) -> int:
        """Binds the targets; gives the definition that the right-hand side belongs to."""
        targets, annotation, right = targets_of(text)
        if not targets:
            return owner
        value = _value_of(right) or (_instance_of(annotation) if annotation else None)
        return self._bind(targets, value, "(" in right, first, last, owner)

    def _bind(self, targets: list[str], value: str | None, made: bool, first: int, last: int, owner: int) -> int:
        for target in targets:
            if "." in target:
                self.scopes.bind_attribute(target, value, first, last)
                continue
            is_name = target.isidentifier()
            for name in (target,) if is_name else bare_names(target):
                kind = MADE if made else VARIABLE
                index = self.scopes.bind_variable(name, value if is_name else None, first, last, kind=kind)
                if index is not None and self.scopes.current.kind == MODULE:
                    owner = index
        return owner


def _value_of(right: str) -> str | None:
    """The chain of a right-hand side that is one: an alias, or the one call that it consists of."""
    if right.isidentifier():
        return None if right in NO_NAMES else right
    if not (right[:1].isalpha() or right[:1] == "_"):
        return None
    if right[-1] == ")":
        match = _WHOLE_CALL.fullmatch(right)
        return f"{match.group(1)}()" if match and match.group(1) not in NO_NAMES else None
    return right if _FULL_CHAIN.fullmatch(right) else None


def _instance_of(annotation: str) -> str | None:
    if match := _OPTIONAL.fullmatch(annotation := annotation.strip()):
        annotation = next(group for group in match.groups() if group)
    if _FULL_CHAIN.fullmatch(annotation) and annotation not in NO_NAMES:
        return f"{annotation}()"
    return None
