"""Brings a text into the one canonical style."""

from __future__ import annotations

from archdsl.diagnostic import ArchError, Edit
from archdsl.lsp.document import Document
from archdsl.lsp.knowledge import common
from archdsl.syntax.format import LawBroken, format


def formatting(document: Document) -> tuple[Edit, ...]:
    """The edit that formats a text, as small as can be; none if it has errors or is in style."""
    source = document.source
    try:
        styled = format(source.text, source.name)
    except (ArchError, LawBroken):
        return ()
    if styled == source.text:
        return ()
    start = common(source.text, styled)
    longest = min(len(source.text), len(styled)) - start
    kept = min(common(source.text[::-1], styled[::-1]), longest)
    return (Edit(source.span(start, len(source.text) - kept), styled[start : len(styled) - kept]),)
