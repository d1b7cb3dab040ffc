"""Signs with nothing but the standard library, and sends: `signbox run kraken/main -- python3 plain.py [URL]`."""

import http.client
import sys
from urllib.parse import urlsplit

import signbox

base = sys.argv[1] if len(sys.argv) > 1 else "https://api.kraken.com"

with signbox.Signer("kraken/main") as signer:
    request = signer.sign("POST", base + "/0/private/Balance")
    try:
        signer.sign("POST", base + "/0/private/Withdraw", body="asset=XBT&key=mine&amount=1")
    except signbox.Denied as denied:
        print(f"denied by {denied.rule}: {denied}")

url = urlsplit(request["url"])
kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
connection = kind(url.netloc, timeout=10)
headers = {"Content-Type": "application/x-www-form-urlencoded", **request["headers"]}
connection.request(request["method"], url.path, request["body"], headers)
print(connection.getresponse().read().decode())
