"""Unified calls of the real ccxt through signbox, at thirteen exchanges, against servers that verify with the true secret."""

from __future__ import annotations

import asyncio
import re
from typing import Any, NamedTuple

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
from exchange import RECORD, Exchange

import signbox
import signbox.ccxt

ALL = ["read", "trade", "cancel", "transfer", "withdraw"]
ADDRESS = "ltc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"


class Case(NamedTuple):
    """What an exchange calls the market, what it answers to everything, and to paths that end so."""

    market: str
    default: Any
    answers: dict[str, Any] = {}
    withdraw: dict[str, Any] = {}


CASES = {
    "binance": Case("LTCUSDT", {"orderId": 1, "id": "1", "balances": []}, {"openOrders": []}, {"network": "LTC"}),
    "bybit": Case("LTCUSDT", {"retCode": 0, "result": {"orderId": "1", "id": "1", "list": []}}, {}, {"network": "LTC"}),
    "okx": Case("LTC-USDT", {"code": "0", "data": [{"ordId": "1", "sCode": "0", "details": [], "wdId": "1"}]}, {"orders-pending": {"code": "0", "data": []}}, {"network": "LTC", "fee": "0.001"}),
    "kraken": Case("LTCUSDT", {"error": [], "result": {"txid": ["1"], "refid": "1", "count": 1, "open": {}}}, {}, {"key": "my-wallet"}),
    "kucoin": Case("LTC-USDT", {"code": "200000", "data": {"orderId": "1", "withdrawalId": "1", "items": []}}, {"accounts": {"code": "200000", "data": []}}, {"network": "LTC"}),
    "gate": Case("LTC_USDT", {"id": "1", "status": "open"}, {"open_orders": [], "spot/accounts": []}, {"network": "LTC"}),
    "bitget": Case("LTCUSDT", {"code": "00000", "data": {"orderId": "1"}}, {"assets": {"code": "00000", "data": []}, "unfilled-orders": {"code": "00000", "data": []}}, {"network": "LTC"}),
    "mexc": Case("LTCUSDT", {"orderId": "1", "id": "1", "balances": []}, {"openOrders": []}, {"network": "LTC"}),
    "coinbaseexchange": Case("LTC-USDT", {"id": "1"}, {"accounts": [], "GET /orders": []}, {}),
    "bitfinex": Case("tLTCUST", [0, "on-req", None, None, [[1, None, 7, "tLTCUST", 1, 1, 1, 1, "EXCHANGE LIMIT"] + [None] * 24], None, "SUCCESS", "ok"], {"r/wallets": [], "r/orders/tLTCUST": [], "order/cancel": [0, "oc-req", None, None, [1, None, 7, "tLTCUST", 1, 1, 1, 1, "EXCHANGE LIMIT"] + [None] * 24, None, "SUCCESS", "ok"], "w/withdraw": [1, "acc_wd-req", None, None, [7, None, "litecoin", None, "exchange", 1, None, None, 0.1], None, "SUCCESS", "ok"]}, {"network": "LTC"}),
    "htx": Case("ltcusdt", {"status": "ok", "code": 200, "data": "1"}, {"account/accounts": {"status": "ok", "data": [{"id": 7, "type": "spot"}]}, "balance": {"status": "ok", "data": {"list": []}}, "openOrders": {"status": "ok", "data": []}}, {"network": "LTC"}),
    "gemini": Case("ltcusdt", {"order_id": "1", "symbol": "ltcusdt", "result": "ok", "txHash": "1"}, {"balances": [], "v1/orders": []}, {}),
    "coinbase": Case("LTC-USDT", {"success": True, "success_response": {"order_id": "1"}, "results": [{"success": True, "order_id": "1"}], "orders": [], "data": {"id": "1"}, "accounts": [], "has_next": False}, {"/accounts": {"accounts": [{"uuid": "7", "name": "LTC Wallet", "currency": "LTC", "type": "ACCOUNT_TYPE_CRYPTO", "available_balance": {"value": "1", "currency": "LTC"}, "hold": {"value": "0", "currency": "LTC"}}]}}, {}),
}  # fmt: skip


