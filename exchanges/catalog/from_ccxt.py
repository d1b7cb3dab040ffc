#!/usr/bin/env python3
"""Makes the base of endpoints.txt, and all of vectors.json, from ccxt; and checks both.

    from_ccxt.py DIR endpoints ID...   merge ccxt's endpoints of these exchanges into endpoints.txt
    from_ccxt.py DIR vectors [ID...]   write vectors.json anew, of all exchanges or of these
    from_ccxt.py DIR check             only check

DIR holds capability.json (ccxt's endpoint lists with a class each), vectors.jsonl (requests that ccxt
signed with fake keys at a fixed time) and published_vectors.json. A line that is already in
endpoints.txt wins, with the comments above it; so does a vector that does not say that ccxt made it:
hand edits stay. A class that only words of the name told is marked `# guess`.
Needs ccxt 4.5.90; for the exchanges that it no longer has, 4.5.40 by PYTHONPATH.
"""

import base64
import hashlib
import json
import re
import sys
from collections import namedtuple
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests" / "ccxt"))
CLASSES = ["read", "trade", "cancel", "transfer", "withdraw", "admin"]
DANGEROUS = {"trade", "transfer", "withdraw", "admin"}
LINE = re.compile(r"([A-Z]+) (/[^\s?]*)(\?[^\s=]+(?:=\S+)?)? (\w+)((?: (?:needs|auth|repeats|sign)=\S*)*)")


# endpoints.txt


def ccxt_endpoints(name, rows, credentials):
    """Yields (method, path, condition, class, flags, guessed) for each endpoint that takes a key."""
    import frozen

    known = {(row[0], row[1], row[2]): row[3] for row in rows}
    found = {}
    everything = list(frozen.entries(name))
    sent = {row: probe(name, *row, credentials) for row in everything}
    if not any(answer and answer.takes_key for answer in sent.values()):  # signed before sign() is called
        sent = {row: answer and answer._replace(takes_key="private" in row[0]) for row, answer in sent.items()}
    for (section, method, path), answer in sent.items():
        if answer and answer.takes_key:
            found.setdefault((method, answer.path), []).append((section, path, answer.parameters, answer.key_only))
    for (method, url), several in found.items():
        for section, path, parameters, key_only in several:
            klass = known.get((section, method, path))
            guessed = klass in (None, "unknown")
            klass = guess(method, path) if guessed else {"margin_admin": "admin"}.get(klass, klass)
            condition = condition_of(path, parameters) if len({row[1] for row in several}) > 1 else ""
            guessed = guessed and (klass, method) != ("read", "GET")
            yield method, url, condition, klass, " auth=key" if key_only else "", guessed


Probe = namedtuple("Probe", "path parameters takes_key key_only")


def probe(name, section, method, path, credentials):
    """Asks sign() for this endpoint's path as sent, its parameters, and what of the credentials it uses."""
    import frozen

    marks = {part: f"zz{i}zz" for i, part in enumerate(re.findall(r"\{([\w-]+)\}", path))}

    def signed(other):
        return frozen.sign(frozen.client(name, {**credentials, **other}), section, method, path, marks)

    try:
        sent = signed({})
    except Exception as error:  # whatever ccxt raises, the reader has to look at this one
        print(f"look: {name}: {method} {section} {path}: {type(error).__name__} {str(error)[:80]}")
        return None
    secret = other_secret(credentials)
    secret_used = bool(secret) and sent != signed(secret)
    key_used = sent != signed(other_key(credentials))
    where = urlsplit(sent["url"]).path
    for part, mark in marks.items():
        where = where.replace(mark, "{" + part.replace("-", "_") + "}")
    where = re.sub(r"\}[^{}/]*\{", "_", where)  # one placeholder a segment
    return Probe(where, parameters_of(sent), secret_used or key_used, bool(secret) and not secret_used)


