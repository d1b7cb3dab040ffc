"""Signs what httpx sends: `httpx.Client(auth=signbox.httpx.Auth("kraken/main"))`, and the same for `httpx.AsyncClient`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx

from .errors import BadRequest
from .signer import AsyncSigner, Signed, Signer, shared


class Auth(httpx.Auth):
    """Has each request signed with a key."""

    requires_request_body = True

    def __init__(self, key: str | Signer) -> None:
        self.key = key

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        body = request.read() or None
        signed = shared(self.key).sign(request.method, str(request.url), dict(request.headers), body)
        yield rewritten(request, signed)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        body = await request.aread() or None
        signer = AsyncSigner(shared(self.key))
        yield rewritten(request, await signer.sign(request.method, str(request.url), dict(request.headers), body))


def rewritten(request: httpx.Request, signed: Signed) -> httpx.Request:
    """A request with exactly these bytes, and what httpx has noted about it."""
    made = httpx.Request(
        signed["method"],
        signed["url"],
        headers=signed["headers"],
        content=None if signed["body"] is None else signed["body"].encode(),
        extensions=request.extensions,
    )
    if str(made.url) != signed["url"]:
        raise BadRequest(f"httpx would send {made.url} for {signed['url']}, which is what was signed", "bad_request")
    return made
