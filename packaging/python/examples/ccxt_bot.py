"""A ccxt bot: `signbox run kraken/main -- python3 ccxt_bot.py [URL]`."""

import sys

import ccxt

import signbox.ccxt

config = {}
if len(sys.argv) > 1:
    config["urls"] = {"api": {"public": sys.argv[1], "private": sys.argv[1]}}

exchange = signbox.ccxt.signed(ccxt.kraken, "kraken/main")(config)
print(exchange.fetch_balance()["USDT"])
order = exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 60000)
exchange.cancel_order(order["id"], "BTC/USDT")
try:
    exchange.withdraw("BTC", 1, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", params={"key": "mine"})
except ccxt.PermissionDenied as denied:
    print("denied:", denied)
