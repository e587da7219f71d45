"""The preview: who may ask it, what it answers, and what its page does in a browser."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.preview.access import token_for
from archdsl.preview.desk import Desk, Superseded, Wish
from archdsl.preview.server import PortInUse, Server
from tests import previews
from tests.browser import await_frame, barriers, in_browser, with_axe
from tests.previews import BROKEN, PATIENCE, TEXT, Preview, Window, free_port

preview, window = previews.preview, previews.window


# Who may ask


@pytest.mark.parametrize("path", ["/", "/preview.js", "/preview.css", "/file", "/events", "/?token=", "/?token=wrong"])
def test_nothing_is_told_without_the_token(preview: Preview, path: str) -> None:
    for cookie in ("", f"archdsl-preview-{preview.port}=wrong", "=;;\x01"):
        answer = preview.get(path, Cookie=cookie)
        assert answer.status == 403
        assert "small" not in answer.text
        assert answer.headers["Set-Cookie"] is None


@pytest.mark.parametrize("path", ["/show", "/save", "/made"])
def test_nothing_is_done_without_the_token(preview: Preview, path: str) -> None:
    assert preview.post(path, {"text": "x", "digest": "", "format": "svg"}, Cookie="").status == 403
    assert preview.path.read_text("utf-8") == TEXT


def test_the_token_becomes_a_cookie_that_scripts_and_strangers_never_see(preview: Preview) -> None:
    address = preview.server.gate.address.removeprefix(f"http://127.0.0.1:{preview.port}")
    answer = preview.get(address, Cookie="")
    assert answer.status == 200
    cookie, *rules = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict"} <= set(rules)
    page = preview.get("/", Cookie=cookie)
    assert page.status == 200
    assert preview.server.gate.token not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_page_has_nothing_inline_and_nothing_from_elsewhere(preview: Preview) -> None:
    page = preview.get("/").text
    assert not re.search(r"<style|<script(?![^>]*(src=|application/json))|\son\w+=|style=", page)
    assert not re.findall(r'(?:src|href)="(?!/)', page)
    script = preview.get("/preview.js").text
    assert not re.search(r"innerHTML|eval\(|https?://(?!www\.w3\.org/)", script)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}", ""]
)
def test_foreign_names_are_refused(preview: Preview, host: str) -> None:
    assert preview.get("/file", Host=host.format(port=preview.port)).status == 403


def test_localhost_is_a_name_of_ours(preview: Preview) -> None:
    assert preview.get("/file", Host=f"localhost:{preview.port}").status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_foreign_pages_are_refused(preview: Preview, origin: str) -> None:
    foreign = origin.format(port=preview.port)
    assert preview.get("/file", Origin=foreign).status == 403
    assert preview.post("/save", {"text": "x", "digest": ""}, Origin=foreign).status == 403


def test_changes_need_an_origin(preview: Preview) -> None:
    assert preview.post("/show", {"text": TEXT}, Origin="").status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/../net.arch",
        "/static/../../net.arch",
        "/%2e%2e/net.arch",
        "//etc/passwd",
        "/net.arch",
        "/preview.js/..",
        "/?x",
    ],
)
def test_no_path_leads_to_a_file(preview: Preview, path: str) -> None:
    answer = preview.get(path)
    assert answer.status == (200 if path == "/?x" else 404)
    assert "3x3 conv" not in answer.text


# What is sent


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content_Length": "3000000"}, 413),
        (b"{}", {"Content_Length": "9" * 5000}, 413),
        (b"{}", {"Content_Length": ""}, 411),
        (b"{}", {"Content_Length": "-1"}, 411),
        (b"{}", {"Transfer_Encoding": "chunked"}, 411),
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"text": 5}', {}, 400),
        (b'{"text": "\\ud800"}', {}, 400),
        (b'{"text": "", "style": "cubist"}', {}, 400),
        (b'{"text": "", "serial": "now"}', {}, 400),
        (json.dumps({"text": "#" * 1_000_001}).encode(), {}, 413),
    ],
)
def test_bad_requests_are_refused(preview: Preview, body: bytes, headers: dict[str, str], status: int) -> None:
    assert preview.post("/show", body, **headers).status == status
    assert preview.show()["network"] is not None


def test_elaboration_is_limited(preview: Preview) -> None:
    found = preview.show("input 3x8x8\nfor i in 1..1000000000 { 3x3 conv 4 }")
    assert found["network"] is None
    assert any(each["severity"] == "error" for each in found["diagnostics"])


def test_what_nobody_waits_for_is_given_up(preview: Preview) -> None:
    asked: list[None] = []

    def is_stale() -> bool:
        asked.append(None)
        return len(asked) > 5

    desk = Desk(preview.path, lambda _: None)
    with pytest.raises(Superseded):
        desk.show(Wish(TEXT), 0, is_stale)
    assert len(asked) == 6
    still = preview.server.patience("window", 1)
    assert not still()
    preview.server.patience("other", 2)
    assert not still()
    preview.server.patience("window", 2)
    assert still()


# What is answered


def test_a_text_is_shown_without_being_written(preview: Preview) -> None:
    found = preview.show(TEXT.replace("fc 10", "fc 7"))
    model = found["network"]["model"]
    network = archdsl.load(archdsl.text(TEXT.replace("fc 10", "fc 7")))
    assert model["totals"]["parameters"] == network.analysis.cost.parameters
    assert [node["path"] for node in model["nodes"]] == [node.path for node in network.graph.nodes]
    assert found["variants"] == ["wide"]
    assert found["network"]["summary"]["rows"][-1]["path"] == "head.fc1"
    assert preview.path.read_text("utf-8") == TEXT


def test_a_variant_is_shown(preview: Preview) -> None:
    network = archdsl.load(f"{preview.path}:wide")
    found = preview.show(variant="wide")
    assert found["network"]["model"]["totals"]["parameters"] == network.analysis.cost.parameters
    assert preview.show(variant="gone")["variant"] == ""


@pytest.mark.parametrize("whole", [False, True])
def test_broken_texts_have_findings_in_their_place(preview: Preview, whole: bool) -> None:
    found = preview.show(BROKEN, whole=whole)
    assert found["network"] is None
    (error,) = [each for each in found["diagnostics"] if each["severity"] == "error"]
    start, end = error["at"]
    assert BROKEN[start:end] == "maxpol"
    assert not error["late"]
    assert error["fixes"][0]["edits"][0]["text"] == "maxpool"


def test_a_thorough_look_finds_what_is_wrong_with_other_variants(preview: Preview) -> None:
    text = TEXT.replace("input", 'require width < 20 "too wide"\ninput')
    assert preview.show(text)["diagnostics"] == []
    found = preview.show(text, whole=True)
    assert found["network"] is not None
    assert [each["late"] for each in found["diagnostics"] if each["severity"] == "error"] == [True]


def test_places_count_as_browsers_do(preview: Preview) -> None:
    text = f"# \U0001f600 ünï\U0001f600\n{TEXT}"
    places = preview.show(text)["network"]["model"]["places"]["nodes"]
    units = text.encode("utf-16-le")
    said = [units[2 * place[0] : 2 * place[1]].decode("utf-16-le") for place in places if place]
    assert said == [node.span.text for node in archdsl.load(archdsl.text(text)).graph.nodes]


@pytest.mark.parametrize("style", ["paper", "volumes", "table"])
def test_boxes_of_other_styles_stand_for_operators(preview: Preview, style: str) -> None:
    network = preview.show(style=style)["network"]
    (drawing,), (picture,) = network["drawings"], network["model"]["pictures"]
    assert len(picture["elements"]) == len(re.findall(r'<g [^>]*class="box ', drawing))
    if style != "table":
        captions = {network["model"]["nodes"][e["copies"][0][0]]["path"] for e in picture["elements"] if "copies" in e}
        assert {"stem.conv1", "head.fc1"} <= captions


@pytest.mark.parametrize(
    ("format", "start"), [("svg", "<?xml"), ("png", "\ufffdPNG"), ("pdf", "%PDF"), ("tikz", "%"), ("py", '"""')]
)
def test_files_to_download(preview: Preview, format: str, start: str) -> None:
    answer = preview.post("/made", {"text": TEXT, "format": format, "theme": "light"})
    assert answer.status == 200
    assert answer.text.startswith(start)
    assert answer.headers["Content-Disposition"] == "attachment"
    if format == "py":
        assert answer.text == archdsl.load(archdsl.text(TEXT)).source().text
    assert preview.post("/made", {"text": BROKEN, "format": format}).status == 422
    assert preview.post("/made", {"text": TEXT, "format": "exe"}).status == 400


