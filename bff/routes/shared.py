"""What every door shares: the house behind it, who is asking, live tickets, and answers in the right language."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from bff.core.errors import Refusal
from bff.realname.account import Client
from bff.routes.live import Tickets
from bff.store.people import Person
from bff.words import LANGUAGES, best

if TYPE_CHECKING:
    from bff.wiring import House

View = TypeVar("View", bound=Callable[..., Any])
SESSION = "countersign"
LANGUAGE = "language"


def house() -> "House":
    return cast("House", current_app.extensions["house"])


def client() -> Client:
    """Where this request comes from."""
    return Client(device=(request.user_agent.string or "")[:200], address=request.remote_addr or "")


def person() -> Person | None:
    """Who is signed in, looked up once a request."""
    if "person" not in g:
        token = request.cookies.get(SESSION, "")
        found = house().account.whose(token) if token else None
        g.person, g.session = found if found else (None, None)
    return cast("Person | None", g.person)


def me() -> Person:
    """The person of a page that `signed_in` guards."""
    return cast(Person, g.person)


def signed_in(view: View) -> View:
    """Only for people who are signed in; others go to sign in and come back."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if person() is None:
            return redirect(url_for("account.sign_in", next=request.full_path if request.method == "GET" else None))
        return view(*args, **kwargs)

    return cast(View, guarded)


def sender(view: View) -> View:
    """Only for owners and members."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if me().role is None:
            raise Refusal("sender_only")
        return view(*args, **kwargs)

    return signed_in(cast(View, guarded))


def language() -> str:
    """Asked for in the address, else the chosen one, else the signer's (set by the door), else the browser's."""
    asked = request.args.get("lang") or request.cookies.get(LANGUAGE) or g.get("preferred_language")
    if asked in LANGUAGES:
        return cast(str, asked)
    if (who := g.get("person")) is not None:
        return cast(str, who.language)
    return best(request.accept_languages.best_match(["zh-CN", "zh", "en"], "en"))


def live_ticket(topics: Sequence[str], whose: str) -> str:
    """What a page hands to `/live`: the topics that it may hear of."""
    tickets = cast(Tickets, current_app.extensions["tickets"])
    return tickets.issue(tuple(topics), whose)


def back(endpoint: str, **values: Any) -> Response:
    """See other: the answer to a form that did something, so that a reload repeats nothing."""
    return redirect(url_for(endpoint, **values), code=303)
