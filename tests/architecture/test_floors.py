"""The house stands as design and conventions say: floors, the core's few needs, and every setting documented."""

import ast
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "bff" / "core").glob("*.py"))
OPERATING = ROOT / "docs" / "operating.md"
CORE_MAY_IMPORT = {*sys.stdlib_module_names, "rfc8785", "bff"}
CORE_MAY_NOT_TOUCH = {"os", "io", "socket", "subprocess", "sqlite3", "time", "random", "secrets", "tempfile", "urllib"}
"""Standard library too, but the world: time, chance and files arrive in the core as arguments."""


def test_every_import_contract_is_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr


@pytest.mark.parametrize("file", CORE, ids=lambda file: file.name)
def test_core_imports_only_the_standard_library_and_rfc8785(file: Path) -> None:
    assert set(_imported(file)) <= CORE_MAY_IMPORT


@pytest.mark.parametrize("file", CORE, ids=lambda file: file.name)
def test_core_does_not_touch_the_world(file: Path) -> None:
    assert not set(_imported(file)) & CORE_MAY_NOT_TOUCH


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Settings)])
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in OPERATING.read_text("utf-8")


def test_every_documented_setting_exists() -> None:
    named = set(re.findall(rf"^\| `({PREFIX}\w+)`", OPERATING.read_text("utf-8"), flags=re.MULTILINE))
    settings = {PREFIX + f.name.upper() for f in dataclasses.fields(Settings)}
    assert named - settings == set(_launch_variables())


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Settings)])
def test_documented_default_is_the_default(name: str) -> None:
    [row] = re.findall(rf"^\| `{PREFIX}{name.upper()}` \| (.*?) \|", OPERATING.read_text("utf-8"), flags=re.MULTILINE)
    assert row.strip() == _shown(getattr(Settings(), name))


PEERS = "bench/peers/package-lock.json"


def test_lock_files_name_no_download_address() -> None:
    for lock in (
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-uv.lock",
        "requirements-fuzz.lock",
        "package-lock.json",
        PEERS,
    ):
        assert "://" not in (ROOT / lock).read_text("utf-8"), lock


def test_no_name_of_a_room_is_utils() -> None:
    assert not [p for p in (ROOT / "bff").rglob("*") if p.stem in {"util", "utils", "helpers", "common", "misc"}]


def test_importing_the_launcher_does_not_open_the_house() -> None:
    heavy = "{'sqlalchemy', 'pyhanko', 'flask', 'bff.wiring'} & set(sys.modules)"
    code = f"import sys, bff.__main__, bff.launch; sys.exit(repr({heavy}) if {heavy} else 0)"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "bff").partition(".")[0] if not node.level else "bff"


def _launch_variables() -> Iterator[str]:
    """What the Procfile itself reads."""
    own = {PREFIX + f.name.upper() for f in dataclasses.fields(Settings)}
    yield from set(re.findall(rf"\$\{{({PREFIX}\w+)", (ROOT / "Procfile").read_text("utf-8"))) - own


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return f"`{int(default)}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`" if default else "empty"
    return f"`{default}`" if str(default) else "empty"