def ready(exchange: Any, server: Exchange, case: Case) -> Any:
    """Sends an exchange's requests to the server, and spares it the loading of markets."""

    def local(urls: Any) -> Any:
        if isinstance(urls, dict):
            return {name: local(url) for name, url in urls.items()}
        return re.sub(r"^https://[^/]*", server.url, urls) if isinstance(urls, str) else urls

    exchange.urls["api"] = local(exchange.urls["api"])
    exchange.hostname = server.host
    exchange.options["networks"] = {**(exchange.options.get("networks") or {}), "LTC": "LTC"}
    exchange.options["networkChainIdsByNames"] = {"LTC": {"LTC": "ltc"}}  # htx learns it with its markets
    exchange.enableRateLimit = False
    step = 1e-8 if exchange.precisionMode == ccxt.TICK_SIZE else 8
    market = exchange.safe_market_structure(
        {
            "id": case.market, "lowercaseId": case.market.lower(), "symbol": "LTC/USDT", "base": "LTC", "quote": "USDT", "baseId": "LTC", "quoteId": "USDT",
            "type": "spot", "spot": True, "margin": False, "swap": False, "future": False, "option": False, "contract": False, "active": True,
            "precision": {"amount": step, "price": step}, "limits": {"amount": {}, "price": {}, "cost": {}, "leverage": {}}, "info": {"orderTypes": ["LIMIT"]},
        }
    )  # fmt: skip
    network = {"id": "LTC", "network": "LTC", "active": True, "fee": 0.001, "precision": 1e-8, "limits": {}, "info": {}}
    currency = {"precision": 1e-8, "fee": 0.001, "networks": {"LTC": network}, "active": True, "limits": {}, "info": {}}
    codes = {"LTC": {**currency, "id": "LTC", "code": "LTC"}, "USDT": {**currency, "id": "USDT", "code": "USDT"}}
    exchange.set_markets([market], codes)
    return exchange


def calls() -> dict[str, tuple[Any, ...]]:
    """The five calls, and with what."""
    return {
        "create_order": ("LTC/USDT", "limit", "buy", 1, 60),
        "cancel_order": ("1", "LTC/USDT"),
        "fetch_balance": (),
        "fetch_open_orders": ("LTC/USDT",),
        "withdraw": ("LTC", 1, ADDRESS),
    }


def made(module: Any, name: str) -> Any:
    return signbox.ccxt.signed(getattr(module, name), f"{name}/main")()


@pytest.mark.parametrize("name", CASES)
def test_the_unified_calls_reach_the_exchange_with_true_signatures(name, key):
    key(f"{name}/main", **RECORD, allow=ALL)
    case = CASES[name]
    with Exchange(name, case.answers, case.default) as server:
        exchange = ready(made(ccxt, name), server, case)
        for call, arguments in calls().items():
            before = len(server.signed)
            getattr(exchange, call)(*arguments, params=case.withdraw if call == "withdraw" else {})
            assert len(server.signed) > before, call
            assert all(one.good for one in server.signed), call


@pytest.mark.parametrize("module", [ccxt.async_support, ccxt.pro], ids=["async", "pro"])
def test_and_so_they_do_async_and_over_the_rest_of_pro(module, key):
    async def all_of_them() -> None:
        for name, case in CASES.items():
            with Exchange(name, case.answers, case.default) as server:
                exchange = ready(made(module, name), server, case)
                try:
                    for call, arguments in calls().items():
                        before = len(server.signed)
                        await getattr(exchange, call)(*arguments, params=case.withdraw if call == "withdraw" else {})
                        assert len(server.signed) > before, f"{name} {call}"
                    assert all(one.good for one in server.signed), name
                finally:
                    await exchange.close()

    for name in CASES:
        key(f"{name}/main", **RECORD, allow=ALL)
    asyncio.run(all_of_them())


@pytest.mark.parametrize("name", CASES)
def test_a_withdrawal_that_is_not_granted_is_a_permission_denied_and_nothing_is_sent(name, key):
    key(f"{name}/main", **RECORD)
    case = CASES[name]
    with Exchange(name, case.answers, case.default) as server:
        exchange = ready(made(ccxt, name), server, case)
        with pytest.raises(ccxt.PermissionDenied) as denied:
            exchange.withdraw("LTC", 1, ADDRESS, params=case.withdraw)
        assert isinstance(denied.value, signbox.Denied) and denied.value.rule in ("class-not-granted", "fits-ungranted")
        assert not isinstance(denied.value, ccxt.OperationFailed), "bots repeat those"
        assert not any("withdraw" in one.path.lower() for one in server.seen)
        exchange.fetch_open_orders("LTC/USDT")
        assert server.signed[-1].good


