"""What every bench prints: the machine, the versions, the rows, and the goals with whether they were met."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any


@dataclass(frozen=True)
class Goal:
    """Met when the value is at most the goal, or at least that where more is better."""

    name: str
    value: float
    unit: str
    goal: float
    more_is_better: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.goal if self.more_is_better else self.value <= self.goal


@dataclass(frozen=True)
class Report:
    name: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    goals: Sequence[Goal]

    def json(self) -> str:
        goals = [_without(asdict(goal), "more_is_better") | {"met": goal.met} for goal in self.goals]
        told = {"bench": self.name, "machine": self.machine, "versions": self.versions, "rows": self.rows}
        return json.dumps({**told, "goals": goals}, ensure_ascii=False, indent=2)

    def table(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in {**self.machine, **self.versions}.items())
        goals = [
            {"goal": g.name, "value": g.value, "wanted": f"{'≥' if g.more_is_better else '≤'} {g.goal:g} {g.unit}"}
            | {"": "met" if g.met else "NOT MET"}
            for g in self.goals
        ]
        return "\n\n".join([f"{self.name}: {facts}", _columns(self.rows), _columns(goals)])


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was when the bench began."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_average_1min": round(os.getloadavg()[0], 2),
    }


def versions(*packages: str) -> dict[str, str]:
    """Python's version and those of installed packages."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}}


def _columns(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under the names of the first one, in columns as wide as they need."""
    if not rows:
        return "(nothing)"
    lines = [list(rows[0])] + [[_shown(value) for value in row.values()] for row in rows]
    wide = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(size) for text, size in zip(line, wide, strict=True)).rstrip() for line in lines
    )


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_shown, value))
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
