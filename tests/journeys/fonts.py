"""Chinese for a browser on a machine without Chinese fonts: the fonts that the product draws with, by a fontconfig file.

Phones bring their own fonts and the product sends none. A test machine may have no Chinese one at all, and then every
Chinese screen is boxes. The file made here adds web/vendor/fonts to whatever the machine has; nothing is installed.
Hand `environment` to the browser: `chromium.launch(env=environment(folder))`.
"""

import os
from pathlib import Path

VENDORED = Path(__file__).resolve().parents[2] / "web" / "vendor" / "fonts"
SYSTEM = "/etc/fonts/fonts.conf"

PAGE = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">{system}</include>
  <dir>{vendored}</dir>
  <cachedir>{cache}</cachedir>
  <!-- The handwriting is for marks: a page never falls back to it. -->
  <selectfont><rejectfont>
    <pattern><patelt name="family"><string>Ma Shan Zheng</string></patelt></pattern>
    <pattern><patelt name="family"><string>Zhi Mang Xing</string></patelt></pattern>
  </rejectfont></selectfont>
</fontconfig>
"""


def environment(folder: Path) -> dict[str, str]:
    """This process's environment, and FONTCONFIG_FILE naming a file that is written under `folder`."""
    file = folder / "fonts.conf"
    file.write_text(PAGE.format(system=SYSTEM, vendored=VENDORED, cache=folder / "font-cache"), encoding="utf-8")
    return {**os.environ, "FONTCONFIG_FILE": str(file)}
