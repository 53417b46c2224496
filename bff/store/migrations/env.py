"""Alembic's entrance. The connection comes from `Store.migrate`; there is no alembic.ini and no URL here."""

from alembic import context

from bff.store.models import Table, Utc


def _render(kind, item, autogen):  # type: ignore[no-untyped-def]
    """A migration says plain DateTime; it must not import today's models."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Utc) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
    render_item=_render,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