def parameters_of(sent):
    """The parameters of the query and of a form or JSON body."""
    found = dict(parse_qsl(urlsplit(sent["url"]).query))
    body = sent.get("body") or ""
    try:
        found.update({k: v for k, v in json.loads(body).items() if isinstance(v, str)})
    except (ValueError, AttributeError):
        found.update(parse_qsl(body if isinstance(body, str) else ""))
    return found


def condition_of(path, parameters):
    """Where many endpoints share one path, the parameter that names this one."""
    names = [name for name, value in parameters.items() if value in (path, path.split("/")[-1])]
    return f"?{names[0]}={parameters[names[0]]}" if names else ""


def other_key(credentials):
    return {"apiKey": credentials["apiKey"][:-1] + "0"} if credentials.get("apiKey") else {}


def other_secret(credentials):
    secret = credentials.get("secret", "")
    symmetric = re.fullmatch(r"[0-9a-f]{32,}|[A-Za-z0-9+/]{86}==", secret) and len(secret) != 44
    return {"secret": secret[16:32] + secret[:16] + secret[32:]} if symmetric else {}


GUESSES = [
    ("admin", r"whitelist|address.?book|api.?key|sub.?acc.*(create|add|new)|leverage|margin.?(mode|type)|borrow|repay|loan"),
    ("cancel", r"cancel|kill|(^|/)del"),
    ("withdraw", r"withdraw|payout|send|redeem.*code|voucher|gift"),
    ("transfer", r"transfer|stak|earn|deposit|redeem|subscri|convert"),
    ("trade", r"order|trade|buy|sell|quote|swap|close|rfq|position"),
    ("read", r"(^|[/_])(get|list|query|fetch)|history|balance|info|details|status|ticker|fee|(^|/)r/"),
]
CHANGES = r"create|cancel|submit|apply|update|add|remove|toggle|delete|edit|(^|[/_-])set"
QUESTIONS = (
    r"histor|(?<!white)(?<!black)list|query|(^|[/_])get|status|info|detail|balance|search"
    r"|open_?orders|(my|user)_?trades|records?$|transactions$"
)


def guess(method, path):
    """The class that the words of an endpoint's name suggest; in doubt `admin`."""
    words = path.lower()
    if method == "GET" and not re.search(r"withdraw$|transfer$|create|cancel|submit|confirm", words):
        return "read"
    if re.search(QUESTIONS, words) and not re.search(CHANGES, words):
        return "read"
    if method == "DELETE" and "order" in words:
        return "cancel"
    klass = next((klass for klass, pattern in GUESSES if re.search(pattern, words)), "admin")
    return "admin" if klass == "read" and re.search(CHANGES, words) else klass


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
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(out) + "\n")


def order(item):
    """Sorts by path, then method; a condition before the line that means "otherwise"."""
    path, method, condition = item[0]
    return path, method, not condition, condition


def endpoints(source, ids):
    """Merges ccxt's endpoints of these exchanges and of their other names into endpoints.txt."""
    import ccxt

    rows = json.loads((source / "capability.json").read_text())["exchanges"]
    given = credentials_of(source)
    for exchange in ids:
        file = HERE / exchange / "endpoints.txt"
        head, lines = read_endpoints(file)
        known = [name for name in family(exchange) if hasattr(ccxt, name)]
        if not known:
            print(f"look: {exchange}: not in ccxt {ccxt.__version__}")
            continue
        for name in known:
            its_rows = rows.get(name, {}).get("endpoints") or rows.get(exchange, {}).get("endpoints", [])
            credentials = given.get(name) or given.get(exchange) or ANY_CREDENTIALS
            for method, path, condition, klass, flags, guessed in ccxt_endpoints(name, its_rows, credentials):
                comments = ["# guess"] if guessed else []
                lines.setdefault((path, method, condition), (comments, klass, flags))
        if not lines:
            print(f"look: {exchange}: no endpoint takes a key")
            continue
        write_endpoints(file, head or [f"# From the endpoint list of ccxt {ccxt.__version__}."], lines)
        summary(exchange, lines)
        print(f"# hosts: {hosts(known)}")


