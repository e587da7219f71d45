"""A browser for the pages that the product makes; tests that need one are skipped where there is none."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HAS_DRIVER = importlib.util.find_spec("playwright") is not None

in_browser = pytest.mark.skipif(not (CHROMIUM and HAS_DRIVER), reason="needs Chromium and playwright")
with_axe = pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None, reason="needs axe-playwright-python"
)

#: Milliseconds that anything may take: many times what it takes on a machine with nothing else to do.
PATIENCE = 90_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Of one module: as long as there is a driver, other tests cannot run an event loop of their own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield running
        running.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open tabs, which ask for nothing but their own and have nothing to complain about.

    A call names the beginnings of addresses that are the page's own, a word of the complaints that are to be expected,
    a tab ``beside`` which the new one opens, and otherwise settings of a window.
    """
    contexts: list[Any] = []
    trouble: list[str] = []

    def opened(*own: str, beside: Any = None, expected: str | None = None, **settings: Any) -> Any:
        if beside is None:
            chosen = {"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce", **settings}
            contexts.append(browser.new_context(**chosen))
        page = (contexts[-1] if beside is None else beside.context).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda said: None if expected and expected in said.text else trouble.append(said.text))
        page.on("request", lambda asked: None if asked.url.startswith(own) else trouble.append(asked.url))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not trouble


def await_frame(page: Any) -> None:
    """Wait until a frame has been painted: what was selected is moved into sight just before."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def barriers(page: Any) -> list[str]:
    """What of a page is in the way of people, as axe finds it."""
    from axe_playwright_python.sync_playwright import Axe

    rules = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in rules for node in rule["nodes"]]