def test_files_are_used_inside_the_project_alone(preview: Preview) -> None:
    (preview.path.parent / "parts.arch").write_text("other(n): 3x3 conv n\n", "utf-8")
    (preview.path.parents[1] / "secret.arch").write_text("other(n): 3x3 conv n # secret\n", "utf-8")
    rest = "\ninput 3x8x8\nother(4)"
    assert preview.show(f'use "parts.arch"{rest}')["network"] is not None
    for path in ("../secret.arch", str(preview.path.parents[1] / "secret.arch")):
        found = preview.show(f'use "{path}"{rest}')
        assert found["network"] is None
        assert "E0507" in {each["code"] for each in found["diagnostics"]}
        assert "# secret" not in json.dumps(found)


# The file


def test_each_save_is_told(preview: Preview) -> None:
    (preview.path.parent / "parts.arch").write_text("other(n): 3x3 conv n\n", "utf-8")
    using = f'use "parts.arch"\n{TEXT}'
    told = preview.events()
    assert next(told) == "hello"
    preview.path.write_text(using, "utf-8")
    assert next(told) == "changed"
    assert json.loads(preview.get("/file").text)["text"] == using
    assert preview.show(using)["network"] is not None
    (preview.path.parent / "parts.arch").write_text("renamed(n): 3x3 conv n\n", "utf-8")
    assert next(told) == "changed"
    preview.path.unlink()
    assert next(told) == "changed"
    assert json.loads(preview.get("/file").text)["trouble"]


