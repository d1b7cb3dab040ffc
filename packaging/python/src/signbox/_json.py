"""Questions as lines, answers from lines: orjson where it is installed, else what is quick in the standard library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any, Optional, Union

from .errors import BadRequest

try:
    import orjson
except ImportError:
    orjson: Any = None  # type: ignore[no-redef]

Body = Union[str, bytes, bytearray, None]
Headers = Optional[Mapping[str, str]]
Fields = Optional[Mapping[str, Any]]


def encode_plain(number: int, op: str, key: str, request: Any, reference: str) -> bytes:
    """Returns the line of a question about a request, or of one for a login."""
    if op == "login":
        return encode_login(number, key, *request)
    method, url, headers, body = request
    quote = encode_basestring
    try:
        if isinstance(body, BYTES):
            body = body.decode()
        pairs = ",".join([f"{quote(name)}:{quote(value)}" for name, value in headers.items()]) if headers else ""
        return (
            f'{{"v":1,"id":{number},"op":"{op}","key":{quote(key)},"request":{{"method":{quote(method)},'
            f'"url":{quote(url)},"headers":{{{pairs}}},"body":{"null" if body is None else quote(body)}}}'
            f"{f',{REFERENCE}:{quote(reference)}' if reference else ''}}}\n"
        ).encode()
    except (TypeError, ValueError) as error:
        raise unwritable(error) from None


def decode_plain(line: bytes) -> Any:
    """Reads the line of an answer."""
    try:
        return SCAN(line.decode(), 0)[0]
    except StopIteration:
        raise ValueError("no JSON") from None


def encode_orjson(number: int, op: str, key: str, request: Any, reference: str) -> bytes:
    """Returns the line of a question about a request, or of one for a login."""
    if op == "login":
        return encode_login(number, key, *request)
    method, url, headers, body = request
    try:
        if isinstance(body, BYTES):
            body = body.decode()
        fields = {"method": method, "url": url, "headers": headers, "body": body}
        question = {"v": 1, "id": number, "op": op, "key": key, "request": fields}
        if reference:
            question["reference"] = reference
        line: bytes = orjson.dumps(question, None, orjson.OPT_APPEND_NEWLINE)
    except (TypeError, ValueError) as error:
        raise unwritable(error) from None
    return line


def encode_login(number: int, key: str, name: str | None, fields: Fields) -> bytes:
    """Returns the line of a question for a login: too seldom for haste."""
    try:
        question = {"v": 1, "id": number, "op": "login", "key": key, "fields": dict(fields or {})}
        if name is not None:
            question["login"] = name
        return (json.dumps(question, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise BadRequest(f"the fields of a login must be JSON, in UTF-8: {error}", "bad_request") from None


def unwritable(error: Exception) -> BadRequest:
    """What to raise for a request that is not made of text."""
    if isinstance(error, UnicodeError):
        return BadRequest("a request is made of text in UTF-8, and this one has bytes that are none", "bad_request")
    return BadRequest(f"method, URL, headers and body of a request must be text: {error}", "bad_request")


REFERENCE = '"reference"'
BYTES = (bytes, bytearray)
SCAN: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
encode = encode_plain if orjson is None else encode_orjson
decode = decode_plain if orjson is None else orjson.loads
