"""The adapters for requests, httpx, aiohttp, python-binance and krakenex, each with the real library and a server that verifies."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import httpx
import pytest
import requests
from exchange import KEY, RECORD, SECRET, Exchange

import signbox
import signbox.aiohttp
import signbox.binance
import signbox.httpx
import signbox.krakenex
import signbox.requests

ORDER = {"symbol": "LTCBTC", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "0.1", "note": "a b+c/ü"}
JSON = json.dumps({"symbol": "LTC-USDT", "side": "buy", "clientOid": "ü-1"})


async def with_httpx(server, key):
    async with httpx.AsyncClient(auth=signbox.httpx.Auth(key), base_url=server.url) as client:
        yield client.get, client.post, client.delete


async def with_aiohttp(server, key):
    async with aiohttp.ClientSession(server.url, middlewares=(signbox.aiohttp.sign(key),)) as session:
        yield session.get, session.post, session.delete


def test_requests(key):
    auth = signbox.requests.Auth(key("binance/main", **RECORD))
    with Exchange("binance") as server:
        url = server.url + "/api/v3/"
        requests.get(url + "account", auth=auth)
        requests.get(url + "openOrders", params={"symbol": "LTCBTC"}, auth=auth)
        requests.post(url + "order", data=ORDER, auth=auth)
        requests.post(url + "order", params=ORDER, auth=auth)
        requests.delete(url + "order?symbol=LTCBTC&orderId=1", auth=auth)
        assert [one.good for one in server.seen] == [True] * 5
        with pytest.raises(signbox.Denied):
            requests.post(
                server.url + "/sapi/v1/capital/withdraw/apply",
                data={"coin": "BTC", "address": "x", "amount": 1},
                auth=auth,
            )
        with pytest.raises(signbox.BadRequest, match="stream"):
            requests.post(url + "order", data=iter([b"symbol=LTCBTC"]), auth=auth)
        requests.get(url + "account", auth=signbox.requests.Auth("binance/main", when=lambda url, body: False))
        assert len(server.seen) == 6 and server.seen[-1].good is None


def test_requests_with_json_and_with_a_body_that_grows(key):
    key("kucoin/main", **RECORD)
    key("kraken/main", **RECORD)
    with Exchange("kucoin") as kucoin, Exchange("kraken") as kraken:
        headers = {"Content-Type": "application/json"}
        kc, kr = signbox.requests.Auth("kucoin/main"), signbox.requests.Auth("kraken/main")
        requests.post(kucoin.url + "/api/v1/orders", data=JSON.encode(), headers=headers, auth=kc)
        requests.post(kucoin.url + "/api/v1/orders", json={"symbol": "LTC-USDT", "side": "buy"}, auth=kc)
        requests.get(kucoin.url + "/api/v1/accounts?currency=BTC", auth=kc)
        requests.post(kraken.url + "/0/private/Balance", auth=kr)
        requests.post(kraken.url + "/0/private/AddOrder", data={"pair": "XBTUSD", "type": "buy"}, auth=kr)
        assert [one.good for one in kucoin.seen + kraken.seen] == [True] * 5
        assert kraken.seen[0].body.startswith("nonce=")


def test_httpx(key):
    auth = signbox.httpx.Auth(key("binance/main", **RECORD))
    with Exchange("binance") as server, httpx.Client(auth=auth, base_url=server.url) as client:
        client.get("/api/v3/account")
        client.get("/api/v3/openOrders", params={"symbol": "LTCBTC"})
        client.post("/api/v3/order", data=ORDER)
        client.delete("/api/v3/order?symbol=LTCBTC&orderId=1")
        assert [one.good for one in server.seen] == [True] * 4
        with pytest.raises(signbox.Denied):
            client.post("/sapi/v1/capital/withdraw/apply", data={"coin": "BTC", "address": "x", "amount": 1})
        assert len(server.seen) == 4
        client.timeout = httpx.Timeout(0.01)
        assert client.build_request("GET", "/").extensions["timeout"]["read"] == 0.01


def test_what_httpx_would_change_is_not_sent(key):
    key("kucoin/main", **RECORD)
    with Exchange("kucoin") as server, httpx.Client(auth=signbox.httpx.Auth("kucoin/main")) as client:
        client.get(server.url + "/api/v1/accounts?currency=BTC&note=%2F%3a+x")
        assert [one.good for one in server.seen] == [True]


async def all_of_them(server, get, post, delete):
    await get("/api/v3/account")
    await get("/api/v3/openOrders", params={"symbol": "LTCBTC"})
    await post("/api/v3/order", data=ORDER)
    await delete("/api/v3/order?symbol=LTCBTC&orderId=1")
    assert [one.good for one in server.seen] == [True] * 4
    with pytest.raises(signbox.Denied):
        await post("/sapi/v1/capital/withdraw/apply", data={"coin": "BTC", "address": "x", "amount": "1"})
    assert len(server.seen) == 4


@pytest.mark.parametrize("library", [with_httpx, with_aiohttp])
def test_httpx_and_aiohttp_in_a_loop(library, key):
    key("binance/main", **RECORD)

    async def main():
        with Exchange("binance") as server:
            async for get, post, delete in library(server, "binance/main"):
                await all_of_them(server, get, post, delete)

    asyncio.run(main())


@pytest.mark.parametrize("library", [with_httpx, with_aiohttp])
def test_json_and_a_body_that_grows_in_a_loop(library, key):
    key("kucoin/main", **RECORD)
    key("kraken/main", **RECORD)

    async def main():
        with Exchange("kucoin") as kucoin, Exchange("kraken") as kraken:
            async for _, post, _ in library(kucoin, "kucoin/main"):
                await post("/api/v1/orders", json={"symbol": "LTC-USDT", "note": "ü"})
            async for _, post, _ in library(kraken, "kraken/main"):
                await post("/0/private/Balance")
                await post("/0/private/AddOrder", data={"pair": "XBTUSD", "type": "buy"})
            assert [one.good for one in kucoin.seen + kraken.seen] == [True] * 3

    asyncio.run(main())


def test_aiohttp_signs_what_when_says_and_no_streams(key):
    key("binance/main", **RECORD)

    async def stream():
        yield b"symbol=LTCBTC&side=BUY"
        yield b"&type=MARKET&quantity=1"

    async def main():
        middleware = signbox.aiohttp.sign("binance/main", when=lambda url, body: "order" in url)
        with Exchange("binance") as server:
            async with aiohttp.ClientSession(server.url, middlewares=(middleware,)) as session:
                await session.get("/api/v3/time")
                with pytest.raises(signbox.BadRequest, match="stream"):
                    await session.post("/api/v3/order", data=stream())
                await session.post("/api/v3/order", data=b"symbol=LTCBTC&side=BUY&type=MARKET&quantity=1")
                assert [one.good for one in server.seen] == [None, True]
                with pytest.raises(signbox.BadRequest, match="UTF-8"):
                    await session.post("/api/v3/order", data=b"\xff")

    asyncio.run(main())


def test_krakenex(key):
    with Exchange("kraken", default={"error": [], "result": {}}) as server:
        api = signbox.krakenex.API(key("kraken/main", **RECORD))
        api.uri = server.url
        assert api.query_private("Balance") == {"error": [], "result": {}}
        api.query_private("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "1"})
        api.query_public("Ticker", {"pair": "XBTUSD"})
        assert [one.good for one in server.seen] == [True, True, None]
        with pytest.raises(signbox.Denied):
            api.query_private("Withdraw", {"asset": "XBT", "key": "mine", "amount": "1"})
        with pytest.raises(TypeError, match="signbox has the key"):
            api.load_key("kraken.key")
        assert SECRET not in repr(vars(api)) and len(server.seen) == 3


BINANCE = {
    "userDataStream": {"listenKey": "x"},
    "account": {"balances": []},
    "openOrders": [],
    "ping": {},
    "/time": {"serverTime": 0},
    "order": {"orderId": 1},
}


def test_python_binance(key):
    key("binance/main", **RECORD)
    with Exchange("binance", BINANCE) as server:
        client = signbox.binance.Client("binance/main", base_endpoint="", ping=False)
        client.API_URL, client.MARGIN_API_URL = server.url + "/api", server.url + "/sapi"
        client.get_account()
        client.get_open_orders(symbol="LTCBTC")
        client.create_order(symbol="LTCBTC", side="BUY", type="LIMIT", quantity=1, price="0.1", timeInForce="GTC")
        client.cancel_order(symbol="LTCBTC", orderId=1)
        assert [one.good for one in server.seen] == [True] * 4
        client.get_server_time()
        assert server.seen[-1].good is None and "x-mbx-apikey" not in server.seen[-1].headers
        client.get_historical_trades(symbol="LTCBTC")
        assert server.seen[-1].headers["x-mbx-apikey"] == KEY and server.seen[-1].good is None
        client.stream_get_listen_key()
        assert server.seen[-1].headers["x-mbx-apikey"] == KEY
        with pytest.raises(signbox.Denied):
            client.withdraw(coin="BTC", address="x", amount=1)
        assert len(server.seen) == 7


def test_python_binance_in_a_loop(key):
    key("binance/main", **RECORD)

    async def main():
        import time

        answers = {**BINANCE, "/time": {"serverTime": int(time.time() * 1000)}}
        with Exchange("binance", answers) as server:
            client = signbox.binance.AsyncClient("binance/main")
            client.API_URL, client.MARGIN_API_URL = server.url + "/api", server.url + "/sapi"
            try:
                await client.get_account()
                await client.create_order(
                    symbol="LTCBTC", side="BUY", type="LIMIT", quantity=1, price="0.1", timeInForce="GTC"
                )
                await client.cancel_order(symbol="LTCBTC", orderId=1)
                assert [one.good for one in server.seen] == [True] * 3
                await client.get_server_time()
                assert server.seen[-1].good is None and "x-mbx-apikey" not in server.seen[-1].headers
                with pytest.raises(signbox.Denied):
                    await client.withdraw(coin="BTC", address="x", amount=1)
            finally:
                await client.close_connection()

    asyncio.run(main())
