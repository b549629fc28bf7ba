"""An agent or a supervisor in front of the desk."""

import re
from dataclasses import dataclass

from playwright.async_api import FilePayload, Locator, Page, expect

from tests.journeys.customer import TOLD_MS, compose
from tests.journeys.words import Words


@dataclass
class Agent:
    """What somebody of the staff sees and does."""

    page: Page
    words: Words
    url: str

    async def signs_in(self, login: str, password: str, then: str = "/desk") -> None:
        """With the language of this journey chosen as people choose it."""
        page = self.page
        await page.goto(f"{self.url}/signin?next={then}")
        await page.fill("#field-login", login)
        await page.fill("#field-password", password)
        await page.click("button.btn-primary")
        await page.wait_for_url(f"**{then}")
        await page.click(".rail-me")
        async with page.expect_navigation():
            await page.click(f".rail button[name=language][value={self.words.language}]")
        await expect(page.locator("html")).to_have_attribute("lang", re.compile(self.words.language))

    async def is_present(self, presence: str) -> None:
        """Choose it, and see that it is taken."""
        await self.page.click("#desk-presence summary")
        await self.page.click(f"#desk-presence button[value={presence}]")
        shown = self.page.locator(f"#desk-presence [data-presence={presence}]")
        await expect(shown).to_be_visible(timeout=TOLD_MS)

    @property
    def offer(self) -> Locator:
        return self.page.locator(".offer")

    @property
    def thread(self) -> Locator:
        return self.page.locator("[data-lines]")

    async def accepts_by_enter(self) -> None:
        await self.page.locator("body").press("Enter")
        await self.page.wait_for_url("**/desk/c/*", timeout=TOLD_MS)
        await expect(self.page.locator("#composer-text")).to_be_focused(timeout=TOLD_MS)

    async def reads(self, text: str) -> None:
        await expect(self.thread.locator(".msg-customer", has_text=text).last).to_be_visible(timeout=TOLD_MS)

    async def sees_picture_of(self, width: int, by: str) -> None:
        """Not only its frame: the bytes arrived and are a picture."""
        picture = self.thread.locator(f".msg-{by} img").last
        await expect(picture).to_be_visible(timeout=TOLD_MS)
        await picture.scroll_into_view_if_needed()
        await expect(picture).to_have_js_property("naturalWidth", width, timeout=TOLD_MS)

    async def replies(self, text: str) -> None:
        await expect(self.page.locator("[data-send-key]")).not_to_be_empty(timeout=TOLD_MS)  # it listens
        await self.page.fill("#composer-text", text)
        await self.page.press("#composer-text", "Control+Enter")
        await expect(self.thread.locator(".msg-agent", has_text=text)).to_have_count(1, timeout=TOLD_MS)

    async def replies_ready_made(self, shortcut: str, text: str) -> None:
        """By `/` and Enter, then sent."""
        await self.page.locator("#composer-text").press_sequentially(f"/{shortcut}")
        option = self.page.locator("#composer-popup [data-option]").first
        await expect(option).to_contain_text(f"/{shortcut}")
        await self.page.press("#composer-text", "Enter")
        await expect(self.page.locator("#composer-text")).to_have_value(re.compile(re.escape(text)))
        await self.page.press("#composer-text", "Control+Enter")
        await expect(self.thread.locator(".msg-agent", has_text=text)).to_have_count(1, timeout=TOLD_MS)

    async def composes(self, text: str) -> None:
        """Ctrl+Enter within a composition sends nothing."""
        box = self.page.locator("#composer-text")
        before = await self.thread.locator(".msg-agent").count()
        await compose(box, text, modifiers="Control")
        await expect(box).to_have_value(text)
        assert await self.thread.locator(".msg-agent").count() == before
        await box.fill("")

    async def notes(self, text: str) -> None:
        await self.page.click("[data-kind-tab=note]")
        await self.page.fill("#composer-text", text)
        await self.page.press("#composer-text", "Control+Enter")
        await expect(self.thread.locator(".note", has_text=text)).to_be_visible(timeout=TOLD_MS)
        await self.page.click("[data-kind-tab=reply]")

    async def sends_picture(self, file: FilePayload) -> None:
        await self.page.set_input_files("[data-file-input]", file)
        await expect(self.page.locator(".file-chip:not(.is-busy)")).to_have_count(1, timeout=TOLD_MS)
        await self.page.click("[data-send-button]")

    async def renames(self, name: str) -> None:
        """In place, in the customer's panel."""
        await self.page.click("#desk-panel [data-edit=name]")
        await self.page.fill("#desk-panel [data-editor]", name)
        await self.page.press("#desk-panel [data-editor]", "Enter")

    async def ends_and_wraps_up(self, category: str) -> None:
        """By E, then the dialog."""
        await self.ends()
        await self.page.select_option("#wrap-category", category)
        await self.page.select_option("#wrap-subcategory", index=1)
        await self.page.check("[data-wrap-form] [name=solved][value=true]")
        await self.page.fill("#wrap-next", self.words.own_reply)
        await self.page.click("[data-wrap-form] button[type=submit]")
        await expect(self.dialog).to_be_hidden(timeout=TOLD_MS)

    @property
    def dialog(self) -> Locator:
        return self.page.locator("#desk-dialog")

    async def ends(self) -> None:
        await self.page.evaluate("document.activeElement.blur()")
        await self.page.keyboard.press("e")
        await expect(self.page.locator("[data-wrap-form]")).to_be_visible(timeout=TOLD_MS)

    async def asks_why(self) -> None:
        """The timeline of the open contact."""
        await self.page.evaluate("document.activeElement.blur()")
        await self.page.keyboard.press("i")
        await expect(self.page.locator("#desk-dialog .timeline")).to_be_visible(timeout=TOLD_MS)
