"""Signs what aiohttp sends: `aiohttp.ClientSession(middlewares=(signbox.aiohttp.sign("kraken/main"),))`. Needs aiohttp 3.12."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import BytesPayload, ClientHandlerType, ClientMiddlewareType, ClientRequest, ClientResponse
from aiohttp.payload import Payload
from yarl import URL

from .errors import BadRequest
from .signer import AsyncSigner, Signer, shared


def sign(key: str | Signer, when: Callable[[str, bytes], bool] | None = None) -> ClientMiddlewareType:
    """Returns a middleware that has each request signed with a key; with `when`, those of whose URL and body it says so."""

    async def middleware(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
        url, body = str(request.url), await text_of(request)
        if when is None or when(url, body):
            headers = {str(name): value for name, value in request.headers.items()}  # istr is none to orjson
            signed = await AsyncSigner(shared(key)).sign(request.method, url, headers, body or None)
            request.url = URL(signed["url"], encoded=True)
            request.headers.update(signed["headers"])
            if signed["body"] is not None:
                kind = request.headers.get("Content-Type", "application/octet-stream")
                await request.update_body(BytesPayload(signed["body"].encode(), content_type=kind))
        return await send(request)

    return middleware


async def text_of(request: ClientRequest) -> bytes:
    """The body that aiohttp is about to send."""
    if request.chunked:
        raise BadRequest("a body that is a stream cannot be signed: give it as text", "bad_request")
    return await request.body.as_bytes() if isinstance(request.body, Payload) else request.body or b""
