"""Bogus credentials of the shape that each exchange wants, made up anew each time."""

import base64
import subprocess

import frozen

# How the fields of ccxt's credentials are called in a record of signbox.
FIELDS = {
    "apiKey": "key",
    "secret": "secret",
    "privateKey": "secret",
    "password": "passphrase",
    "uid": "uid",
    "accountId": "uid",
}
# Kinds of keys beyond the one that an exchange takes without saying more.
VARIANTS = [
    ("binance", "rsa"),
    ("binance", "ed25519"),
    ("bybit", "rsa"),
    ("coinbase", "es256"),
    ("coinbase", "eddsa"),
]
BASE64 = ["kraken", "krakenfutures", "coinbaseexchange", "btcmarkets", "btcturk"]
ED25519_BASE58 = ["woofipro", "modetrade"]
UIDS = ["coinmate", "ndax", "cryptomus", "bitmart"]


# What signbox calls these kinds.
TYPES = {"rsa": "rsa", "ed25519": "ed25519", "es256": "p256", "eddsa": "ed25519"}


def with_placeholder(name, right, signbox):
    """Returns the credentials with what `signbox placeholder` prints in the place of the secret."""
    exchange, kind = (name.split() + [""])[:2]
    option = ["--type", TYPES[kind]] if kind else []
    run = subprocess.run([signbox, "placeholder", f"{exchange}/main", *option], capture_output=True, text=True, check=True)
    field = "privateKey" if "privateKey" in right else "secret"
    return {**right, field: run.stdout.removesuffix("\n")}


def credentials(name, which):
    exchange, kind = (name.split() + [""])[:2]
    found = {"apiKey": "FAKE" + frozen.text_key(name, 28), "secret": secret(exchange, kind, f"{name} {which}")}
    found["password"] = "fake Pass-phrase+1/2"
    if exchange in UIDS:
        found["uid"] = "uid77001"
    if exchange == "ndax":
        found["login"] = "fake-login"
    if exchange == "coinbaseinternational":  # a key of Deribit's, told by its length
        found |= {"apiKey": found["apiKey"][:8], "secret": found["secret"][:43]}
    if exchange == "gemini":
        found["apiKey"] = "account-" + found["apiKey"]
    if exchange in ED25519_BASE58:
        found |= {"apiKey": "ed25519:" + base58(raw(name)), "accountId": "0x" + frozen.text_key(name)}
    if exchange == "revolutx":
        found["privateKey"] = found.pop("secret")
    if exchange == "bullish":
        found["token"] = "fake.session.token"
    if name == "coinbase es256":
        found["apiKey"] = f"organizations/{frozen.UUID}/apiKeys/{frozen.UUID}"
    return found


def secret(exchange, kind, what):
    if kind == "rsa":
        return rsa_pem()
    if (exchange, kind) == ("coinbase", "eddsa"):
        return ed25519_with_public(what)
    if kind == "ed25519" or exchange == "revolutx":
        return ed25519_pem(what)
    if kind == "es256":
        return p256_pem(what)
    if exchange in ED25519_BASE58:
        return "ed25519:" + base58(raw(what))
    if exchange == "backpack":
        return frozen.base64_key(what)
    if exchange in BASE64:
        return frozen.base64_key(what, 64)
    return frozen.text_key(what, 32 if exchange == "lbank" else 64)


def raw(what):
    return base64.b64decode(frozen.base64_key(what))


def ed25519_pem(what):
    """PKCS#8: a fixed head, then the seed."""
    return pem("PRIVATE KEY", bytes.fromhex("302e020100300506032b657004220420") + raw(what))


def ed25519_with_public(what):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = Ed25519PrivateKey.from_private_bytes(raw(what)).public_key()
    return base64.b64encode(raw(what) + public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def p256_pem(what):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.derive_private_key(int.from_bytes(raw(what), "big") >> 1, ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def rsa_pem():
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def pem(kind, data):
    return f"-----BEGIN {kind}-----\n{base64.b64encode(data).decode()}\n-----END {kind}-----\n"


def base58(data):
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text
