"""Cookies as Arrow's clients keep them: what a client was given is sent back until it ends."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

from pyarrow import flight

if TYPE_CHECKING:
    from collections.abc import Mapping

SESSION = "arrow_flight_session_id"


class CookieJar(flight.ClientMiddlewareFactory):  # type: ignore[misc]
    """The cookies of one client."""

    def __init__(self, **cookies: str) -> None:
        super().__init__()
        self.cookies = dict(cookies)
        # How often cookies were given or taken.
        self.changes = 0

    def start_call(self, info: object) -> flight.ClientMiddleware:  # noqa: ARG002 - pyarrow's signature
        return _Call(self)

    def hear(self, cookie: str) -> None:
        self.changes += 1
        for name, morsel in SimpleCookie(cookie).items():
            if morsel["max-age"] and int(morsel["max-age"]) <= 0:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


class _Call(flight.ClientMiddleware):  # type: ignore[misc]
    def __init__(self, jar: CookieJar) -> None:
        super().__init__()
        self._jar = jar

    def sending_headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._jar.cookies.items())
        return {"cookie": cookies} if cookies else {}

    def received_headers(self, headers: Mapping[str, list[str | bytes]]) -> None:
        for cookie in headers.get("set-cookie", []):
            self._jar.hear(cookie.decode() if isinstance(cookie, bytes) else cookie)