def test_saving_writes_the_one_file_unless_somebody_else_has(preview: Preview) -> None:
    digest = json.loads(preview.get("/file").text)["digest"]
    saved = preview.post("/save", {"text": BROKEN, "digest": digest, "path": "/tmp/other.arch"})
    assert saved.status == 200
    assert preview.path.read_text("utf-8") == BROKEN
    assert [file.name for file in preview.path.parent.iterdir() if file.name != "pyproject.toml"] == ["net.arch"]
    assert preview.post("/save", {"text": TEXT, "digest": digest}).status == 409
    assert preview.path.read_text("utf-8") == BROKEN


def test_saving_keeps_line_ends_and_brings_back_a_file_that_is_gone(preview: Preview) -> None:
    preview.path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    digest = json.loads(preview.get("/file").text)["digest"]
    assert preview.post("/save", {"text": BROKEN, "digest": digest}).status == 200
    assert preview.path.read_bytes() == BROKEN.replace("\n", "\r\n").encode()
    preview.path.unlink()
    assert preview.post("/save", {"text": TEXT, "digest": ""}).status == 200
    assert preview.path.read_text("utf-8") == TEXT


# Starting and stopping


def test_a_server_that_stops_hangs_up(preview: Preview) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", preview.port, timeout=PATIENCE)
    connection.request("GET", "/file", headers=preview.own)
    assert connection.getresponse().read()
    assert connection.sock is not None  # kept for the next question
    connection.sock.settimeout(15)  # half of the time after which a server gives up a silent connection
    preview.stop()
    assert connection.sock.recv(1) == b""
    connection.close()
    preview.start()


