#!/usr/bin/env python3
"""Makes the base of endpoints.txt and vectors.json from ccxt, and checks both.

    from_ccxt.py DIR         merge what ccxt knows into the files of this folder
    from_ccxt.py DIR check   only check

DIR holds capability.json (ccxt's endpoint lists with a class each) and vectors.jsonl (requests that
ccxt signed with fake keys at a fixed time). A line that is already in endpoints.txt wins, with the
comments above it; so does a vector that does not say that ccxt made it: hand edits stay.
Needs ccxt 4.5.90, whose sign() tells the path of an endpoint as it is sent.
"""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
ALIASES = {
    "binance": ["binance", "binanceusdm", "binancecoinm", "binanceus"],
    "okx": ["okx", "myokx", "okxus"],
    "kraken": ["kraken"],
    "coinbaseexchange": ["coinbaseexchange"],
    "bitfinex": ["bitfinex"],
    "poloniex": ["poloniex"],
}
BY_HAND = ["bittrex", "poloniexlegacy"]
CLASSES = ["read", "trade", "cancel", "transfer", "withdraw", "admin"]
DANGEROUS = {"trade", "transfer", "withdraw", "admin"}
# Every header that carries authentication, and the one of them that is the signature.
AUTH = {
    "binance": ["X-MBX-APIKEY"],
    "okx": ["OK-ACCESS-KEY", "OK-ACCESS-PASSPHRASE", "OK-ACCESS-TIMESTAMP", "OK-ACCESS-SIGN"],
    "kraken": ["API-Key", "API-Sign"],
    "coinbaseexchange": ["CB-ACCESS-KEY", "CB-ACCESS-PASSPHRASE", "CB-ACCESS-TIMESTAMP", "CB-ACCESS-SIGN"],
    "bitfinex": ["bfx-apikey", "bfx-nonce", "bfx-signature"],
    "poloniex": ["key", "signTimestamp", "signature"],
}
LINE = re.compile(r"(GET|POST|PUT|DELETE) (/[^\s?]*)(\?\w+(?:=\S+)?)? (\w+)((?: (?:needs|auth|repeats)=\S*)*)")


def ccxt_endpoints(exchange, rows):
    """Yields (method, path, condition, class, flags) for each row, with the path that sign() sends."""
    import ccxt

    client = getattr(ccxt, exchange)({"apiKey": "k", "secret": "c2VjcmV0c2VjcmV0", "password": "p"})
    for section, method, path, klass, _, auth, _ in rows:
        marks = {name: f"zz{i}zz" for i, name in enumerate(re.findall(r"\{(\w+)\}", path))}
        url = client.sign(path, [section, method], method, dict(marks))["url"]
        sent = urlsplit(url).path
        for name, mark in marks.items():
            sent = sent.replace(mark, "{" + name + "}")
        sent = re.sub(r"\}:\{", "_", sent)  # one placeholder a segment
        klass = "admin" if klass == "margin_admin" else klass
        yield method, sent, "", klass, " auth=key" if auth == "key" else ""


def read_endpoints(file):
    """Returns the head comment, and {(path, method, condition): (comments, class, flags)}."""
    head, lines, comments = [], {}, []
    for number, text in enumerate(file.read_text().splitlines() if file.exists() else [], 1):
        text = text.strip()
        if text.startswith("#"):
            comments.append(text)
        elif not text:  # the first empty line ends the head comment
            head, comments = head or comments, []
        else:
            found = LINE.fullmatch(" ".join(text.split()))
            assert found, f"{file}:{number}: cannot read '{text}'"
            method, path, condition, klass, flags = found.groups(default="")
            assert (path, method, condition) not in lines, f"{file}:{number}: twice: {text}"
            lines[path, method, condition] = (comments, klass, flags)
            comments = []
    return head, lines


def write_endpoints(file, head, lines):
    width = max(len(path + condition) for path, _, condition in lines)
    out = [*head, ""]
    for (path, method, condition), (comments, klass, flags) in sorted(lines.items(), key=order):
        out += comments
        out.append(f"{method:6} {path + condition:{width}} {klass:8}{flags}".rstrip())
    file.write_text("\n".join(out) + "\n")


def order(item):
    """Sorts by path, then method; a condition before the line that means "otherwise"."""
    path, method, condition = item[0]
    return path, method, not condition, condition