def test_what_is_public_does_not_reach_the_signer(key):
    key("kraken/main", **RECORD, allow=[])
    with Exchange("kraken", {"Ticker": {"error": [], "result": {"LTCUSDT": {}}}}) as server:
        exchange = ready(made(ccxt, "kraken"), server, CASES["kraken"])
        exchange.fetch_ticker("LTC/USDT")
        assert [one.good for one in server.seen] == [None]
        with pytest.raises(ccxt.PermissionDenied):
            exchange.fetch_balance()


def test_one_line_for_an_exchange_that_is_there(key, caplog):
    key("kraken/main", **RECORD)
    case = CASES["kraken"]
    for module in (ccxt, ccxt.async_support):
        with Exchange("kraken", {}, case.default) as server:
            exchange = ready(module.kraken({"apiKey": "of-the-bot", "secret": "b2xkIHNlY3JldA=="}), server, case)
            signbox.ccxt.attach(exchange, "kraken/main")
            balance = exchange.fetch_balance()
            if module is not ccxt:
                asyncio.run(ended(exchange, balance))
            assert [one.good for one in server.seen] == [True]
            assert "b2xkIHNlY3JldA==" not in repr(vars(exchange)), "the secret that was there is let go of"
            assert "is put aside" in caplog.text and "b2xk" not in caplog.text
            caplog.clear()


async def ended(exchange, waiting):
    try:
        return await waiting
    finally:
        await exchange.close()


def test_the_session_of_ccxt_takes_the_hook_for_requests(key):
    from signbox.requests import Auth

    key("kraken/main", **RECORD)
    with Exchange("kraken", {}, CASES["kraken"].default) as server:
        exchange = ready(ccxt.kraken({"apiKey": "FAKE", "secret": "c2lnbmJveA=="}), server, CASES["kraken"])
        exchange.session.auth = Auth("kraken/main", when=lambda url, body: "/private/" in url)
        exchange.fetch_balance()
        exchange.create_order("LTC/USDT", "limit", "buy", 1, 60)
        assert [one.good for one in server.seen] == [True, True]


def test_what_a_program_takes_from_ccxt_by_name_is_signed_after_install(key):
    key("kraken/main", **RECORD)
    before = [(module, module.kraken) for module in (ccxt, ccxt.async_support, ccxt.pro)]
    try:
        signbox.ccxt.install({"kraken": "kraken/main"})
        with Exchange("kraken", {}, CASES["kraken"].default) as server:
            exchange = ready(ccxt.kraken({"apiKey": "x", "secret": "placeholder"}), server, CASES["kraken"])
            exchange.fetch_balance()
            assert [one.good for one in server.seen] == [True]
        assert all(module.kraken is not plain for module, plain in before)
    finally:
        for module, plain in before:
            module.kraken = plain


def test_credentials_are_placeholders_of_the_right_shape(key):
    """Each exchange of the catalogue that ccxt has signs with them: what is built is then the signer's."""
    import base64

    for name, secret in [("backpack", 32), ("kraken", 24), ("coinbaseexchange", 24)]:
        exchange = signbox.ccxt.signed(getattr(ccxt, name), f"{name}/main")()
        assert len(base64.b64decode(exchange.secret)) == secret
    # The API key of the bot is kept: a record without one needs it.
    kept = signbox.ccxt.signed(ccxt.kraken, "kraken/main")({"apiKey": "mine", "password": "mine"})
    assert kept.apiKey == "mine" and kept.id == "kraken" and type(kept).__name__ == "kraken"


@pytest.mark.parametrize("program", ["exit 1", "exec sleep 9"])
def test_without_a_signer_nothing_is_sent(program, key, tmp_path):
    (tmp_path / "signbox-signer").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "signbox-signer").chmod(0o755)
    with Exchange("kraken", {}, CASES["kraken"].default) as server:
        signbox.signer.SIGNERS.clear()
        exchange = ready(made(ccxt, "kraken"), server, CASES["kraken"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
            patch.setattr(
                signbox.Signer.__init__, "__kwdefaults__", {**signbox.Signer.__init__.__kwdefaults__, "deadline": 0.3}
            )
            with pytest.raises(ccxt.BaseError) as failed:
                exchange.fetch_balance()
        assert isinstance(failed.value, signbox.SignboxError)
        assert not server.seen
