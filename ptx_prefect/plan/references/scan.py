"""The facts of one file, read in one pass over its logical lines and one over the names that they use."""

from __future__ import annotations

import keyword
import re
from collections import defaultdict

from ptx_prefect.plan.references.facts import BASE, CALL, CLASS, DECORATOR, FUNCTION, MADE, MODULE, VARIABLE, FileFacts
from ptx_prefect.plan.references.facts import NAME as PLAIN
from ptx_prefect.plan.references.imports import read_import, scan_literals
from ptx_prefect.plan.references.masking import STRING, mask_source
from ptx_prefect.plan.references.scopes import Scope, Scopes, join
from ptx_prefect.plan.references.statements import (
    FOLLOWS,
    arguments_of,
    bare_names,
    line_locals,
    logical_lines,
    named_by_as,
    named_by_walrus,
    split_header,
    targets_of,
    tokens_of,
    with_joined_dots,
)

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
_KEYWORD = re.compile(
    r"(?:def|class|async|import|from|if|elif|else|try|except|finally|for|while|with|match|case|global|nonlocal)\b|@"
)
_TYPE_ALIAS = re.compile(r"type\s+([^\W\d]\w*)\s*(?:\[[^=]*?\])?\s*=(?!=)")
_TYPE_PARAMETERS = re.compile(r"[\w\s]+\[([^()]*?)\]\s*\(")
_TYPE_PARAMETER = re.compile(r"(?:^|,)\s*\*{0,2}\s*([^\W\d]\w*)")
_CALLED = re.compile(r"\(\)(?!:)")
_SKIPPED = frozenset(keyword.kwlist) | {"__super__"}
_PREFIXES = re.compile(r"(?i:[rbuft]|br|rb|fr|rf|tr|rt)")
_Place = tuple[Scope, int, str]
"""The scope in which names are looked up, the definition that they belong to, and the kind of use."""
_TESTS = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")


def scan_file(source: str, *, path: str, module: str, is_package: bool) -> FileFacts:
    """The facts of a file that is known to parse."""
    scanner = _Scanner(source, FileFacts(path, module, is_package))
    scanner.run()
    return scanner.facts