def test_an_open_page_is_known_after_a_restart(preview: Preview) -> None:
    cookie = preview.own["Cookie"]
    told = preview.events()
    assert next(told) == "hello"
    preview.stop()
    assert list(told) == []
    with pytest.raises(ConnectionRefusedError):
        preview.get("/file")
    preview.start()
    assert preview.get("/file", Cookie=cookie).status == 200


def test_tokens_are_of_one_file_and_one_port(preview: Preview, tmp_path: Path) -> None:
    token = preview.server.gate.token
    assert token == token_for(preview.path.resolve(), preview.port)
    assert token != token_for(preview.path.resolve(), preview.port + 1)
    assert token != token_for(tmp_path / "other.arch", preview.port)
    key = tmp_path / "state" / "archdsl" / "preview.key"
    assert key.stat().st_mode & 0o777 == 0o600
    old = time.time() - 25 * 3600
    os.utime(key, (old, old))
    assert token_for(preview.path.resolve(), preview.port) != token
    kept = key.read_bytes()
    key.chmod(0o644)
    token_for(preview.path.resolve(), preview.port)
    assert key.read_bytes() != kept


def test_a_port_in_use_is_an_error(preview: Preview, arch: Callable[..., Any]) -> None:
    with pytest.raises(PortInUse):
        Server(preview.path, port=preview.port)
    found = arch("preview", preview.path, "--port", str(preview.port), "--no-open")
    assert found.code == 2
    assert f"port {preview.port} is in use" in found.err


def test_what_cannot_be_shown_is_an_error(preview: Preview, arch: Callable[..., Any]) -> None:
    missing = arch("preview", preview.path.with_name("nett.arch"), "--no-open")
    assert missing.code == 1
    assert "did you mean `net.arch`" in missing.err
    unknown = arch("preview", preview.path, "--variant", "wid", "--no-open")
    assert unknown.code == 2
    assert "did you mean 'wide'" in unknown.err


@pytest.mark.skipif(os.name == "nt", reason="sends a signal of Unix")
def test_the_command_prints_its_address_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(TEXT, "utf-8")
    command = [sys.executable, "-m", "archdsl", "preview", str(tmp_path / "net.arch"), "--no-open"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "XDG_STATE_HOME": str(tmp_path)}
    port = str(free_port())
    with subprocess.Popen([*command, "--port", port], stdout=subprocess.PIPE, text=True, env=environment) as running:
        try:
            assert running.stdout is not None
            assert f"http://127.0.0.1:{port}/?token=" in running.stdout.readline()
            running.stdout.readline()
            running.send_signal(signal.SIGINT)
            assert running.wait(PATIENCE) == 0
        finally:
            running.kill()


# What the page does


