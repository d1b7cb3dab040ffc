"""WebSocket logins of ccxt.pro, against a server on this machine that verifies each with the true secret."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import suppress

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
from aiohttp import WSMsgType, web
from exchange import KEY, PASSPHRASE, RECORD, SECRET, Exchange, b64, fresh, mac
from markets import CASES, Case, ready
from test_memory import copies

import signbox
import signbox.ccxt

GRANTS = ["read", "trade", "login"]


class Sockets:
    """A WebSocket server, until the end of the `with`: what came in is `seen`, and `good` says of each login whether it is true."""

    def __init__(self, name):
        self.verify, self.answer = SERVERS.get(name, (lambda message: None, None))
        self.seen, self.good, self.paths = [], [], []
        self._loop = asyncio.new_event_loop()
        self._runner = None

    def __enter__(self):
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        port = asyncio.run_coroutine_threadsafe(self._started(), self._loop).result(10)
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}"
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _started(self):
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return site._server.sockets[0].getsockname()[1]

    async def _serve(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.paths.append(request.path_qs)
        async for frame in socket:
            if frame.type != WSMsgType.TEXT:
                continue
            message = json.loads(frame.data)
            try:
                good = self.verify(message)
            except (KeyError, IndexError, TypeError, ValueError):
                good = False
            self.seen.append(message)
            if good is not None:
                self.good.append(good)
            if good:
                await socket.send_json(self.answer(message) if self.answer else {})
        return socket


def binance(message):
    if "signature" not in message["method"]:
        return None
    sent = dict(message["params"])
    signature = sent.pop("signature")
    text = "&".join(f"{name}={sent[name]}" for name in sorted(sent))
    return fresh(sent["timestamp"], mac(text).hex() == signature and sent["apiKey"] == KEY)


def expiring(operation):
    """Bybit and BitMEX: the HMAC of 'GET/realtime' and an end, which is near."""

    def verify(message):
        if message["op"] != operation:
            return None
        key, expires, signature = message["args"]
        milliseconds = int(expires) * (1000 if operation == "authKeyExpires" else 1)
        return fresh(milliseconds, mac(f"GET/realtime{expires}").hex() == signature and key == KEY)

    return verify


def passphrase(path):
    """OKX and Bitget: time, method and a path."""

    def verify(message):
        if message["op"] != "login":
            return None
        (sent,) = message["args"]
        good = b64(mac(sent["timestamp"] + "GET" + path)) == sent["sign"] and sent["passphrase"] == PASSPHRASE
        return fresh(int(sent["timestamp"]) * 1000, good and sent["apiKey"] == KEY)

    return verify


def gate(message):
    if message["event"] == "api":
        sent = message["payload"]
        stamp, key, signature = sent["timestamp"], sent["api_key"], sent["signature"]
        text = f"api\n{message['channel']}\n{{}}\n{stamp}"
    else:
        stamp, key, signature = message["time"], message["auth"]["KEY"], message["auth"]["SIGN"]
        text = f"channel={message['channel']}&event={message['event']}&time={stamp}"
    return fresh(int(stamp) * 1000, mac(text, "sha512").hex() == signature and key == KEY)


def coinbaseexchange(message):
    if "signature" not in message:
        return None
    stamp = str(message["timestamp"])
    wanted = b64(mac(stamp + "GET/users/self/verify", secret=base64.b64decode(SECRET)))
    return wanted == message["signature"] and (message["key"], message["passphrase"]) == (KEY, PASSPHRASE)


def deribit(message):
    if message["method"] != "public/auth":
        return None
    sent = message["params"]
    text = f"{sent['timestamp']}\n{sent['nonce']}\n{sent['data']}"
    return fresh(sent["timestamp"], mac(text).hex() == sent["signature"] and sent["client_id"] == KEY)


# How each exchange verifies a login, None for a message that is none, and what it answers to a good one.
SERVERS = {
    "binance": (binance, lambda message: {"id": message["id"], "status": 200, "result": {"subscriptionId": 0}}),
    "bybit": (expiring("auth"), lambda _: {"success": True, "ret_msg": "", "op": "auth", "conn_id": "1"}),
    "okx": (passphrase("/users/self/verify"), lambda _: {"event": "login", "code": "0", "msg": ""}),
    "bitget": (passphrase("/user/verify"), lambda _: {"event": "login", "code": 0}),
    "gate": (gate, lambda _: {"request_id": "authenticated", "header": {"status": "200"}}),
    "coinbaseexchange": (coinbaseexchange, None),
    "deribit": (deribit, lambda message: {"jsonrpc": "2.0", "id": message["id"], "result": {"access_token": "1"}}),
    "bitmex": (expiring("authKeyExpires"), lambda _: {"success": True}),
}
CCXT = [name for name in SERVERS if name != "bitmex"]
# The message that comes after the login, by what stands in it; at the others the login is the subscription.
NEXT = {"bybit": "order", "okx": "orders", "bitget": "orders", "deribit": "user.orders"}


class BitMEX(ccxt.async_support.Exchange):
    """BitMEX is not in this ccxt; what it wants to see is in its documentation, and ccxt has sent that."""

    async def watch_orders(self, symbol):
        url = self.urls["api"]["ws"]
        expires = self.seconds() + 5
        signature = self.hmac(self.encode(f"GET/realtime{expires}"), self.encode(self.secret))
        message = {"op": "authKeyExpires", "args": [self.apiKey, expires, signature]}
        return await self.watch(url, "login", message, "login")

    def handle_message(self, client, message):
        client.resolve(message, "login")


BitMEX.__name__ = "bitmex"


def made(name, sockets, rest=None, config=None):
    """The exchange of ccxt.pro, signed, and with all its URLs on this machine."""
    exchange = signbox.ccxt.signed(getattr(ccxt.pro, name, BitMEX), f"{name}/main")(config)
    if name == "bitmex":
        exchange.urls["api"] = {"ws": "wss://bitmex"}
    ready(exchange, rest or sockets, CASES.get(name, Case("LTC_USDT", {})))
    exchange.options.update(uta=False, enableUnifiedMargin=False, enableUnifiedAccount=True)  # else it asks by REST

    def local(urls):
        if isinstance(urls, dict):
            return {key: local(url) for key, url in urls.items()}
        return re.sub(r"^wss://[^/]*", f"ws://{sockets.host}", urls) if isinstance(urls, str) else urls

    exchange.urls["api"] = local(exchange.urls["api"])
    return exchange


def run(exchange, call, until=None):
    """Runs a call of the exchange until it ends, or something is so."""

    async def main():
        exchange.open()
        task = asyncio.ensure_future(call(exchange))
        try:
            for _ in range(1000):
                if task.done() or (until and until()):
                    break
                await asyncio.sleep(0.01)
            else:
                pytest.fail("it has taken ten seconds")
            return await task if task.done() else None
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
            await exchange.close()

    return asyncio.run(main())


def orders(exchange):
    return exchange.watch_orders("LTC/USDT")


@pytest.mark.parametrize("name", SERVERS)
def test_a_login_is_the_true_one_and_what_comes_after_it_passes(name, key):
    key(f"{name}/main", **RECORD, allow=GRANTS)
    with Sockets(name) as server:
        run(made(name, server), orders, lambda: server.good and (len(server.seen) > 1 or name not in NEXT))
        assert server.good == [True]
        assert NEXT.get(name, "") in json.dumps(server.seen[-1])
        assert "signbox" not in json.dumps(server.seen)


def test_gate_has_a_login_for_its_api_too(key):
    key("gate/main", **RECORD, allow=GRANTS)
    for market in ("spot", "futures"):
        with Sockets("gate") as server:
            exchange = made("gate", server)
            run(exchange, lambda one: one.authenticate(f"ws://{server.host}/", market), lambda: server.good)  # noqa: B023
            assert server.good == [True] and server.seen[0]["channel"] == f"{market}.login"


def test_an_exchange_that_is_there_and_signed_already_logs_in_once(key):
    key("okx/main", **RECORD, allow=GRANTS)

    async def both(exchange):
        await exchange.fetch_balance()
        await orders(exchange)

    with Sockets("okx") as server, Exchange("okx", CASES["okx"].answers, CASES["okx"].default) as rest:
        exchange = signbox.ccxt.attach(made("okx", server, rest), "okx/main")
        run(exchange, both, lambda: len(server.seen) > 1)
        assert server.good == [True] and [one.good for one in rest.signed] == [True]


@pytest.mark.parametrize("name", SERVERS)
def test_without_the_grant_it_is_denied_and_nothing_is_sent(name, key):
    key(f"{name}/main", **RECORD, allow=["read", "trade"])
    with Sockets(name) as server:
        with pytest.raises(ccxt.PermissionDenied) as denied:
            run(made(name, server), orders)
        assert isinstance(denied.value, signbox.Denied) and denied.value.rule == "class-not-granted"
        assert server.paths and not server.seen, "it was connected, and sent nothing"


TOKENS = {
    "kraken": {"GetWebSocketsToken": {"error": [], "result": {"token": "the-token", "expires": 900}}},
    "kucoin": {
        "bullet-private": lambda server: {
            "code": "200000",
            "data": {"token": "the-token", "instanceServers": [{"endpoint": server.socket, "pingInterval": 50000}]},
        }
    },
}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("granted", [True, False])
def test_a_token_is_fetched_with_a_signed_request(name, granted, key):
    # Kraken's is of the class trade, KuCoin's is to be read.
    key(f"{name}/main", **RECORD, allow=["read", "trade"] if granted else ["cancel"])
    with Sockets(name) as server, Exchange(name, TOKENS[name], CASES[name].default) as rest:
        rest.socket = f"ws://{server.host}/"
        exchange = made(name, server, rest)
        if granted:
            run(exchange, orders, lambda: server.seen)
            assert [one.good for one in rest.signed] == [True]
            assert "_noted" not in vars(exchange), "what sign() makes is the signer's to replace"
            assert "the-token" in json.dumps([server.seen, server.paths])
        else:
            with pytest.raises(ccxt.PermissionDenied):
                run(exchange, orders)
            assert not rest.seen and not server.seen


@pytest.mark.parametrize("config", [{}, {"apiKey": KEY}], ids=["placeholder", "key"])
@pytest.mark.parametrize("name", ["binance", "gate"])
def test_an_order_that_is_signed_for_a_websocket_is_not_sent(name, config, key):
    key(f"{name}/main", **RECORD, allow=GRANTS)
    with Sockets(name) as server:
        with pytest.raises(ccxt.BadRequest, match="no login that signbox knows") as refused:
            order = ("LTC/USDT", "limit", "buy", 1, 60)
            run(made(name, server, config=config), lambda exchange: exchange.create_order_ws(*order))
        assert isinstance(refused.value, signbox.BadRequest)
        assert not any("order" in json.dumps(one) for one in server.seen)


# The signature stands in a list, in base64 of its hex, in a member.
@pytest.mark.parametrize("name", ["phemex", "blofin", "cryptocom"])
def test_a_login_that_nobody_has_written_down_is_not_sent(name, key):
    key("binance/main", **RECORD, allow=GRANTS)
    with Sockets(name) as server:
        exchange = signbox.ccxt.signed(getattr(ccxt.pro, name), "binance/main")({"apiKey": KEY})
        exchange.password = PASSPHRASE  # the signature alone gives it away
        url = f"ws://{server.host}/"
        exchange.urls["api"]["ws"] = {
            "phemex": url,
            "cryptocom": {"private": url},
            "blofin": {"swap": {"private": url}},
        }[name]
        with pytest.raises(ccxt.BadRequest, match="no login that signbox knows"):
            run(exchange, lambda one: one.authenticate())
        assert server.paths and not server.seen


def test_a_login_with_a_placeholder_left_in_it_is_not_sent(key):
    key("bybit/main", **RECORD, allow=GRANTS)
    with Sockets("bybit") as server:
        exchange = made("bybit", server)
        with pytest.raises(ccxt.BadRequest, match="placeholder in it"):
            run(exchange, lambda one: one.authenticate(f"ws://{server.host}/", {"note": one.secret}))
        assert server.paths and not server.seen


def test_a_public_message_passes_without_a_signer(key):
    key("okx/main", **RECORD, allow=[])
    signbox.signer.SIGNERS.clear()
    with Sockets("okx") as server:
        run(made("okx", server), lambda exchange: exchange.watch_ticker("LTC/USDT"), lambda: server.seen)
        assert server.seen[0]["op"] == "subscribe" and not server.good
        assert "okx/main" not in signbox.signer.SIGNERS


def test_a_record_without_an_api_key_sends_none(key):
    key("okx/main", secret=SECRET, passphrase=PASSPHRASE, allow=GRANTS)
    with Sockets("okx") as server:
        with pytest.raises(ccxt.BadRequest, match="a login needs the one of the record"):
            run(made("okx", server, config={"apiKey": KEY}), orders)
        assert server.paths and not server.seen


# Logs in, says so, and waits. Knows no secret but what it is given.
BOT = """
import asyncio, json, sys
import ccxt.pro
import signbox.ccxt

