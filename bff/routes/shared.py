"""What every door shares: the house behind it, who is asking, live tickets, and answers in the right language."""

import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

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
    """Switched to just now, else asked for in the address, else chosen before, else the one that the sender chose for
    the signer (set by the door), else one's own, else the browser's."""
    chosen = g.get("switched_to") or request.args.get("lang") or request.cookies.get(LANGUAGE)
    asked = chosen or g.get("preferred_language")
    if asked in LANGUAGES:
        return cast(str, asked)
    if (who := g.get("person")) is not None:
        return cast(str, who.language)
    return best(request.accept_languages.best_match(["zh-CN", "zh", "en"], "en"))


def switched() -> bool:
    """Whether a form came back by a language button instead of its own: then the page is shown again, as filled."""
    wanted = request.form.get("speak")
    if wanted not in LANGUAGES:
        return False
    g.switched_to = wanted
    return True


def speaks(response: Response, chosen: str) -> Response:
    """Remember the language in this browser; a year, as long as it is one of ours."""
    if chosen in LANGUAGES:
        secure = house().settings.https
        response.set_cookie(LANGUAGE, chosen, max_age=31_536_000, samesite="Lax", httponly=True, secure=secure)
    return response


def here() -> str:
    """Where a language button leads back to: this page; where a form was sent, the page that the form is on."""
    if request.method in ("GET", "HEAD"):
        return request.path if "lang" in request.args else request.full_path.rstrip("?")
    came_from = urlsplit(request.referrer or "")
    pages = [request.path, *([came_from.path] if came_from.netloc == request.host else []), "/"]
    known = current_app.create_url_adapter(request)
    return next(path for path in pages if known is None or known.test(path, "GET"))


def live_ticket(topics: Sequence[str], whose: str) -> str:
    """What a page hands to `/live`: the topics that it may hear of."""
    tickets = cast(Tickets, current_app.extensions["tickets"])
    return tickets.issue(tuple(topics), whose)


def parsed(text: str) -> Any:
    """JSON from outside; None for nonsense, for nesting beyond reason and for text that no database keeps."""
    try:
        value = json.loads(text)
        again = json.dumps(value, ensure_ascii=False)
        again.encode()  # lone surrogates
    except (ValueError, RecursionError):
        return None
    return None if "\\u0000" in again else value


def parsed_body() -> Any:
    return parsed(request.get_data(as_text=True))


def an_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def back(endpoint: str, **values: Any) -> Response:
    """See other: the answer to a form that did something, so that a reload repeats nothing."""
    return redirect(url_for(endpoint, **values), code=303)
