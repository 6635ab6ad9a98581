"""Merge of Python source: by lines first; structure only where lines clash; guards on whatever comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ptx_prefect.merge.edits import edits
from ptx_prefect.merge.fold import fold
from ptx_prefect.merge.lines import Clash, Kept, merge_lines, split
from ptx_prefect.merge.markers import DEFAULT_SIZE
from ptx_prefect.merge.python.clashes import solve
from ptx_prefect.merge.python.exports import REASON, exports_settled
from ptx_prefect.merge.python.guards import complaints_about
from ptx_prefect.merge.python.import_blocks import regions_of
from ptx_prefect.merge.python.import_doubts import doubt_about
from ptx_prefect.merge.python.imports import ImportClashError, merge_imports
from ptx_prefect.merge.python.inclusion import said_twice
from ptx_prefect.merge.python.names import enclosing_definition, is_valid, unbound_in
from ptx_prefect.merge.python.proposals import with_proposal
from ptx_prefect.merge.python.trust import is_trusted
from ptx_prefect.merge.result import Conflict, FileMerge, Resolution
from ptx_prefect.merge.text import Names, TextMerge, refused, rendered
from ptx_prefect.merge.threeway import Stretch, Versions, compare, cut


def merge_python(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """Python files, any number of sides."""
    return fold(base, sides, path=path, names=names, merger=merge_source, marker_size=marker_size, is_symmetric=True)


def merge_source(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge:
    """Two Python texts against their base."""
    for less, more in ((ours, theirs), (theirs, ours)):
        if _includes(base, less, more, path):
            return TextMerge(more, (), (Resolution("file", path, "whole file", "one side has the other's edits too"),))
    chunks = merge_lines(base, ours, theirs)
    if not any(isinstance(chunk, Clash) for chunk in chunks):
        merged = TextMerge("".join("".join(chunk.lines) for chunk in chunks if isinstance(chunk, Kept)))
        return _guarded(merged, base, ours, theirs, path, names, marker_size)
    first, second = sorted((ours, theirs))  # so that swapping the sides changes nothing
    woven = _with_exports(base, first, second, path) or _structured(base, first, second, path)
    if woven is not None and _is_believed(woven, base, ours, theirs):
        guarded = _guarded(woven.merge, base, ours, theirs, path, names, marker_size)
        if not guarded.conflicts:
            return guarded
    merged = rendered(chunks, path=path, names=names, marker_size=marker_size, around=enclosing_definition)
    clashes = (chunk for chunk in chunks if isinstance(chunk, Clash))
    return replace(merged, conflicts=tuple(map(with_proposal, merged.conflicts, clashes)))


def _is_believed(woven: _Woven, base: str, ours: str, theirs: str) -> bool:
    mine, yours = edits(base, ours), edits(base, theirs)
    if any(doubt_about(block, mine, yours) for block in woven.imports):
        return False
    return is_trusted(woven.merge.resolutions, base, ours, theirs)


def _guarded(
    merge: TextMerge, base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int
) -> TextMerge:
    complaints = complaints_about(merge.text, base, ours, theirs, is_structured=bool(merge.resolutions))
    if not complaints:
        return merge if merge.resolutions or is_valid(merge.text) else _unread(merge, path)
    textual = next((item for item in complaints if item.is_textual), None)
    if textual is not None:
        return refused(ours, theirs, textual.reason, path=path, names=names, marker_size=marker_size)
    conflicts = tuple(Conflict(item.kind, path, "whole file", item.reason, item.definition) for item in complaints)
    return TextMerge(merge.text, conflicts, merge.resolutions)


def _unread(merge: TextMerge, path: str) -> TextMerge:
    note = "a side does not parse as Python: merged by lines, and no more could be checked"
    return TextMerge(merge.text, (), (Resolution("file", path, "whole file", note),))


def _includes(base: str, less: str, more: str, path: str) -> bool:
    """True when ``more`` is what merging ``less`` with something else gives; that something is found by undoing."""
    part, full = edits(base, less), edits(base, more)
    if not part.added_words <= full.added_words or not part.removed_words <= full.removed_words:
        return False
    rest = _structured(less, base, more, path)
    if rest is None or rest.merge.text == base:
        return False
    first, second = sorted((less, rest.merge.text))
    again = _structured(base, first, second, path)
    return again is not None and again.merge.text == more


@dataclass(frozen=True, slots=True)
class _Imports:
    """A block of imports that waits until the code around it is known."""

    versions: Versions


@dataclass(frozen=True, slots=True)
class _Woven:
    """A merge by structure, and the blocks of imports in it."""

    merge: TextMerge
    imports: tuple[Versions, ...]


def _structured(base: str, ours: str, theirs: str, path: str) -> _Woven | None:
    """Every clash solved by structure, or None."""
    whole = Versions(split(base), split(ours), split(theirs))
    pieces: list[str | _Imports] = []
    resolutions: list[Resolution] = []
    for region in regions_of(compare(whole.base, whole.ours, whole.theirs, touching=True), whole):
        versions = cut(whole, region.stretch)
        if region.is_imports:
            pieces.append(_Imports(versions))
            place = f"lines {region.stretch.ours[0] + 1}-{region.stretch.ours[1]}"
            resolutions.append(Resolution("import", path, place, "merged as sets of names against the base"))
        elif region.stretch.changed_by != 3 or versions.ours == versions.theirs:
            pieces.append("".join(versions.theirs if region.stretch.changed_by == 2 else versions.ours))
        else:
            solved = solve(versions)
            if solved is None:
                return None
            pieces.append("".join(solved.lines))
            resolutions.append(_resolution(region.stretch, whole, solved.reason, path))
    text = _with_imports(pieces, ours, theirs)
    if text is None or said_twice(text, edits(base, ours), edits(base, theirs)) is not None:
        return None
    blocks = tuple(piece.versions for piece in pieces if isinstance(piece, _Imports))
    return _Woven(TextMerge(text, (), tuple(resolutions)), blocks)


def _with_exports(base: str, ours: str, theirs: str, path: str) -> _Woven | None:
    """Every clash solved, where both sides changed ``__all__``: that first, by lines what they agree on then."""
    texts = exports_settled(base, ours, theirs)
    if texts is None:
        return None
    chunks = merge_lines(*texts)
    is_clean = not any(isinstance(chunk, Clash) for chunk in chunks)
    lines = TextMerge("".join("".join(chunk.lines) for chunk in chunks if isinstance(chunk, Kept)))
    woven = _Woven(lines, ()) if is_clean else _structured(*texts, path)
    if woven is None:
        return None
    told = Resolution("import", path, "__all__", REASON)
    return replace(woven, merge=replace(woven.merge, resolutions=(*woven.merge.resolutions, told)))


def _resolution(stretch: Stretch, whole: Versions, reason: str, path: str) -> Resolution:
    low, high = stretch.ours
    definition = enclosing_definition(whole.ours[:low], whole.ours[low:high])
    return Resolution("file", path, f"lines {low + 1}-{high}", reason, definition)


def _with_imports(pieces: Sequence[str | _Imports], ours: str, theirs: str) -> str | None:
    """The pieces in one text. Names that one side no longer imports stay when the merged code needs them."""
    try:
        text, gone = _imports_merged(pieces, needed=frozenset())
        if gone and (missing := unbound_in(text)):
            known = (unbound_in(ours) or frozenset()) | (unbound_in(theirs) or frozenset())
            needed = (missing - known) & gone
            if needed:
                text, _ = _imports_merged(pieces, needed=needed)
    except ImportClashError:
        return None
    return text


def _imports_merged(pieces: Sequence[str | _Imports], *, needed: frozenset[str]) -> tuple[str, frozenset[str]]:
    texts: list[str] = []
    gone: frozenset[str] = frozenset()
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
            continue
        versions = piece.versions
        merged = merge_imports(versions.base, versions.ours, versions.theirs, needed=needed)
        if merged is None:
            raise ImportClashError("the block is more than imports")
        texts.append(merged[0])
        gone |= merged[1]
    return "".join(texts), gone
