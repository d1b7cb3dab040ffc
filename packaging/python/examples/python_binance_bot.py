"""python-binance: `signbox run binance/main -- python3 python_binance_bot.py [URL]`."""

import sys

import signbox.binance

client = signbox.binance.Client("binance/main", ping=len(sys.argv) == 1)
if len(sys.argv) > 1:
    client.API_URL = sys.argv[1] + "/api"
print(client.get_account())
print(client.create_order(symbol="LTCBTC", side="BUY", type="LIMIT", quantity=1, price="0.1", timeInForce="GTC"))
