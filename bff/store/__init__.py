"""The house's memory: one SQL database, SQLite by default, PostgreSQL by configuration.

`Store.begin()` gives a `Unit`: one transaction in which a contract's state, its evidence and the errands that follow are
written together or not at all. What a unit announced (errands, live topics) is handed on after the commit, best
effort: the clock finds whatever was not.
"""

from bff.store.store import Store
from bff.store.unit import Unit

__all__ = ["Store", "Unit"]
