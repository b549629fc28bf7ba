"""A customer in front of the chat."""

import re
from dataclasses import dataclass

from playwright.async_api import FilePayload, Locator, Page, expect

from tests.journeys.words import Words

TOLD_MS = 30_000
"""How long anything may take on a busy machine; nothing is judged by the clock."""


@dataclass
class Customer:
    """What a customer sees and does."""

    page: Page
    words: Words
    url: str

    async def open(self) -> None:
        await self.page.goto(f"{self.url}/chat")
        await self.is_ready()

    async def is_ready(self) -> None:
        """The page's script has taken over: there is nothing to send yet."""
        await expect(self.page.locator("#chat-send")).to_be_disabled(timeout=TOLD_MS)

    @property
    def last_from_bot(self) -> Locator:
        return self.page.locator(".m.is-bot").last

    @property
    def own(self) -> Locator:
        return self.page.locator(".m.is-own")

    async def say(self, text: str) -> None:
        box = self.page.locator("#chat-text")
        await box.fill(text)
        await box.press("Enter")
        await expect(self.own.last).to_contain_text(text)

    async def hears(self, text: str, *, by: str = "bot") -> None:
        await expect(self.page.locator(f".m.is-{by}", has_text=text).last).to_be_visible(timeout=TOLD_MS)

    async def chooses(self, text: str | re.Pattern[str]) -> None:
        await self.page.locator(".choice:enabled").filter(has_text=text).last.click(timeout=TOLD_MS)

    async def proves_phone(self, phone: str) -> None:
        """By the card in the thread, with the code that the development outbox shows."""
        card = self.page.locator(".card", has=self.page.locator("input[type=tel]"))
        await card.locator("input[type=tel]").fill(phone)
        await card.locator(".consent input").check()
        await card.locator("button.btn-primary").click()
        box = self.page.locator(".field-code")
        await expect(box).to_be_focused(timeout=TOLD_MS)
        await box.fill(await self._code(phone))
        await box.press("Enter")
        await expect(box).to_have_count(0, timeout=TOLD_MS)

    async def _code(self, phone: str) -> str:
        """The newest code for this number."""
        outbox = await self.page.context.new_page()
        await outbox.goto(f"{self.url}/dev/outbox")
        entry = outbox.locator(".outbox-entry", has_text=phone[-4:]).first
        await expect(entry).to_be_visible()
        code = re.search(r"(?<!\d)\d{6}(?!\d)", await entry.locator("p").last.inner_text())
        await outbox.close()
        assert code is not None
        return code.group()

    async def sends_files(self, *files: FilePayload) -> None:
        await self.page.set_input_files("#chat-file", list(files))
        send = self.page.locator("#chat-send")
        await expect(send).to_be_enabled(timeout=TOLD_MS)
        await send.click()

    async def composes(self, text: str) -> None:
        """By an input method: the Enter that chooses a word sends nothing; the next one does."""
        box = self.page.locator("#chat-text")
        before = await self.own.count()
        await compose(box, text)
        await expect(box).to_have_value(text)
        assert await self.own.count() == before
        await box.press("Enter")
        await expect(self.own).to_have_count(before + 1)
        await expect(self.own.last).to_contain_text(text)

    async def rates(self, score: int) -> None:
        await self.page.locator(".survey .star").nth(score - 1).click(timeout=TOLD_MS)
        await self.page.locator(".survey .solved .chip").first.click()
        await self.page.locator(".survey button.btn-primary").click()


async def compose(box: Locator, text: str, *, modifiers: str = "") -> None:
    """Write as an input method does: a composition, an Enter that belongs to it, the word."""
    page = box.page
    await box.focus()
    debugger = await page.context.new_cdp_session(page)
    await debugger.send(
        "Input.imeSetComposition", {"text": "zhao pian", "selectionStart": 9, "selectionEnd": 9}
    )
    for code in (229, 13):  # what browsers say while composing, old and new
        await box.dispatch_event(
            "keydown",
            {
                "key": "Enter",
                "code": "Enter",
                "keyCode": code,
                "isComposing": code == 13,
                "ctrlKey": modifiers == "Control",
            },
        )
    await debugger.send("Input.insertText", {"text": text})
    await debugger.detach()
