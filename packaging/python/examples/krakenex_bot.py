"""krakenex: `signbox run kraken/main -- python3 krakenex_bot.py [URL]`."""

import sys

import signbox.krakenex

api = signbox.krakenex.API("kraken/main")
api.uri = sys.argv[1] if len(sys.argv) > 1 else api.uri
print(api.query_private("Balance"))
print(api.query_private("CancelOrder", {"txid": "O1"}))
