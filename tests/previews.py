"""A preview that runs, and windows of a browser with its page."""

from __future__ import annotations

import http.client
import json
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from archdsl.preview.server import Server
from tests.browser import await_frame

TEXT = """net small(width=8)
variant wide(width=32)
input 3x32x32
cell(n): 3x3 conv n -> bn -> relu
stem = cell(width)
body = cell(2*width) -> 2x2 maxpool
head = gap -> fc 10
"""
BROKEN = TEXT.replace("2x2 maxpool", "2x2 maxpol")

#: Seconds that an answer may take: many times what it takes on a machine with nothing else to do.
PATIENCE = 120


@dataclass
class Preview:
    """A server of a file, and one who knows its token."""

    path: Path
    port: int
    server: Server = field(init=False)

    def start(self) -> None:
        self.server = Server(self.path, port=self.port)
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def own(self) -> dict[str, str]:
        return {"Host": f"127.0.0.1:{self.port}", "Cookie": self.server.gate.cookie.split(";")[0]}

    def raw(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Any:
        """An answer with its body, whatever it says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.text = answer.read().decode("utf-8", "replace")  # type: ignore[attr-defined]
        connection.close()
        return answer

    def get(self, path: str, **changed: str) -> Any:
        return self.raw("GET", path, {**self.own, **changed})

    def post(self, path: str, values: object, **changed: str) -> Any:
        body = values if isinstance(values, bytes) else json.dumps(values).encode()
        origin = f"http://127.0.0.1:{self.port}"
        sent = {"Origin": origin, "Content-Type": "application/json", "Content-Length": str(len(body))}
        headers = {**self.own, **sent, **{name.replace("_", "-"): value for name, value in changed.items()}}
        return self.raw("POST", path, {name: value for name, value in headers.items() if value}, body)

    def show(self, text: str = TEXT, **wish: object) -> dict[str, Any]:
        answer = self.post("/show", {"text": text, **wish})
        assert answer.status == 200, answer.text
        found: dict[str, Any] = json.loads(answer.text)
        return found

    def events(self) -> Iterator[str]:
        """Names of events, as they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", "/events", headers=self.own)
        answer = connection.getresponse()
        assert answer.headers.get_content_type() == "text/event-stream"
        while line := answer.readline():
            if line.startswith(b"event: "):
                yield line.decode().removeprefix("event: ").strip()


def free_port() -> int:
    """A port that nobody listens at, of those that a system gives to nobody who does not ask for them by number."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as asked, suppress(OSError):
            asked.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@pytest.fixture
def preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Preview]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    (folder / "net.arch").write_text(TEXT, "utf-8")
    found = Preview(folder / "net.arch", free_port())
    found.start()
    yield found
    found.stop()


@dataclass
class Window:
    """A window with the page, which asks nobody but its server."""

    page: Any
    asked: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("requestfinished", lambda asked: self.asked.append(asked))  # noqa: PLW0108 -- playwright marks it

    def box(self, path: str) -> Any:
        return self.page.locator(f'#viewer-stage svg [id="{path}"]')

    def boxes(self) -> int:
        return int(self.page.locator("#viewer-stage svg g.box").count())

    def text(self) -> str:
        return str(self.page.input_value("#preview-text"))

    def caret(self) -> int:
        return int(self.page.eval_on_selector("#preview-text", "area => area.selectionStart"))

    def put_caret(self, words: str, within: str = TEXT) -> None:
        self.page.eval_on_selector(
            "#preview-text", "(area, at) => { area.focus(); area.setSelectionRange(at, at); }", within.index(words)
        )

    def wait(self, condition: str, argument: object = None) -> None:
        self.page.wait_for_function(condition, arg=argument)

    def wait_boxes(self, count: int) -> None:
        self.wait("count => document.querySelectorAll('#viewer-stage svg g.box').length === count", count)

    def settle(self, **options: str) -> None:
        """Wait for a thorough look at what is there, after which the page rests; no look is waited for twice."""
        wanted = {"text": self.text(), "whole": True, **options}

        def is_wanted(asked: Any) -> bool:
            return bool(asked.url.endswith("/show")) and wanted.items() <= json.loads(asked.post_data).items()

        if not any(is_wanted(asked) for asked in self.asked):
            self.page.wait_for_event("requestfinished", is_wanted)
        await_frame(self.page)
        self.asked.clear()


@pytest.fixture
def window(preview: Preview, tab: Callable[..., Any]) -> Callable[..., Window]:
    def opened(*, beside: Window | None = None, **settings: Any) -> Window:
        own = (f"http://127.0.0.1:{preview.port}/", "blob:")
        seen = Window(tab(*own, beside=beside and beside.page, expected="ERR_CONN", **settings))
        seen.page.goto(preview.server.gate.address)
        seen.page.wait_for_selector("#viewer-stage svg g.box")
        seen.settle()
        return seen

    return opened
