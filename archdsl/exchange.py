"""Diagnostics in the forms of others: SARIF for tools, workflow commands for annotations on GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from urllib.parse import quote

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic, Fix
from archdsl.render import in_order, printable
from archdsl.source import Span

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

# SARIF ---------------------------------------------------------------------------------------------------------------


def render_sarif(diagnostics: Iterable[Diagnostic], version: str) -> str:
    """Diagnostics as a SARIF 2.1.0 log, with the codes as rules, further places, and fixes.

    Columns count code points from 1, as everywhere here.

    Parameters
    ----------
    version
        Of the program that found them.

    References
    ----------
    OASIS: Static analysis results interchange format (SARIF) version 2.1.0, sections 3.14 to 3.57.
    """
    ordered = in_order(diagnostics)
    codes = sorted({diagnostic.code for diagnostic in ordered}, key=lambda code: code.id)
    numbers = {code.id: number for number, code in enumerate(codes)}
    driver = {"name": "archdsl", "version": version, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, numbers) for diagnostic in ordered],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(code: Code) -> dict[str, object]:
    rule: dict[str, object] = {
        "id": code.id,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.explanation},
        "defaultConfiguration": {"level": "error" if code.id.startswith("E") else "warning"},
    }
    if code.bad:
        rule["help"] = {"text": f"Instead of\n\n{code.bad}\n\nwrite\n\n{code.good}\n"}
    return rule


def _result(diagnostic: Diagnostic, numbers: Mapping[str, int]) -> dict[str, object]:
    hint = f"\n{diagnostic.hint}" if diagnostic.hint else ""
    result: dict[str, object] = {
        "ruleId": diagnostic.code.id,
        "ruleIndex": numbers[diagnostic.code.id],
        "level": diagnostic.severity.value,
        "message": {"text": diagnostic.message + hint},
        "locations": [{"physicalLocation": _location(diagnostic.span)}],
    }
    related = [(label.span, label.message) for label in diagnostic.labels]
    related += [(call.span, f"in `{call.name}`, called here") for call in reversed(diagnostic.calls)]
    if related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(span), "message": {"text": message}}
            for number, (span, message) in enumerate(related)
        ]
    if diagnostic.fixes:
        result["fixes"] = [_fix(fix) for fix in diagnostic.fixes]
    return result


def _fix(fix: Fix) -> dict[str, object]:
    files: dict[str, list[dict[str, object]]] = {}
    for edit in fix.edits:
        replacement: dict[str, object] = {"deletedRegion": _region(edit.span)}
        replacement["insertedContent"] = {"text": edit.replacement}
        files.setdefault(_uri(edit.span), []).append(replacement)
    changes = [{"artifactLocation": {"uri": uri}, "replacements": edits} for uri, edits in files.items()]
    return {"description": {"text": fix.title}, "artifactChanges": changes}


def _location(span: Span) -> dict[str, object]:
    return {"artifactLocation": {"uri": _uri(span)}, "region": _region(span)}


def _region(span: Span) -> dict[str, int]:
    first, last = span.first, span.last
    return {
        "startLine": first.line,
        "startColumn": first.column,
        "endLine": last.line,
        "endColumn": last.column,
        "charOffset": span.start,
        "charLength": span.end - span.start,
    }


def _uri(span: Span) -> str:
    path = PurePath(span.source.name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


# GitHub --------------------------------------------------------------------------------------------------------------


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Diagnostics as workflow commands, one a line, which GitHub shows beside the lines of a change."""
    return "".join(f"{_command(diagnostic)}\n" for diagnostic in in_order(diagnostics))


def _command(diagnostic: Diagnostic) -> str:
    first, last = diagnostic.span.first, diagnostic.span.last
    properties = {
        "file": diagnostic.span.source.name,
        "line": str(first.line),
        "endLine": str(last.line),
        "col": str(first.column),
        "endColumn": str(last.column),
        "title": f"{diagnostic.code.id}: {diagnostic.code.title}",
    }
    if last.line > first.line:  # columns are shown on one line only
        del properties["col"], properties["endColumn"]
    said = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    hint = f"\n{diagnostic.hint}" if diagnostic.hint else ""
    message = "\n".join(printable(line) for line in f"{diagnostic.message}{hint}".split("\n"))
    return f"::{diagnostic.severity.value} {said}::{_escaped(message)}"


def _escaped(text: str, further: str = "") -> str:
    for char in f"%\r\n{further}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text
