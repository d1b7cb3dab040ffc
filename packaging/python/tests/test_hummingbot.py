"""hummingbot's own authenticators and REST client through signbox, from the source of its release.

The package has parts in Cython that pip cannot build without a compiler's environment of its own; its REST client and most
authenticators are plain Python, and run here from the unpacked source that HUMMINGBOT_SOURCE names. Not run: a whole
connector, and bybit's authenticator, which imports such a part.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
import time

import pytest
from exchange import RECORD, Exchange

import signbox
from signbox.placeholder import TEXT

SOURCE = os.environ.get("HUMMINGBOT_SOURCE")
pytestmark = pytest.mark.skipif(not SOURCE, reason="HUMMINGBOT_SOURCE names no source of hummingbot")

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
# Per connector: the exchange, its authenticator, and requests as its connector makes them: method, path, parameters, data, headers.
CONNECTORS = {
    "binance": ("binance", "BinanceAuth", [
        ("GET", "/api/v3/account", {}, None, FORM),
        ("GET", "/api/v3/myTrades", {"symbol": "LTCUSDT"}, None, FORM),
        ("POST", "/api/v3/order", None, '{"symbol": "LTCUSDT", "side": "BUY", "quantity": "1", "type": "LIMIT", "price": "60"}', FORM),
        ("DELETE", "/api/v3/order", {"symbol": "LTCUSDT", "origClientOrderId": "x-1"}, None, FORM),
    ]),
    "kraken": ("kraken", "KrakenAuth", [
        ("POST", "/0/private/Balance", None, None, FORM),
        ("POST", "/0/private/AddOrder", None, '{"pair": "LTCUSDT", "type": "buy", "ordertype": "limit", "volume": "1", "price": "60"}', FORM),
    ]),
    "kucoin": ("kucoin", "KucoinAuth", [
        ("GET", "/api/v1/accounts", {"type": "trade"}, None, JSON),
        ("POST", "/api/v1/orders", None, '{"symbol": "LTC-USDT", "side": "buy", "clientOid": "1"}', JSON),
    ]),
    "okx": ("okx", "OkxAuth", [
        ("GET", "/api/v5/account/balance", None, None, JSON),
        ("POST", "/api/v5/trade/order", None, '{"instId": "LTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "60", "sz": "1"}', JSON),
    ]),
    "gate_io": ("gate", "GateIoAuth", [
        ("GET", "/api/v4/spot/accounts", None, None, JSON),
        ("POST", "/api/v4/spot/orders", None, '{"currency_pair": "LTC_USDT", "side": "buy", "amount": "1", "price": "60"}', JSON),
    ]),
    "mexc": ("mexc", "MexcAuth", [
        ("GET", "/api/v3/account", {}, None, JSON),
        ("DELETE", "/api/v3/order", {"symbol": "LTCUSDT", "orderId": "1"}, None, JSON),
    ]),
    "bitget": ("bitget", "BitgetAuth", [
        ("GET", "/api/v2/spot/account/assets", {"coin": "LTC"}, None, JSON),
        ("POST", "/api/v2/spot/trade/place-order", None, '{"symbol": "LTCUSDT", "side": "buy", "orderType": "limit", "price": "60", "size": "1"}', JSON),
    ]),
    "htx": ("htx", "HtxAuth", [
        ("GET", "/v1/account/accounts", None, None, JSON),
        ("POST", "/v1/order/orders/place", None, '{"account-id": "7", "symbol": "ltcusdt", "type": "buy-limit", "amount": "1", "price": "60"}', JSON),
    ]),
}  # fmt: skip


@pytest.fixture(scope="module")
def hummingbot():
    sys.path.insert(0, SOURCE)
    import hummingbot.core.web_assistant.rest_assistant as module

    import signbox.hummingbot

    before = module.RESTAssistant._authenticate
    signbox.hummingbot.install({name: f"{exchange}/main" for name, (exchange, *_) in CONNECTORS.items()})
    yield module
    module.RESTAssistant._authenticate = before
    sys.path.remove(SOURCE)


def assistant(hummingbot, connection, connector, kind, paths):
    """What a connector of hummingbot has: the REST client, with the connector's authenticator over placeholders."""
    from hummingbot.connector.time_synchronizer import TimeSynchronizer
    from hummingbot.core.api_throttler.async_throttler import AsyncThrottler
    from hummingbot.core.api_throttler.data_types import RateLimit

    module = importlib.import_module(f"hummingbot.connector.exchange.{connector}.{connector}_auth")
    clock = TimeSynchronizer()
    clock.add_time_offset_ms_sample((time.time() - time.perf_counter()) * 1000)  # as from the exchange's clock
    known = {"api_key": TEXT, "secret_key": TEXT, "passphrase": TEXT, "time_provider": clock}
    wanted = inspect.signature(getattr(module, kind).__init__).parameters
    auth = getattr(module, kind)(**{name: value for name, value in known.items() if name in wanted})
    limits = [RateLimit(path, 100, 1) for path in paths]
    return hummingbot.RESTAssistant(connection=connection, throttler=AsyncThrottler(limits), auth=auth)


