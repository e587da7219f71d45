"""The server: turns requests into calls of the features, and examines texts in the background while they are edited.

Requests are answered at once from what is known: names from the text as it is, shapes from its last elaboration, with
places moved along and steps that have changed since left out. A text is elaborated in another thread when nothing has
been typed for a moment; then hints are asked for anew. What changes once more is not elaborated to the end.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from archdsl import __version__
from archdsl.backends.diagram.engine import DrawingError
from archdsl.diagnostic import Diagnostic
from archdsl.lsp.background import Precedence, worker
from archdsl.lsp.coordinates import Coordinates
from archdsl.lsp.document import Document
from archdsl.lsp.features import (
    actions,
    completion,
    diagnostics,
    folding,
    formatting,
    hints,
    hover,
    navigation,
    picture,
    signature,
    symbols,
    tokens,
)
from archdsl.lsp.features import rename as renaming
from archdsl.lsp.knowledge import Superseded
from archdsl.lsp.module import Files
from archdsl.lsp.protocol import LEGEND, Converter, fold
from archdsl.lsp.workspace import Task, Workspace, path_of
from archdsl.ops import catalogue
from archdsl.ops.reference import arguments
from archdsl.source import Source

#: For how many seconds nothing is typed before a text is examined.
DEBOUNCE = 0.15
#: How long one thread may compute, in seconds, before another one has its turn: answers do not wait for elaboration.
_TURN = 0.001

_REQUEST_FAILED = -32803


class _RequestFailed(JsonRpcException):
    """Something that cannot be done, for a reason that the user is told."""

    CODE = _REQUEST_FAILED
    MESSAGE = "request failed"


class Server(LanguageServer):
    """The language server.

    Attributes
    ----------
    texts
        What is open.
    """

    def __init__(self) -> None:
        # Whole texts: they are small, and clients and servers differ on where the lines of a text end.
        super().__init__("archdsl", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self._precedence = Precedence()
        self.texts = Workspace(self._precedence.give_way)
        self._worker = worker("examine")
        self._painter = worker("draw")
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._findings: dict[str, tuple[Diagnostic, ...]] = {}
        self._is_warm = False
        for method, answer, options in self._features():
            first = answer if iscoroutinefunction(answer) else self._precedence.first(answer)
            self.feature(method, options)(partial(first))  # it is marked, which a method cannot be

    def _features(self) -> list[tuple[str, Callable[..., Any], Any]]:
        """The requests and notifications that are answered, with what clients are told of each."""
        triggers = types.CompletionOptions([".", "=", '"', "(", "/"], resolve_provider=True)
        return [
            (types.TEXT_DOCUMENT_DID_OPEN, self._opened, None),
            (types.TEXT_DOCUMENT_DID_CHANGE, self._changed, None),
            (types.TEXT_DOCUMENT_DID_CLOSE, self._closed, None),
            (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, self._files_changed, None),
            (types.SHUTDOWN, self._stop, None),
            (types.TEXT_DOCUMENT_HOVER, self._hover, None),
            (types.TEXT_DOCUMENT_INLAY_HINT, self._hints, types.InlayHintOptions(resolve_provider=False)),
            (types.TEXT_DOCUMENT_COMPLETION, self._completion, triggers),
            (types.COMPLETION_ITEM_RESOLVE, self._resolve, None),
            (types.TEXT_DOCUMENT_SIGNATURE_HELP, self._signature, types.SignatureHelpOptions(["(", ",", "=", " "])),
            (types.TEXT_DOCUMENT_DEFINITION, self._definition, None),
            (types.TEXT_DOCUMENT_REFERENCES, self._references, None),
            (types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, self._highlights, None),
            (types.TEXT_DOCUMENT_PREPARE_RENAME, self._prepare_rename, None),
            (types.TEXT_DOCUMENT_RENAME, self._rename, types.RenameOptions(prepare_provider=True)),
            (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, self._symbols, None),
            (types.WORKSPACE_SYMBOL, self._workspace_symbols, None),
            (types.TEXT_DOCUMENT_FOLDING_RANGE, self._folds, None),
            (types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, self._tokens, LEGEND),
            (types.TEXT_DOCUMENT_CODE_ACTION, self._actions, _action_options()),
            (types.TEXT_DOCUMENT_FORMATTING, self._format, None),
            ("archdsl/figure", self._figure, None),
            ("archdsl/places", self._places, None),
            ("archdsl/partsAt", self._parts_at, None),
        ]

    # Texts -----------------------------------------------------------------------------------------------------------

    def _opened(self, params: types.DidOpenTextDocumentParams) -> None:
        self._take(params.text_document.uri, delay=0.0)

    def _changed(self, params: types.DidChangeTextDocumentParams) -> None:
        self._take(params.text_document.uri, delay=DEBOUNCE)

    def _closed(self, params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        users = tuple(self.texts.users(uri))
        self.texts.close(uri)
        self._publish(uri, ())
        for user in users:
            self._examine_soon(user, DEBOUNCE)

    def _files_changed(self, _: types.DidChangeWatchedFilesParams) -> None:
        self.texts.refresh()
        for uri in self.texts.names():
            self._examine_soon(uri, DEBOUNCE)

    def _take(self, uri: str, delay: float) -> None:
        path = to_fs_path(uri)
        self.texts.update(uri, self.workspace.get_text_document(uri).source, Path(path) if path is not None else None)
        self._examine_soon(uri, delay)
        for user in self.texts.users(uri):
            self._examine_soon(user, delay)

    def _stop(self, _: None) -> None:
        for timer in self._waiting.values():
            timer.cancel()
        for uri in self.texts.names():
            self.texts.close(uri)  # what is being examined is stale from now on
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._painter.shutdown(wait=False, cancel_futures=True)

    # Examination -------------------------------------------------------------------------------------------------

    def _examine_soon(self, uri: str, delay: float) -> None:
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self._waiting[uri] = asyncio.get_running_loop().call_later(delay, self._start, uri)

    def _start(self, uri: str) -> None:
        self._waiting.pop(uri, None)
        excess = self.texts.excess(uri)
        if excess is not None:
            self._publish(uri, (excess,))
        task = self.texts.task(uri)
        if task is not None:
            running = asyncio.get_running_loop().create_task(self._examine(task))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def _examine(self, task: Task) -> None:
        loop = asyncio.get_running_loop()
        try:
            known = await loop.run_in_executor(self._worker, task.study)
            if not self.texts.learn(task, known):
                return
            self._ask_to_refresh()
            if any(found.is_error for found in known.diagnostics):  # these need not wait for those of other variants
                self._publish(task.name, known.diagnostics)
            findings = await loop.run_in_executor(self._worker, task.findings)
        except Superseded:
            return
        if not task.is_stale():
            self._publish(task.name, findings)
            gc.collect(0)
        if not self._is_warm:
            self._is_warm = True
            self._worker.submit(_read_ahead, task.module.files)

    def _publish(self, uri: str, findings: tuple[Diagnostic, ...]) -> None:
        self._findings[uri] = findings
        document = self.texts.document(uri)
        shown = diagnostics.shown(document, findings) if document is not None else findings
        converted = [self._converter.diagnostic(found) for found in shown]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, converted))

    def _ask_to_refresh(self) -> None:
        workspace = self.client_capabilities.workspace
        if workspace is not None and workspace.inlay_hint is not None and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)

    # Requests ----------------------------------------------------------------------------------------------------

    @property
    def _coordinates(self) -> Coordinates:
        return Coordinates(str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding)))

    @property
    def _converter(self) -> Converter:
        return Converter(self._coordinates, self._uri)

    @property
    def _root(self) -> Path | None:
        root = to_fs_path(self.workspace.root_uri or "")
        return Path(root) if root else None

    def _uri(self, source: Source) -> str:
        """The address of a text: of a file, of the standard library, or as the client has named it."""
        return self.texts.name_of(source) or from_fs_path(str(path_of(source))) or source.name

    def _at(self, params: Any) -> tuple[Document, int] | None:
        """The text and the offset that a request asks about."""
        document = self.texts.document(params.text_document.uri)
        if document is None:
            return None
        place = params.position
        return document, self._coordinates.offset(document.source, place.line, place.character)

    def _hover(self, params: types.HoverParams) -> types.Hover | None:
        asked = self._at(params)
        found = hover.hover(*asked) if asked is not None else None
        return self._converter.hover(found) if found is not None else None

    def _hints(self, params: types.InlayHintParams) -> list[types.InlayHint]:
        document = self.texts.document(params.text_document.uri)
        if document is None:
            return []
        start, end = self._offsets(document, params.range)
        return [self._converter.hint(item, document.source) for item in hints.hints(document, start, end)]

    def _offsets(self, document: Document, range: types.Range) -> tuple[int, int]:
        first, last = range.start, range.end
        offset = self._coordinates.offset
        start = offset(document.source, first.line, first.character)
        return start, offset(document.source, last.line, last.character)

    def _completion(self, params: types.CompletionParams) -> types.CompletionList:
        asked = self._at(params)
        items = completion.completion(*asked) if asked is not None else ()
        convert, uri = self._converter.item, params.text_document.uri
        return types.CompletionList(False, [convert(item, number, uri) for number, item in enumerate(items)])

    def _resolve(self, item: types.CompletionItem) -> types.CompletionItem:
        data = item.data if isinstance(item.data, dict) else {}
        document = self.texts.document(str(data.get("uri", "")))
        text = completion.documentation_of(document, item.label, str(data.get("kind", "")))
        item.documentation = types.MarkupContent(types.MarkupKind.Markdown, text) if text else item.documentation
        return item

    def _signature(self, params: types.SignatureHelpParams) -> types.SignatureHelp | None:
        asked = self._at(params)
        found = signature.signature_help(*asked) if asked is not None else None
        return self._converter.signature(found) if found is not None else None

    def _definition(self, params: types.DefinitionParams) -> types.Location | None:
        asked = self._at(params)
        span = navigation.definition(*asked) if asked is not None else None
        return self._converter.location(span) if span is not None else None

    def _references(self, params: types.ReferenceParams) -> list[types.Location]:
        asked = self._at(params)
        with_definition = params.context.include_declaration
        spans = navigation.references(*asked, with_definition=with_definition) if asked is not None else ()
        return [self._converter.location(span) for span in spans]

    def _highlights(self, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        asked = self._at(params)
        spans = navigation.highlights(*asked) if asked is not None else ()
        return [types.DocumentHighlight(self._converter.range(span)) for span in spans]

    def _prepare_rename(self, params: types.PrepareRenameParams) -> types.Range | None:
        asked = self._at(params)
        try:
            return self._converter.range(renaming.renameable(*asked)) if asked is not None else None
        except renaming.Refused as refused:
            raise _RequestFailed(str(refused)) from None

    def _rename(self, params: types.RenameParams) -> types.WorkspaceEdit | None:
        asked = self._at(params)
        try:
            edits = renaming.rename(*asked, params.new_name) if asked is not None else ()
        except renaming.Refused as refused:
            raise _RequestFailed(str(refused)) from None
        return self._converter.workspace_edit(edits)

    def _symbols(self, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = self.texts.document(params.text_document.uri)
        found = symbols.document_symbols(document) if document is not None else ()
        return [self._converter.outline(symbol) for symbol in found]

    def _workspace_symbols(self, params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
        found = symbols.workspace_symbols(self.texts.modules(self._root), params.query)
        return [self._converter.symbol(symbol) for symbol in found]

    def _folds(self, params: types.FoldingRangeParams) -> list[types.FoldingRange]:
        document = self.texts.document(params.text_document.uri)
        return [fold(item) for item in folding.folding(document)] if document is not None else []

    def _tokens(self, params: types.SemanticTokensParams) -> types.SemanticTokens:
        document = self.texts.document(params.text_document.uri)
        if document is None:
            return types.SemanticTokens([])
        return self._converter.tokens(tokens.tokens(document), document.source)

    def _actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        document = self.texts.document(params.text_document.uri)
        if document is None:
            return []
        findings = self._findings.get(params.text_document.uri, ())
        found = actions.actions(document.source, findings, *self._offsets(document, params.range))
        return [self._converter.action(action) for action in found]

    def _format(self, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        document = self.texts.document(params.text_document.uri)
        edits = formatting.formatting(document) if document is not None else ()
        return [self._converter.edit(edit) for edit in edits]

    # Requests of our own -----------------------------------------------------------------------------------------

    async def _figure(self, params: Any) -> dict[str, object] | None:
        """``{textDocument: {uri}, options?: {style, theme, depth …}}`` to ``{svg, isCurrent}``, or null."""
        document = self.texts.document(params.textDocument.uri)
        if document is None:
            return None
        given = getattr(params, "options", None)
        options = given._asdict() if given is not None else {}
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._painter, picture.figure, document, options)
        except (DrawingError, TypeError, ValueError) as error:
            raise _RequestFailed(str(error)) from None
        return {"svg": found.svg, "isCurrent": found.is_current} if found is not None else None

    def _places(self, params: Any) -> list[dict[str, object]]:
        """``{textDocument: {uri}, paths: […]}``: where these parts of the network were written."""
        document = self.texts.document(params.textDocument.uri)
        found = picture.places(document, params.paths) if document is not None else ()
        return [self._converter.place(place) for place in found]

    def _parts_at(self, params: Any) -> list[dict[str, object]]:
        """``{textDocument: {uri}, position}``: the parts of the network that were written there."""
        document = self.texts.document(params.textDocument.uri)
        if document is None:
            return []
        offset = self._coordinates.offset(document.source, params.position.line, params.position.character)
        return [self._converter.place(place) for place in picture.parts_at(document, offset)]


def _action_options() -> types.CodeActionOptions:
    return types.CodeActionOptions([types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll])


def _read_ahead(files: Files) -> None:
    """Read what the first questions about other files and about operators would have to wait for."""
    for op in catalogue().values():
        arguments(op)
    for module in files.all:
        _ = module.names


def _is_failure(record: logging.LogRecord) -> bool:
    """Whether a record is about more than a request that was refused for a good reason."""
    return not (record.exc_info and isinstance(record.exc_info[1], _RequestFailed))


def serve() -> None:
    """Speak the protocol on standard input and output until the client says to stop."""
    sys.setswitchinterval(_TURN)
    gc.disable()  # looking at everything takes longer than an answer may; who has looked at everything tidies up
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_failure)
    Server().start_io()