def family(exchange):
    """An exchange's id and its other names."""
    file = HERE / exchange / "scheme.toml"
    found = re.search(r"^aliases\s*=\s*\[(.*?)\]", file.read_text() if file.exists() else "", re.M | re.S)
    return [exchange, *(re.findall(r'"(\w+)"', found[1]) if found else [])]


ANY_CREDENTIALS = {
    "apiKey": "FAKE0123456789abcdef", "secret": "0123456789abcdeffedcba9876543210" * 2, "password": "fake", "uid": "77001",
}  # fmt: skip


def credentials_of(source):
    """The fake credentials of each exchange's first vector; an HMAC key's where there are several."""
    found = {}
    for text in (source / "vectors.jsonl").read_text().splitlines():
        line = json.loads(text)
        if line["exchange"] not in found or line["variant"] in ("hmac", "legacy-hmac"):
            found[line["exchange"]] = line["credentials"]
    return found


def hosts(names):
    """The hosts in ccxt's `urls`, the live ones first."""
    import ccxt

    found = []
    for name in names:
        made = getattr(ccxt, name)()
        for kind in ["api", "test", "demotrading"]:
            text = json.dumps(made.urls.get(kind) or "")
            several = made.urls.get("hostnames")
            for hostname in several.values() if isinstance(several, dict) else [made.hostname or ""]:
                found += re.findall(r"https://([^/\"]+)", text.replace("{hostname}", hostname))
    return " ".join(dict.fromkeys(found))


def check_endpoints(exchange, lines):
    """Finds what a slip of the hand would leave behind."""
    for (path, method, condition), (comments, klass, flags) in lines.items():
        where = f"{exchange}: {method} {path}{condition}"
        assert klass in CLASSES, f"{where}: unknown class '{klass}'"
        assert "//" not in path, where
        if "# guess" in comments:
            print(f"look: {where} is a guess")
        if exchange == "binance" and klass in DANGEROUS:
            assert " needs=" in flags, f"{where}: no needs"
        if method != "GET" and "withdraw" in path.lower() and klass == "read":
            print(f"look: {where} is a read")
        # A template must not give a fixed path of the same method a second meaning.
        pattern = matcher(path)
        for (other, its_method, _), (_, its_class, _) in lines.items():
            if "{" in path and other != path and its_method == method and pattern.fullmatch(other):
                if its_class != klass:
                    print(f"look: {where} and {other} differ in class")
    summary(exchange, lines)


def matcher(path):
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))


def summary(exchange, lines):
    counts = {name: sum(klass == name for _, klass, _ in lines.values()) for name in CLASSES}
    guessed = sum("# guess" in comments for comments, _, _ in lines.values())
    print(f"{exchange:17} {len(lines):4} endpoints", *(f"{n} {c}" for n, c in counts.items()), f"guessed {guessed}")


# vectors.json


def vectors(source, ids):
    """Writes vectors.json of each exchange that can sign from the lines of vectors.jsonl."""
    parents = {name: folder.name for folder in folders() for name in family(folder.name)}
    made = {}
    for text in (source / "vectors.jsonl").read_text().splitlines():
        line = json.loads(text)
        parent = parents.get(line["exchange"])
        made.setdefault(parent, []).extend(ccxt_vectors(parent, line) if parent else [])
    for folder in folders():
        if ids and folder.name not in ids:
            continue
        file = folder / "vectors.json"
        old = read_vectors(file)
        ours = made.get(folder.name, [])
        if not ours or folder.name in UNNAMED or folder.name in MORE:
            ours += list(fresh_vectors(folder.name)) or [vector for vector in old if " sign() of " in vector["comment"]]
        found = [vector for vector in old if vector not in ours and not vector["comment"].startswith("ccxt ")] + ours
        check_vectors(folder.name, found, read_endpoints(folder / "endpoints.txt")[1])
        if found:
            file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_ids(source)


