"""The web: parse a request, call one action or query, answer. `create_web` puts it together."""

from collections.abc import Callable

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from supportdesk.actions.runtime import Runtime
from supportdesk.web.agents import agents
from supportdesk.web.assets import YEAR_SECONDS, assets_of, version_of_assets
from supportdesk.web.context import RUNTIME, end_readings
from supportdesk.web.customers import customers
from supportdesk.web.doors import doors
from supportdesk.web.errors import explain_errors
from supportdesk.web.files import files
from supportdesk.web.forms import LARGEST_ID
from supportdesk.web.gate import guard
from supportdesk.web.hand_overs import hand_overs
from supportdesk.web.health import IS_DRAINING, health
from supportdesk.web.inbox import inbox
from supportdesk.web.language import translate
from supportdesk.web.ledger import ledger
from supportdesk.web.mailboxes import mailboxes
from supportdesk.web.observe import observe
from supportdesk.web.operations import operations
from supportdesk.web.preferences import preferences
from supportdesk.web.quarantine import quarantine
from supportdesk.web.sandbox import sandbox
from supportdesk.web.search import search
from supportdesk.web.security import secure
from supportdesk.web.shell import furnish
from supportdesk.web.suppressions import suppressions
from supportdesk.web.tickets import tickets

BLUEPRINTS = (
    health,
    doors,
    preferences,
    inbox,
    search,
    tickets,
    customers,
    hand_overs,
    quarantine,
    suppressions,
    files,
    operations,
    agents,
    ledger,
    mailboxes,
    sandbox,
)


class IdConverter(IntegerConverter):
    """A number in an address, as large as the database's ids can be; a larger one is nothing."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=LARGEST_ID)


def create_web(runtime: Runtime, *, is_draining: Callable[[], bool] = lambda: False) -> Flask:
    """Build the WSGI application on a running service's parts.

    `is_draining` tells that this web is about to end: it answers, but asks for nothing new.
    """
    # The address of our files holds a digest of them: they may be kept for ever, and modules
    # that import each other by relative paths stay together.
    version = version_of_assets()
    app = Flask(__name__, static_url_path=f"/static/{version}")
    app.url_map.converters["int"] = IdConverter
    app.extensions[RUNTIME] = runtime
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR_SECONDS
    app.extensions[IS_DRAINING] = is_draining
    observe(app, runtime)
    end_readings(app)
    secure(app, runtime)
    guard(app)
    translate(app, runtime.settings.language)
    explain_errors(app)
    furnish(app, icons_url=f"/icons/{version}.svg", bootstrap_url=f"/bootstrap/{version}.css")
    app.register_blueprint(assets_of(version))
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if runtime.settings.trusted_proxies:
        # Only the visitor's address: our own address and scheme come from public_url.
        count = runtime.settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign] # as Flask's documentation does
            app.wsgi_app, x_for=count, x_proto=0, x_host=0
        )
    return app
