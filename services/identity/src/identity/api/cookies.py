"""The cookies by which a browser is known: never shown to a script, sent to the console's own endpoints alone."""

from datetime import timedelta

from fastapi import Request, Response

from identity.settings import Settings

PATH = "/api/v1/auth/console"
SESSION = "space_session"
"""Holds the refresh token."""
QR = "space_qr"
"""Holds what takes the sign-in of the code that this browser shows."""


class Cookies:
    """The cookies of one request and its answer."""

    def __init__(self, request: Request, settings: Settings) -> None:
        self._request = request
        self._is_secure = settings.origin.scheme == "https"

    def read(self, name: str) -> str | None:
        return self._request.cookies.get(self._full(name))

    def keep(self, response: Response, name: str, secret: str, lifetime: timedelta) -> None:
        self._set(response, name, secret, int(lifetime.total_seconds()))

    def drop(self, response: Response, name: str) -> None:
        self._set(response, name, "", 0)

    def _set(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            self._full(name),
            value,
            max_age=seconds,
            path=PATH,
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )

    def _full(self, name: str) -> str:
        # What is called so, a browser takes from HTTPS only: nobody on the way can plant one (RFC 6265bis, 4.1.3.1).
        return f"__Secure-{name}" if self._is_secure else name
