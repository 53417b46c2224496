"""Whether a data directory stands as this release leaves it: asked of files and of SQLite alone, so that a second start is quick.

After a set-up `note` writes down what it was done by (the code that sets up, the settings) and which files it left. `holds`
is true only while all of that is still so and the database says that it is migrated to the newest revision. Anything
else, another database than the embedded one included, is for the set-up itself to judge; it may run at any time.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

HOUSE = Path(__file__).parent
VERSIONS = HOUSE / "store" / "migrations" / "versions"
SETTING_UP = ("wiring.py", "standing.py", "signing/authority.py", "signing/keys.py", "store/store.py")
KEPT = ("secrets", "authority")
DATABASE = "countersign.db"


def note(data_dir: Path, chosen: str) -> None:
    """Write down that the set-up went through. `chosen`: all settings, as text."""
    files = sorted(str(path.relative_to(data_dir)) for path in _kept(data_dir))
    stamp = {"by": _digest(chosen), "files": files}
    part = _stamp(data_dir).with_suffix(".part")
    part.write_text(json.dumps(stamp))
    part.replace(_stamp(data_dir))


def holds(data_dir: Path, chosen: str) -> bool:
    """Is there nothing for the set-up to do?"""
    try:
        stamp = json.loads(_stamp(data_dir).read_text())
        files = [data_dir / name for name in stamp["files"]]
        return stamp["by"] == _digest(chosen) and all(f.is_file() for f in files) and _revision(data_dir) == _newest()
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error):
        return False


def _stamp(data_dir: Path) -> Path:
    return data_dir / "run" / "set-up.json"


def _kept(data_dir: Path) -> Iterator[Path]:
    """Secrets, keys and the owner's link; not the revocation lists, of which every signature adds one."""
    for name in KEPT:
        yield from (p for p in (data_dir / name).rglob("*") if p.suffix in (".key", ".pem", ".link") and p.is_file())


def _digest(chosen: str) -> str:
    sources = [*(HOUSE / name for name in SETTING_UP), *sorted(VERSIONS.glob("*.py"))]
    hasher = hashlib.sha256(chosen.encode())
    for source in sources:
        hasher.update(source.name.encode() + b"\x00" + (source.read_bytes() if source.is_file() else b""))
    return hasher.hexdigest()


def _newest() -> str:
    return max(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))


def _revision(data_dir: Path) -> str:
    """The embedded database's revision. Raises sqlite3.Error when there is none."""
    address = f"file:{(data_dir / DATABASE).absolute()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
