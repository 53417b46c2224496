"""Draws the PNG icons from the SVG ones, in Chromium: `python web/icons/draw.py`. Run it after changing an SVG and keep both.

The PNGs are reduced to a palette, because a flat icon needs no more and every installed phone fetches them.
"""

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ICONS = Path(__file__).parent
WANTED = (
    ("icon.svg", "icon-192.png", 192),
    ("icon.svg", "icon-512.png", 512),
    ("maskable.svg", "maskable-512.png", 512),
    ("maskable.svg", "apple-touch-icon.png", 180),
    ("badge.svg", "badge-96.png", 96),
)


def draw() -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page()
        for source, target, size in WANTED:
            page.set_viewport_size({"width": size, "height": size})
            svg = (ICONS / source).read_text().replace("<svg ", f'<svg width="{size}" height="{size}" ', 1)
            page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{svg}")
            _keep(page.screenshot(omit_background=True), ICONS / target)
        chromium.close()


def _keep(png: bytes, target: Path) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    picture.quantize(32, method=Image.Quantize.FASTOCTREE).save(target, optimize=True)


if __name__ == "__main__":
    draw()
