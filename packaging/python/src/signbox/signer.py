"""What a bot uses: `Signer`, its twin for asyncio, and the signers that the adapters share."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, TypedDict, Union

from ._connection import Connection, Later
from ._json import Body, Fields, Headers
from ._start import SERVICES, inherit, spawn
from ._start import connect as reach
from .errors import Closed, SignboxError, refusal


class Signed(TypedDict):
    """A request that must be sent exactly as it is."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None


class Verdict(TypedDict):
    """What the policy says about a request: see `check` in signbox-protocol(7)."""

    allowed: bool
    rule: str
    endpoint: str | None
    text: str


Ask = Callable[..., Any]
Request = Union[tuple[str, str], tuple[str, str, Headers], tuple[str, str, Headers, Body]]


class Signer:
    """Signs requests with the key `exchange/label`, which this process never reads.

    Under `signbox run` it is the signer of that; else that of the `service` of this name, or behind the socket `connect`; else signbox-signer
    is started, with `arguments` before the key. The environment may name the service for all that say nothing else: SIGNBOX_SERVICE.
    `deadline` is in seconds. A signer that has ended is started again unless `restart` is off, the key was claimed, or a
    limit of the key is counted in the signer's memory. May be used by several threads at once, and by one process: in a fork it raises
    `Forked`.
    """

    DEADLINE = 5.0

    def __init__(
        self,
        key: str,
        *,
        deadline: float = DEADLINE,
        restart: bool = True,
        service: str | None = None,
        connect: str | None = None,
        socketpair: bool = False,
        program: str | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.key, self.deadline = key, deadline
        self._own: Connection | None = None
        connection = inherited(deadline)
        if service is None and connect is None and program is None:
            service = os.environ.get("SIGNBOX_SERVICE")
        if service:
            connect = f"{SERVICES}/{service}.sock"
        if connection is None:
            start = partial(reach, connect) if connect else partial(spawn, key, program, tuple(arguments), socketpair)
            connection = self._own = Connection(start, deadline, restart)
        self._connection = connection
        self._ask: Ask = connection.ask
        self._ask_soon: Ask = connection.ask_soon
        self._ask_many: Ask = connection.ask_many
        for known in connection.hello["keys"]:
            if known["key"] == key and "error" in known:
                self.close()
                raise refusal(known)

    def sign(self, method: str, url: str, headers: Headers = None, body: Body = None, *, reference: str = "") -> Signed:
        """Returns the request signed. Send exactly what is returned.

        Raises `Denied` if the policy refuses it, and other `SignboxError`s if there is no signature for another reason.
        `reference` is the market's price, for keys with limits that need one.
        """
        answer = self._ask("sign", self.key, (method, url, headers, body), reference, self.deadline)
        try:
            signed: Signed = answer["request"]
        except KeyError:
            raise refusal(answer) from None
        return signed

    def sign_many(
        self, requests: Iterable[Request], *, reference: str = "", return_exceptions: bool = False
    ) -> list[Any]:
        """Signs many requests, `(method, url[, headers[, body]])` each, in a fraction of the time that so many calls take.

        A refusal is raised once all are answered, or stands in its place in the list with `return_exceptions`.
        """
        whole = [(*request, None, None)[:4] for request in requests]
        answers = self._ask_many("sign", self.key, whole, reference, self.deadline)
        results = [answer["request"] if "request" in answer else refusal(answer) for answer in answers]
        for result in [] if return_exceptions else results:
            if isinstance(result, SignboxError):
                raise result
        return results

    def check(
        self, method: str, url: str, headers: Headers = None, body: Body = None, *, reference: str = ""
    ) -> Verdict:
        """Says whether a request would be signed, and by which rule. Signs nothing."""
        answer = self._ask("check", self.key, (method, url, headers, body), reference, self.deadline)
        if "check" not in answer:
            raise refusal(answer)
        verdict: Verdict = answer["check"]
        return verdict

    def login(self, name: str | None = None, fields: Fields = None) -> dict[str, Any]:
        """Returns what the exchange wants to see in the login of a WebSocket, by its names there. Raises as `sign` does.

        `name` is the login's in signbox-protocol(7), by default the first one for the kind of key; `fields` is what is said
        already, signed with a placeholder or not. The key needs the grant `login`: such a connection may do all that the API key may.
        """
        answer = self._ask("login", self.key, (name, fields), "", self.deadline)
        if "login" not in answer:
            raise refusal(answer)
        login: dict[str, Any] = answer["login"]
        return login

    def hello(self) -> dict[str, Any]:
        """What the signer is, as it said when it started: see signbox-protocol(7)."""
        return self._connection.hello

    @property
    def restarts(self) -> int:
        """How often it has been started again."""
        return self._connection.restarts

    def close(self) -> None:
        """Ends the signer; that of `signbox run` ends with this process."""
        self._ask = self._ask_many = self._ask_soon = closed
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Signer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"


class AsyncSigner:
    """A `Signer` for asyncio: the loop goes on when the signer takes longer than a moment.

    The quickest way to an answer that comes within microseconds is to wait for it; only one that does not is waited for
    in a thread.
    """

    def __init__(self, key: str | Signer, **options: Any) -> None:
        self.signer = Signer(key, **options) if isinstance(key, str) else key

    async def sign(
        self, method: str, url: str, headers: Headers = None, body: Body = None, *, reference: str = ""
    ) -> Signed:
        """As `Signer.sign`."""
        answer = await self._asked("sign", (method, url, headers, body), reference)
        if "request" not in answer:
            raise refusal(answer)
        signed: Signed = answer["request"]
        return signed

    async def check(
        self, method: str, url: str, headers: Headers = None, body: Body = None, *, reference: str = ""
    ) -> Verdict:
        """As `Signer.check`."""
        answer = await self._asked("check", (method, url, headers, body), reference)
        if "check" not in answer:
            raise refusal(answer)
        verdict: Verdict = answer["check"]
        return verdict

    async def login(self, name: str | None = None, fields: Fields = None) -> dict[str, Any]:
        """As `Signer.login`."""
        answer = await self._asked("login", (name, fields), "")
        if "login" not in answer:
            raise refusal(answer)
        login: dict[str, Any] = answer["login"]
        return login

    def hello(self) -> dict[str, Any]:
        """As `Signer.hello`."""
        return self.signer.hello()

    async def close(self) -> None:
        """As `Signer.close`."""
        await asyncio.get_running_loop().run_in_executor(None, self.signer.close)

    async def __aenter__(self) -> AsyncSigner:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _asked(self, op: str, request: Any, reference: str) -> Any:
        signer = self.signer
        answer = signer._ask_soon(op, signer.key, request, reference, signer.deadline)
        if not isinstance(answer, Later):
            return answer
        loop = asyncio.get_running_loop()
        # What holds the connection has a thread of its own: those of the loop may all be waiting for the connection.
        pool = ThreadPoolExecutor(1) if answer.holds else None
        try:
            waiting = loop.run_in_executor(pool, answer.wait)
        except RuntimeError:  # the loop is ending and has no threads any more
            return answer.wait()
        finally:
            if pool is not None:
                pool.shutdown(wait=False)
        # Shielded: whoever is cancelled stops waiting, but the answer is still taken off the line.
        return await asyncio.shield(waiting)


def shared(key: str | Signer) -> Signer:
    """The one signer of this process for a key. Adapters take it: where nonces must rise, a key belongs to one signer."""
    if isinstance(key, Signer):
        return key
    signer = SIGNERS.get(key)
    if signer is not None and not signer._connection.gone():
        return signer
    with LOCK:
        signer = SIGNERS.get(key)
        if signer is None or signer._connection.gone():
            signer = SIGNERS[key] = Signer(key)
        return signer


def inherited(deadline: float) -> Connection | None:
    """The connection to the signer of `signbox run`, if this process was started by that."""
    global INHERITED
    with LOCK:
        if INHERITED is None:
            started = inherit()
            if started is not None:
                INHERITED = Connection(lambda: started, deadline, restart=False)
        return INHERITED


def after_fork() -> None:
    """Another thread may have held the lock."""
    global LOCK
    LOCK = threading.RLock()


def closed(*_: Any) -> Any:
    """What a closed signer does when it is asked."""
    raise Closed("this signer was closed; make a new one")


os.register_at_fork(after_in_child=after_fork)
LOCK = threading.RLock()
SIGNERS: dict[str, Signer] = {}
INHERITED: Connection | None = None
