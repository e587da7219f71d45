"""Answers of the features in the types of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lsprotocol import types

from archdsl.diagnostic import Diagnostic, Edit
from archdsl.lsp.coordinates import Coordinates
from archdsl.lsp.features.actions import Action
from archdsl.lsp.features.completion import Item, ItemKind
from archdsl.lsp.features.folding import Fold
from archdsl.lsp.features.hints import Hint
from archdsl.lsp.features.hover import Hover
from archdsl.lsp.features.picture import Place
from archdsl.lsp.features.signature import Signature
from archdsl.lsp.features.symbols import Symbol
from archdsl.lsp.features.tokens import DECLARATION, DEFAULT_LIBRARY, READONLY, Role, Token
from archdsl.source import Source, Span
from archdsl.syntax.names import Kind

ROLES = tuple(Role)
MODIFIERS = (DECLARATION, READONLY, DEFAULT_LIBRARY)
LEGEND = types.SemanticTokensLegend([role.value for role in ROLES], list(MODIFIERS))

_ITEM_KINDS = {
    ItemKind.OPERATOR: types.CompletionItemKind.Function,
    ItemKind.DEFINITION: types.CompletionItemKind.Method,
    ItemKind.STREAM: types.CompletionItemKind.Variable,
    ItemKind.VALUE: types.CompletionItemKind.Constant,
    ItemKind.PARAMETER: types.CompletionItemKind.TypeParameter,
    ItemKind.FUNCTION: types.CompletionItemKind.Function,
    ItemKind.ARGUMENT: types.CompletionItemKind.Property,
    ItemKind.CHOICE: types.CompletionItemKind.EnumMember,
    ItemKind.ATTRIBUTE: types.CompletionItemKind.Field,
    ItemKind.FILE: types.CompletionItemKind.File,
    ItemKind.KEYWORD: types.CompletionItemKind.Keyword,
}
_SYMBOL_KINDS = {
    Kind.NETWORK: types.SymbolKind.Class,
    Kind.VARIANT: types.SymbolKind.EnumMember,
    Kind.VALUE: types.SymbolKind.Constant,
    Kind.TABLE: types.SymbolKind.Array,
    Kind.DEFINITION: types.SymbolKind.Function,
    Kind.FILE: types.SymbolKind.Module,
    Kind.EXIT: types.SymbolKind.Event,
    Kind.OUTPUT: types.SymbolKind.Event,
}


@dataclass(frozen=True, slots=True)
class Converter:
    """Writes answers in the types of the protocol.

    Parameters
    ----------
    uri
        The address of a text.
    """

    coordinates: Coordinates
    uri: Callable[[Source], str]

    def range(self, span: Span) -> types.Range:
        first, last = self.coordinates.places(span)
        return types.Range(types.Position(*first), types.Position(*last))

    def location(self, span: Span) -> types.Location:
        return types.Location(self.uri(span.source), self.range(span))

    def edit(self, edit: Edit) -> types.TextEdit:
        return types.TextEdit(self.range(edit.span), edit.replacement)

    def workspace_edit(self, edits: Iterable[Edit]) -> types.WorkspaceEdit:
        changes: dict[str, list[types.TextEdit]] = {}
        for edit in edits:
            changes.setdefault(self.uri(edit.span.source), []).append(self.edit(edit))
        return types.WorkspaceEdit(changes=dict(changes))

    def diagnostic(self, found: Diagnostic) -> types.Diagnostic:
        severity = types.DiagnosticSeverity.Error if found.is_error else types.DiagnosticSeverity.Warning
        calls = [(call.span, f"in this call of `{call.name}`") for call in found.calls]
        related = [*((label.span, label.message) for label in found.labels), *calls]
        unused = [types.DiagnosticTag.Unnecessary] if found.code.title.startswith("unused") else None
        return types.Diagnostic(
            range=self.range(found.span),
            message=found.message + (f"\nhelp: {found.hint}" if found.hint else ""),
            severity=severity,
            code=found.code.id,
            source="archdsl",
            tags=unused,
            related_information=[
                types.DiagnosticRelatedInformation(self.location(span), message) for span, message in related
            ],
        )

    def hover(self, found: Hover) -> types.Hover:
        return types.Hover(_markdown(found.markdown), self.range(found.span))

    def hint(self, hint: Hint, source: Source) -> types.InlayHint:
        place = types.Position(*self.coordinates.place(source, hint.offset))
        kind = types.InlayHintKind.Type if hint.kind == "shape" else types.InlayHintKind.Parameter
        return types.InlayHint(place, hint.text, kind, tooltip=hint.detail, padding_left=True)

    def item(self, item: Item, number: int, uri: str) -> types.CompletionItem:
        documentation = _markdown(item.documentation) if item.documentation else None
        return types.CompletionItem(
            label=item.label,
            kind=_ITEM_KINDS[item.kind],
            detail=item.detail or None,
            documentation=documentation,
            sort_text=f"{number:04}",
            insert_text_format=types.InsertTextFormat.Snippet if item.is_snippet else None,
            text_edit=types.TextEdit(self.range(item.span), item.insert),
            data={"uri": uri, "kind": item.kind.value} if item.documentation is None else None,
        )

    def signature(self, found: Signature) -> types.SignatureHelp:
        shown = [
            types.ParameterInformation(parameter.label, _markdown(parameter.documentation))
            for parameter in found.parameters
        ]
        signature = types.SignatureInformation(found.label, _markdown(found.documentation), shown, found.active)
        return types.SignatureHelp([signature], 0, found.active)

    def outline(self, symbol: Symbol) -> types.DocumentSymbol:
        return types.DocumentSymbol(
            name=symbol.name,
            detail=str(symbol.kind),
            kind=_SYMBOL_KINDS.get(symbol.kind, types.SymbolKind.Variable),
            range=self.range(symbol.span),
            selection_range=self.range(symbol.name_span),
            children=[self.outline(child) for child in symbol.children],
        )

    def symbol(self, symbol: Symbol) -> types.WorkspaceSymbol:
        kind = _SYMBOL_KINDS.get(symbol.kind, types.SymbolKind.Variable)
        return types.WorkspaceSymbol(self.location(symbol.name_span), symbol.name, kind)

    def action(self, action: Action) -> types.CodeAction:
        kind = types.CodeActionKind.SourceFixAll if action.is_for_all else types.CodeActionKind.QuickFix
        return types.CodeAction(
            title=action.title,
            kind=kind,
            diagnostics=[self.diagnostic(item) for item in action.diagnostics],
            is_preferred=action.is_preferred or None,
            edit=self.workspace_edit(action.edits),
        )

    def tokens(self, tokens: Sequence[Token], source: Source) -> types.SemanticTokens:
        """Tokens as the protocol packs them: five numbers each, places relative to the one before."""
        data: list[int] = []
        line = character = 0
        for token in tokens:
            place = self.coordinates.place(source, token.start)
            if place.line != line:
                character = 0
            modifiers = sum(1 << MODIFIERS.index(modifier) for modifier in token.modifiers)
            length = self.coordinates.length(source.text[token.start : token.end])
            role = ROLES.index(token.role)
            data += (place.line - line, place.character - character, length, role, modifiers)
            line, character = place
        return types.SemanticTokens(data)

    def place(self, place: Place) -> dict[str, object]:
        """A part of a network, for requests of our own."""
        first, last = self.coordinates.places(place.span)
        ends = {"start": first._asdict(), "end": last._asdict()}
        return {"path": place.path, "kind": place.kind, "uri": self.uri(place.span.source), "range": ends}


def fold(fold: Fold) -> types.FoldingRange:
    """A fold; the protocol counts lines from 0."""
    kind = types.FoldingRangeKind.Comment if fold.kind == "comment" else types.FoldingRangeKind.Region
    return types.FoldingRange(fold.first - 1, fold.last - 1, kind=kind)


def _markdown(text: str) -> types.MarkupContent:
    return types.MarkupContent(types.MarkupKind.Markdown, text)
