#!/usr/bin/env python3
"""Compares what the signer makes of ccxt's requests with what ccxt makes itself.

    compare.py [--signer PATH] [--seed N] [--per M] [ID...]

For every exchange that ccxt and the catalogue share, M random endpoints are called with random
parameters by ccxt's own sign(), with a bogus secret and again with what `signbox placeholder` prints in its
place. ccxt must take that wherever it takes the secret, and what the placeholder made goes through the real signbox-signer, which holds the bogus secret in a fresh session
keyring, and must come back byte for byte as what the bogus secret made: URL, headers and body.
Nothing is sent anywhere. Any user can run it; keys end with this process.

Prints `N of M the same` and every difference. Ends with 1 if there is a difference that known.txt does
not explain, or, with the default seed, if a line of known.txt explains nothing any more.
Needs ccxt 4.5.90, and installs it into a temporary folder if it cannot be imported.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CCXT = "4.5.90"
WORDS = ["read", "trade", "cancel", "transfer", "withdraw", "admin", "unknown"]


def main():
    options = parse_arguments()
    import keyring

    keyring.join_fresh_session()
    results = {name: compare(name, options, keyring) for name in cases() if wanted(name, options.ids)}
    results = {name: result for name, result in results.items() if result}
    total = sum(len(result) for result in results.values())
    wrong = [f"{name}: {one}" for name, result in results.items() for one in result if one]
    print(f"{total - len(wrong)} of {total} the same, {len(results)} exchanges and kinds of keys, seed {options.seed}")
    known = list(read_known())
    bad = []
    for line in wrong:
        why = next((reason for pattern, reason, _ in known if pattern.search(line)), None)
        bad += [] if why else [line]
        print(f"{'known' if why else 'NEW'}: {line}")
    whole = not options.ids and (options.seed, options.per) == (DEFAULT_SEED, DEFAULT_PER)
    unused = [pattern.pattern for pattern, _, seldom in known if not seldom and not any(map(pattern.search, wrong))]
    for pattern in unused if whole else []:
        bad.append(pattern)
        print(f"known.txt: nothing like '{pattern}' any more")
    return 1 if bad else 0


DEFAULT_SEED, DEFAULT_PER = 1, 8


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--signer", type=Path, default=newest_signer())
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--per", type=int, default=DEFAULT_PER)
    parser.add_argument("ids", nargs="*")
    options = parser.parse_args()
    if not options.signer or not options.signer.exists():
        parser.error("no signbox-signer in target/release or target/debug; build it, or name one with --signer")
    return options


def newest_signer():
    places = [ROOT / "target" / kind / "signbox-signer" for kind in ["release", "debug"]]
    return max((place for place in places if place.exists()), key=lambda place: place.stat().st_mtime, default=None)


def wanted(name, ids):
    return not ids or name in ids or name.split()[0] in ids


def cases():
    """Every exchange of the catalogue that ccxt has, its aliases, and the other kinds of keys."""
    import ccxt
    import credentials

    ids = []
    for folder in sorted((ROOT / "exchanges" / "catalog").iterdir()):
        scheme = folder / "scheme.toml"
        if scheme.exists() and (folder / "endpoints.txt").exists():
            aliases = re.search(r"^aliases\s*=\s*\[(.*?)\]", scheme.read_text(), re.M | re.S)
            ids += [folder.name, *(re.findall(r'"(\w+)"', aliases[1]) if aliases else [])]
    ids = [name for name in ids if hasattr(ccxt, name)]
    return ids + [f"{name} {kind}" for name, kind in credentials.VARIANTS if name in ids]


def read_known():
    """Yields (pattern, reason, whether it may be missing) of each line of known.txt."""
    file = HERE / "known.txt"
    for line in file.read_text().splitlines() if file.exists() else []:
        if line and not line.startswith("#"):
            pattern, reason = line.removeprefix("~").split("  ", 1)
            yield re.compile(pattern), reason, line.startswith("~")


def compare(name, options, keyring):
    """Returns a difference or None for each request."""
    import credentials

    exchange = name.split()[0]
    right = credentials.credentials(name, "right")
    wrong = credentials.with_placeholder(name, right, options.signer.with_name("signbox"))
    pairs = list(requests(exchange, right, wrong, random.Random(f"{options.seed} {name}"), options.per))
    if not pairs:
        return []
    record = {field: right[kind] for kind, field in credentials.FIELDS.items() if right.get(kind)}
    with keyring.key(f"signbox:{exchange}:main", json.dumps({**record, "allow": WORDS})):
        answers = ask(options.signer, f"{exchange}/main", [placeholder for _, placeholder, _ in pairs])
    return [difference(*both) for both in zip(pairs, answers)]


def requests(exchange, right, wrong, chance, count):
    """Yields (endpoint, request over a placeholder, request as ccxt signs it)."""
    import frozen

    clients = [frozen.client(exchange, keys) for keys in (wrong, right)]
    endpoints = sorted(frozen.entries(exchange))
    chance.shuffle(endpoints)
    now = frozen.NOW_MS
    for section, method, path in endpoints:
        now += 1000  # a nonce must rise
        if count == 0:
            return
        for client in clients:
            frozen.freeze(client, now)
        parameters = random_parameters(method, path, chance)
        try:
            signed = tidy(frozen.sign(clients[1], section, method, path, parameters))
        except Exception:  # ccxt cannot sign this one at all
            continue
        try:
            placeholder = tidy(frozen.sign(clients[0], section, method, path, parameters))
        except Exception as error:
            raise SystemExit(f"{exchange}: ccxt does not take the placeholder: {error}") from error
        if placeholder != signed:
            count -= 1
            yield f"{method} {section} {path}", placeholder, signed


def tidy(sent):
    return {"method": sent["method"], "url": sent["url"], "headers": sent["headers"] or {}, "body": sent["body"]}


def random_parameters(method, path, chance):
    """The parameters of the path, and up to four more."""
    found = {part: random_text(chance) for part in re.findall(r"\{([\w-]+)\}", path)}
    for name in chance.sample(NAMES, chance.randrange(5)):
        text = random_text(chance) + chance.choice(["", "", "", ":", ",", "@x"])
        found[name] = chance.choice([text, chance.randrange(10**9), f"{chance.random():.8f}"])
    return found


NAMES = ["symbol", "side", "amount", "price", "clientOrderId", "limit", "from", "note", "a_B", "z9"]


def random_text(chance):
    return "x" + "".join(chance.choices("abcXYZ019-_.", k=chance.randrange(1, 12)))


def ask(signer, handle, asked):
    """Returns the signer's answer to each request, or the reason why there is none."""
    lines = [json.dumps({"v": 1, "id": i, "op": "sign", "key": handle, "request": one}) for i, one in enumerate(asked)]
    run = subprocess.run(
        [signer, "--max-skew", "off", handle], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=60
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    missing = {"error": {"text": run.stderr.strip() or f"the signer ended with {run.returncode}"}}
    return answers + [missing] * (len(asked) - len(answers))


def difference(pair, answer):
    """Describes the first part that differs, or returns None."""
    endpoint, _, wanted_request = pair
    if "error" in answer:
        return f"{endpoint}: {answer['error']['text']}"
    got = answer["request"]
    for part in ["method", "url", "body"]:
        one, other = got[part], wanted_request[part]
        if one != other:
            return f"{endpoint}: {part}: got {cut(one, other)}, want {cut(other, one)}"
    for name in sorted(got["headers"].keys() | wanted_request["headers"].keys()):
        one, other = got["headers"].get(name), wanted_request["headers"].get(name)
        if one != other:
            return f"{endpoint}: header {name}: got {cut(one, other)}, want {cut(other, one)}"
    return None


def cut(text, other):
    """A piece of the text around the first byte that differs."""
    if text is None or other is None:
        return str(text)[:60]
    at = next((i for i, both in enumerate(zip(text, other)) if both[0] != both[1]), min(len(text), len(other)))
    return ("..." if at > 20 else "") + text[max(at - 20, 0) : at + 40]


def import_ccxt(folder):
    """Makes `import ccxt` work, if need be by installing it into this folder."""
    try:
        import ccxt

        if ccxt.__version__ == CCXT:
            return
        print(f"ccxt is {ccxt.__version__}, not {CCXT}", file=sys.stderr)
        for name in [name for name in sys.modules if name.split(".")[0] == "ccxt"]:
            del sys.modules[name]
    except ImportError:
        pass
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, f"ccxt=={CCXT}"]
    subprocess.run(command, check=True)
    sys.path.insert(0, folder)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as folder:
        import_ccxt(folder)
        sys.path.insert(0, str(HERE))
        sys.exit(main())