def write_ids(source):
    """Writes what tests/vectors.rs counts: how many lines vectors.jsonl has, and the signatures that are published."""
    counts = {}
    for text in (source / "vectors.jsonl").read_text().splitlines():
        exchange = json.loads(text)["id"].split("/")[0]
        counts[exchange] = counts.get(exchange, 0) + 1
    lines = ["# How many ids of each exchange there are, and the signatures that are published. By from_ccxt.py."]
    lines += [f"{exchange} {count}" for exchange, count in sorted(counts.items())]
    for number, vector in enumerate(json.loads((source / "published_vectors.json").read_text())["vectors"]):
        signature = vector["signature"]
        signature = signature if isinstance(signature, str) else "0x" + signature["r"][2:].zfill(64)
        lines.append(f"published/{vector['exchange']}/{number} {signature}")
    (HERE / "ids.txt").write_text("\n".join(lines) + "\n")


def folders():
    """Every exchange that can sign."""
    return [folder for folder in sorted(HERE.iterdir()) if (folder / "endpoints.txt").exists()]


def read_vectors(file):
    return json.loads(file.read_text()) if file.exists() else []


def ccxt_vectors(exchange, line):
    """Yields the vectors that one line of vectors.jsonl makes."""
    signed = finished(line)
    if signed is None:
        return
    base = {name: line["credentials"].get(kind) for name, kind in KINDS.items()}
    base["key"] = base["key"] or line["credentials"].get("walletAddress")
    base["secret"] = base["secret"] or line["credentials"].get("privateKey")
    base["uid"] = base["uid"] or line["credentials"].get("accountId")
    base = {name: value for name, value in base.items() if value} | {"now_ms": line["time_ms"]}
    what = f"ccxt {line['ccxt']} id {line['id']}"
    dummy = placeholder(signed, line)
    key_only = ": key only, nothing is signed" if base.get("key", "-") in json.dumps(signed) else ": nothing is signed"
    note = key_only if dummy == signed else ": signed again over a placeholder"
    yield {"comment": what + note, **base, "request": dummy, "signed": signed}
    if bare := unsigned(exchange, line, signed):
        yield {"comment": what + ": no authentication in", **base, "request": bare, "signed": signed}


# In the lines of vectors.jsonl these placeholders of its paths, which its `api` does not name, are not filled in.
UNNAMED = {"ascendex": {"account-group": "6", "account-category": "cash"}}


# Endpoints that no line of vectors.jsonl calls, and that are signed in a way of their own.
MORE = {
    "bybit": [
        ("private", "POST", "asset/v3/private/withdraw/create"),
        ("private", "POST", "spot/v3/private/order"),
        ("private", "GET", "spot/v3/private/open-orders"),
    ],
}


def fresh_vectors(exchange):
    """Yields vectors for an exchange without a good line in vectors.jsonl: ccxt signs once with a wrong secret."""
    import ccxt
    import frozen

    known = hasattr(ccxt, exchange)
    right = {"apiKey": "FAKE" + frozen.text_key(exchange, 28), "secret": frozen.base64_key(exchange, 48)}
    wrong = {**right, "secret": frozen.base64_key("wrong", 48)}
    counts = {}
    for section, method, path in (MORE.get(exchange) or frozen.entries(exchange)) if known else []:
        parts = {part: f"{part.lower()}-7" for part in re.findall(r"\{([\w-]+)\}", path)}
        parts |= UNNAMED.get(exchange, {}) if ".account" in section else {}
        order = {"symbol": "BTC-USDT", "side": "buy", "quantity": "0.01", "price": "50000.5"}
        order = {} if counts.get(method, 0) == 1 else order
        made = [frozen.sign(frozen.client(exchange, keys), section, method, path, parts | order) for keys in (wrong, right)]
        if made[0] == made[1] or counts.get(method, 0) == 3:
            continue
        counts[method] = counts.get(method, 0) + 1
        request, signed = (
            {"method": method, "url": one["url"], "headers": one["headers"] or {}, "body": one.get("body")} for one in made
        )
        comment = f"ccxt {ccxt.__version__} sign() of {section} {method} {path}: signed again over a wrong signature"
        yield {
            "comment": comment, "key": right["apiKey"], "secret": right["secret"], "now_ms": frozen.NOW_MS,
            "request": request, "signed": signed,
        }  # fmt: skip


