"""What readers and writers keep while the page of the preview changes, and what they do without a mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import previews
from tests.browser import await_frame, barriers, in_browser, with_axe
from tests.previews import BROKEN, TEXT, Preview, Window

preview, window = previews.preview, previews.window

MORE = TEXT.replace("head =", "more = 5x5 conv 4\nhead =")
LESS = TEXT.replace("head = gap -> fc 10\n", "")
#: Many layers, so that what lists them scrolls.
LONG = TEXT.replace("head =", "".join(f"more{number} = 3x3 conv {8 + number}\n" for number in range(60)) + "head =")
#: Blocks in blocks, which are open at first.
DEEP = """net deep
input 3x32x32
cell(n): residual { 3x3 conv n -> bn -> relu -> 3x3 conv n -> bn } -> relu
stage(n, count): 1x1 conv n -> cell(n) x (count)
stem = 3x3 conv 8
one = stage(16, 3)
two = stage(32, 4)
three = stage(64, 5)
head = gap -> fc 10
"""
HELD = "document.activeElement.closest('[data-key]')?.dataset.key ?? document.activeElement.id"


def written(seen: Window, preview: Preview, text: str) -> None:
    """Somebody else writes the file, and the page follows."""
    preview.path.write_text(text, "utf-8")
    seen.wait("text => document.querySelector('#preview-text').value === text", text)
    seen.settle()


# What stays


@in_browser
def test_focus_in_the_summary_stays_on_its_row(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    seen.page.click("#preview-summary-tab")
    row = seen.page.locator('#preview-summary tr[data-key="body.cell1.conv1"] button')
    row.focus()
    handle = row.element_handle()
    written(seen, preview, MORE.replace("width=8", "width=12"))
    assert seen.page.evaluate(HELD) == "body.cell1.conv1"
    assert handle.evaluate("button => button === document.activeElement")
    assert seen.page.locator('#preview-summary tr[data-key="more.conv1"]').count() == 1
    assert "24x32x32" in seen.page.inner_text('#preview-summary tr[data-key="body.cell1.conv1"]')
    seen.page.keyboard.press("Enter")
    assert seen.box("body.cell1.conv1").get_attribute("aria-current") == "true"


@in_browser
def test_focus_in_a_row_that_goes_away_stays_in_the_summary(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    seen.page.click("#preview-summary-tab")
    seen.page.focus('#preview-summary tr[data-key="head.fc1"] button')
    written(seen, preview, LESS)
    assert seen.page.evaluate("document.activeElement.id") == "preview-summary"


@in_browser
def test_scroll_and_selected_words_of_the_summary_stay(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    written(seen, preview, LONG)
    seen.page.click("#preview-summary-tab")
    seen.page.eval_on_selector("#preview-summary", "leaf => { leaf.scrollTop = 600; }")
    seen.page.evaluate(
        """() => getSelection().selectAllChildren(
          document.querySelector('#preview-summary tr[data-key="more30.conv1"] td'))"""
    )
    written(seen, preview, LONG.replace("fc 10", "fc 7"))
    assert seen.page.eval_on_selector("#preview-summary", "leaf => leaf.scrollTop") == 600
    assert seen.page.evaluate("getSelection().toString()").strip() == "38x16x16"


@in_browser
def test_focus_in_the_findings_stays(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    written(seen, preview, BROKEN)
    seen.page.focus("#preview-problems .fix")
    written(seen, preview, f"# a line above\n{BROKEN}")
    assert seen.page.evaluate("document.activeElement.className") == "fix"
    assert "7:" in seen.page.inner_text("#preview-problems .code")
    seen.page.keyboard.press("Enter")
    seen.settle()
    assert seen.text() == f"# a line above\n{TEXT}"
    assert "maxpol" not in seen.page.inner_text("#preview-problems")


@in_browser
def test_focus_in_the_picture_stays_on_its_box(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    seen.box("body.cell1.conv1").focus()
    seen.page.keyboard.press("ArrowDown")
    assert seen.page.evaluate("document.activeElement.id") == "body.maxpool1"
    written(seen, preview, MORE)
    assert seen.page.evaluate("document.activeElement.id") == "body.maxpool1"
    seen.page.keyboard.press("ArrowDown")
    assert seen.page.evaluate("document.activeElement.id") == "more.conv1"
    written(seen, preview, TEXT)
    assert seen.page.evaluate("document.activeElement.id") == "viewer-stage"


@in_browser
def test_a_picture_that_has_not_changed_is_not_made_again(window: Callable[..., Window]) -> None:
    seen = window()
    box = seen.box("head.fc1").element_handle()
    seen.put_caret("head =")
    seen.page.keyboard.insert_text("# a remark\n")
    seen.settle()
    assert box.evaluate("box => box.isConnected")


@in_browser
def test_details_that_are_read_stay_where_they_are(window: Callable[..., Window], preview: Preview) -> None:
    seen = window(viewport={"width": 1400, "height": 500})
    seen.box("body.cell1.conv1").click()
    seen.page.eval_on_selector("#viewer-panel", "panel => { panel.scrollTop = 150; }")
    chip = seen.page.locator("#viewer-panel .chips button", has_text="stem.conv1")
    chip.evaluate("button => button.focus({ preventScroll: true })")
    written(seen, preview, MORE.replace("width=8", "width=12"))
    assert seen.page.evaluate(HELD) == "stem.conv1"
    assert seen.page.eval_on_selector("#viewer-panel", "panel => panel.scrollTop") == 150
    assert "24x32x32" in seen.page.inner_text("#viewer-panel")
    seen.page.keyboard.press("Enter")
    assert seen.page.inner_text("#viewer-panel .path") == "stem.conv1"


@in_browser
def test_blocks_that_were_closed_stay_closed(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    written(seen, preview, DEEP)
    assert seen.page.is_hidden(".stale")
    before = seen.boxes()
    seen.page.click("#viewer-less")
    chosen = seen.boxes()
    assert chosen < before
    counts = seen.page.evaluate_handle(
        """() => {
          const counts = [];
          const note = () => counts.push(document.querySelectorAll('#viewer-stage svg g.box').length);
          new MutationObserver(note).observe(document.querySelector('#viewer-stage'), { childList: true });
          return counts;
        }"""
    )
    seen.page.fill("#preview-text", DEEP.replace("fc 10", "fc 7"))
    seen.settle()
    assert set(counts.json_value()) == {chosen}
    assert seen.boxes() == chosen


@in_browser
def test_nothing_is_announced_again(window: Callable[..., Window]) -> None:
    seen = window()
    seen.box("head.fc1").click()
    heard = seen.page.evaluate_handle(
        """() => {
          const heard = [];
          const note = (records) => heard.push(...records.map((record) => record.target.id || record.target.className));
          const options = { childList: true, characterData: true, subtree: true };
          for (const each of document.querySelectorAll('[role=status], [role=alert], [aria-live]'))
            new MutationObserver(note).observe(each, options);
          return heard;
        }"""
    )
    seen.page.fill("#preview-text", TEXT.replace("fc 10", "fc 7"))
    seen.settle()
    seen.page.fill("#preview-text", TEXT.replace("fc 10", "fc 9"))
    seen.settle()
    assert heard.json_value() == ["preview-state"]


# Writing


@in_browser
def test_tab_indents_and_escape_leads_out(window: Callable[..., Window]) -> None:
    seen = window()
    press = seen.page.keyboard.press
    seen.put_caret("gap -> fc")
    press("Tab")
    assert "head =   gap -> fc 10" in seen.text()
    press("Control+z")
    assert seen.text() == TEXT
    start = TEXT.index("stem")
    seen.page.eval_on_selector("#preview-text", "(area, at) => area.setSelectionRange(at, area.value.length)", start)
    press("Tab")
    assert seen.text()[start:] == "".join(f"  {line}\n" for line in TEXT[start:].splitlines())
    press("Shift+Tab")
    assert seen.text() == TEXT
    press("Escape")
    press("Shift+Tab")
    assert seen.page.evaluate("document.activeElement.id") != "preview-text"
    seen.page.focus("#preview-text")
    press("Escape")
    press("Tab")
    assert seen.page.evaluate("document.activeElement.id") == "preview-floor"
    assert seen.text() == TEXT


@in_browser
def test_reverting_can_be_undone(window: Callable[..., Window]) -> None:
    seen = window()
    seen.put_caret("head =")
    seen.page.keyboard.insert_text("more = 5x5 conv 4\n")
    seen.page.click("#preview-revert")
    assert seen.text() == TEXT
    assert seen.page.is_hidden("#preview-revert")
    seen.page.keyboard.press("Control+z")
    assert seen.text() == MORE
    assert seen.page.inner_text("#preview-state") == "not saved"


@in_browser
def test_what_is_far_right_is_brought_into_sight(window: Callable[..., Window]) -> None:
    seen = window()
    text = TEXT.replace("body = ", "body = " + "1x1 conv 4 -> " * 20).replace("2x2 maxpool", "2x2 maxpol")
    seen.page.fill("#preview-text", text)
    seen.settle()
    seen.page.keyboard.press("Control+Home")
    seen.page.keyboard.press("F8")
    mark, editor = (seen.page.locator(part).bounding_box() for part in (".paint .error:not(.remark)", ".sheet"))
    assert editor["x"] <= mark["x"]
    assert mark["x"] + mark["width"] <= editor["x"] + editor["width"] + 1


@in_browser
def test_of_a_long_text_only_what_is_in_sight_is_painted(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    text = TEXT + "# a remark\n" * 3000 + "wrong = maxpol\n"
    written(seen, preview, text)
    seen.page.focus("#preview-text")
    lines = text.count("\n") + 1
    assert seen.page.locator(".paint .line").count() < 100
    seen.page.keyboard.press("Control+Home")
    await_frame(seen.page)
    assert seen.page.inner_text(".numbers span >> nth=0").strip() == "1"
    seen.page.keyboard.press("F8")
    await_frame(seen.page)
    number, painted = (
        seen.page.locator(part).bounding_box() for part in (".numbers .error", ".paint .line:has(.error)")
    )
    assert seen.page.inner_text(".numbers .error").strip() == str(lines - 1)
    assert number["y"] == pytest.approx(painted["y"], abs=1)
    area = seen.page.locator("#preview-text").bounding_box()
    assert area["y"] <= number["y"] <= area["y"] + area["height"] - 20


# Around it


@in_browser
def test_menu_of_downloads_needs_no_mouse(window: Callable[..., Window]) -> None:
    seen = window()
    press = seen.page.keyboard.press
    seen.page.focus("#preview-downloads summary")
    press("Enter")
    press("ArrowDown")
    assert seen.page.evaluate("document.activeElement.dataset.format") == "svg"
    press("Escape")
    assert seen.page.is_hidden("#preview-downloads [data-format=svg]")
    assert seen.page.evaluate("document.activeElement.tagName") == "SUMMARY"
    press("Enter")
    press("ArrowUp")
    with seen.page.expect_download() as waiting:
        press("Enter")
    assert waiting.value.suggested_filename == "small.py"
    assert seen.page.evaluate("document.activeElement.tagName") == "SUMMARY"


@in_browser
def test_what_cannot_be_downloaded_is_said_until_it_can_be(preview: Preview, tab: Callable[..., Any]) -> None:
    seen = Window(tab(f"http://127.0.0.1:{preview.port}/", expected="422"))
    seen.page.goto(preview.server.gate.address)
    seen.page.wait_for_selector("#viewer-stage svg g.box")
    seen.page.fill("#preview-text", BROKEN)
    seen.settle()
    seen.page.click("#preview-downloads summary")
    seen.page.click("#preview-downloads [data-format=svg]")
    seen.page.wait_for_selector("#preview-banner:not([hidden])")
    assert "the text has errors" in seen.page.inner_text("#preview-banner")
    seen.page.fill("#preview-text", TEXT)
    seen.wait("() => document.querySelector('#preview-banner').hidden")


@in_browser
def test_a_file_that_is_gone_is_told_of_until_it_is_back(window: Callable[..., Window], preview: Preview) -> None:
    seen = window()
    preview.path.rename(preview.path.with_name("other.arch"))
    seen.page.wait_for_selector("#preview-banner:not([hidden])")
    assert "cannot be read" in seen.page.inner_text("#preview-banner")
    assert seen.page.inner_text("#preview-state") == "not on disk"
    assert seen.text() == TEXT
    preview.path.with_name("other.arch").rename(preview.path)
    seen.wait("() => document.querySelector('#preview-banner').hidden")
    assert seen.page.inner_text("#preview-state") == ""


@in_browser
def test_a_used_file_that_changes_is_followed(window: Callable[..., Window], preview: Preview) -> None:
    parts = preview.path.with_name("parts.arch")
    parts.write_text("other(n): 3x3 conv n\n", "utf-8")
    seen = window()
    written(seen, preview, 'use "parts.arch"\ninput 3x8x8\none = other(4)\n')
    before = seen.boxes()
    parts.write_text("other(n): 3x3 conv n -> 5x5 conv n\n", "utf-8")
    seen.wait_boxes(before + 1)
    parts.write_text("other(n): 3x3 conw n\n", "utf-8")
    seen.page.wait_for_selector(".stale:not([hidden])")
    assert "parts.arch" in seen.page.inner_text("#preview-problems")
    assert seen.boxes() == before + 1
    parts.write_text("other(n): 3x3 conv n\n", "utf-8")
    seen.wait_boxes(before)
    assert seen.page.is_hidden(".stale")


@in_browser
@pytest.mark.parametrize("size", [(400, 800), (700, 450), (850, 1100)])
def test_picture_and_text_have_room_in_a_narrow_window(window: Callable[..., Window], size: tuple[int, int]) -> None:
    width, height = size
    seen = window(viewport={"width": width, "height": height})
    seen.page.fill("#preview-text", BROKEN)
    seen.settle()
    for part, least in (("#viewer-stage", 300), (".editor", 120), ("#preview-problems", 90)):
        box = seen.page.locator(part).bounding_box()
        assert box["height"] >= least
        assert box["width"] > width / 2
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("revert", "save", "variant"):
        button = seen.page.locator(f"#preview-{name}")
        assert button.evaluate("button => button.scrollWidth <= button.clientWidth + 1")
    seen.page.fill("#preview-text", TEXT)
    seen.settle()
    seen.box("stem.conv1").click()
    if width < 720:
        assert seen.page.locator("#viewer-panel").bounding_box()["width"] == pytest.approx(width, abs=1)


@in_browser
def test_help_tells_of_the_keys_and_begins_at_its_beginning(window: Callable[..., Window]) -> None:
    seen = window(viewport={"width": 700, "height": 400})
    seen.page.focus("#viewer-stage")
    seen.page.keyboard.press("?")
    told = seen.page.locator("#viewer-keys kbd").all_inner_texts()
    assert {"/", "Escape", "Ctrl+S", "F6", "F8", "Tab", "← → ↑ ↓", "?"} <= set(told)
    assert seen.page.eval_on_selector("#viewer-keys", "help => help.scrollTop") == 0
    seen.page.keyboard.press("Escape")
    assert seen.page.is_hidden("#viewer-keys")


@in_browser
def test_every_control_can_be_reached_and_seen(window: Callable[..., Window]) -> None:
    seen = window()
    seen.page.evaluate("document.activeElement.blur()")
    reached: list[str] = []
    hidden: list[str] = []
    for _ in range(60):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("document.activeElement.id") == "preview-text":
            seen.page.keyboard.press("Escape")
        name, shows = seen.page.evaluate(
            """() => {
              const held = document.activeElement;
              const { outlineStyle } = getComputedStyle(held);
              const frame = getComputedStyle(document.querySelector(".editor"), "::after").boxShadow;
              const isRinged = held.closest("#viewer-stage svg") && document.querySelector(".ring");
              const isFramed = held.id === "preview-text" && frame !== "none";
              return [held.id || held.tagName, outlineStyle !== "none" || !!isRinged || isFramed];
            }"""
        )
        if name in {"BODY", *reached}:
            break
        reached.append(name)
        if not shows:
            hidden.append(name)
    controls = {
        *(
            f"viewer-{name}"
            for name in ("about", "query", "more", "heat", "out", "fit", "in", "theme", "help", "stage")
        ),
        *(f"preview-{name}" for name in ("style", "variant", "text", "floor", "problems-tab", "problems", "border")),
        "SUMMARY",
        "input",
    }
    assert controls - {"viewer-more"} <= set(reached)
    assert hidden == []


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/preview.js"])
def test_who_is_not_let_in_gets_a_page(preview: Preview, path: str) -> None:
    answer = preview.get(path, Cookie="", Accept="text/html,*/*;q=0.8")
    assert answer.status == 403
    assert answer.headers.get_content_type() == "text/html"
    assert "<code>archdsl preview FILE</code>" in answer.text
    assert "net.arch" not in answer.text
    foreign = preview.get("/", Host="evil.example", Accept="text/html")
    assert (foreign.status, foreign.headers.get_content_type()) == (403, "text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@in_browser
@with_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_for_who_is_not_let_in_is_accessible(preview: Preview, tab: Callable[..., Any], scheme: str) -> None:
    page = tab(f"http://127.0.0.1:{preview.port}/", "data:", expected="403", color_scheme=scheme)
    page.goto(f"http://127.0.0.1:{preview.port}/?token=wrong")
    assert page.inner_text("h1") == "This page is not shown"
    assert barriers(page) == []


@in_browser
@with_axe
@pytest.mark.parametrize("size", [(400, 800), (700, 450)])
def test_narrow_page_is_accessible(window: Callable[..., Window], size: tuple[int, int]) -> None:
    seen = window(viewport={"width": size[0], "height": size[1]})
    seen.box("stem.conv1").click()
    assert barriers(seen.page) == []
    seen.page.click("#preview-downloads summary")
    assert barriers(seen.page) == []
    seen.page.keyboard.press("Escape")
    seen.page.click("#viewer-help")
    assert barriers(seen.page) == []
