"""The real freqtrade, started as `python -m signbox.freqtrade trade`, buys, is shown its order, and cancels it as it ends.

Kraken is a server on this machine that verifies with the true secret; the configuration has none.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from exchange import RECORD, SECRET, Exchange

pytest.importorskip("freqtrade", reason="freqtrade is not installed")

STRATEGY = """
from freqtrade.strategy import IStrategy

class Buys(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 10}
    stoploss = -0.9
    startup_candle_count = 0
    process_only_new_candles = False

    def populate_indicators(self, dataframe, metadata):
        # What a strategy can see of the exchange: no secret.
        for api in (self.dp._exchange._api, self.dp._exchange._api_async):
            assert "placeholder" in api.secret and type(api).__name__ == "kraken"
        print("strategy looked", flush=True)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0
        return dataframe
"""
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


def configuration(server, folder):
    api = {"public": server.url, "private": server.url, "zendesk": server.url}
    return {
        "dry_run": False, "max_open_trades": 1, "stake_currency": "USDT", "stake_amount": 60, "trading_mode": "spot",
        "timeframe": "5m", "cancel_open_orders_on_exit": True, "user_data_dir": str(folder), "db_url": f"sqlite:///{folder}/trades.sqlite",
        "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1}, "exit_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
        "exchange": {"name": "kraken", "key": "", "secret": "", "enable_ws": False, "pair_whitelist": ["BTC/USDT"], "ccxt_config": {"urls": {"api": api}, "enableRateLimit": False}},
        "pairlists": [{"method": "StaticPairList"}], "internals": {"process_throttle_secs": 1}, "initial_state": "running", "bot_name": "b",
    }  # fmt: skip


def test_the_real_bot_trades_and_cancels(key, tmp_path):
    key("kraken/main", **RECORD)
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "buys.py").write_text(STRATEGY)
    with Exchange("kraken", answers()) as server:
        (tmp_path / "config.json").write_text(json.dumps(configuration(server, tmp_path)))
        assert SECRET not in (tmp_path / "config.json").read_text()
        command = ["signbox", "run", "kraken/main", "--", sys.executable, "-m", "signbox.freqtrade", "trade"]
        command += ["--config", str(tmp_path / "config.json"), "--strategy", "Buys"]
        with open(tmp_path / "log", "w+") as log:
            bot = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            paths: list[str] = []
            try:
                until = time.monotonic() + 60
                while time.monotonic() < until and bot.poll() is None and "/0/private/AddOrder" not in paths:
                    time.sleep(0.2)
                    paths = [one.path for one in server.signed]
                time.sleep(2)
                bot.send_signal(signal.SIGINT)
                bot.wait(30)
            finally:
                bot.kill()
            log.seek(0)
            told = log.read()
        paths = [one.path for one in server.signed]
        assert "/0/private/AddOrder" in paths and "/0/private/CancelOrder" in paths, f"{paths} {told[-4000:]}"
        assert all(one.good for one in server.signed)
        assert "strategy looked" in told and "Traceback" not in told


def test_without_a_key_it_says_how(tmp_path):
    ran = subprocess.run([sys.executable, "-m", "signbox.freqtrade", "trade"], capture_output=True, text=True)
    assert ran.returncode == 1 and "signbox run kraken/main" in ran.stderr