KINDS = {"key": "apiKey", "secret": "secret", "passphrase": "password", "uid": "uid"}


def finished(line):
    """The request of a line, or None if the line is only a piece of one."""
    if line["kind"] == "sign":
        result = line["result"]
        return {name: result[name] for name in ["method", "url"]} | {"headers": result["headers"] or {}, "body": result["body"]}
    if line["exchange"] == "hyperliquid":
        return hyperliquid(line)
    return pacifica(line) if line["exchange"] == "pacifica" else None


def hyperliquid(line):
    """What ccxt's own methods put around an action and its signature."""
    action, nonce = line["args"][0], line["time_ms"]
    if line["call"] == "build_withdraw_sig":
        order = ["hyperliquidChain", "signatureChainId", "destination", "amount", "time", "type"]
        action = {**action, "signatureChainId": "0x66eee", "type": "withdraw3"}
        action = {name: action[name] for name in order}
    elif line["call"] == "build_usd_class_send_sig":
        order = ["hyperliquidChain", "signatureChainId", "type", "amount", "toPerp", "nonce"]
        action = {**action, "signatureChainId": "0x66eee", "type": "usdClassTransfer"}
        action = {name: action[name] for name in order}
    return post("https://api.hyperliquid.xyz/exchange", {"action": action, "nonce": nonce, "signature": line["result"]})


def pacifica(line):
    """What ccxt's own methods put around a payload and its signature."""
    header, payload, _ = line["args"]
    body = {"account": line["credentials"]["walletAddress"], "signature": line["result"]}
    body |= {name: header[name] for name in ["timestamp", "expiry_window"]} | payload
    return post("https://api.pacifica.fi/api/v1/orders/create", body)


def post(url, body):
    text = json.dumps(body, separators=(",", ":"))
    return {"method": "POST", "url": url, "headers": {"Content-Type": "application/json"}, "body": text}


