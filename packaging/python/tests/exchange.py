"""A stand-in for an exchange on this machine: it knows the true secret, verifies each signed request, and says what it saw.

How each exchange signs is written down here from its documentation, in a line or two; nothing of signbox is used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

SECRET = base64.b64encode(hashlib.sha384(b"a made-up secret").digest()).decode()  # 64 characters, base64 and text
KEY, PASSPHRASE = "FAKEkeyFAKEkeyFAKEkey", "made-up-Passphrase-1"
RECORD = {"key": KEY, "secret": SECRET, "passphrase": PASSPHRASE}


class Seen(NamedTuple):
    """A request as it came in; `good` is None where nothing in it says that it is signed."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    good: bool | None

    @property
    def target(self) -> str:
        return self.path + ("?" + self.query if self.query else "")


class Exchange:
    """A server for one exchange, on a free port, until the end of the `with`. `answers` are JSON, or make it, by pattern of 'METHOD /path'."""

    def __init__(self, name: str, answers: dict[str, Any] | None = None, default: Any = None) -> None:
        self.name, self.answers, self.default = name, answers or {}, {} if default is None else default
        self.seen: list[Seen] = []
        self._server = Server(("127.0.0.1", 0), handler(self))
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"

    @property
    def signed(self) -> list[Seen]:
        return [one for one in self.seen if one.good is not None]

    def answer(self, request: Seen) -> Any:
        told = f"{request.method} {request.path}"
        answer = next((answer for what, answer in self.answers.items() if re.search(what, told)), self.default)
        return answer(self) if callable(answer) else answer

    def __enter__(self) -> Exchange:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that hangs up is none
            super().handle_error(request, client_address)


def handler(exchange: Exchange) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            path, _, query = self.path.partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Seen(self.command, path, query, headers, body, None)
            try:
                good = VERIFY[exchange.name](request)
            except (KeyError, ValueError):
                good = False
            exchange.seen.append(request._replace(good=good))
            content = json.dumps(exchange.answer(request) if good is not False else {"error": "bad signature"}).encode()
            self.send_response(401 if good is False else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def mac(text: str, digest: str = "sha256", secret: bytes = SECRET.encode()) -> bytes:
    return hmac.new(secret, text.encode(), digest).digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def fresh(milliseconds: str, good: bool) -> bool:
    """A signature counts while its time is near."""
    return good and abs(int(milliseconds) / 1000 - time.time()) < 30


def in_parameters(key_header: str) -> Callable[[Seen], bool | None]:
    """Binance and its like: the HMAC of all parameters comes last among them."""

    def verify(r: Seen) -> bool | None:
        sent = r.body or r.query
        text, found, signature = sent.rpartition("signature=")
        if not found:
            return None
        good = mac(text.rstrip("&")).hex() == signature and r.headers[key_header] == KEY
        return fresh(dict(parse_qsl(sent))["timestamp"], good)

    return verify


def bybit(r: Seen) -> bool | None:
    if "x-bapi-sign" not in r.headers:
        return None
    stamp, window = r.headers["x-bapi-timestamp"], r.headers["x-bapi-recv-window"]
    good = mac(stamp + KEY + window + (r.body or r.query)).hex() == r.headers["x-bapi-sign"]
    return fresh(stamp, good and r.headers["x-bapi-api-key"] == KEY)


def okx(r: Seen) -> bool | None:
    if "ok-access-sign" not in r.headers:
        return None
    wanted = b64(mac(r.headers["ok-access-timestamp"] + r.method + r.target + r.body))
    return wanted == r.headers["ok-access-sign"] and r.headers["ok-access-passphrase"] == PASSPHRASE


def bitget(r: Seen) -> bool | None:
    if "access-sign" not in r.headers:
        return None
    stamp = r.headers["access-timestamp"]
    wanted = b64(mac(stamp + r.method + r.target + r.body))
    return fresh(stamp, wanted == r.headers["access-sign"] and r.headers["access-passphrase"] == PASSPHRASE)


def kraken(r: Seen) -> bool | None:
    if "api-sign" not in r.headers:
        return None
    inner = hashlib.sha256((dict(parse_qsl(r.body))["nonce"] + r.body).encode()).digest()
    wanted = hmac.new(base64.b64decode(SECRET), r.path.encode() + inner, "sha512").digest()
    return b64(wanted) == r.headers["api-sign"] and r.headers["api-key"] == KEY


def kucoin(r: Seen) -> bool | None:
    if "kc-api-sign" not in r.headers:
        return None
    stamp = r.headers["kc-api-timestamp"]
    good = b64(mac(stamp + r.method + r.target + r.body)) == r.headers["kc-api-sign"]
    return fresh(stamp, good and b64(mac(PASSPHRASE)) == r.headers["kc-api-passphrase"])


def gate(r: Seen) -> bool | None:
    if "sign" not in r.headers:
        return None
    hashed = hashlib.sha512(r.body.encode()).hexdigest()
    text = "\n".join([r.method, r.path, r.query, hashed, r.headers["timestamp"]])
    return mac(text, "sha512").hex() == r.headers["sign"] and r.headers["key"] == KEY


def coinbaseexchange(r: Seen) -> bool | None:
    if "cb-access-sign" not in r.headers:
        return None
    text = r.headers["cb-access-timestamp"] + r.method + r.target + r.body
    good = b64(mac(text, secret=base64.b64decode(SECRET))) == r.headers["cb-access-sign"]
    return good and r.headers["cb-access-passphrase"] == PASSPHRASE


def coinbase(r: Seen) -> bool | None:
    if "cb-access-sign" not in r.headers:
        return None
    path = r.path if "/v3/" in r.path else r.target
    return mac(r.headers["cb-access-timestamp"] + r.method + path + r.body).hex() == r.headers["cb-access-sign"]


def bitfinex(r: Seen) -> bool | None:
    if "bfx-signature" not in r.headers:
        return None
    text = f"/api{r.path}{r.headers['bfx-nonce']}{r.body}"
    return mac(text, "sha384").hex() == r.headers["bfx-signature"] and r.headers["bfx-apikey"] == KEY


def htx(r: Seen) -> bool | None:
    query = dict(parse_qsl(r.query))
    if "Signature" not in query:
        return None
    signature = query.pop("Signature")
    text = "\n".join([r.method, r.headers["host"], r.path, urlencode(sorted(query.items()))])
    return b64(mac(text)) == signature and query["AccessKeyId"] == KEY


def gemini(r: Seen) -> bool | None:
    if "x-gemini-signature" not in r.headers:
        return None
    payload = r.headers["x-gemini-payload"]
    good = mac(payload, "sha384").hex() == r.headers["x-gemini-signature"]
    return good and json.loads(base64.b64decode(payload))["request"] == urlsplit(r.path).path


VERIFY: dict[str, Callable[[Seen], bool | None]] = {
    "binance": in_parameters("x-mbx-apikey"),
    "mexc": in_parameters("x-mexc-apikey"),
    **{one.__name__: one for one in (bybit, okx, bitget, kraken, kucoin, gate, coinbaseexchange, coinbase)},
    **{one.__name__: one for one in (bitfinex, htx, gemini)},
    "hyperliquid": lambda request: None,  # what it gets is compared with what ccxt sends
}
