"""The server: HTTP with server-sent events, of the standard library alone.

It serves a handful of pages of one person, so a thread for each request is enough, and nothing heavy can hold up
anything else; what a text needs is computed under the lock of the desk, one at a time.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from socket import SHUT_RDWR, socket
from socketserver import TCPServer
from threading import Lock, Semaphore
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.options import Style
from archdsl.preview.access import HOST, Gate, token_for
from archdsl.preview.desk import Conflict, Desk, Stored, Superseded, Unavailable, Wish
from archdsl.preview.page import POLICY, assets, page, refused
from archdsl.preview.watch import Watch
from archdsl.project import MAX_BYTES

#: Ports to try, in order, where none is asked for: a page finds its server again after a restart.
PORTS = range(8710, 8730)

#: A request is at most so many bytes: a text as JSON, where a line end takes two.
_MAX_BODY = 2 * MAX_BYTES
#: Connections at once; a window keeps one open.
_MAX_CONNECTIONS = 64
#: Windows whose latest wish is remembered.
_MAX_WINDOWS = 64
#: Seconds for a client to send its request, and between two signs of life on a stream of events.
_PATIENCE, _BEAT = 30, 10

_TYPES = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "tikz": "application/x-tex",
    "py": "text/x-python; charset=utf-8",
}
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: A page of ours that goes on by itself: a browser that came from elsewhere sends the new cookie only then.
_WELCOME = (
    b'<!DOCTYPE html><html lang="en"><title>archdsl</title><link rel="icon" href="data:,">'
    b'<meta http-equiv="refresh" content="0;url=/">'
)


class PortInUse(Exception):
    """Somebody else listens there."""


class _Refusal(Exception):
    """A request that gets no answer but this."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class _Reply:
    status: HTTPStatus
    kind: str
    body: bytes
    headers: Mapping[str, str] | None = None


