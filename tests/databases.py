"""The two databases that everything has to work on; a test that carries the mark runs once on each."""

import pytest

ON_BOTH = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