def check_endpoints(exchange, lines):
    """Finds what a slip of the hand would leave behind."""
    for (path, method, condition), (_, klass, flags) in lines.items():
        where = f"{exchange}: {method} {path}{condition}"
        assert klass in CLASSES, f"{where}: unknown class '{klass}'"
        assert "//" not in path and not path.endswith("/"), where
        if exchange == "binance" and klass in DANGEROUS:
            assert " needs=" in flags, f"{where}: no needs"
        words = path.lower()
        if method != "GET" and "withdraw" in words and klass == "read":
            print(f"look: {where} is a read")
        # A template must not give a fixed path of the same method a second meaning.
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        for (other, its_method, _), (_, its_class, _) in lines.items():
            if "{" in path and other != path and its_method == method and pattern.fullmatch(other):
                assert its_class == klass, f"{where} and {other} differ in class"
    counts = {name: sum(klass == name for _, klass, _ in lines.values()) for name in CLASSES}
    print(f"{exchange:17} {len(lines):4} endpoints", " ".join(f"{n} {c}" for n, c in counts.items()))


def placeholder(exchange, request):
    """Returns the request with `placeholder` in place of the signature."""
    request = json.loads(json.dumps(request))
    if exchange == "binance":
        for place in ["url", "body"]:
            request[place] = request[place] and re.sub(r"\bsignature=\w+$", "signature=placeholder", request[place])
    else:
        request["headers"][AUTH[exchange][-1]] = "placeholder"
    return request


def unsigned(exchange, request):
    """Returns the request with nothing of its authentication left, or None where that has no one form."""
    request = json.loads(json.dumps(request))
    request["headers"] = {k: v for k, v in request["headers"].items() if k not in AUTH[exchange]}
    if exchange == "binance":
        return None
    if exchange == "kraken":
        rest = re.fullmatch(r"nonce=\d+&?(.*)", request["body"])
        request["body"] = rest and (rest[1] or None)
        return request if rest else None
    return request


def ccxt_vectors(exchange, file):
    """Yields the vectors made from the lines of vectors.jsonl."""
    for text in file.read_text().splitlines():
        line = json.loads(text)
        wanted = line["kind"] == "sign" and line["variant"] in ("default", "hmac")
        if not wanted or line["exchange"] not in ALIASES[exchange]:
            continue
        signed = {name: line["result"][name] for name in ["method", "url", "headers", "body"]}
        credentials = line["credentials"]
        base = {"key": credentials["apiKey"], "secret": credentials["secret"]}
        if "password" in credentials:
            base["passphrase"] = credentials["password"]
        base["now_ms"] = line["time_ms"]
        what = f"ccxt {line['ccxt']} id {line['id']}"
        dummy = placeholder(exchange, signed)
        note = ": key only, nothing is signed" if dummy == signed else ": signed again over a placeholder"
        yield {"comment": what + note, **base, "request": dummy, "signed": signed}
        if bare := unsigned(exchange, signed):
            yield {"comment": what + ": no authentication in", **base, "request": bare, "signed": signed}


def check_vectors(exchange, vectors, lines):
    """Checks the shape of each vector, and that its endpoint is in the catalog."""
    comments = [vector["comment"] for vector in vectors]
    assert len(set(comments)) == len(comments), f"{exchange}: two vectors with one comment"
    paths = [(m, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(p)))) for p, m, _ in lines]
    for vector in vectors:
        assert ("signed" in vector) != ("error" in vector), vector["comment"]
        for part in [vector["request"], vector.get("signed", vector["request"])]:
            assert list(part) == ["method", "url", "headers", "body"], vector["comment"]
        method, path = vector["request"]["method"], urlsplit(vector["request"]["url"]).path
        if "signed" in vector and not any(m == method and p.fullmatch(path) for m, p in paths):
            print(f"look: {exchange}: {method} {path} of a vector is not in endpoints.txt")
    print(f"{exchange:17} {len(vectors):4} vectors")


def main(source, check_only):
    rows = json.loads((source / "capability.json").read_text())["exchanges"]
    for exchange in [*ALIASES, *BY_HAND]:
        file, vectors_file = HERE / exchange / "endpoints.txt", HERE / exchange / "vectors.json"
        head, lines = read_endpoints(file)
        vectors = json.loads(vectors_file.read_text()) if vectors_file.exists() else []
        if exchange in ALIASES and not check_only:
            for method, path, condition, klass, flags in ccxt_endpoints(exchange, rows[exchange]["endpoints"]):
                lines.setdefault((path, method, condition), ([], klass, flags))
            by_hand = [vector for vector in vectors if not vector["comment"].startswith("ccxt ")]
            vectors = by_hand + list(ccxt_vectors(exchange, source / "vectors.jsonl"))
        check_endpoints(exchange, lines)
        check_vectors(exchange, vectors, lines)
        if not check_only:
            write_endpoints(file, head, lines)
            vectors_file.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] == ["check"])
