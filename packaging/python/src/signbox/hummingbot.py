"""hummingbot without the secrets: `python -m signbox.hummingbot binance=binance/main -- bin/hummingbot.py`.

Each pair is a connector of hummingbot and the key for it. Give hummingbot's `connect` the API key and for the secret the text of
`signbox.placeholder.TEXT`. Connectors build and sign their requests as ever; what they have signed with the placeholder
goes to the signer on its way to aiohttp. REST alone: WebSocket logins are not signed.
"""

from __future__ import annotations

import runpy
import sys
from typing import Any
from urllib.parse import urlencode

from yarl import URL

from .signer import AsyncSigner, Signer, shared


def install(keys: dict[str, str | Signer]) -> None:
    """Has the requests of these connectors signed: `{"binance": "binance/main"}`."""
    from hummingbot.core.web_assistant.rest_assistant import RESTAssistant

    authenticate = RESTAssistant._authenticate

    async def authenticate_and_sign(assistant: Any, request: Any) -> Any:
        request = await authenticate(assistant, request)
        key = keys.get(connector(assistant._auth)) if request.is_auth_required else None
        if key is not None:
            await rewrite(request, AsyncSigner(shared(key)))
        return request

    RESTAssistant._authenticate = authenticate_and_sign


def connector(auth: Any) -> str:
    """The connector that an authenticator belongs to: hummingbot.connector.exchange.NAME.NAME_auth, or derivative."""
    parts = type(auth).__module__.split(".")
    return parts[3] if parts[:2] == ["hummingbot", "connector"] and len(parts) > 4 else ""


async def rewrite(request: Any, signer: AsyncSigner) -> None:
    """Gives a RESTRequest the form that goes over the wire, has it signed, and keeps aiohttp from giving it another."""
    url, body, headers = request.url, request.data, dict(request.headers or {})
    if request.params:
        # Everything escaped: aiohttp leaves a ':' as it is, and HTX counts it as escaped.
        url += ("&" if "?" in url else "?") + urlencode(request.params, doseq=True)
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    signed = await signer.sign(request.method.value, url, headers, body)
    request.url, request.params = URL(signed["url"], encoded=True), None
    request.headers, request.data = signed["headers"], signed["body"]


def main(arguments: list[str]) -> None:
    """Runs a program of hummingbot's with these keys."""
    pairs = [argument.partition("=") for argument in arguments[: arguments.index("--")]] if "--" in arguments else []
    program = arguments[len(pairs) + 1 :]
    if not program or not all(key for _, _, key in pairs):
        sys.exit("usage: python -m signbox.hummingbot CONNECTOR=EXCHANGE/LABEL... -- bin/hummingbot.py [ARGUMENT...]")
    install({name: key for name, _, key in pairs})
    sys.argv = program
    sys.path.insert(0, "")
    runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
