"""One signer, used by all threads of this process: questions out, and to each asker its own answer.

Answers come in the order of the questions. What was asked stays awaited until it is answered, even if its asker has given up, and
an answer with a wrong id ends the connection: so no answer reaches another asker.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from ._json import decode, encode
from ._lines import Lines, NotAsked
from ._start import Started
from .errors import (
    UPDATE,
    Closed,
    DeadlinePassed,
    Forked,
    KeyGone,
    SignboxError,
    SignerDied,
    SignerMissing,
    WrongAnswer,
    WrongVersion,
    refusal,
)

ErrorType = TypeVar("ErrorType", bound=SignboxError)
LOG = logging.getLogger("signbox")
BATCH = 64  # questions in one write: more bring nothing
TOO_SOON = 1.0  # a signer that ends within so many seconds is not started again
PATIENCE = 0.002  # how long an event loop may stand still for an answer


class Later(NamedTuple):
    """What waits for an answer, in another thread. Where it `holds` the connection, nobody else gets on before it has run."""

    wait: Callable[[], Any]
    holds: bool


class Connection:
    """A signer from `start`, which is started again where that is safe."""

    def __init__(self, start: Callable[[], Started], deadline: float, restart: bool) -> None:
        self._start, self._restart = start, restart
        self._lock = threading.Lock()
        self._awaited: deque[int] = deque()
        self._last = 0
        self._lines: Lines | None = None
        self._why: SignboxError = Closed("the signer was not started")
        self.hello: dict[str, Any] = {}
        self.restarts = 0
        self._begin(deadline)
        CONNECTIONS.add(self)

    def ask(self, op: str, key: str, request: Any, reference: str, deadline: float) -> Any:
        """Asks one question and returns its answer."""
        if not self._lock.acquire(False):
            self._queue(deadline)
        try:
            return self._exchange(op, key, request, reference, deadline, deadline)
        finally:
            self._lock.release()

    def ask_many(self, op: str, key: str, requests: Sequence[Any], reference: str, deadline: float) -> list[Any]:
        """Asks many questions, in batches that each have the deadline."""
        answers: list[Any] = []
        self._queue(deadline)
        try:
            for at in range(0, len(requests), BATCH):
                end, batch = monotonic() + deadline, requests[at : at + BATCH]
                lines = self._lines or self._begin_again(deadline)
                numbers = range(self._last + 1, self._last + 1 + len(batch))
                data = b"".join([encode(number, op, key, asked, reference) for number, asked in zip(numbers, batch)])
                self._last = numbers[-1]
                self._awaited.extend(numbers)
                try:
                    lines.send(data, end)
                except SignerDied:
                    raise self._died() from None
                answers += [self._answer(number, end) for number in numbers]
        finally:
            self._lock.release()
        return answers

    def ask_soon(self, op: str, key: str, request: Any, reference: str, deadline: float) -> Any:
        """Asks one question; returns its answer if that comes at once, else who waits for it."""
        if self._awaited or not self._lock.acquire(False):
            return Later(lambda: self.ask(op, key, request, reference, deadline), False)
        try:
            answer = self._exchange(op, key, request, reference, PATIENCE, deadline)
        except DeadlinePassed:
            # The lock stays taken: answers come in the order of the questions.
            number, end = self._last, monotonic() + deadline
            return Later(lambda: self._finish(number, end), True)
        except BaseException:
            self._lock.release()
            raise
        self._lock.release()
        return answer

    def gone(self) -> bool:
        """Whether it was closed, or belongs to a parent."""
        return self._lines is None and isinstance(self._why, (Closed, Forked))

    def close(self) -> None:
        """Ends the signer. Does not wait for ever: whoever still waits for an answer is told that it died."""
        if self._lock.acquire(timeout=1):
            try:
                if self._lines is not None:
                    self._stop(Closed("this signer was closed; make a new one"))
            finally:
                self._lock.release()
        elif self._process is not None:
            self._restart = False
            self._process.kill()

    def forked(self) -> None:
        """Lets go of what belongs to the parent. Runs in the child, alone."""
        self._lock = threading.Lock()
        if self._lines is not None:
            self._end.detach()
            self._lines.close()
            self._lines = None
            self._why = Forked(
                "this process was forked from the one that the signer belongs to; make a new signbox.Signer here (under "
                "'signbox run' there is one signer: start this process with a 'signbox run' of its own)"
            )

    def _begin(self, deadline: float) -> None:
        """Starts the signer and asks what it is."""
        self._lines, self._process, self._once = self._start()
        self._born = monotonic()
        self._end = weakref.finalize(self, shut, self._lines, self._process)
        self._awaited.clear()
        try:
            until = self._born + deadline
            self._awaited.append(0)
            try:
                self._lines.send(b'{"v":1,"id":0,"op":"hello"}\n', until)
            except SignerDied:
                raise self._died() from None
            answer = self._answer(0, until)
            if not isinstance(answer.get("hello"), dict) or "keys" not in answer["hello"]:
                raise refusal(answer)
            self.hello = answer["hello"]
        except SignerDied as error:
            for code, words in KEY_GONE.items():
                if words in str(error):
                    raise KeyGone(str(error), code) from None
            raise SignerMissing(f"the signer did not start: {error}") from None
        except BaseException:
            self._stop(Closed("the signer did not start"))
            raise

    def _queue(self, deadline: float) -> None:
        if not self._lock.acquire(timeout=deadline):
            raise DeadlinePassed("the signer is still busy with what other threads have asked; nothing was asked")

    def _exchange(self, op: str, key: str, request: Any, reference: str, patience: float, deadline: float) -> Any:
        """Asks a question that is awaited from now on, and returns its answer if that comes within `patience`."""
        lines, end = self._lines or self._begin_again(deadline), monotonic() + patience
        number = self._last + 1
        question = encode(number, op, key, request, reference)
        self._last = number
        self._awaited.append(number)
        try:
            line = lines.exchange(question, patience, end)
        except NotAsked:
            self._died()
            lines = self._begin_again(deadline, number)
            try:
                line = lines.exchange(question, patience, end)
            except SignerDied:
                raise self._died() from None
        except SignerDied:
            raise self._died() from None
        answer = self._take(line, number)
        return self._answer(number, end) if answer is None else answer

    def _answer(self, number: int, end: float) -> Any:
        """Returns the answer to a question, and throws those away that nobody waits for any more."""
        answer = None
        while answer is None:
            if self._lines is None:
                raise self._why
            try:
                line = self._lines.line(end)
            except SignerDied:
                raise self._died() from None
            answer = self._take(line, number)
        return answer

    def _take(self, line: bytes, number: int) -> Any:
        """Returns what stands in a line if that answers this question, None if it answers one before it."""
        try:
            answer = decode(line)
            first = self._awaited.popleft()
            version, told = answer["v"], answer["id"]
        except (ValueError, TypeError, KeyError, IndexError):
            raise self._stop(refusal(None)) from None
        if version != 1:
            raise self._stop(WrongVersion(f"the signer speaks version {version!r} of the protocol, not 1; {UPDATE}"))
        if told != first and told is not None:  # without an id: it could not read the line
            raise self._stop(WrongAnswer(f"the signer has answered question {told!r} in place of {first}; {NEW}"))
        if self._lines is not None and self._lines.heard:
            LOG.warning("%s", self._lines.said().rstrip())
        return answer if first == number else None

    def _finish(self, number: int, end: float) -> Any:
        try:
            return self._answer(number, end)
        finally:
            self._lock.release()

    def _died(self) -> SignerDied:
        """Clears away a signer that has ended; returns what to tell of it."""
        lines, process = self._lines, self._process
        code = None if process is None else wait(process)
        said = (lines.said() if lines else "").strip().replace("signbox-signer: ", "")
        how = {None: "the signer has ended", 0: "the signer has ended"}.get(code, f"the signer has ended with {code}")
        if code is not None and code < 0:
            how = f"the signer was ended by signal {-code}"
        return self._stop(SignerDied(f"{how}{': ' if said else ''}{said}; nothing that has no answer was sent"))

    def _stop(self, why: ErrorType) -> ErrorType:
        """Ends the signer for good, and for this reason."""
        self._end()
        self._lines, self._why = None, why
        return why

    def _begin_again(self, deadline: float, number: int | None = None) -> Lines:
        """Starts a signer in place of one that has ended, if nothing is lost by it; what is asked next may have a number."""
        why = self._why
        not_again = self._not_again() if isinstance(why, SignerDied) else ""
        if not_again is not None:
            raise type(why)(f"{why}{not_again}")
        self._begin(deadline)
        self._awaited.extend([] if number is None else [number])
        self.restarts += 1
        LOG.warning("%s; started another", str(why).partition(";")[0])
        assert self._lines is not None
        return self._lines

    def _not_again(self) -> str | None:
        """Why no other signer may take the place of the one that has ended; None if it may."""
        if not self._restart:
            return "; it is not started again, as 'restart' is off"
        if self._once:
            return f"; {self._once}"
        if self.hello.get("mode") == "claimed":
            return "; the key ended with it: add the key again, and start the bot again"
        if monotonic() - self._born < TOO_SOON:
            return "; it ended right after its start and is not started again at once"
        limits = [limit["name"] for key in self.hello["keys"] for limit in key.get("limits", ())]
        counted = [name for name in limits if name.startswith("rate") or name.endswith("-day")]
        if counted and self.hello.get("counts") == "memory":
            return f"; it is not started again: another would count {', '.join(counted)} from nothing. {NEW}"
        return None


def shut(lines: Lines, process: subprocess.Popen[bytes] | None) -> None:
    """Closes the descriptors, which ends the signer, and sees to it that it has ended."""
    lines.close()
    if process is not None:
        wait(process)


def wait(process: subprocess.Popen[bytes]) -> int:
    """Returns how it ended; one that does not end by itself is killed."""
    try:
        return process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def after_fork() -> None:
    """In a child no signer of the parent is left to mistake for one's own."""
    for connection in list(CONNECTIONS):
        connection.forked()


# What the signer says of a key that it cannot have, as it ends.
KEY_GONE = {"no_such_key": ": no key '", "revoked": "' was revoked", "expired": "' has expired"}
NEW = "If that is all right, make a new signbox.Signer."
CONNECTIONS: weakref.WeakSet[Connection] = weakref.WeakSet()
os.register_at_fork(after_in_child=after_fork)
