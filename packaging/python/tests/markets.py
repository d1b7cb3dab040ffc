"""A market for ccxt at each of thirteen exchanges, and what the exchanges answer. Knows no secret: bots that are searched import it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import ccxt

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
    "gemini": Case("ltcusdt", {"order_id": "1", "symbol": "ltcusdt", "result": "ok", "txHash": "1", "is_live": True, "is_cancelled": False, "type": "exchange limit"}, {"balances": [], "v1/orders": []}, {}),
    "coinbase": Case("LTC-USDT", {"success": True, "success_response": {"order_id": "1"}, "results": [{"success": True, "order_id": "1"}], "orders": [], "data": {"id": "1"}, "accounts": [], "has_next": False}, {"/accounts": {"accounts": [{"uuid": "7", "name": "LTC Wallet", "currency": "LTC", "type": "ACCOUNT_TYPE_CRYPTO", "available_balance": {"value": "1", "currency": "LTC"}, "hold": {"value": "0", "currency": "LTC"}}]}}, {}),
}  # fmt: skip


def ready(exchange: Any, server: Any, case: Case) -> Any:
    """Sends an exchange's requests to the server, and spares it the loading of markets."""

    def local(urls: Any) -> Any:
        if isinstance(urls, dict):
            return {name: local(url) for name, url in urls.items()}
        return re.sub(r"^https://[^/]*", server.url, urls) if isinstance(urls, str) else urls

    exchange.urls["api"] = local(exchange.urls["api"])
    exchange.hostname = server.host
    exchange.options["networks"] = {**(exchange.options.get("networks") or {}), "LTC": "LTC"}
    # What htx learns with its markets.
    exchange.options["networkChainIdsByNames"] = {"LTC": {"LTC": "ltc"}}
    exchange.options["networkNamesByChainIds"] = {"ltc": "LTC"}
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
