"""Signs what requests sends: `requests.post(url, auth=signbox.requests.Auth("kraken/main"))`, or as the `auth` of a session."""

from __future__ import annotations

from collections.abc import Callable

from requests import PreparedRequest
from requests.auth import AuthBase

from .errors import BadRequest
from .signer import Signer, shared


class Auth(AuthBase):
    """Has each request signed with a key; with `when`, those of whose URL and body it says so.

    For a library that signs by itself: give it placeholders, and its session this.
    """

    def __init__(self, key: str | Signer, when: Callable[[str, bytes], bool] | None = None) -> None:
        self.key, self._when = key, when

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        url, body = request.url or "", request.body or b""
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, bytes):
            raise BadRequest("a body that is a stream cannot be signed: give it as text", "bad_request")
        if self._when is not None and not self._when(url, body):
            return request
        signed = shared(self.key).sign(request.method or "GET", url, dict(request.headers), body or None)
        request.url = signed["url"]
        request.headers.update(signed["headers"])
        if signed["body"] is not None:
            request.body = signed["body"].encode()
            request.headers["Content-Length"] = str(len(request.body))
        return request
