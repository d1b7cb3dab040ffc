"""What Kraken answers to a bot that starts: one market, some money, and one order that is open until it is cancelled."""

from __future__ import annotations

import time

PAIR = {
    "altname": "XBTUSDT", "wsname": "XBT/USDT", "aclass_base": "currency", "base": "XXBT", "aclass_quote": "currency", "quote": "USDT",
    "lot": "unit", "cost_decimals": 5, "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [],
    "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]], "fee_volume_currency": "ZUSD", "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1", "status": "online",
}  # fmt: skip
ORDER = {
    "refid": None, "userref": 0, "status": "open", "opentm": time.time(), "starttm": 0, "expiretm": 0, "vol": "0.001", "vol_exec": "0", "cost": "0", "fee": "0", "price": "0",
    "descr": {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "60000.0", "price2": "0", "leverage": "none", "order": "", "close": ""},
    "stopprice": "0", "limitprice": "0", "misc": "", "oflags": "fciq",
}  # fmt: skip


def ok(result):
    return {"error": [], "result": result}


def candles():
    now = int(time.time()) // 300 * 300
    rows = [
        [now - 300 * i, "60000.0", "60010.0", "59990.0", "60000.0", "60000.0", "1.0", 5] for i in range(120, -1, -1)
    ]
    return ok({"XBTUSDT": rows, "last": now})


def order(server):
    """The order is open until it is cancelled."""
    cancelled = any("CancelOrder" in one.path for one in server.signed)
    return ok({"O1": {**ORDER, "status": "canceled" if cancelled else "open"}})


def answers():
    price = ["60000.0", "1", "1.0"]
    ticker = {
        "a": price,
        "b": price,
        "c": price[:2],
        "v": ["9", "9"],
        "p": ["60000.0"] * 2,
        "t": [9, 9],
        "l": ["59990.0"] * 2,
        "h": ["60010.0"] * 2,
        "o": "60000.0",
    }
    depth = [["60000.0", "5.0", int(time.time())]] * 5
    assets = {
        name: {"aclass": "currency", "altname": alt, "decimals": 8, "display_decimals": 5, "status": "enabled"}
        for name, alt in [("XXBT", "XBT"), ("USDT", "USDT")]
    }
    return {
        "public/Time": ok({"unixtime": int(time.time())}),
        "Assets": ok(assets),
        "AssetPairs": ok({"XBTUSDT": PAIR}),
        "OHLC": candles(),
        "Ticker": ok({"XBTUSDT": ticker}),
        "Depth": ok({"XBTUSDT": {"asks": depth, "bids": depth}}),
        "Balance": ok({"USDT": {"balance": "1000.0", "hold_trade": "0"}, "XXBT": {"balance": "0", "hold_trade": "0"}}),
        "AddOrder": ok({"descr": {"order": "buy 0.00100000 XBTUSDT @ limit 60000.0"}, "txid": ["O1"]}),
        "QueryOrders": order,
        "OpenOrders": ok({"open": {"O1": ORDER}}),
        "CancelOrder": ok({"count": 1}),
    }
