"""requests: `signbox run kraken/main -- python3 requests_bot.py [URL]`."""

import sys

import requests

import signbox.requests

base = sys.argv[1] if len(sys.argv) > 1 else "https://api.kraken.com"

session = requests.Session()
session.auth = signbox.requests.Auth("kraken/main")
print(session.post(base + "/0/private/Balance").json())
print(session.post(base + "/0/private/CancelOrder", data={"txid": "O1"}).json())