def _json(values: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> _Reply:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _Reply(status, "application/json", text.encode("utf-8", "surrogatepass"))


class Server(ThreadingHTTPServer):
    """The preview of one file.

    Parameters
    ----------
    variant
        The network of the file that is shown first; empty for the file's own.
    port
        None for the first that is free.

    Raises
    ------
    PortInUse
        The port is taken, or all are that could be tried.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name != "nt"  # there it would let two servers have one port
    request_queue_size = 64

    def __init__(self, path: Path, *, variant: str = "", port: int | None = None) -> None:
        self.id = token_hex(8)
        self.variant = variant
        self.watch = Watch([path.resolve()])
        self.desk = Desk(path, self.watch.follow)
        self._room = Semaphore(_MAX_CONNECTIONS)
        self._connections: set[socket] = set()
        self._connections_lock = Lock()
        self._wishes: OrderedDict[str, int] = OrderedDict()
        self._wishes_lock = Lock()
        self._listen([port] if port is not None else list(PORTS))
        self.gate = Gate(token_for(self.desk.path, self.server_port), self.server_port)
        self.watch.start()

    def _listen(self, ports: list[int]) -> None:
        for port in ports:
            try:
                super().__init__((HOST, port), _Handler)
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
            else:
                return
        said = f"port {ports[0]} is" if len(ports) == 1 else f"ports {ports[0]} to {ports[-1]} are"
        raise PortInUse(f"{said} in use; choose another with --port")

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # without looking up a name for the address, which may take long
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def server_close(self) -> None:
        """Stop, and hang up: a window that keeps a connection would go on talking to a server that is no more."""
        self.watch.stop()
        super().server_close()
        with self._connections_lock:
            for connection in self._connections:
                with suppress(OSError):  # the other side was faster
                    connection.shutdown(SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                self._connections.discard(request)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):  # a window that was closed is no error
            super().handle_error(request, client_address)

    def patience(self, window: str, serial: int) -> Callable[[], bool]:
        """A question whether a window's wish has been followed by another one, or the server ends."""
        with self._wishes_lock:
            self._wishes[window] = max(serial, self._wishes.get(window, serial))
            self._wishes.move_to_end(window)
            if len(self._wishes) > _MAX_WINDOWS:
                self._wishes.popitem(last=False)
        return lambda: self.watch.is_over or self._wishes.get(window, serial) > serial


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "archdsl"
    sys_version = ""
    timeout = _PATIENCE

    def do_GET(self) -> None:
        self._serve(self._get, changes=False)

    def do_POST(self) -> None:
        self._serve(self._post, changes=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is the user's."""

    def _serve(self, answer: Callable[[], _Reply | None], *, changes: bool) -> None:
        try:
            if not self.server.gate.is_ours(self.headers, changes=changes):
                raise _Refusal(HTTPStatus.FORBIDDEN, "this host or origin is not allowed")
            reply = answer()
        except _Refusal as refusal:
            self.close_connection = True  # its body has not been read
            reply = self._refused(refusal)
        if reply is not None:
            self._send(reply)

    def _refused(self, refusal: _Refusal) -> _Reply:
        """A page for people, who come with a browser's address bar, and an object for scripts."""
        if "text/html" not in self.headers.get("Accept", ""):
            return _json({"error": refusal.reason}, refusal.status)
        policy, body = refused(refusal.reason)
        return _Reply(refusal.status, "text/html; charset=utf-8", body, {"Content-Security-Policy": policy})

    def _send(self, reply: _Reply) -> None:
        self.send_response(reply.status)
        for name, value in {**_HEADERS, **(reply.headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def _require_cookie(self) -> None:
        if not self.server.gate.is_known(self.headers.get("Cookie", "")):
            raise _Refusal(HTTPStatus.FORBIDDEN, "open the address that `archdsl preview` has printed on its terminal")

    # Reading

    def _get(self) -> _Reply | None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/" and "token" in query:
            return self._welcome(query["token"][0])
        self._require_cookie()
        if path == "/":
            return _Reply(
                HTTPStatus.OK, "text/html; charset=utf-8", page(self.server.desk.path.name, self.server.variant)
            )
        if path in assets():
            return _Reply(HTTPStatus.OK, *assets()[path])
        if path == "/file":
            return _stored(self.server.desk.stored())
        if path == "/events":
            self._stream()
            return None
        raise _Refusal(HTTPStatus.NOT_FOUND, "there is no such page")

    def _welcome(self, token: str) -> _Reply:
        if not self.server.gate.is_right(token):
            raise _Refusal(
                HTTPStatus.FORBIDDEN, "this address is of another server; see the terminal for the right one"
            )
        headers = {"Set-Cookie": self.server.gate.cookie}
        return _Reply(HTTPStatus.OK, "text/html; charset=utf-8", _WELCOME, headers)

    def _stream(self) -> None:
        """Tell of changes until the window or the server is closed."""
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        watch = self.server.watch
        known = watch.changes
        self._tell("hello", {"server": self.server.id, "changes": known})
        while not watch.is_over:
            now = watch.wait(known, _BEAT)
            if now != known:
                known = now
                self._tell("changed", {"changes": known})
            else:
                self.wfile.write(b":\n\n")  # fails once the window is gone

    def _tell(self, event: str, values: Mapping[str, Any]) -> None:
        self.wfile.write(f"event: {event}\ndata: {json.dumps(values)}\n\n".encode())

    # Changing and computing

    def _post(self) -> _Reply:
        self._require_cookie()
        answers = {"/show": self._show, "/save": self._save, "/made": self._made}
        answer = answers.get(urlsplit(self.path).path)
        if answer is None:
            raise _Refusal(HTTPStatus.NOT_FOUND, "there is no such page")
        return answer(self._body())

    def _body(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise _Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "what is sent must be JSON")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            raise _Refusal(HTTPStatus.LENGTH_REQUIRED, "what is sent must have a length")
        if len(length) > len(str(_MAX_BODY)) or int(length) > _MAX_BODY:
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {_MAX_BODY // 1_000_000} MB were sent")
        try:
            values = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "what is sent must be a JSON object")
        return values

    def _show(self, values: dict[str, Any]) -> _Reply:
        wish = _wish(values)
        is_stale = self.server.patience(_text(values, "window", "")[:64], _serial(values))
        try:
            return _json(self.server.desk.show(wish, self.server.watch.changes, is_stale))
        except Superseded:
            return _json({"superseded": True})

    def _save(self, values: dict[str, Any]) -> _Reply:
        try:
            stored = self.server.desk.save(_wish(values).text, _text(values, "digest"))
        except Conflict:
            return _json({"error": "the file has changed on disk"}, HTTPStatus.CONFLICT)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return _json({"error": f"the file cannot be written: {reason}"}, HTTPStatus.INTERNAL_SERVER_ERROR)
        self.server.watch.look()
        return _stored(stored)

    def _made(self, values: dict[str, Any]) -> _Reply:
        format = _text(values, "format")
        if format not in _TYPES:
            raise _Refusal(HTTPStatus.BAD_REQUEST, f"formats are {', '.join(_TYPES)}")
        options = {name: _text(values, name) for name in ("theme", "heat") if values.get(name)}
        try:
            made = self.server.desk.made(_wish(values), self.server.watch.changes, format, **options)
        except (DrawingError, Unavailable) as error:
            return _json({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _Reply(HTTPStatus.OK, _TYPES[format], made, {"Content-Disposition": "attachment"})


# What is sent --------------------------------------------------------------------------------------------------------


def _stored(stored: Stored) -> _Reply:
    return _json({"text": stored.text, "digest": stored.digest, "trouble": stored.trouble})


def _wish(values: Mapping[str, Any]) -> Wish:
    text = _text(values, "text").replace("\r\n", "\n").replace("\r", "\n")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "`text` holds half a character") from None
    if size > MAX_BYTES:
        reason = f"a specification is at most {MAX_BYTES // 1_000_000} MB"
        raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
    style = _text(values, "style", "graph")
    if style not in get_args(Style):
        raise _Refusal(HTTPStatus.BAD_REQUEST, f"styles are {', '.join(get_args(Style))}")
    is_whole, is_opened = (values.get(name) is True for name in ("whole", "opened"))
    return Wish(text, _text(values, "variant", ""), style, is_whole, is_opened)  # type: ignore[arg-type]


def _text(values: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = values.get(name, default)
    if not isinstance(value, str):
        raise _Refusal(HTTPStatus.BAD_REQUEST, f"`{name}` must be a text")
    return value


def _serial(values: Mapping[str, Any]) -> int:
    serial = values.get("serial", 0)
    if not isinstance(serial, int):
        raise _Refusal(HTTPStatus.BAD_REQUEST, "`serial` must be a number")
    return serial
