"""How a reader wants to see the page of the preview: where its borders are, and what of it outlasts a reload."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import previews
from tests.browser import await_frame, barriers, in_browser, with_axe
from tests.previews import Preview, Window

preview, window = previews.preview, previews.window

#: The border of text and picture, and that of text and problems, with the part before each and its least size.
BORDER = ("#preview-border", ".writing", "width", 320)
FLOOR = ("#preview-floor", ".editor", "height", 120)


def size(seen: Window, part: str, side: str) -> float:
    await_frame(seen.page)
    return float(seen.page.locator(part).bounding_box()[side])


def values(seen: Window, bar: str) -> tuple[int, int, int]:
    """Least, current and largest place of a border, as it is told."""
    least, now, most = (int(seen.page.get_attribute(bar, f"aria-value{name}")) for name in ("min", "now", "max"))
    return least, now, most


def drag(seen: Window, bar: str, dx: float, dy: float) -> None:
    """Take a border somewhere off its middle and move it."""
    box = seen.page.locator(bar).bounding_box()
    x, y = box["x"] + 2, box["y"] + 2
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    seen.page.mouse.move(x + dx / 2, y + dy / 2)
    seen.page.mouse.move(x + dx, y + dy)
    seen.page.mouse.up()


def view(seen: Window) -> dict[str, object]:
    """What a reader can choose, as it is seen."""
    await_frame(seen.page)
    found: dict[str, object] = seen.page.evaluate(
        """() => ({
          paper: getComputedStyle(document.body).backgroundColor,
          theme: document.querySelector('#viewer-theme').textContent,
          style: document.querySelector('#preview-style').value,
          heat: document.querySelector('#viewer-heat').value,
          hot: document.querySelectorAll('#viewer-stage .hot').length,
          variant: document.querySelector('#preview-variant').value,
          leaf: document.querySelector('.leaf:not([hidden])').id,
          drawing: document.querySelector('#viewer-stage svg').textContent,
          width: document.querySelector('.writing').offsetWidth,
          floor: document.querySelector('#preview-floor').ariaValueNow,
          hash: location.hash,
        })"""
    )
    return found


def reload(seen: Window, **wanted: str) -> None:
    seen.asked.clear()
    seen.page.reload()
    seen.page.wait_for_selector("#viewer-stage svg g.box")
    seen.settle(**wanted)


# Borders


@in_browser
@pytest.mark.parametrize(("bar", "part", "side", "least"), [BORDER, FLOOR])
def test_a_border_is_moved_by_keys(window: Callable[..., Window], bar: str, part: str, side: str, least: int) -> None:
    seen = window()
    press = seen.page.keyboard.press
    back, on = ("ArrowLeft", "ArrowRight") if side == "width" else ("ArrowUp", "ArrowDown")
    first, before = size(seen, part, side), values(seen, bar)
    assert before[0] < before[1] < before[2]
    seen.page.focus(bar)
    press(on)
    assert size(seen, part, side) > first
    assert values(seen, bar) == (before[0], before[1] + 2, before[2])
    press(back)
    press(back)
    assert size(seen, part, side) < first
    assert values(seen, bar)[1] == before[1] - 2
    press("Home")
    assert size(seen, part, side) == pytest.approx(least, abs=1)
    assert values(seen, bar)[1] == before[0]
    press(back)
    assert size(seen, part, side) == pytest.approx(least, abs=1)
    press("End")
    assert values(seen, bar)[1] == before[2]
    assert size(seen, part, side) > first
    press("Enter")
    assert size(seen, part, side) == first
    assert values(seen, bar) == before
    assert seen.page.evaluate("document.activeElement.id") == bar[1:]


@in_browser
@pytest.mark.parametrize(("bar", "part", "side", "least"), [BORDER, FLOOR])
def test_a_border_is_dragged(window: Callable[..., Window], bar: str, part: str, side: str, least: int) -> None:
    seen = window()
    first = size(seen, part, side)
    way = (1, 0) if side == "width" else (0, 1)
    drag(seen, bar, *(90 * step for step in way))
    assert size(seen, part, side) == pytest.approx(first + 90, abs=1)
    drag(seen, bar, *(-2000 * step for step in way))
    assert size(seen, part, side) == pytest.approx(least, abs=1)
    assert values(seen, bar)[0] == values(seen, bar)[1]
    seen.page.mouse.move(700, 300)
    assert size(seen, part, side) == pytest.approx(least, abs=1)
    seen.page.dblclick(bar)
    assert size(seen, part, side) == first


@in_browser
def test_a_border_lets_other_buttons_and_keys_be(window: Callable[..., Window]) -> None:
    seen = window()
    first = size(seen, ".writing", "width")
    seen.page.click("#preview-border", button="right")
    seen.page.mouse.move(900, 400)
    assert size(seen, ".writing", "width") == first
    seen.page.focus("#preview-border")
    before = seen.page.eval_on_selector("#viewer-stage svg", "svg => svg.style.transform")
    for key in ("ArrowUp", "ArrowDown", "Control+ArrowLeft"):
        seen.page.keyboard.press(key)
    assert size(seen, ".writing", "width") == first
    assert seen.page.eval_on_selector("#viewer-stage svg", "svg => svg.style.transform") == before


@in_browser
def test_the_place_of_a_border_is_a_share_of_the_window(window: Callable[..., Window]) -> None:
    seen = window()
    drag(seen, "#preview-border", 168, 0)
    assert values(seen, "#preview-border")[1] == 50
    seen.page.set_viewport_size({"width": 1000, "height": 700})
    assert size(seen, ".writing", "width") == pytest.approx(500, abs=1)
    assert values(seen, "#preview-border") == (32, 50, 58)
    seen.page.set_viewport_size({"width": 1400, "height": 900})
    assert size(seen, ".writing", "width") == pytest.approx(700, abs=1)


@in_browser
def test_stacked_parts_have_the_border_that_they_need(window: Callable[..., Window]) -> None:
    seen = window()
    drag(seen, "#preview-border", 168, 0)
    drag(seen, "#preview-floor", 0, -100)
    seen.page.set_viewport_size({"width": 700, "height": 900})
    assert seen.page.is_hidden("#preview-border")
    assert size(seen, ".writing", "width") == 700
    assert size(seen, ".desk main", "width") == 700
    first = size(seen, ".editor", "height")
    drag(seen, "#preview-floor", 0, 60)
    assert size(seen, ".editor", "height") == pytest.approx(first + 60, abs=1)
    seen.page.set_viewport_size({"width": 1400, "height": 900})
    assert size(seen, ".writing", "width") == pytest.approx(700, abs=1)


@in_browser
@with_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_borders_are_accessible_and_show_where_they_are(window: Callable[..., Window], scheme: str) -> None:
    seen = window(color_scheme=scheme)
    grip = "bar => getComputedStyle(bar, '::after').borderColor"
    for bar, part, _, _ in (BORDER, FLOOR):
        calm = seen.page.eval_on_selector(bar, grip)
        seen.page.hover(bar)
        assert seen.page.eval_on_selector(bar, grip) != calm
        seen.page.mouse.move(700, 300)
        assert seen.page.eval_on_selector(bar, grip) == calm
        seen.page.focus(bar)
        seen.page.keyboard.press("End")
        assert seen.page.eval_on_selector(bar, "bar => getComputedStyle(bar).outlineStyle") == "solid"
        assert seen.page.get_attribute(bar, "aria-controls") == seen.page.get_attribute(part, "id")
        assert barriers(seen.page) == []


@in_browser
@with_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_smallest_picture_has_room_beside_its_details(window: Callable[..., Window], scheme: str) -> None:
    seen = window(color_scheme=scheme)
    seen.box("stem.conv1").click()
    seen.page.focus("#preview-border")
    seen.page.keyboard.press("End")
    assert size(seen, "#viewer-panel", "width") > 200
    assert size(seen, "#viewer-stage", "width") > 130
    assert seen.page.is_visible(".paint .spot")
    assert barriers(seen.page) == []


# What outlasts a reload


def choose(seen: Window) -> None:
    """Choose something else than what is shown at first, wherever there is a choice."""
    seen.page.click("#viewer-theme")
    seen.page.select_option("#preview-variant", "wide")
    seen.page.select_option("#viewer-heat", "macs")
    seen.page.click("#preview-summary-tab")
    drag(seen, "#preview-border", 110, 0)
    drag(seen, "#preview-floor", 0, -70)
    seen.settle(variant="wide")


@in_browser
def test_a_reload_shows_the_same(window: Callable[..., Window]) -> None:
    seen = window(color_scheme="light")
    first = view(seen)
    choose(seen)
    seen.box("body.cell1.conv1").click()
    chosen = view(seen)
    assert all(chosen[name] != first[name] for name in first if name != "style")
    reload(seen, variant="wide")
    assert view(seen) == chosen
    seen.page.select_option("#preview-style", "paper")
    seen.settle(style="paper")
    chosen = view(seen)
    reload(seen, style="paper")
    assert view(seen) == chosen
    assert chosen["style"] == "paper"


@in_browser
def test_a_restart_shows_the_same(window: Callable[..., Window], preview: Preview) -> None:
    seen = window(color_scheme="light")
    choose(seen)
    chosen = view(seen)
    preview.stop()
    seen.page.wait_for_selector("#preview-banner:not([hidden])")
    preview.start()
    seen.wait("() => document.querySelector('#preview-banner').hidden")
    reload(seen, variant="wide")
    assert view(seen) == chosen
    seen.asked.clear()
    seen.page.goto(preview.server.gate.address)
    seen.page.wait_for_selector("#viewer-stage svg g.box")
    seen.settle(variant="wide")
    assert view(seen) == chosen


@in_browser
def test_each_window_has_its_own_view(window: Callable[..., Window]) -> None:
    one = window(color_scheme="light")
    first = view(one)
    choose(one)
    chosen = view(one)
    other = window(beside=one)
    assert view(other) == first
    other.page.select_option("#viewer-heat", "params")
    reload(other)
    assert view(other)["heat"] == "params"
    reload(one, variant="wide")
    assert view(one) == chosen


@in_browser
def test_a_border_that_was_taken_back_stays_so(window: Callable[..., Window]) -> None:
    seen = window()
    first = view(seen)
    drag(seen, "#preview-border", 110, 0)
    seen.page.dblclick("#preview-border")
    reload(seen)
    assert view(seen) == first


@in_browser
@pytest.mark.parametrize(
    "kept",
    ["no JSON", "7", "null", '{"theme": "loud", "preview-style": "none", "variant": "gone", "preview-border": "x"}'],
)
def test_what_is_kept_and_means_nothing_does_no_harm(window: Callable[..., Window], kept: str) -> None:
    seen = window()
    first = view(seen)
    seen.page.evaluate("kept => sessionStorage.setItem('archdsl preview net.arch', kept)", kept)
    seen.asked.clear()
    seen.page.reload()
    seen.page.wait_for_selector("#viewer-stage svg g.box")
    assert view(seen) == first


@in_browser
def test_a_browser_that_keeps_nothing_shows_all(window: Callable[..., Window]) -> None:
    seen = window()
    first = view(seen)
    seen.page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    reload(seen)
    assert view(seen) == first
    seen.page.select_option("#viewer-heat", "macs")
    drag(seen, "#preview-border", 110, 0)
    assert view(seen)["hot"]
    assert view(seen)["width"] == pytest.approx(float(str(first["width"])) + 110, abs=1)
