"""Measures how long the language server takes to answer, as a client sees it, over pipes.

    python tools/bench_lsp.py
    python tools/bench_lsp.py --json > figures.json

Each question is asked again and again at places drawn at random: while nothing changes, and right behind a change of
the text, which then has to be read again and is being elaborated at the same time. The goal of an answer is 50 ms.
Where the system tells it (Linux), ``cpu`` is the time that the answering thread itself computed, right behind a change:
what is left of an answer when the machine has nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
GOAL = 50.0

#: Specifications and what is changed in each so that it builds its largest network: the variants' values as defaults.
SUBJECTS = {
    "resnet152": ("specs/resnet/resnet.arch", "depth=50", "depth=152"),
    "efficientnet_b7": (
        "specs/efficientnet/efficientnet.arch",
        "width=1.0, depth=1.0, size=224",
        "width=2.0, depth=3.1, size=600",
    ),
    "resnet1202_cifar": ("specs/resnet/resnet_cifar.arch", "depth=20", "depth=1202"),
}

Ask = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Latency:
    """How long a question took, in milliseconds, without a change before it and with one."""

    subject: str
    question: str
    median: float
    p95: float
    changed_median: float
    changed_p95: float
    cpu_p95: float | None = None

    @property
    def is_met(self) -> bool:
        return max(self.p95, self.changed_p95) <= GOAL


class Editor:
    """A client with one open text."""

    def __init__(self, path: Path, text: str) -> None:
        self.client = LanguageClient("bench", "1")
        self.uri, self.text, self.version = path.as_uri(), text, 1
        self.published, self.refreshed = asyncio.Event(), asyncio.Event()
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda _: self.published.set())
        self.client.feature(types.WORKSPACE_INLAY_HINT_REFRESH)(lambda *_: self.refreshed.set())
        self.root = path.parent

    async def start(self) -> None:
        await self.client.start_io(sys.executable, "-m", "archdsl", "lsp", cwd=str(ROOT))
        hint = types.InlayHintWorkspaceClientCapabilities(refresh_support=True)
        capabilities = types.ClientCapabilities(workspace=types.WorkspaceClientCapabilities(inlay_hint=hint))
        asked = types.InitializeParams(capabilities=capabilities, root_uri=self.root.as_uri())
        await self.client.initialize_async(asked)
        self.client.initialized(types.InitializedParams())
        item = types.TextDocumentItem(self.uri, "arch", self.version, self.text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        await self.published.wait()
        await asyncio.sleep(5)  # what is read ahead

    def change(self) -> None:
        """Type something that makes no other network."""
        self.version += 1
        self.published.clear()
        self.refreshed.clear()
        text = f"{self.text}\n# {self.version}"
        document = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def computed(self) -> float:
        """How long the server's main thread has computed, in milliseconds; 0 where the system does not tell."""
        server = self.client._server  # noqa: SLF001
        assert server is not None
        told = Path(f"/proc/{server.pid}/task/{server.pid}/schedstat")
        return int(told.read_text().split()[0]) / 1e6 if told.exists() else 0.0

    def place(self, rnd: random.Random) -> dict[str, Any]:
        line = rnd.randrange(self.text.count("\n"))
        column = rnd.randrange(len(self.text.splitlines()[line]) + 1)
        return {"text_document": types.TextDocumentIdentifier(self.uri), "position": types.Position(line, column)}

    def questions(self, rnd: random.Random) -> Iterator[tuple[str, Ask]]:
        client, document = self.client, types.TextDocumentIdentifier(self.uri)
        whole = types.Range(types.Position(0, 0), types.Position(self.text.count("\n"), 0))
        context = types.ReferenceContext(include_declaration=True)
        options = types.FormattingOptions(tab_size=2, insert_spaces=True)
        actions = types.CodeActionParams(document, whole, types.CodeActionContext([]))

        def at(ask: Callable[..., Awaitable[object]], kind: Callable[..., object], **more: object) -> Ask:
            return lambda: ask(kind(**self.place(rnd), **more))

        yield "hover", at(client.text_document_hover_async, types.HoverParams)
        hints = types.InlayHintParams(document, whole)
        yield "inlay hints", lambda: client.text_document_inlay_hint_async(hints)
        yield "completion", at(client.text_document_completion_async, types.CompletionParams)
        yield "signature", at(client.text_document_signature_help_async, types.SignatureHelpParams)
        yield "definition", at(client.text_document_definition_async, types.DefinitionParams)
        yield "references", at(client.text_document_references_async, types.ReferenceParams, context=context)
        yield "highlight", at(client.text_document_document_highlight_async, types.DocumentHighlightParams)
        yield "rename", lambda: self._rename(rnd)
        symbols = types.DocumentSymbolParams(document)
        yield "document symbols", lambda: client.text_document_document_symbol_async(symbols)
        yield "workspace symbols", lambda: client.workspace_symbol_async(types.WorkspaceSymbolParams("re"))
        folds = types.FoldingRangeParams(document)
        yield "folding", lambda: client.text_document_folding_range_async(folds)
        tokens = types.SemanticTokensParams(document)
        yield "semantic tokens", lambda: client.text_document_semantic_tokens_full_async(tokens)
        yield "code actions", lambda: client.text_document_code_action_async(actions)
        formatting = types.DocumentFormattingParams(document, options)
        yield "formatting", lambda: client.text_document_formatting_async(formatting)
        yield "parts at a place", lambda: self._parts(rnd)

    async def _rename(self, rnd: random.Random) -> object:
        offset = rnd.choice([self.text.index(word) for word in ("classes", "count", "stem") if word in self.text])
        before = self.text[:offset]
        place = types.Position(before.count("\n"), offset - before.rfind("\n") - 1)
        asked = types.RenameParams(types.TextDocumentIdentifier(self.uri), place, "another")
        return await self.client.text_document_rename_async(asked)

    async def _parts(self, rnd: random.Random) -> object:
        place = self.place(rnd)["position"]
        position = {"line": place.line, "character": place.character}
        asked = {"textDocument": {"uri": self.uri}, "position": position}
        return await self.client.protocol.send_request_async("archdsl/partsAt", asked)

    async def stop(self) -> None:
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()


