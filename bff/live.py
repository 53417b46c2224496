"""The socket entrance: `/live` and a health check, thousands of open lines in one gevent process.

Nothing here may hold the processor: no store, no PDF, no model. It knows the tickets' key and Valkey, and that is all.
"""

import logging

from flask import Flask

from bff.core.errors import Fault
from bff.feed import Subscription, connect
from bff.routes.live import SOCKET_OPTIONS, Changes, Hub, Tickets, make_door
from bff.settings import Settings, from_environment


def create_app(settings: Settings | None = None, changes: Changes | None = None) -> Flask:
    """The WSGI application. Settings come from the environment, changes from Valkey, unless a test gives them."""
    settings = settings or from_environment()
    logging.basicConfig(level=settings.log_level, format="%(message)s")
    app = Flask("bff.live", static_folder=None)
    app.config["SOCK_SERVER_OPTIONS"] = SOCKET_OPTIONS
    changes = changes or Subscription(connect(settings.redis_url, settings.data_dir))
    hub = Hub(changes, settings.sockets_per_person)
    app.extensions["hub"] = hub
    app.register_blueprint(make_door(hub, Tickets(_key(settings)), _origins(settings)))

    @app.get("/healthz")
    def healthz() -> tuple[str, dict[str, str]]:
        return f"ok {hub.lines}\n", {"Content-Type": "text/plain", "Cache-Control": "no-store"}

    return app


def _key(settings: Settings) -> bytes:
    try:
        return (settings.data_dir / "secrets" / "ticket.key").read_bytes()
    except OSError as error:
        raise Fault("secret_missing", what="The secret ticket.key is missing.", do="Run: make setup") from error


def _origins(settings: Settings) -> list[str]:
    """Where pages come from; in development also from this machine's own name."""
    here = f"http://localhost:{settings.port}"
    return [settings.origin, here] if settings.development else [settings.origin]
