"""The page to look around in: what it holds, and what it does in a browser."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import archdsl
from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.theme import heat_colour
from tests.browser import await_frame, barriers, in_browser, with_axe
from tests.colours import contrast

NETWORKS = ("resnet50", "googlenet", "unet", "fractalnet20")
ATTACK = "</script><script>document.title='taken'</script><!-- ]]> & \\u2028"
AWKWARD = f'net awkward\ntitle "{ATTACK}"\ninput 3x8x8\n# </script><b>\nfirst = 3x3 conv 4 -> relu\nhead = gap -> fc 2'
SVG = "{http://www.w3.org/2000/svg}"


class _Reader(HTMLParser):
    """Tags, and the text of scripts and styles, as a browser tells them apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self._open: tuple[str, dict[str, str | None]] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs)) if tag in ("script", "style", "title") else None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.texts.append((*self._open, data))

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def text(self, tag: str, **wanted: str | None) -> str:
        return "".join(t for name, found, t in self.texts if name == tag and wanted.items() <= found.items())


@dataclass(frozen=True)
class Page:
    """A page taken apart."""

    text: str
    reader: _Reader
    model: dict[str, Any]
    drawings: list[ElementTree.Element]


@cache
def page_of(name: str) -> Page:
    return taken_apart(archdsl.load(name).draw(format="html").decode())


def taken_apart(text: str) -> Page:
    reader = _Reader(text)
    packed = b64decode(reader.text("script", id="viewer-pictures"))
    drawings = [ElementTree.fromstring(drawing) for drawing in zlib.decompress(packed).decode().split("\0")]
    return Page(text, reader, json.loads(reader.text("script", id="viewer-model")), drawings)


def groups(drawing: ElementTree.Element) -> list[ElementTree.Element]:
    return [part for part in drawing.iter(f"{SVG}g") if part.get("class", "").split(" ")[0] in ("box", "frame")]


# What the page holds