async def milliseconds(ask: Ask) -> float:
    """How long one answer takes."""
    start = time.perf_counter()
    await ask()
    return (time.perf_counter() - start) * 1000


def percentile95(values: list[float]) -> float:
    """What one in twenty exceeds."""
    return quantiles(values, n=20, method="inclusive")[-1]


async def measure(subject: str, count: int) -> list[Latency]:
    """Ask everything about one network."""
    path, before, after = SUBJECTS[subject]
    text = (ROOT / path).read_text("utf-8").replace(before, after, 1)
    rnd = random.Random(1)  # noqa: S311
    editor = Editor(ROOT / path, text)
    await editor.start()
    found = []
    for question, ask in editor.questions(rnd):
        await ask()
        calm = [await milliseconds(ask) for _ in range(count)]
        changed, spent = [], []
        for _ in range(count):
            editor.change()
            await asyncio.sleep(rnd.uniform(0.0, 0.4))  # as people type: some of it while the text is elaborated
            editor.change()
            before_it = editor.computed()
            changed.append(await milliseconds(ask))
            spent.append(editor.computed() - before_it)
        await editor.refreshed.wait()
        await editor.published.wait()
        cpu = percentile95(spent) if any(spent) else None
        figures = median(calm), percentile95(calm), median(changed), percentile95(changed), cpu
        found.append(Latency(subject, question, *figures))
    found += [await _wait(editor, subject, "shapes known", editor.refreshed, count // 4)]
    found += [await _wait(editor, subject, "findings shown", editor.published, count // 4)]
    await editor.stop()
    return found


async def _wait(editor: Editor, subject: str, question: str, event: asyncio.Event, count: int) -> Latency:
    """How long after a change something is there that is made in the background; it has no goal."""
    taken = []
    for _ in range(max(count, 2)):
        editor.change()
        taken.append(await milliseconds(event.wait))
    return Latency(subject, question, 0.0, 0.0, median(taken), percentile95(taken))


def table(rows: list[Latency]) -> Table:
    """The figures for people."""
    shown = Table("network", "question", "median", "p95", "changed: median", "p95", "cpu p95", "goal")
    for row in rows:
        is_background = row.question in {"shapes known", "findings shown"}
        calm = ["", ""] if is_background else [f"{row.median:.1f}", f"{row.p95:.1f}"]
        verdict = "" if is_background else "met" if row.is_met else "missed"
        cpu = "" if row.cpu_p95 is None else f"{row.cpu_p95:.1f}"
        changed = f"{row.changed_median:.1f}", f"{row.changed_p95:.1f}", cpu
        shown.add_row(row.subject, row.question, *calm, *changed, verdict)
    return shown


def main() -> int:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="a network; all without it")
    parser.add_argument("--count", type=int, default=40, help="how often each question is asked")
    parser.add_argument("--json", action="store_true", help="write JSON instead of a table")
    chosen = parser.parse_args()
    rows = [row for subject in chosen.only or SUBJECTS for row in asyncio.run(measure(subject, chosen.count))]
    if chosen.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        Console(width=110).print(table(rows), "times in ms", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