@pytest.mark.parametrize("connector", CONNECTORS)
def test_what_a_connector_asks_reaches_the_exchange_with_a_true_signature(connector, hummingbot, key):
    async def main():
        from hummingbot.core.web_assistant.connections.connections_factory import ConnectionsFactory
        from hummingbot.core.web_assistant.connections.data_types import RESTMethod, RESTRequest

        async with ConnectionsFactory() as factory:
            rest = assistant(
                hummingbot, await factory.get_rest_connection(), connector, kind, [row[1] for row in requests]
            )
            with Exchange(exchange) as server:
                for method, path, params, data, headers in requests:
                    request = RESTRequest(
                        method=RESTMethod[method], url=server.url + path, params=params, data=data, headers=dict(headers),
                        is_auth_required=True, throttler_limit_id=path,
                    )  # fmt: skip
                    assert (await rest.call(request)).status == 200, (path, server.seen[-1])
                assert [one.good for one in server.seen] == [True] * len(requests)
                request.is_auth_required = False
                request.url = server.url + "/public"
                await rest.call(request)
                assert server.seen[-1].good is None

    exchange, kind, requests = CONNECTORS[connector]
    key(f"{exchange}/main", **RECORD)
    asyncio.run(main())


def test_a_refusal_goes_to_the_connector_and_nothing_out(hummingbot, key):
    async def main():
        from hummingbot.core.web_assistant.connections.connections_factory import ConnectionsFactory
        from hummingbot.core.web_assistant.connections.data_types import RESTMethod, RESTRequest

        path = "/0/private/Withdraw"
        async with ConnectionsFactory() as factory:
            rest = assistant(hummingbot, await factory.get_rest_connection(), "kraken", "KrakenAuth", [path])
            with Exchange("kraken") as server:
                request = RESTRequest(
                    method=RESTMethod.POST, url=server.url + path, data='{"asset": "XBT", "key": "x", "amount": "1"}',
                    is_auth_required=True, throttler_limit_id=path,
                )  # fmt: skip
                with pytest.raises(signbox.Denied):
                    await rest.call(request)
                assert not server.seen

    key("kraken/main", **RECORD)
    asyncio.run(main())


def test_the_program_is_started_with_its_own_arguments(tmp_path, key):
    """`python -m signbox.hummingbot CONNECTOR=KEY -- PROGRAM ARGUMENT...`"""
    import subprocess

    program = tmp_path / "hummingbot_quickstart.py"
    program.write_text(
        "import sys\nfrom hummingbot.core.web_assistant.rest_assistant import RESTAssistant\n"
        "print(RESTAssistant._authenticate.__module__, sys.argv[1:], __name__)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "signbox.hummingbot", "kraken=kraken/main", "--", str(program), "-p", "x"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": SOURCE},
    )  # fmt: skip
    assert ran.stdout.strip() == "__main__ ['-p', 'x'] __main__", ran.stderr
    for wrong in [[], ["kraken=kraken/main"], ["kraken", "--", str(program)], ["--"]]:
        ran = subprocess.run([sys.executable, "-m", "signbox.hummingbot", *wrong], capture_output=True, text=True)
        assert ran.returncode == 1 and "usage:" in ran.stderr
