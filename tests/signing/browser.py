"""The browser's verifier, run by node."""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def browser_verdicts(folder: Path, roots: Sequence[bytes], *, at: datetime) -> dict[str, dict[str, Any]]:
    """What `/verify` in the browser says of each PDF in the folder."""
    (folder / "roots.pem").write_bytes(b"".join(roots))
    which = [sys.executable, ROOT / "tools" / "set_up.py", "--which-node"]
    node = subprocess.run(which, capture_output=True, text=True, check=True).stdout.strip()
    judge_files = ROOT / "tests" / "web" / "judge_files.mjs"
    command = [node, "--no-warnings", judge_files, folder, folder / "roots.pem", at.isoformat()]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {Path(name).stem: verdict for name, verdict in said.items()}