@in_browser
def test_browser_follows_what_is_written(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    before = seen.boxes()
    assert "token" not in seen.page.url
    seen.put_caret("head =")
    seen.page.keyboard.insert_text("more = 5x5 conv 4\n")
    seen.wait_boxes(before + 1)
    assert seen.page.inner_text("#preview-state") == "not saved"
    assert preview.path.read_text("utf-8") == TEXT
    seen.page.keyboard.press("Control+s")
    seen.wait("() => document.querySelector('#preview-state').textContent === ''")
    assert "more = 5x5 conv 4\n" in preview.path.read_text("utf-8")


@in_browser
def test_browser_follows_the_file_and_keeps_the_readers_eye(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    before = seen.boxes()
    seen.page.click("#viewer-in")
    seen.box("stem.conv1").click()
    await_frame(seen.page)
    where = seen.box("stem.conv1").bounding_box()
    assert seen.page.is_visible("#viewer-panel")
    preview.path.write_text(TEXT.replace("head =", "more = 5x5 conv 4\nhead ="), "utf-8")
    seen.wait_boxes(before + 1)
    assert "more = 5x5" in seen.text()
    assert seen.box("stem.conv1").get_attribute("aria-current") == "true"
    assert seen.box("stem.conv1").bounding_box() == pytest.approx(where, abs=2)
    assert seen.page.is_visible("#viewer-panel")
    assert seen.page.is_disabled("#preview-save")


@in_browser
def test_browser_says_what_is_wrong_where_it_is(window: Callable[..., Window]) -> None:
    seen = window()
    before = seen.boxes()
    seen.page.fill("#preview-text", BROKEN)
    seen.settle()
    assert seen.page.inner_text(".paint .error:not(.remark)") == "maxpol"
    assert "maxpol" in seen.page.inner_text(".paint .remark")
    assert seen.page.inner_text(".numbers .error").strip() == "6"
    assert seen.page.inner_text("#preview-problems-tab") == "Problems 1"
    assert seen.boxes() == before
    assert seen.page.is_visible(".stale")
    assert "past" in seen.page.get_attribute("#viewer-stage", "class")
    seen.page.click("#preview-problems .fix")
    seen.wait("() => !document.querySelector('.paint .error')")
    seen.wait("() => document.querySelector('.stale').hidden")
    assert seen.text() == TEXT
    assert seen.page.inner_text("#preview-problems") == "Nothing is wrong."


@in_browser
def test_browser_leads_from_the_picture_to_the_text(window: Callable[..., Window]) -> None:
    seen = window()
    seen.box("stem.conv1").click()
    assert "".join(seen.page.locator(".paint .spot").all_inner_texts()) == "3x3 conv n"
    seen.box("head.fc1").click()
    assert "".join(seen.page.locator(".paint .spot").all_inner_texts()) == "fc 10"
    assert seen.page.evaluate("document.activeElement.id") == "head.fc1"
    seen.page.keyboard.press("F6")
    assert seen.caret() == TEXT.index("fc 10")
    assert seen.page.evaluate("document.activeElement.id") == "preview-text"


@in_browser
def test_browser_leads_from_the_text_to_the_picture(window: Callable[..., Window]) -> None:
    seen = window()
    seen.put_caret("head = gap")
    seen.wait("() => document.querySelectorAll('.ring.marked').length === 2")
    seen.put_caret("net small")
    seen.wait("() => !document.querySelector('.ring.marked')")
    seen.put_caret("3x3 conv n")
    seen.wait("() => document.querySelectorAll('.ring.marked').length === 2")
    seen.page.keyboard.press("F6")
    assert seen.page.locator("#viewer-stage [aria-current]").get_attribute("id") == "stem.conv1"
    seen.put_caret("net small")
    seen.wait("() => !document.querySelector('.ring.marked')")


@in_browser
def test_browser_needs_no_mouse(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    press = seen.page.keyboard.press
    seen.page.focus("#preview-text")
    press("Control+End")
    seen.page.keyboard.type("tap more { 3x3 conv\n")
    seen.settle()
    press("Control+Home")
    press("F8")
    assert seen.caret() >= len(TEXT)
    assert seen.page.inner_text("#preview-hint")
    seen.page.fill("#preview-text", TEXT.replace("fc 10", "fc 7"))
    seen.settle()
    assert seen.page.is_hidden(".stale")
    press("Control+s")
    seen.settle()
    assert seen.page.inner_text("#preview-state") == ""
    assert "fc 7" in preview.path.read_text("utf-8")
    press("Escape")
    press("Tab")
    assert seen.page.evaluate("document.activeElement.id") == "preview-floor"
    press("Tab")
    assert seen.page.evaluate("document.activeElement.id") == "preview-problems-tab"
    press("ArrowRight")
    assert seen.page.evaluate("document.activeElement.id") == "preview-summary-tab"
    assert seen.page.is_visible("#preview-summary .layers")
    assert "Control" not in seen.page.inner_text("#preview-summary")
    press("Tab")
    press("Tab")
    press("Enter")
    assert seen.page.locator("#viewer-stage [aria-current]").get_attribute("id") == "input"


@in_browser
def test_browser_two_windows_of_one_file(window: Callable[..., Window]) -> None:
    one = window()
    other = window(beside=one)
    other.page.fill("#preview-text", TEXT.replace("fc 10", "fc 5"))
    one.page.fill("#preview-text", TEXT.replace("fc 10", "fc 7"))
    one.page.click("#preview-save")
    other.page.wait_for_selector("#preview-conflict:not([hidden])")
    assert "fc 5" in other.text()
    assert other.page.is_disabled("#preview-save")
    other.page.click("#preview-take")
    assert "fc 7" in other.text()
    other.page.fill("#preview-text", TEXT)
    other.page.click("#preview-save")
    one.wait("text => document.querySelector('#preview-text').value === text", TEXT)
    assert one.page.is_hidden("#preview-conflict")


@in_browser
def test_browser_survives_a_restart(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    seen.page.fill("#preview-text", TEXT.replace("fc 10", "fc 5"))
    preview.stop()
    seen.page.wait_for_selector("#preview-banner:not([hidden])")
    assert "has stopped" in seen.page.inner_text("#preview-banner")
    assert "fc 5" in seen.text()
    preview.start()
    seen.wait("() => document.querySelector('#preview-banner').hidden")
    assert "fc 5" in seen.text()
    seen.page.click("#preview-save")
    seen.wait("() => document.querySelector('#preview-state').textContent === ''")
    assert "fc 5" in preview.path.read_text("utf-8")


@in_browser
def test_browser_shows_styles_variants_heat_and_themes(window: Callable[..., Window]) -> None:
    seen = window(color_scheme="light")
    light = seen.page.eval_on_selector("body", "body => getComputedStyle(body).backgroundColor")
    seen.page.click("#viewer-theme")
    assert seen.page.eval_on_selector("body", "body => getComputedStyle(body).backgroundColor") != light
    seen.page.select_option("#viewer-heat", "macs")
    assert seen.page.locator("#viewer-stage .hot").count() > 2
    seen.page.select_option("#preview-variant", "wide")
    seen.settle(variant="wide")
    wide = f"{archdsl.load(archdsl.text(TEXT), width=32).analysis.cost.parameters:,}"
    assert wide in seen.page.text_content("#preview-summary")
    assert seen.page.locator("#viewer-stage .hot").count() > 2
    for style in ("paper", "volumes", "table", "graph"):
        seen.page.select_option("#preview-style", style)
        seen.settle(style=style)
        assert seen.page.locator("#viewer-stage.past").count() == 0
        assert seen.page.locator("#viewer-stage svg text").count() > 5


@in_browser
def test_browser_downloads(window: Callable[..., Window], tmp_path: Path) -> None:
    seen = window()
    for format, name in (("svg", "small.svg"), ("tikz", "small.tex"), ("py", "small.py")):
        seen.page.click("#preview-downloads summary")
        with seen.page.expect_download() as waiting:
            seen.page.click(f'#preview-downloads [data-format="{format}"]')
        assert waiting.value.suggested_filename == name
        waiting.value.save_as(tmp_path / name)
    assert (tmp_path / "small.py").read_text("utf-8") == archdsl.load(archdsl.text(TEXT)).source().text


@in_browser
@with_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_page_is_accessible(window: Callable[..., Window], scheme: str) -> None:
    seen = window(color_scheme=scheme)
    seen.page.fill("#preview-text", BROKEN)
    seen.settle()
    assert seen.page.is_visible(".paint .error:not(.remark)")
    for tab in ("problems", "summary"):
        seen.page.click(f"#preview-{tab}-tab")
        assert barriers(seen.page) == []