def test_policy_allows_the_page_itself_and_nothing_else() -> None:
    reader = page_of("resnet50").reader
    policies = [found["content"] for tag, found in reader.tags if found.get("http-equiv") == "Content-Security-Policy"]
    hashes = {
        kind: f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for kind, text in (("style", reader.text("style")), ("script", script(reader)))
    }
    own = f"style-src {hashes['style']}; script-src {hashes['script']}"
    assert policies == [f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"]


def script(reader: _Reader) -> str:
    """The one script that runs."""
    (text,) = [text for tag, found, text in reader.texts if tag == "script" and not found]
    return text


def test_page_points_nowhere() -> None:
    page = page_of("resnet50")
    assert not [tag for tag, found in page.reader.tags if {"src", "href", "style", "srcset"} & set(found)]
    assert not re.search(r"url\(|@import", page.reader.text("style"))
    assert not re.search(r"\bfetch\(|XMLHttpRequest|import\(|WebSocket|innerHTML|eval\(", script(page.reader))


@pytest.mark.parametrize("name", [*NETWORKS, "inception_v3", "mobilenet_v3_large", "densenet121"])
def test_page_is_small(name: str) -> None:
    page = page_of(name)
    model = page.reader.text("script", id="viewer-model")
    assert len(page.text.encode()) - len(model.encode()) <= 120_000


def test_page_is_the_same_each_time(python: Callable[..., str]) -> None:
    code = "import archdsl, hashlib; print(hashlib.sha256(archdsl.load('resnet50').draw(format='html')).hexdigest())"
    assert python(code).strip() == sha256(page_of("resnet50").text.encode()).hexdigest()


def test_what_the_specification_says_stays_text() -> None:
    page = taken_apart(archdsl.load(archdsl.text(AWKWARD)).draw(format="html").decode())
    assert [tag for tag, _ in page.reader.tags].count("script") == 3
    assert page.model["title"] == archdsl.load(archdsl.text(AWKWARD)).graph.title
    assert "# </script><b>" in page.model["sources"][0]["lines"]
    assert page.model["title"] in "".join(page.drawings[0].itertext())


@pytest.mark.parametrize("name", NETWORKS)
def test_model_is_the_analysis(name: str) -> None:
    model, network = page_of(name).model, archdsl.load(name)
    analysis = network.analysis
    assert [node["path"] for node in model["nodes"]] == [node.path for node in network.graph.nodes]
    assert [node["parameters"] for node in model["nodes"]] == [row.parameters for row in analysis.cost.rows]
    assert [node["macs"] for node in model["nodes"]] == [row.macs for row in analysis.cost.rows]
    assert [node["memory"] for node in model["nodes"]] == [row.output for row in analysis.memory.rows]
    assert [node["outputs"] for node in model["nodes"]] == [[*map(str, node.outputs)] for node in network.graph.nodes]
    assert model["totals"]["parameters"] == analysis.cost.parameters
    assert model["totals"]["macs"] == analysis.cost.macs
    assert model["totals"]["peak"] == analysis.memory.peak


def test_model_says_what_operators_see() -> None:
    nodes = {node["path"]: node["sees"] for node in page_of("resnet50").model["nodes"]}
    assert nodes["stem.conv1"] == ["7x7, stride 2"]
    assert nodes["stem.maxpool1"] == ["11x11, stride 4"]
    assert nodes["head.fc1"] == ["all"]


def test_places_in_the_source_are_those_of_the_spans() -> None:
    model, network = page_of("resnet50").model, archdsl.load("resnet50")
    for entry, node in zip(model["nodes"], network.graph.nodes, strict=True):
        file, first, last = entry["at"]
        lines = model["sources"][file]["lines"][first - 1 : last]
        assert model["sources"][file]["name"] == node.span.source.name
        assert node.span.text in "\n".join(lines)


@pytest.mark.parametrize("name", NETWORKS)
def test_elements_are_those_of_the_drawings(name: str) -> None:
    page = page_of(name)
    assert len(page.drawings) == len(page.model["pictures"])
    for drawing, picture in zip(page.drawings, page.model["pictures"], strict=True):
        kinds = [group.get("class", "").split(" ")[0] for group in groups(drawing)]
        assert kinds == ["frame" if element.get("frame") else "box" for element in picture["elements"]]
        for group, element in zip(groups(drawing), picture["elements"], strict=True):
            assert re.fullmatch(rf"{re.escape(element['path'])}(-\d+)?", group.get("id", ""))
        links = [part for part in drawing.iter(f"{SVG}g") if part.get("class", "").startswith("link ")]
        assert len(picture["routes"]) <= len(links)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_operator_is_in_one_box_of_each_picture(name: str) -> None:
    model = page_of(name).model
    inside: list[list[int]] = [[] for _ in model["scopes"]]
    for number, node in enumerate(model["nodes"]):
        scope = node["scope"]
        while scope is not None:
            inside[scope].append(number)
            scope = model["scopes"][scope]["parent"]
    for picture in model["pictures"]:
        held: list[int] = []
        for element in picture["elements"]:
            if not element.get("frame"):
                held += [node for copy in element.get("copies", ()) for node in copy]
                held += [node for scope in element.get("scopes", ()) for node in inside[scope]]
        assert sorted(held) == list(range(len(model["nodes"])))


def test_a_path_in_a_copy_has_its_own_scope() -> None:
    (folded,) = [
        element
        for element in page_of("resnet50").model["pictures"][-1]["elements"]
        if element["path"] == "stage1.bottleneck2" and element.get("frame")
    ]
    paths = [page_of("resnet50").model["scopes"][scope]["path"] for scope in folded["scopes"]]
    assert paths == ["stage1.bottleneck2", "stage1.bottleneck3"]


@pytest.mark.parametrize("name", NETWORKS)
def test_pictures_open_step_by_step_until_nothing_is_closed(name: str) -> None:
    model = page_of(name).model
    boxes = [picture["boxes"] for picture in model["pictures"]]
    assert boxes == sorted(boxes)
    assert len(boxes) > 1
    assert not [element for element in model["pictures"][-1]["elements"] if element["kind"] == "block"]


@pytest.mark.parametrize("heat", ["params", "macs", "memory", "receptive"])
def test_heat_is_that_of_the_picture(heat: str) -> None:
    page, network = page_of("resnet18"), archdsl.load("resnet18")
    shown = page.model["pictures"][page.model["shown"]]["heats"][heat]
    drawn = ElementTree.fromstring(network.draw(heat=heat))
    texts = ["".join(node.itertext()) for node in drawn.iter(f"{SVG}text")]
    assert {text for text in shown["texts"] if text} <= set(texts)
    assert {text for text, _ in shown["scale"]} <= set(texts)
    assert max(shown["levels"]) == 32


def test_options_decide_what_is_shown_first() -> None:
    page = taken_apart(archdsl.load("resnet18").draw(format="html", depth=0, heat="macs", theme="dark").decode())
    assert page.model["shown"] == 0
    assert page.model["heat"] == "macs"
    assert ("html", {"lang": "en", "data-theme": "dark"}) in page.reader.tags


def test_other_styles_are_refused() -> None:
    with pytest.raises(DrawingError, match="format 'html' shows style 'graph'"):
        archdsl.load("resnet18").draw(format="html", style="paper")


def test_command_line_writes_a_page(arch: Callable[..., Any], tmp_path: Path) -> None:
    assert arch("draw", "lenet5", "-o", tmp_path / "net.html").code == 0
    assert (tmp_path / "net.html").read_text("utf-8").startswith("<!DOCTYPE html>")


# What the page does


@dataclass
class Reading:
    """A browser with a page of ours, which must not ask for anything nor complain."""

    page: Any
    address: str

    def open(self, path: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(self.address + path)
        self.page.wait_for_selector("#viewer-stage svg g.box")

    def box(self, path: str) -> Any:
        return self.page.locator(f'#viewer-stage svg [id="{path}"]')

    def current(self) -> str | None:
        found = self.page.locator("#viewer-stage [aria-current]")
        return found.get_attribute("id") if found.count() else None

    def panel(self) -> dict[str, str]:
        terms = self.page.locator("#viewer-panel dt").all_inner_texts()
        return dict(zip(terms, self.page.locator("#viewer-panel dd").all_inner_texts(), strict=True))

    def style(self, selector: str, name: str) -> str:
        found: str = self.page.eval_on_selector(selector, f"element => getComputedStyle(element).{name}")
        return found


@pytest.fixture
def reading(tab: Callable[..., Any], tmp_path: Path) -> Callable[..., Reading]:
    def opened(name: str, *, text: str | None = None, path: str = "", **settings: Any) -> Reading:
        file = tmp_path / "net.html"
        page = archdsl.load(archdsl.text(text)).draw(format="html").decode() if text else page_of(name).text
        file.write_text(page, "utf-8")
        found = Reading(tab(file.as_uri(), "about:", "blob:", **settings), file.as_uri())
        found.open(path)
        return found

    return opened


@in_browser
@pytest.mark.parametrize("name", NETWORKS)
def test_browser_shows_the_whole_picture(reading: Callable[..., Reading], name: str) -> None:
    seen = reading(name)
    model = page_of(name).model
    assert seen.page.locator("#viewer-stage g.box").count() == model["pictures"][model["shown"]]["boxes"]
    stage, svg = (seen.page.locator(part).bounding_box() for part in ("#viewer-stage", "#viewer-stage svg"))
    assert svg["x"] >= stage["x"]
    assert svg["y"] >= stage["y"]
    assert svg["x"] + svg["width"] <= stage["x"] + stage["width"]
    assert svg["y"] + svg["height"] <= stage["y"] + stage["height"]


@in_browser
def test_browser_search_counts_and_steps(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    seen.page.keyboard.press("/")
    seen.page.keyboard.type("conv stage1")
    assert seen.page.inner_text("#viewer-count") == "7 found"
    visited = []
    for number in range(1, 8):
        seen.page.keyboard.press("Enter")
        assert seen.page.inner_text("#viewer-count") == f"{number} of 7"
        visited.append(seen.current())
    assert len(set(visited)) == 7
    seen.page.keyboard.press("Enter")
    assert seen.current() == visited[0]
    seen.page.keyboard.press("Shift+Enter")
    assert seen.current() == visited[-1]
    assert seen.page.locator(".ring.found").count() == 7
    assert seen.page.get_attribute("#viewer-count", "aria-live") == "polite"
    seen.page.fill("#viewer-query", "nothing of this")
    assert seen.page.inner_text("#viewer-count") == "none"
    assert seen.page.is_disabled("#viewer-after")


@in_browser
def test_browser_search_is_found_by_the_key_that_browsers_use(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    seen.page.keyboard.press("Control+f")
    assert seen.page.evaluate("document.activeElement.id") == "viewer-query"


@in_browser
def test_browser_panel_is_exact(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    seen.box("stem.conv1").click()
    shown = seen.panel()
    assert shown["Output"] == "64x112x112"
    assert shown["Parameters"] == f"{7 * 7 * 3 * 64 + 2 * 64:,}"
    assert shown["MACs"] == f"{7 * 7 * 3 * 64 * 112 * 112:,}"
    assert shown["Activations, bytes"] == f"{3 * 64 * 112 * 112 * 4:,}"
    assert shown["Receptive field"] == "7x7, stride 2"
    assert shown["kernel"] == "[7, 7]"
    line = seen.page.inner_text("#viewer-panel pre >> nth=0")
    assert "stem = 7x7 conv 64 /2" in line
    assert re.search(r"resnet\.arch:\d+$", seen.page.inner_text("#viewer-panel .place >> nth=0"))
    assert "Conv 7 by 7 stride 2" in seen.page.inner_text("#viewer-said")


@in_browser
def test_browser_panel_tells_one_copy_from_all(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    seen.box("stage2.bottleneck2").click()
    totals = archdsl.load("resnet50").analysis.cost
    nodes = [node for node in archdsl.load("resnet50").graph.nodes if re.match(r"stage2\.bottleneck[234]\.", node.path)]
    one = sum(totals[node.id].parameters for node in nodes if node.path.startswith("stage2.bottleneck2."))
    shown = seen.panel()
    assert shown["Parameters"] == f"{one:,}"
    assert f"{3 * one:,}" in seen.page.locator("#viewer-panel dd").all_inner_texts()
    seen.page.locator("#viewer-panel .chips button", has_text="stage2.bottleneck4").click()
    assert seen.page.inner_text("#viewer-panel .path") == "stage2.bottleneck4"
    assert seen.page.evaluate("location.hash") == "#stage2.bottleneck4"


@in_browser
def test_browser_panel_tells_of_the_network(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    seen.page.click("#viewer-about")
    assert seen.panel()["Parameters"] == "25,557,032"
    assert seen.panel()["Input"] == "3x224x224"


@in_browser
@pytest.mark.parametrize("name", ["resnet50", "googlenet", "unet"])
def test_browser_keys_follow_the_links(reading: Callable[..., Reading], name: str) -> None:
    seen = reading(name, path="#input")
    model = page_of(name).model
    picture = model["pictures"][model["shown"]]
    paths = [element["path"] for element in picture["elements"]]
    links = {(paths[tail], paths[head]) for tail, head, _ in picture["links"]}
    seen.box("input").focus()
    way = [seen.current()]
    while not str(way[-1]).startswith("output.") and len(way) < len(paths):
        for key in ("ArrowDown", "ArrowUp", "ArrowDown"):
            seen.page.keyboard.press(key)
            way.append(seen.current())
        *way, here, back, again = way
        assert (back, again) == (way[-1], here)
        assert (back, here) in links
        way.append(here)
    assert way[-1] == "output.out"


@in_browser
def test_browser_keys_step_to_branches_beside(reading: Callable[..., Reading]) -> None:
    seen = reading("googlenet", path="#i3a.conv1")
    seen.box("i3a.conv1").focus()
    seen.page.keyboard.press("ArrowRight")
    assert seen.current() != "i3a.conv1"
    seen.page.keyboard.press("ArrowLeft")
    assert seen.current() == "i3a.conv1"


@in_browser
def test_browser_enter_and_escape(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    seen.box("stem.conv1").focus()
    seen.page.keyboard.press("ArrowDown")
    assert not seen.page.is_visible("#viewer-panel")
    seen.page.keyboard.press("Enter")
    assert seen.page.is_visible("#viewer-panel")
    assert seen.page.evaluate("document.activeElement.tagName") == "H2"
    seen.page.keyboard.press("Escape")
    assert not seen.page.is_visible("#viewer-panel")
    assert seen.current() is None


@in_browser
def test_browser_focus_can_be_seen(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    seen.page.focus("#viewer-stage")
    seen.page.keyboard.press("Tab")
    assert seen.current() == "input"
    assert seen.page.locator(".ring:not(.found)").count() == 1
    seen.page.focus("#viewer-fit")
    seen.page.keyboard.press("Tab")
    assert seen.style("#viewer-in", "outlineStyle") == "solid"


@in_browser
@pytest.mark.parametrize("heat", ["params", "macs", "memory", "receptive"])
def test_browser_heat_recolours_in_place(reading: Callable[..., Reading], heat: str) -> None:
    seen = reading("resnet50")
    model = page_of("resnet50").model
    picture = model["pictures"][model["shown"]]
    before = seen.page.eval_on_selector_all("#viewer-stage text", "texts => texts.map((text) => text.textContent)")
    seen.page.select_option("#viewer-heat", heat)
    found = seen.page.eval_on_selector_all(
        "#viewer-stage :is(g.box, g.frame)",
        """groups => groups.map((group) => [
          getComputedStyle(group.querySelector("path, polygon")).fill, group.textContent])""",
    )
    levels, texts = picture["heats"][heat]["levels"], picture["heats"][heat]["texts"]
    checked = 0
    for (fill, said), level, text, element in zip(found, levels, texts, picture["elements"], strict=True):
        if level >= 0:
            assert fill == rgb(heat_colour(level, "fill"))
            assert text in said or not element["details"]
            checked += 1
    assert checked > 5
    scale = seen.page.locator("#viewer-scale li").all_inner_texts()
    assert scale == [text for text, _ in picture["heats"][heat]["scale"]]
    seen.page.select_option("#viewer-heat", "")
    after = seen.page.eval_on_selector_all("#viewer-stage text", "texts => texts.map((text) => text.textContent)")
    assert after == before
    assert not seen.page.is_visible("#viewer-scale")


def rgb(colour: str) -> str:
    return f"rgb({', '.join(map(str, bytes.fromhex(colour[1:])))})"


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("heat", ["", "macs"])
def test_browser_text_in_boxes_is_legible(reading: Callable[..., Reading], scheme: str, heat: str) -> None:
    seen = reading("googlenet", color_scheme=scheme)
    seen.page.select_option("#viewer-heat", heat)
    pairs = seen.page.evaluate(
        """() => [...document.querySelectorAll("#viewer-stage g.box > text")].map((text) => {
          let shape = text.previousElementSibling;
          while (!/^(path|polygon)$/.test(shape.tagName)) shape = shape.previousElementSibling;
          return [getComputedStyle(text).fill, getComputedStyle(shape).fill];
        })"""
    )
    assert len(pairs) > 40
    assert min(contrast(hexed(text), hexed(ground)) for text, ground in pairs) >= 4.5
    paper = hexed(seen.style("body", "backgroundColor"))
    assert (contrast(paper, "#000000") < 2) == (scheme == "dark")


def hexed(colour: str) -> str:
    return "#" + "".join(f"{int(part):02X}" for part in re.findall(r"\d+", colour)[:3])


@in_browser
def test_browser_theme_can_be_chosen(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50", color_scheme="light")
    light = seen.style("body", "backgroundColor")
    assert seen.page.inner_text("#viewer-theme") == "Dark"
    seen.page.click("#viewer-theme")
    assert seen.style("body", "backgroundColor") != light
    assert seen.page.inner_text("#viewer-theme") == "Light"


@in_browser
def test_browser_opens_and_closes_blocks_where_they_are(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    path = "stage3.bottleneck2"
    seen.page.click("#viewer-in")
    assert "box" in seen.box(path).get_attribute("class")
    seen.box(path).click()
    await_frame(seen.page)
    before = seen.box(path).bounding_box()
    boxes = seen.page.locator("#viewer-stage g.box").count()
    seen.box(path).dblclick()
    assert "frame" in seen.box(path).get_attribute("class")
    assert seen.current() == path
    assert seen.page.locator("#viewer-stage g.box").count() > boxes
    await_frame(seen.page)
    after = seen.page.locator("#viewer-stage .ring:not(.found)").bounding_box()
    stage = seen.page.locator("#viewer-stage").bounding_box()
    assert stage["x"] <= after["x"] + after["width"] / 2 <= stage["x"] + stage["width"]
    assert abs(after["x"] - before["x"]) < stage["width"] / 2
    seen.page.keyboard.press("e")
    assert "box" in seen.box(path).get_attribute("class")
    assert seen.current() == path


@in_browser
def test_browser_steps_through_all_pictures(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")
    while seen.page.is_enabled("#viewer-less"):
        seen.page.click("#viewer-less")
    shown = [seen.page.inner_text("#viewer-depth")]
    while seen.page.is_enabled("#viewer-more"):
        seen.page.keyboard.press("]")
        shown.append(seen.page.inner_text("#viewer-depth"))
    assert shown == [f"{picture['boxes']} boxes" for picture in page_of("resnet50").model["pictures"]]


@in_browser
@pytest.mark.parametrize(
    ("path", "element"),
    [
        ("stem.conv1", "stem.conv1"),
        ("stage3.bottleneck5.conv2", "stage3.bottleneck2.conv2"),
        ("stage4", "stage4"),
        ("stage1.bottleneck3.bn1", "stage1.bottleneck2.conv1"),
    ],
)
def test_browser_deep_links_select(reading: Callable[..., Reading], path: str, element: str) -> None:
    seen = reading("resnet50", path=f"#{path}")
    assert seen.current() == element
    assert seen.page.is_visible("#viewer-panel")
    await_frame(seen.page)
    stage, ring = (
        seen.page.locator(part).bounding_box() for part in ("#viewer-stage", "#viewer-stage .ring:not(.found)")
    )
    assert stage["x"] - 8 <= ring["x"] <= stage["x"] + stage["width"]


@in_browser
def test_browser_links_that_lead_nowhere_do_no_harm(reading: Callable[..., Reading]) -> None:
    for path in ("#nothing.here", "#%E0%A4%A", "#%3Cscript%3E"):
        assert reading("resnet50", path=path).current() is None


@in_browser
def test_browser_moves_and_scales(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50")

    def svg() -> dict[str, float]:
        found: dict[str, float] = seen.page.locator("#viewer-stage svg").bounding_box()
        return found

    fitted = svg()
    seen.page.mouse.move(700, 500)
    seen.page.mouse.wheel(0, -240)
    wider = "least => document.querySelector('#viewer-stage svg').getBoundingClientRect().width > least"
    seen.page.wait_for_function(wider, arg=fitted["width"] * 1.5)  # a wheel turns on its own
    start = svg()
    seen.page.mouse.down()
    seen.page.mouse.move(760, 460, steps=4)
    seen.page.mouse.up()
    assert svg()["x"] - start["x"] == pytest.approx(60, abs=1)
    assert svg()["y"] - start["y"] == pytest.approx(-40, abs=1)
    assert seen.current() is None
    seen.page.focus("#viewer-stage")
    seen.page.keyboard.press("ArrowRight")
    assert svg()["x"] < start["x"] + 60
    for key in ("+", "-", "-", "0"):
        seen.page.keyboard.press(key)
    assert svg() == pytest.approx(fitted, abs=0.5)


@in_browser
def test_browser_downloads_the_picture_as_it_is(reading: Callable[..., Reading], tmp_path: Path) -> None:
    seen = reading("resnet50", color_scheme="dark")
    seen.box("stem.conv1").click()
    with seen.page.expect_download() as waiting:
        seen.page.click("#viewer-save")
    assert waiting.value.suggested_filename == "resnet50.svg"
    waiting.value.save_as(tmp_path / "net.svg")
    drawn = ElementTree.parse(tmp_path / "net.svg").getroot()
    whole = ElementTree.fromstring(archdsl.load("resnet50").draw(theme="dark"))
    assert [node.text for node in drawn.iter(f"{SVG}text")] == [node.text for node in whole.iter(f"{SVG}text")]
    fills = [hexed(node.get("fill", "")) for node in drawn.iter(f"{SVG}text")]
    assert fills == [node.get("fill") for node in whole.iter(f"{SVG}text")]
    assert [group.get("id") for group in groups(drawn)] == [group.get("id") for group in groups(whole)]
    assert not [node for node in drawn.iter() if {"tabindex", "style"} & set(node.attrib)]


@in_browser
def test_browser_prints_the_picture_alone(reading: Callable[..., Reading]) -> None:
    seen = reading("resnet50", color_scheme="dark")
    seen.box("stem.conv1").click()
    seen.page.emulate_media(media="print")
    assert not seen.page.is_visible(".bar")
    assert not seen.page.is_visible("#viewer-panel")
    assert seen.style("body", "backgroundColor") == "rgb(255, 255, 255)"
    assert seen.style("#viewer-stage svg", "transform") == "none"


@in_browser
def test_browser_fits_a_telephone(reading: Callable[..., Reading]) -> None:
    seen = reading("fractalnet20", viewport={"width": 420, "height": 800})
    seen.box("input").click()
    seen.page.select_option("#viewer-heat", "macs")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 420
    stage, panel = (seen.page.locator(part).bounding_box() for part in ("#viewer-stage", "#viewer-panel"))
    assert stage["height"] > 150
    assert panel["y"] >= stage["y"] + stage["height"]
    assert panel["width"] == 420


@in_browser
def test_browser_glides_only_for_those_who_like_it(reading: Callable[..., Reading]) -> None:
    calm = reading("resnet50")
    calm.page.click("#viewer-in")
    assert calm.style("#viewer-stage svg", "transitionDuration") == "0s"
    lively = reading("resnet50", reduced_motion="no-preference")
    lively.page.click("#viewer-in")
    assert lively.style("#viewer-stage svg", "transitionDuration") != "0s"


@in_browser
def test_browser_takes_titles_for_text(reading: Callable[..., Reading]) -> None:
    seen = reading("", text=AWKWARD)
    assert seen.page.title().startswith("</script><script>")
    seen.page.click("#viewer-about")
    assert seen.page.inner_text("#viewer-panel h2").startswith("</script><script>")
    seen.box("first.conv1").click()
    assert seen.page.locator("#viewer-panel pre").count() > 0


@in_browser
@with_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_page_is_accessible(reading: Callable[..., Reading], scheme: str) -> None:
    seen = reading("resnet50", color_scheme=scheme)
    assert barriers(seen.page) == []
    seen.box("stage2.bottleneck2").click()
    seen.page.select_option("#viewer-heat", "macs")
    seen.page.fill("#viewer-query", "conv")
    assert barriers(seen.page) == []
    seen.page.click("#viewer-help")
    assert barriers(seen.page) == []