def placeholder(request, line):
    """Returns the request with a text of the same length in place of each signature."""
    request = json.loads(json.dumps(request))
    for written in sorted(signatures(line), key=len, reverse=True):
        dummy = ("placeholder" * (len(written) // 11 + 1))[: len(written)]
        for name in ["url", "body"]:
            request[name] = request[name] and request[name].replace(written, dummy)
        for name, value in request["headers"].items():
            value = value.replace(written, dummy)
            request["headers"][name] = " ".join(inside_base64(word, written, dummy) for word in value.split(" "))
    if any(call["op"] == "ecdsa" for call in line["trace"]) and request["body"]:
        request["body"] = re.sub(r'"v":2[78]\b', lambda v: '"v":27' if v[0].endswith("8") else '"v":28', request["body"])
    return request


def inside_base64(word, written, dummy):
    """Replaces `written` where it stands inside base64, as in hitbtc's Authorization."""
    try:
        inner = base64.b64decode(word, validate=True).decode()
    except ValueError:
        return word
    return base64.b64encode(inner.replace(written, dummy).encode()).decode() if written in inner else word


def signatures(line):
    """Every way in which an exchange could write the outputs of the user's own secret."""
    from credentials import base58

    for call in line["trace"]:
        if not uses_secret(call, line["credentials"]):
            continue
        if call["op"] == "jwt":
            yield call["out"].split(".")[2]
        elif call["op"] == "ecdsa":
            yield from [call["out"]["r"], call["out"]["s"]]
        else:
            out = call["out"]
            yield from {out, quote(out), quote(out, safe=""), out.upper(), base64.b64encode(out.encode()).decode()}
            if call["op"] == "eddsa":
                yield out.translate(str.maketrans("+/", "-_", "="))
                yield base58(base64.b64decode(out))


def uses_secret(call, credentials):
    """Whether a call of the trace depends on the user's secret; a partner's key is not the user's."""
    secret = (credentials.get("secret") or credentials.get("privateKey") or "").encode()
    if call["op"] == "hash":
        return bool(secret) and isinstance(call["msg"], str) and secret.decode() in call["msg"]
    if call["op"] != "hmac":
        return call["op"] in ("jwt", "rsa", "eddsa", "ecdsa")
    key = call["key"].encode() if isinstance(call["key"], str) else bytes.fromhex(call["key"]["hex"])
    forms = [secret, secret.upper(), hashlib.md5(secret).hexdigest().encode(), base64.b64encode(secret)]
    return key in forms or key == base64.b64decode(secret + b"==")


# The first exchanges have vectors without authentication too; their headers that carry it. The others' are taken
# out by tests/vectors.rs.
AUTH = {
    "okx": ["OK-ACCESS-KEY", "OK-ACCESS-PASSPHRASE", "OK-ACCESS-TIMESTAMP", "OK-ACCESS-SIGN"],
    "kraken": ["API-Key", "API-Sign"],
    "coinbaseexchange": ["CB-ACCESS-KEY", "CB-ACCESS-PASSPHRASE", "CB-ACCESS-TIMESTAMP", "CB-ACCESS-SIGN"],
    "bitfinex": ["bfx-apikey", "bfx-nonce", "bfx-signature"],
    "poloniex": ["key", "signTimestamp", "signature"],
}


def unsigned(exchange, line, request):
    """Returns the request with nothing of its authentication left, or None where that has no one form."""
    if exchange not in AUTH or line["variant"] not in ("default", "hmac"):
        return None
    request = json.loads(json.dumps(request))
    request["headers"] = {k: v for k, v in request["headers"].items() if k not in AUTH[exchange]}
    if exchange == "kraken":
        rest = re.fullmatch(r"nonce=\d+&?(.*)", request["body"])
        request["body"] = rest and (rest[1] or None)
        return request if rest else None
    return request


def check_vectors(exchange, found, lines):
    """Checks the shape of each vector, and that its endpoint is in the catalogue."""
    comments = [vector["comment"] for vector in found]
    assert len(set(comments)) == len(comments), f"{exchange}: two vectors with one comment"
    paths = [(method, matcher(path)) for path, method, _ in lines]
    for vector in found:
        assert ("signed" in vector) != ("error" in vector), vector["comment"]
        for part in [vector["request"], vector.get("signed", vector["request"])]:
            assert list(part) == ["method", "url", "headers", "body"], vector["comment"]
        method, path = vector["request"]["method"], urlsplit(vector["request"]["url"]).path
        if "signed" in vector and not any(m == method and p.fullmatch(path) for m, p in paths):
            print(f"look: {exchange}: {method} {path} of a vector is not in endpoints.txt")
    nothing = sum("nothing is signed" in comment for comment in comments)
    print(f"{exchange:21} {len(found):4} vectors, {nothing} with nothing signed")


def check():
    for folder in folders():
        lines = read_endpoints(folder / "endpoints.txt")[1]
        check_endpoints(folder.name, lines)
        check_vectors(folder.name, read_vectors(folder / "vectors.json"), lines)


def main(source, command, ids):
    commands = {"endpoints": endpoints, "vectors": vectors}
    commands[command](source, ids) if command in commands else check()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
