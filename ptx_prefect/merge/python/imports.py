"""Three-way merge of a block of imports: per module, as sets of names, against the base."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ptx_prefect.merge.python.import_text import Style, commented_twice, statement_text, style_of

_HEAD = re.compile(r"^(?P<indent>[ \t]*)(?:from[ \t]+(?P<module>[.\w]+)[ \t]+import\b|import[ \t]+)(?P<rest>.*)", re.S)
_TRAILING = re.compile(r"[ \t]*#[^\n]*\n?\Z")
_OPENING = re.compile(r"\([ \t]*#[^\n]*\n")
_ALIAS = re.compile(r"^[ \t]*(?P<name>[\w.]+|\*)(?:[ \t]+as[ \t]+(?P<alias>\w+))?[ \t]*$")

Name = tuple[str, str]
"""What is imported, and the name it is bound to."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One import statement. ``module`` is None for ``import x``; ``comment`` stands at its end.

    An opaque one has comments inside or a star: it is taken or left as it is. ``line`` is what a part of
    ``import a, b`` was cut from.
    """

    text: str
    indent: str
    module: str | None
    names: tuple[Name, ...]
    comment: str
    is_opaque: bool
    line: str = ""

    @property
    def key(self) -> str:
        """What identifies the statement between versions: its module, or what it imports."""
        return f"from {self.module}" if self.module is not None else f"import {self.names[0][0]} as {self.names[0][1]}"


@dataclass(frozen=True, slots=True)
class Block:
    """Statements, each with the blank and comment lines before it; ``tail`` are such lines after the last."""

    statements: tuple[tuple[str, Statement], ...]
    tail: str


class ImportClashError(Exception):
    """Both sides give one name two meanings; the message says which."""


def merge_imports(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], *, needed: Collection[str] = ()
) -> tuple[str, frozenset[str]] | None:
    """The merged block and the names that it no longer binds, or None when one of the three is more than imports.

    Args:
        needed: names that must not go though one side took them away (the other side's code uses them).

    Raises:
        ImportClashError: one name would have two targets, or one side moved the module that the other imports from.
    """
    old, mine, yours = (block_of(lines) for lines in (base, ours, theirs))
    if old is None or mine is None or yours is None:
        return None
    if len({statement.indent for block in (old, mine, yours) for _, statement in block.statements}) > 1:
        return None
    if rival := commented_twice(_comments(old), _comments(mine), _comments(yours)):
        raise ImportClashError(f"both sides comment on one import ({rival}), each in its own way")
    before, after, rivals = bindings_in(old), bindings_in(mine), bindings_in(yours)
    _refuse_moved_modules(before, after, rivals)
    kept = _kept_bindings(before, after, rivals, needed)
    our_size, their_size = _distance(base, ours), _distance(base, theirs)
    # The side that rearranged more gives the layout; ties go by content, so that swapping sides changes nothing.
    skeleton, other = (mine, yours) if (our_size, "".join(ours)) >= (their_size, "".join(theirs)) else (yours, mine)
    if not skeleton.statements:
        skeleton, other = other, skeleton
    style = style_of(_texts(skeleton), _texts(other))
    gone = {binding[2] for binding in before} - {binding[2] for binding in kept}
    return _woven(skeleton, other, kept, style, _comments(old)), frozenset(name.split(".")[0] for name in gone)


def _texts(block: Block) -> tuple[str, ...]:
    return tuple(one.text for _, one in block.statements)


def _comments(block: Block) -> dict[str, str]:
    return {statement.key: statement.comment for _, statement in block.statements}


def block_of(lines: Sequence[str]) -> Block | None:
    """The block that these lines are, or None when there is anything but imports, blank lines and comments."""
    statements: list[tuple[str, Statement]] = []
    before = ""
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or line.lstrip().startswith("#"):
            before += line
            at += 1
            continue
        end = statement_end(lines, at)
        statement = statement_of("".join(lines[at:end])) if end else None
        if statement is None or end is None:
            return None
        for part in statement:
            statements.append((before, part))
            before = ""
        at = end
    return Block(tuple(statements), before)


def statement_end(lines: Sequence[str], at: int) -> int | None:
    """The line after the import statement that starts at ``at``; None when none does or it does not end."""
    if not _HEAD.match(lines[at]):
        return None
    depth = 0
    for end in range(at, min(len(lines), at + 200)):
        code = lines[end].split("#", 1)[0].rstrip()
        depth += code.count("(") - code.count(")")
        if depth <= 0 and not code.endswith("\\"):
            return end + 1
    return None


def statement_of(text: str) -> list[Statement] | None:
    """The statement in ``text``; ``import a, b`` counts as two."""
    head = _HEAD.match(text)
    assert head is not None
    rest = head["rest"]
    names_text = re.sub(r"#[^\n]*", "", rest).replace("\\\n", " ").strip()
    if names_text.startswith("(") and names_text.endswith(")"):
        names_text = names_text[1:-1]
    names: list[Name] = []
    for item in names_text.replace("\n", " ").split(","):
        if not item.strip():
            continue
        found = _ALIAS.match(item)
        if found is None:
            return None
        names.append((found["name"], found["alias"] or found["name"]))
    if not names:
        return None
    comment = _TRAILING.search(text)
    opening = _OPENING.search(text)
    is_opaque = text.count("#") > (comment is not None) + (opening is not None) or any(name == "*" for name, _ in names)
    note = comment.group().rstrip("\n") if comment and not is_opaque else ""
    if head["module"] is not None or len(names) == 1:
        return [Statement(text, head["indent"], head["module"], tuple(names), note, is_opaque)]
    if is_opaque or note:
        return None
    indent = head["indent"]
    return [
        Statement(
            f"{indent}import {name}{f' as {bound}' if bound != name else ''}\n",
            indent,
            None,
            ((name, bound),),
            "",
            False,
            text,
        )
        for name, bound in names
    ]


Binding = tuple[str | None, str, str]
"""Module (None for a plain import), name, bound name."""


def bindings_in(block: Block) -> set[Binding]:
    """Everything that the block imports."""
    return {(statement.module, *name) for _, statement in block.statements for name in statement.names}


def _kept_bindings(old: set[Binding], mine: set[Binding], yours: set[Binding], needed: Collection[str]) -> set[Binding]:
    for module, name, _ in sorted(old - mine - yours, key=str):
        added = [{binding for binding in side - old if binding[0] == module} for side in (mine, yours)]
        if name == "*" and added[0] != added[1] and all(added):
            raise ImportClashError(f"both sides spelled out 'from {module} import *', each its own way")
    if old - mine - yours and mine - old - yours and yours - old - mine:
        _refuse_rival_replacements(old - mine - yours, mine - old - yours, yours - old - mine)
    kept = (mine & yours) | (mine - old) | (yours - old)
    targets: dict[str, Binding] = {}
    for binding in sorted(kept, key=str):
        rival = targets.setdefault(binding[2], binding)
        if rival != binding and "." not in binding[2] and binding[2] != "*":
            raise ImportClashError(f"{binding[2]!r} would be imported twice: {_say(rival)} and {_say(binding)}")
    return kept | {
        binding
        for binding in (old & (mine | yours)) - kept
        if binding[2] not in targets and binding[2].split(".")[0] in needed
    }


def _refuse_rival_replacements(gone: set[Binding], mine: set[Binding], yours: set[Binding]) -> None:
    """Both sides took one import away, and each put in another in its place."""
    for binding in sorted(gone, key=str):
        if all(any(_may_replace(binding, new) for new in side) for side in (mine, yours)):
            raise ImportClashError(f"each side replaced {_say(binding)!r} in its own way")


def _may_replace(old: Binding, new: Binding) -> bool:
    if "*" in (old[1], new[1]):
        return True
    return old[2].lower() == new[2].lower() or (old[0] is not None and old[0] == new[0])


def _say(binding: Binding) -> str:
    module, name, bound = binding
    what = name if name == bound else f"{name} as {bound}"
    return f"import {what}" if module is None else f"from {module} import {what}"


def _refuse_moved_modules(old: set[Binding], mine: set[Binding], yours: set[Binding]) -> None:
    """One side imports nothing more from a module, the other something new: the module has likely moved."""
    for side, other in ((mine, yours), (yours, mine)):
        left = {_home(binding) for binding in old} - {_home(binding) for binding in side}
        for binding in sorted(other - old - side, key=str):
            home = _home(binding)
            if home in left and home.split(".")[0] not in sys.stdlib_module_names:
                raise ImportClashError(f"one side left {home!r}, from where the other has the new {_say(binding)}")
        for package in _moved_packages(old, side):
            for binding in sorted(other - old - side, key=str):
                if f"{binding[0]}.".startswith(f"{package}."):
                    raise ImportClashError(f"one side moved {package!r}, from where the other has {_say(binding)}")


def _moved_packages(old: set[Binding], side: set[Binding]) -> set[str]:
    """Packages that the side gave another name: ``a.util`` when ``from a.util.x`` became ``from b.util.x``."""
    homes = {bound: module for module, _, bound in old - side if module is not None}
    moved = set()
    for module, _, bound in side - old:
        before = homes.get(bound)
        if module is None or before is None or before == module:
            continue
        was, now = before.split("."), module.split(".")
        shared = 0
        while shared < min(len(was), len(now)) and was[-1 - shared] == now[-1 - shared] != "":
            shared += 1
        if shared:
            moved.add(".".join(was[: len(was) - shared + 1]))
    return moved


def _home(binding: Binding) -> str:
    """The module, or for a plain ``import a.b`` the package."""
    return binding[0] if binding[0] is not None else f"{binding[1].rpartition('.')[0] or binding[1]} (package)"


def _distance(old: Sequence[str], new: Sequence[str]) -> int:
    before, after = set(old), set(new)
    return len(before ^ after)


def _woven(skeleton: Block, other: Block, kept: set[Binding], style: Style, comments: dict[str, str]) -> str:
    rest = set(kept)
    rows: list[tuple[str, Statement]] = []
    for before, statement in skeleton.statements:
        mine = tuple(name for name in statement.names if (statement.module, *name) in rest)
        rest -= {(statement.module, *name) for name in mine}
        if mine:
            rows.append((before, statement if mine == statement.names else _renamed(statement, mine, style)))
        elif before.strip() or (before and rows and not rows[-1][0]):
            rows.append((before, replace(statement, text="", names=())))
    previous = ""
    for _, statement in other.statements:
        rows = _with_comment(rows, statement, comments, style)
        new = tuple(name for name in statement.names if (statement.module, *name) in rest)
        rest -= {(statement.module, *name) for name in new}
        if new:
            part = statement if new == statement.names else _renamed(statement, new, style)
            rows = _placed(rows, part, previous, style)
        previous = statement.key
    return _written(rows) + skeleton.tail


def _written(rows: list[tuple[str, Statement]]) -> str:
    """The rows as text; neighbours that were cut from one ``import a, b`` stand in one again."""
    texts: list[str] = []
    line, items = "", [""]
    for before, row in rows:
        own = [name if name == bound else f"{name} as {bound}" for name, bound in row.names]
        if not row.line or row.line != line or before:
            texts += (before, row.text)
            line, items = row.line, own
            continue
        items += own
        is_whole = items == [item.strip() for item in line.strip().removeprefix("import").split(",")]
        texts[-1] = line if is_whole else f"{row.indent}import {', '.join(items)}\n"
    return "".join(texts)


def _with_comment(
    rows: list[tuple[str, Statement]], statement: Statement, comments: dict[str, str], style: Style
) -> list[tuple[str, Statement]]:
    """The rows with the comment at the end of one statement taken from the other side, if only that side changed it."""
    out = []
    for before, row in rows:
        old = comments.get(row.key) if row.names else None
        if (
            old is not None
            and row.key == statement.key
            and row.comment == old != statement.comment
            and not row.is_opaque
        ):
            row = _renamed(replace(row, comment=statement.comment), row.names, style)
        out.append((before, row))
    return out


def _renamed(statement: Statement, names: tuple[Name, ...], style: Style) -> Statement:
    bare = _TRAILING.sub("\n", statement.text) if statement.comment else statement.text
    text = statement_text(bare, statement.indent, statement.module, names, style)
    return replace(statement, names=names, text=f"{text[:-1]}{statement.comment}\n" if statement.comment else text)


def _placed(
    rows: list[tuple[str, Statement]], new: Statement, previous: str, style: Style
) -> list[tuple[str, Statement]]:
    """The rows with a statement's names put into the statement of their module, else as a row of their own."""
    for index, (before, row) in enumerate(rows):
        joins = row.module is not None and row.module == new.module and row.names and not row.is_opaque | new.is_opaque
        if joins and not (style.single and len(row.names) == 1):
            names = _inserted(row.names, new.names)
            return [*rows[:index], (before, _renamed(row, names, style)), *rows[index + 1 :]]
    at = _row_for(rows, new, previous)
    if at and new.line and rows[at - 1][1].line:
        new = replace(new, line=rows[at - 1][1].line)
    if at == 0 and rows:
        before, first = rows[0]
        return [(before, new), ("", first), *rows[1:]]
    return [*rows[:at], ("", new), *rows[at:]]


def _row_for(rows: list[tuple[str, Statement]], new: Statement, previous: str) -> int:
    """Where a new statement goes: after the one it followed on its own side, or where the order wants it."""
    keys = [row.key if row.names else "" for _, row in rows]
    future = max((index + 1 for index, key in enumerate(keys) if key == "from __future__"), default=0)
    if new.module == "__future__":
        return future
    if previous in keys:
        at = max(len(keys) - keys[::-1].index(previous), future)
    else:
        kin = [index + 1 for index, (_, row) in enumerate(rows) if row.names and _family(row) == _family(new)]
        was_first = not previous and kin and kin[0] == future + 1
        at = future if was_first else max([future, *kin]) if kin else len(rows)
        if is_sorted(rows):
            at = max([future, *(index + 1 for index, (_, row) in enumerate(rows) if _order(row) < _order(new))])
    while at < len(rows) and not rows[at][0] and is_sorted(rows) and _order(rows[at][1]) < _order(new):
        at += 1
    return at


def _family(statement: Statement) -> str:
    """What people group imports by: the standard library, the package itself, or the package imported from."""
    module = statement.module if statement.module is not None else statement.names[0][0]
    top = module.split(".")[0]
    return "standard" if top in sys.stdlib_module_names else top


def is_sorted(rows: Iterable[tuple[str, Statement]]) -> bool:
    """True when the statements stand in the order of their modules."""
    order = [_order(row) for _, row in rows if row.names]
    return order == sorted(order)


def _order(statement: Statement) -> str:
    names = "" if len(statement.names) != 1 else statement.names[0][0]
    return (f"{statement.module} {names}" if statement.module is not None else names).lower()


def _inserted(names: tuple[Name, ...], new: tuple[Name, ...]) -> tuple[Name, ...]:
    """``names`` with ``new``: in order when they were sorted, else at the end, in the order of the alphabet."""
    for key in (_as_is, _folded, _by_case):
        if list(names) == sorted(names, key=key) and len(names) > 1:
            return tuple(sorted({*names, *new}, key=key))
    return (*names, *sorted(set(new) - set(names)))


def _as_is(name: Name) -> tuple[str, str]:
    return name


def _folded(name: Name) -> tuple[str, str]:
    return name[0].lower(), name[1]


def _by_case(name: Name) -> tuple[int, str, str]:
    """isort's default: constants, then classes, then the rest."""
    rank = 0 if name[0].isupper() and len(name[0]) > 1 else 1 if name[0][:1].isupper() else 2
    return rank, name[0], name[1]
