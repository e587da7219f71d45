"""The extension in a real editor: VS Code in a browser, where there is a ``code-server`` and the extension is built."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import PATIENCE, browser, in_browser

__all__ = ["browser"]

EXTENSION = next((Path(__file__).parents[1] / "tools" / "vscode").glob("*.vsix"), None)
CODE = os.environ.get("CODE_SERVER") or shutil.which("code-server")
pytestmark = [
    in_browser,
    pytest.mark.skipif(not (CODE and EXTENSION), reason="needs code-server and a built extension"),
]

TEXT = """\
net small
input 3x32x32
stem = 3x3 conv 16 -> bn -> relu
residual { 3x3 conv 32 -> bn }
gap -> fc 10
"""


@pytest.fixture
def editor(tmp_path: Path, browser: Any) -> Iterator[Any]:
    """VS Code with the extension and the text."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "small.arch").write_text(TEXT, "utf-8")
    settings = tmp_path / "data" / "User" / "settings.json"
    settings.parent.mkdir(parents=True)
    program = str(Path(sys.executable).with_name("archdsl"))
    settings.write_text(json.dumps({"archdsl.path": program, "files.autoSave": "off"}), "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    places = [f"--extensions-dir={tmp_path / 'extensions'}", f"--user-data-dir={tmp_path / 'data'}"]
    surroundings = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    subprocess.run([str(CODE), *places, "--install-extension", str(EXTENSION)], env=surroundings, check=True)
    quiet = ["--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"]
    with subprocess.Popen(
        [str(CODE), *places, *quiet, "--auth=none", f"--bind-addr={address}", str(folder)],
        env=surroundings,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            assert any("listening on" in line for line in server.stdout)
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(PATIENCE)
            page.goto(f"http://{address}/?folder={folder}")
            page.get_by_role("treeitem", name="small.arch").dblclick()
            yield page
            page.close()
        finally:
            server.terminate()


def test_hints_picture_and_fixes(editor: Any) -> None:
    lines = editor.locator(".view-lines").first
    lines.get_by_text("16x32x32").wait_for()

    editor.get_by_role("button", name="archdsl: Open Preview").or_(editor.get_by_label("Open Preview")).first.click()
    picture = editor.frame_locator("iframe.webview").frame_locator("iframe#active-frame")
    picture.locator("#fc1").get_by_text("10", exact=True).wait_for()

    picture.locator("#stem\\.conv1").click()
    editor.get_by_text("Ln 3,").wait_for()
    picture.locator(".marked#stem\\.conv1").wait_for()

    editor.keyboard.press("Control+End")
    editor.keyboard.type("rellu")
    lines.locator("xpath=..").locator(".squiggly-error").wait_for()
    picture.get_by_text("The last picture without errors").wait_for()
    editor.keyboard.press("Escape")
    editor.keyboard.press("Control+.")
    editor.get_by_text("use `relu`").wait_for()
    editor.keyboard.press("Enter")
    picture.locator("#fc1").get_by_text("ReLU", exact=True).wait_for()
