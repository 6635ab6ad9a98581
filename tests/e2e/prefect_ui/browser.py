"""Chromium as a person uses it on Prefect's UI: forms by their labels, menus by their names, pictures of the way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 60_000
"""A page may take long on a machine that runs a server, a worker and a browser on two cores."""


@contextmanager
def opened_page(profile: Path) -> Iterator[Page]:
    """A page of a fresh profile. Nothing is downloaded: the browser is the system's."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=CHROMIUM,
            args=list(FLAGS),
            headless=True,
            viewport={"width": 1280, "height": 1000},
        )
        page = context.pages[0] if context.pages else context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page
        context.close()


def picture(page: Page, name: str, *, height: int = 1000) -> None:
    """A screenshot for people, in ``PTX_SCREENSHOTS`` where that is set."""
    folder = os.environ.get("PTX_SCREENSHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": 1280, "height": height})
    page.wait_for_timeout(1500)  # pictures and fonts come late
    page.screenshot(path=str(Path(folder) / f"{name}.png"))


def until_still(canvas: Locator) -> None:
    """Wait until what is drawn there has come to rest: the graph of a run flies in some seconds after the page."""
    canvas.wait_for()
    before, same = b"", 0
    for _ in range(30):
        canvas.page.wait_for_timeout(1000)
        after = canvas.screenshot()
        same = same + 1 if after == before else 0
        if same == 4:
            return
        before = after


def box(page: Page, label: str, nth: int = 0) -> Locator:
    """The list below a label: the nearest element around it that has a button to add an item."""
    heading = page.locator("label").filter(has_text=re.compile(rf"^{re.escape(label)}( \(Optional\))?$")).nth(nth)
    return heading.locator("xpath=ancestor::*[.//button[normalize-space()='Add item']][1]")


def add_text(page: Page, label: str, *texts: str, nth: int = 0) -> None:
    """Add items to a list of texts."""
    for index, text in enumerate(texts):
        box(page, label, nth).get_by_role("button", name="Add item").last.click()
        box(page, label, nth).get_by_role("textbox").nth(index).fill(text)


def open_menu_of(page: Page, label: str) -> None:
    """The menu at the right of a field."""
    heading = page.locator("label").filter(has_text=re.compile(rf"^{re.escape(label)}$")).first
    heading.locator("xpath=following::button[normalize-space()='Open menu'][1]").click()


def choose(page: Page, label: str, choice: str) -> None:
    """A choice from a list."""
    page.get_by_role("button", name=f"Select {label}").click()
    page.get_by_role("option", name=choice, exact=True).click()


def paste_json(page: Page, label: str, text: str) -> None:
    """Switch a field to JSON and replace what stands there."""
    open_menu_of(page, label)
    page.get_by_role("menuitem", name="Use JSON input").click()
    editor = page.locator(".cm-content").first
    editor.wait_for()
    page.wait_for_timeout(500)  # the closing menu takes the focus back
    editor.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)