async def main():
    exchange = {make}
    exchange.urls["api"]["ws"] = "ws://{host}/"
    await exchange.authenticate()
    print("in", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await exchange.close()

asyncio.run(main())
"""
SIGNED = 'signbox.ccxt.signed(ccxt.pro.okx, "okx/main")()'
PLAIN = "ccxt.pro.okx(json.load(open({config!r})))"


@pytest.mark.skipif(os.geteuid() != 0, reason="searching another process's memory wants root")
def test_a_bot_that_has_logged_in_has_no_copy_of_the_secret_and_with_plain_ccxt_it_has(key, tmp_path):
    key("okx/main", **RECORD, allow=GRANTS)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"apiKey": KEY, "secret": SECRET, "password": PASSPHRASE}))
    counts = []
    for command, make in [
        (["signbox", "run", "okx/main", "--"], SIGNED),
        ([], SIGNED),
        ([], PLAIN.format(config=str(config))),
    ]:
        with Sockets("okx") as server:
            program = BOT.format(make=make, host=server.host)
            bot = subprocess.Popen(
                [*command, sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            try:
                assert bot.stdout.readline() == "in\n"
                counts.append(copies(bot.pid))
            finally:
                bot.stdin.close()
                bot.wait(10)
            assert server.good == [True]
    assert counts[:2] == [0, 0] and counts[2] >= 1, counts
