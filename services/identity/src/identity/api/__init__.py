"""HTTP comes in here."""

from identity.api import auth, console, internal, me, tokens

ROUTERS = (auth.router, auth.public_router, console.router, me.router, tokens.router)
INTERNAL_ROUTERS = (internal.router,)
