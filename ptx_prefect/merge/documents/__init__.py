"""Merge of Markdown and reST documents: by lines first, by sections and items where lines clash.

Whatever made the result: footnotes of both sides keep apart, a table of contents that was kept in step is written
again, and every internal link still leads where it led; one that cannot is a conflict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ptx_prefect.merge.documents.assemble import assemble_documents
from ptx_prefect.merge.documents.blocks import solve
from ptx_prefect.merge.documents.contents import find_contents, refreshed_like
from ptx_prefect.merge.documents.labels import keep_apart, repeated_definitions
from ptx_prefect.merge.documents.links import repaired
from ptx_prefect.merge.documents.outline import Kind, headings_of, kind_of, paths_of, section_at
from ptx_prefect.merge.fold import fold
from ptx_prefect.merge.lines import Chunk, Clash, Kept, merge_lines, split
from ptx_prefect.merge.markers import DEFAULT_SIZE
from ptx_prefect.merge.result import Conflict, FileMerge, Resolution
from ptx_prefect.merge.text import Names, TextMerge, refused, rendered

__all__ = ["assemble_documents", "merge_chapters", "merge_document"]


def merge_document(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """Markdown and reST documents, any number of sides, whose order has no meaning."""
    return fold(base, sides, path=path, names=names, merger=_merge_text, marker_size=marker_size)


def merge_chapters(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """As `merge_document`, but what they add at one place stands in the order of the sides, which is the plan's."""
    return fold(base, sides, path=path, names=names, merger=_merge_text, marker_size=marker_size, keeps_order=True)


def _merge_text(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge:
    kind = kind_of(path)
    renamed_theirs, renamed = keep_apart(base, ours, theirs, kind)
    resolutions = [
        Resolution("file", path, f"label {old!r}", f"both sides added it for different things: renamed to {new!r}")
        for old, new in renamed.items()
    ]
    chunks, solved = _solved(merge_lines(base, ours, renamed_theirs), path, kind)
    resolutions += solved
    around = iter(_sections_around(chunks, kind))
    merge = rendered(chunks, path=path, names=names, marker_size=marker_size, enclosing=lambda line: next(around, None))
    if merge.conflicts:
        return TextMerge(merge.text, merge.conflicts, tuple(resolutions))
    objection = _objection(merge.text, base, ours, renamed_theirs, kind)
    if objection is not None:
        return refused(ours, theirs, objection, path=path, names=names, marker_size=marker_size)
    return _finished(merge.text, (base, ours, renamed_theirs), path, resolutions)


def _solved(chunks: Sequence[Chunk], path: str, kind: Kind) -> tuple[tuple[Chunk, ...], list[Resolution]]:
    done: list[Chunk] = []
    before: list[str] = []
    resolutions = []
    for number, chunk in enumerate(chunks):
        if not isinstance(chunk, Clash):
            done.append(chunk)
            before.extend(chunk.lines)
            continue
        following = chunks[number + 1] if number + 1 < len(chunks) else None
        answer = solve(chunk, before, following.lines if isinstance(following, Kept) else (), kind)
        if answer is None:
            done.append(chunk)
            continue
        place = section_at(before, len(before), kind) or "top"
        resolutions.append(Resolution("file", path, place, answer.reason))
        done.append(Kept(split(answer.text)))
        before.extend(split(answer.text))
    return tuple(done), resolutions


def _sections_around(chunks: Sequence[Chunk], kind: Kind) -> list[str | None]:
    """For each clash the titles around it, as our side has them."""
    lines: list[str] = []
    starts = []
    for chunk in chunks:
        if isinstance(chunk, Clash):
            starts.append(len(lines))
        lines.extend(chunk.ours if isinstance(chunk, Clash) else chunk.lines)
    return [section_at(lines, start, kind) for start in starts]


def _objection(text: str, base: str, ours: str, theirs: str, kind: Kind) -> str | None:
    """Why the merged text is not taken; None when nothing speaks against it."""
    merged, old, mine, yours = (_sections(version, kind) for version in (text, base, ours, theirs))
    for path, count in merged.items():
        if count > max(old[path], mine[path], yours[path]):
            return f"merged, the section {' > '.join(path)!r} would stand more often than on any side"
    for side in (mine, yours):
        for path, count in side.items():
            if count > old[path] and merged[path] < count:
                return f"the section {' > '.join(path)!r}, which one side added, would be lost"
    counts = [repeated_definitions(version, kind) for version in (text, base, ours, theirs)]
    for label, number in counts[0].items():
        if number > max(1, *(one.get(label, 0) for one in counts[1:])):
            return f"merged, {label!r} would be defined twice"
    return None


def _sections(text: str, kind: Kind) -> Counter[tuple[str, ...]]:
    """How often each heading stands under the one above it."""
    paths = paths_of(headings_of(split(text), kind))
    return Counter(path[:-1] if path[-1].startswith("(") and len(path) > 1 else path for path in paths)


def _finished(text: str, versions: tuple[str, str, str], path: str, resolutions: list[Resolution]) -> TextMerge:
    """The text with its table of contents and its links in order."""
    kind = kind_of(path)
    base, ours, theirs = versions
    if kind == "markdown":
        model = _kept_in_step(base, ours, theirs)
        fresh = text if model is None else refreshed_like(text, model)
        if fresh != text:
            resolutions.append(Resolution("file", path, "table of contents", "written again from the headings"))
        text = fresh
    text, moved, broken = repaired(text, versions, kind)
    if moved:
        resolutions.append(
            Resolution("file", path, ", ".join(f"#{one}" for one in moved), "links follow their section")
        )
    conflicts = tuple(
        Conflict("logic", path, f"link to {anchor!r}", "what it leads to was renamed or removed on the other side")
        for anchor in broken
    )
    return TextMerge(text, conflicts, tuple(resolutions))


def _kept_in_step(base: str, ours: str, theirs: str) -> str | None:
    """A version in whose manner the table of contents is written: every version has one that lists all headings."""
    versions = [one for one in (base, ours, theirs) if one]
    if not all(find_contents(split(one)) for one in versions):
        return None
    return ours if find_contents(split(ours)) != find_contents(split(base)) else theirs
