"""What must hold on every page: no error, no breach of the Content-Security-Policy, no barrier; and pictures of it."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Read before a test's own environment is cleared.
SHOTS = os.environ.get("HOLDFAST_SHOTS")
AXE = os.environ.get("HOLDFAST_AXE")
"""Path of axe-core's script, which is not ours to ship; without it accessibility is not judged here."""
OFFLINE = "net::ERR_INTERNET_DISCONNECTED"


@dataclass
class Watch:
    """Looks at the pages of one test."""

    shots: Path
    wrong: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()

    def over(self, context: BrowserContext) -> None:
        """Notice what goes wrong in every page of the context, from its first byte."""
        context.on("page", self._over_page)

    def _over_page(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: self.wrong.append(f"{page.url}: a dialog says {dialog.message}"))
        page.on("console", lambda said: self._said(page, said))

    def _said(self, page: Page, said: ConsoleMessage) -> None:
        serious = said.type == "error" or "Content Security Policy" in said.text
        if serious and not any(part in said.text for part in self.allowed):
            self.wrong.append(f"{page.url}: {said.text} ({said.location.get('url', '')})")

    async def look(self, page: Page, name: str, *, judge: bool = True) -> None:
        """A picture in light and in dark; and what axe says about each."""
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=self.shots / f"{name}-{scheme}.png", animations="disabled")
            if judge:
                await self._judge(page, f"{name}-{scheme}")
        await page.emulate_media(color_scheme="light")

    async def _judge(self, page: Page, name: str) -> None:
        if AXE is None:
            return
        # Through the debugger, where the page's policy does not reach.
        await page.evaluate(Path(AXE).read_text())
        found = await page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        )
        for violation in found:
            nodes = [f"{node['target']}: {node['failureSummary']}" for node in violation["nodes"][:3]]
            self.wrong.append(f"{name}: axe {violation['id']} {nodes}")

    def nothing_wrong(self) -> None:
        """Fail with everything that was noticed."""
        assert not self.wrong, "\n".join(self.wrong)


def require_chromium() -> str:
    """The browser; a build machine must have one."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("a build machine needs a Chromium for the journeys")
        pytest.skip("needs a Chromium")
    return CHROMIUM