class _Scanner:
    __slots__ = (
        "checking",
        "facts",
        "is_test",
        "masked",
        "pending",
        "raw_uses",
        "read_later",
        "scopes",
        "source",
    )

    def __init__(self, source: str, facts: FileFacts) -> None:
        self.source = source
        self.masked = mask_source(source)
        self.facts = facts
        self.scopes = Scopes(facts)
        self.pending: list[tuple[int, list[str], str]] = []
        self.checking: list[int] = []
        self.read_later: defaultdict[_Place, tuple[list[str], list[int]]] = defaultdict(lambda: ([], []))
        self.raw_uses: defaultdict[_Place, dict[str, list[int]]] = defaultdict(dict)
        self.is_test = bool(_TESTS.search(facts.path)) or "fixture" in source

    def run(self) -> None:
        last = previous = 1
        scopes = self.scopes
        for first, last, indent, text in logical_lines(self.masked):
            if indent <= scopes.current.indent:
                scopes.leave(indent, previous)
            previous = last
            while self.checking and indent <= self.checking[-1]:
                self.checking.pop()
            self._statement(text, first, last, indent)
        self.scopes.leave(-1, last)
        self.facts.definitions[0][4] = last
        scan_literals(self.facts, self.source, self.masked)
        self._resolve_locally()

    def _statement(self, text: str, first: int, last: int, indent: int) -> None:
        if text[0] == STRING or text[0] == "\\":
            if text[0] == STRING and "," not in text and "." not in text:
                return
            text = text.lstrip("\\\n\t ")
            if not text:
                return
        match = _KEYWORD.match(text)
        if (". " in text or " ." in text or ".\n" in text or ".\\" in text) and text[:4] not in ("from", "impo"):
            text = with_joined_dots(text)
        if match is None:
            self._simple(text, first, last)
            return
        word = match.group()
        if word in ("def", "class") or (word == "async" and text[5:].lstrip().startswith("def")):
            self._definition(text, word, first, indent)
        elif word in ("import", "from") and text[len(word) : len(word) + 1] != "=":
            read_import(self.facts, self.scopes, text, first, checking=bool(self.checking))
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
        self._uses(rest, first, PLAIN, self.scopes.owner)
        if body:
            self._statement(body, first, last, indent + 1)
            if word == "if" and self.checking and self.checking[-1] == indent:
                self.checking.pop()
        return True

    def _captures(self, pattern: str, line: int) -> None:
        for token in tokens_of(pattern.split(" if ", 1)[0]):
            chain = token.rstrip(STRING)
            if _WORD.fullmatch(chain) and chain not in _SKIPPED:
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
        if generic := _TYPE_PARAMETERS.match(header):
            scope.bound |= dict.fromkeys(_TYPE_PARAMETER.findall(generic.group(1)))
            seen_from = scope
        decorators = []
        for at, chains, decorator in pending:
            decorators += chains
            self._uses(decorator, at, DECORATOR, owner, outer)
        arguments, after, down = arguments_of(header)
        if is_class:
            self._bases(arguments, owner, seen_from, line, scope)
        else:
            self._parameters(arguments, line, scope, outer, decorators, seen_from)
            if after != ":":
                self._uses(after, line + down, PLAIN, owner, seen_from)
        self._note_pytest(name, owner, arguments, decorators, pending)
        if body:
            self._statement(body, line, line, indent + 1)

    def _bases(self, arguments: list[tuple[str, str, int]], owner: int, outer: Scope, line: int, scope: Scope) -> None:
        bases = []
        for name, rest, down in arguments:
            if rest.startswith("=") and not rest.startswith("=="):
                self._uses(rest, line + down, PLAIN, owner, outer)
                continue
            chain = (name + rest).split("[", 1)[0].strip()
            if _FULL_CHAIN.fullmatch(chain):
                bases.append(chain)
                self._uses(chain, line + down, BASE, owner, outer)
                self._uses(rest[rest.find("[") :] if "[" in rest else "", line + down, PLAIN, owner, outer)
            else:
                self._uses(name + rest, line + down, PLAIN, owner, outer)
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
                self._uses(rest, line + down, PLAIN, scope.owner, seen_from)
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
        elif ":" in text and (declared := _DECLARED.match(text)) and declared.group(1) not in _SKIPPED:
            owner = self._bind([declared.group(1)], _instance_of(declared.group(2)), False, first, last, owner)
        self._uses(text, first, PLAIN, owner)

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

    def _uses(self, text: str, line: int, kind: str, owner: int, scope: Scope | None = None) -> None:
        """Keeps a piece of a statement to look for names in, once all of its scope has been seen."""
        if ("for" in text or "lambda" in text) and (own := line_locals(text)):
            self._uses_but(own, text, line, kind, owner, scope)
            return
        texts, lines = self.read_later[scope or self.scopes.current, owner, kind]
        texts.append(text)
        if "\n" in text:
            lines.extend(range(line, line + text.count("\n") + 1))
        else:
            lines.append(line)

    def _uses_but(self, own: set[str], text: str, line: int, kind: str, owner: int, scope: Scope | None) -> None:
        """Notes the names of a statement that binds some for itself, in comprehensions and lambdas."""
        table = self.raw_uses[scope or self.scopes.current, owner, kind]
        for token in tokens_of(text):
            if token == "\n":
                line += 1
            elif (chain := token.rstrip(FOLLOWS)).partition(".")[0] not in own:
                lines = table.setdefault(token, [line])
                if lines[-1] != line:
                    lines.append(line)
            elif "." in chain:
                self._unknown(owner, chain, [line])

    def _find_uses(self) -> None:
        for key, (texts, lines) in self.read_later.items():
            table = self.raw_uses[key]
            numbers = iter(lines)
            line = next(numbers)
            for token in tokens_of("\n".join(texts)):
                if token == "\n":
                    line = next(numbers)
                elif token not in table:
                    table[token] = [line]
                elif table[token][-1] != line:
                    table[token].append(line)

    def _unknown(self, owner: int, chain: str, lines: list[int]) -> None:
        known = self.facts.unknown.setdefault((owner, chain), lines)
        if known is not lines:
            known += [line for line in lines if line not in known]

    def _resolve_locally(self) -> None:
        """Turns names as written into chains that start at the module; what stays local is dropped."""
        self.scopes.finish()
        self._find_uses()
        for (scope, owner, kind), table in self.raw_uses.items():
            for token, lines in table.items():
                if token in _SKIPPED:
                    continue
                chain = token.rstrip(FOLLOWS)
                follows = token[len(chain) :]
                if follows and chain in _SKIPPED:
                    continue
                char = chain[0]
                if char == "." or char.isdigit():
                    if char == "." and (chain := chain.strip(".")) and not chain[0].isdigit():
                        self._unknown(owner, "?." + chain, lines)
                    continue
                use = kind
                if follows == "(":
                    use = CALL if kind == PLAIN else kind
                elif follows and (_PREFIXES.fullmatch(chain) if follows == STRING else "." not in chain):
                    continue
                self._use(scope, owner, use, chain, lines)

    def _use(self, scope: Scope, owner: int, kind: str, chain: str, lines: list[int]) -> None:
        head, dot, rest = chain.partition(".")
        memo = scope.memo
        found = memo[head] if head in memo else self.scopes.globalize(scope, head)
        if not found:
            if found is None and dot:
                self._unknown(owner, chain, lines)
            return
        if found == head:
            joined = chain
        else:
            if "(" in found:
                found = _made_elsewhere(found, called=head[-1] == ")")
            joined = join(found, rest) or ""
            if not joined or joined[-1] == ")" or joined.endswith("):"):
                return
        known = self.facts.uses.setdefault((owner, kind, joined), lines)
        if known is not lines:
            known += lines


def _made_elsewhere(chain: str, *, called: bool) -> str:
    """A local name's value, with its calls marked as made where the name was bound and not where it is used."""
    last = len(chain) - 2 if called and chain.endswith("()") else len(chain)
    return _CALLED.sub("(!)", chain[:last]) + chain[last:]


def _value_of(right: str) -> str | None:
    """The chain of a right-hand side that is one: an alias, or the one call that it consists of."""
    if right[-1:] == ")":
        match = _WHOLE_CALL.fullmatch(right)
        return f"{match.group(1)}()" if match and match.group(1) not in _SKIPPED else None
    if _FULL_CHAIN.fullmatch(right):
        return right if right not in _SKIPPED else None
    return None


def _instance_of(annotation: str) -> str | None:
    if match := _OPTIONAL.fullmatch(annotation := annotation.strip()):
        annotation = next(group for group in match.groups() if group)
    if _FULL_CHAIN.fullmatch(annotation) and annotation not in _SKIPPED:
        return f"{annotation}()"
    return None
