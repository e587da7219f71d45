"""Who may ask: the one person who has read the address on the terminal, from a page of our own."""

from __future__ import annotations

import hmac
import os
import stat
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from secrets import token_bytes, token_hex

#: The one address that the server listens on: nobody on the network reaches it.
HOST = "127.0.0.1"

#: Seconds until a new key is made; what was started with the old one goes on with it.
_KEY_AGE = 24 * 3600
_KEY_BYTES = 32


def token_for(path: Path, port: int) -> str:
    """The secret of the address: for one file on one port, the same after a restart, so that open pages go on.

    It comes of a random key that only the user can read, and that is made anew every day.
    """
    return hmac.new(_key(), f"{port}\0{path}".encode(), sha256).hexdigest()


def _key() -> bytes:
    path = _state_folder() / "archdsl" / "preview.key"
    with suppress(OSError):
        if (known := _read_key(path)) is not None:
            return known
    key = token_bytes(_KEY_BYTES)
    with suppress(OSError):  # where nothing can be kept, a restart has another address
        _keep_key(path, key)
    return key


def _read_key(path: Path) -> bytes | None:
    """The key, if it is young enough and nobody else can have read or written it."""
    status = path.lstat()
    is_private = os.name == "nt" or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
    if not stat.S_ISREG(status.st_mode) or not is_private or time.time() - status.st_mtime > _KEY_AGE:
        return None
    key = path.read_bytes()
    return key if len(key) == _KEY_BYTES else None


def _keep_key(path: Path, key: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _state_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules by which requests are let in."""

    token: str
    port: int

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The header that remembers who has opened the address; ports share cookies, so its name has the port."""
        return f"{self._cookie_name}={self.token}; Path=/; HttpOnly; SameSite=Strict"

    @property
    def _cookie_name(self) -> str:
        return f"archdsl-preview-{self.port}"

    def is_right(self, token: str) -> bool:
        """Whether somebody knows the token; takes as long for a near miss as for a far one."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def is_known(self, cookies: str) -> bool:
        """Whether a ``Cookie`` header holds the token."""
        try:
            found = SimpleCookie(cookies).get(self._cookie_name)
        except CookieError:
            return False
        return found is not None and self.is_right(found.value)

    def is_ours(self, headers: Message, *, changes: bool) -> bool:
        """Whether a request came by our own name, from our own page or from no page at all.

        A foreign name that leads here (DNS rebinding) fails by its ``Host``; a foreign page by its ``Origin``, which
        browsers send with whatever ``changes`` something.
        """
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if host not in {f"{HOST}:{self.port}", f"localhost:{self.port}"}:
            return False
        return not changes if origin is None else origin == f"http://{host}"
