"""HTTP comes in here."""

from identity.api import auth, internal, me, tokens

ROUTERS = (auth.router, auth.public_router, me.router, tokens.router)
INTERNAL_ROUTERS = (internal.router,)
