"""Take docs/images/page.png: the page with a question answered by the bundled model. Needs playwright and Chromium."""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import serving

QUESTIONS = ("Домбыра деген не?", "Байқоңыр қайда орналасқан?", "Наурыз қашан тойланады?")
TARGET = Path(__file__).parent / "images" / "page.png"
COLORS = 64
"""Enough for a page, and a third of the bytes."""

if __name__ == "__main__":
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    process, address = serving.start("kazakh-26m", "--no-browser")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
            page = browser.new_page(locale="kk-KZ", viewport={"width": 1180, "height": 720})
            page.goto(address)
            page.wait_for_selector("#chat:not([hidden])")
            for question in QUESTIONS:
                page.click("#new")
                page.fill("#question", question)
                page.press("#question", "Enter")
                page.wait_for_selector(".answer .tools button")
            page.wait_for_timeout(500)
            picture = Image.open(io.BytesIO(page.screenshot()))
            browser.close()
    finally:
        serving.stop(process)
    TARGET.parent.mkdir(exist_ok=True)
    picture.convert("RGB").quantize(COLORS).save(TARGET, optimize=True)
