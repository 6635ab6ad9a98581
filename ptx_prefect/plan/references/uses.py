"""The names in the pieces of a file's statements, told apart once all of the file has been read: what is bound here,
in the module, or nowhere."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator

from ptx_prefect.plan.references.facts import CALL, FileFacts
from ptx_prefect.plan.references.facts import NAME as PLAIN
from ptx_prefect.plan.references.masking import STRING
from ptx_prefect.plan.references.scopes import Scope, Scopes, join
from ptx_prefect.plan.references.statements import FOLLOWS, line_locals, tokens_of

NO_NAMES = frozenset(keyword.kwlist) | {"__super__"}
_PREFIXES = re.compile(r"(?i:[rbuft]|br|rb|fr|rf|tr|rt)")
_CALLED = re.compile(r"\(\)(?!:)")
_Parsed = tuple[str, str, str, bool]


class _Tokens(dict[str, _Parsed | None]):
    """What a token says: its chain, the head of that, the rest, and whether it is called. An empty head means that
    the receiver is an expression. None for what names nothing: a keyword, a number, an argument's name, a prefix."""

    def __missing__(self, token: str) -> _Parsed | None:
        found = self[token] = _parsed(token)
        return found


def _parsed(token: str) -> _Parsed | None:
    chain = token.rstrip(FOLLOWS)
    follows = token[len(chain) :]
    if chain in NO_NAMES or chain == "\n":
        return None
    if chain[0] == "." or chain[0].isdigit():
        chain = chain.strip(".") if chain[0] == "." else ""
        return ("?." + chain, "", chain, False) if chain and not chain[0].isdigit() else None
    if follows and follows != "(" and (_PREFIXES.fullmatch(chain) if follows == STRING else "." not in chain):
        return None
    head, _, rest = chain.partition(".")
    return chain, head, rest, follows == "("


_TOKENS = _Tokens()  # for all files of the process: most tokens come up in many


class Uses:
    """Collects pieces of statements, then finds the names in them."""

    def __init__(self, facts: FileFacts, scopes: Scopes) -> None:
        self._facts = facts
        self._scopes = scopes
        self._pieces: list[tuple[Scope, int, str, str, int]] = []
        self._binding: list[tuple[set[str], Scope, int, str, str, int]] = []

    def add(self, text: str, line: int, kind: str, owner: int, scope: Scope | None = None) -> None:
        """Keeps a piece of a statement to look for names in."""
        at = scope or self._scopes.current
        if ("for" in text or "lambda" in text) and (own := line_locals(text)):
            self._binding.append((own, at, owner, kind, text, line))
        elif kind == PLAIN and owner == at.owner:
            at.texts.append(text)
            if "\n" in text:
                at.lines.extend(range(line, line + text.count("\n") + 1))
            else:
                at.lines.append(line)
        else:
            self._pieces.append((at, owner, kind, text, line))

    def find(self) -> None:
        """Turns names as written into chains that start at the module; what stays local is dropped."""
        for scope in self._scopes.all:
            if scope.texts:
                self._find(scope, scope.owner, PLAIN, tokens_of("\n".join(scope.texts)), scope.lines)
        for scope, owner, kind, text, line in self._pieces:
            self._find(scope, owner, kind, tokens_of(text), range(line, line + text.count("\n") + 1))
        for own, scope, owner, kind, text, line in self._binding:
            lines = range(line, line + text.count("\n") + 1)
            self._find(scope, owner, kind, self._without(own, owner, tokens_of(text), line), lines)

    def _without(self, own: set[str], owner: int, tokens: list[str], line: int) -> list[str]:
        """The tokens less those of names that the piece binds for itself, in comprehensions and lambdas."""
        left = []
        for token in tokens:
            line += token == "\n"
            chain = token.rstrip(FOLLOWS)
            if chain.partition(".")[0] not in own:
                left.append(token)
            elif "." in chain:
                self._note_unknown(owner, chain, line)
        return left

    def _note_unknown(self, owner: int, chain: str, line: int) -> None:
        lines = self._facts.unknown.setdefault((owner, chain), [])
        if line not in lines:
            lines.append(line)

    def _find(self, scope: Scope, owner: int, kind: str, tokens: list[str], lines: list[int] | range) -> None:
        wanted: dict[str, list[int]] = {}
        uses, unknown, memo = self._facts.uses, self._facts.unknown, scope.memo
        for token in dict.fromkeys(tokens):
            parsed = _TOKENS[token]
            if parsed is None:
                continue
            chain, head, rest, called = parsed
            if not head:
                wanted[token] = unknown.setdefault((owner, chain), [])
                continue
            found = memo[head] if head in memo else self._scopes.globalize(scope, head)
            if found:
                if found != head:
                    chain = _continued(found, head, rest)
                if chain:
                    use = CALL if called and kind == PLAIN else kind
                    wanted[token] = uses.setdefault((owner, use, chain), [])
            elif found is None and rest:
                wanted[token] = unknown.setdefault((owner, chain), [])
        if wanted:
            _note_lines(wanted, tokens, lines)


def _note_lines(wanted: dict[str, list[int]], tokens: list[str], lines: list[int] | range) -> None:
    if len(lines) == 1:
        for into in wanted.values():
            if lines[0] not in into:
                into.append(lines[0])
        return
    numbers: Iterator[int] = iter(lines)
    line = next(numbers)
    for token in tokens:
        if token == "\n":
            line = next(numbers)
        elif token in wanted:
            into = wanted[token]
            if not into or into[-1] != line:
                into.append(line)


def _continued(found: str, head: str, rest: str) -> str:
    """A local name's value, continued; nothing where that is an object of which no part is asked for."""
    if "(" in found:
        found = _made_elsewhere(found, called=head[-1] == ")")
    joined = join(found, rest) or ""
    return "" if joined[-1:] == ")" or joined.endswith("):") else joined


def _made_elsewhere(chain: str, *, called: bool) -> str:
    """A local name's value, with its calls marked as made where the name was bound and not where it is used."""
    last = len(chain) - 2 if called and chain.endswith("()") else len(chain)
    return _CALLED.sub("(!)", chain[:last]) + chain[last:]
