"""Lines to a signer and back, each with a deadline. Knows descriptors, and nothing of what a line says.

The usual exchange is one write, one poll and one read. With a second thread at work, a call that lets go of the
interpreter's lock gets it back only some milliseconds later. So with more than one thread the three keep it, for a
moment that no other thread notices, and only a signer that is slow is waited for without it.
"""

from __future__ import annotations

import _thread
import os
import select
import threading
from time import monotonic
from typing import Any

from .errors import DeadlinePassed, SignerDied

try:
    import ctypes
except ImportError:  # a Python without libffi: the ordinary calls serve, only slower beside a busy thread
    HELD: Any = None
else:
    HELD = ctypes.PyDLL(None)  # calls through it keep the interpreter's lock

    class PollFd(ctypes.Structure):
        """struct pollfd."""

        _fields_ = (("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short))

    HELD.write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
    HELD.write.restype = HELD.read.restype = ctypes.c_ssize_t
    HELD.read.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
    HELD.poll.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int)

# How many threads there are besides the first; that of the threading module takes a lock, and five times as long.
others = getattr(_thread, "_count", lambda: threading.active_count() - 1)
LONGEST_READ = 65_536
PATIENCE_MS = 2  # how long the interpreter's lock is kept for an answer


class NotAsked(SignerDied):
    """The signer had ended before it was asked."""


class Lines:
    """The two ends of a signer; `errors` is its standard error if that is ours to read. Not for two threads at once."""

    def __init__(self, answers: int, questions: int, errors: int | None = None) -> None:
        self._in, self._out, self._errors = answers, questions, errors
        self._ends = {answers, questions} if errors is None else {answers, questions, errors}
        for fd in self._ends:
            os.set_blocking(fd, False)
        self._unsent = b""
        self._unread = b""
        self.heard = b""  # from standard error
        self._poll = select.poll()
        for fd in self._ends - {questions} | {answers}:
            self._poll.register(fd, select.POLLIN)
        self._usual = [(answers, select.POLLIN)]
        if HELD is not None:
            self._fds = (PollFd * 2)(
                PollFd(answers, select.POLLIN), PollFd(-1 if errors is None else errors, select.POLLIN)
            )
            self._fds_at = ctypes.addressof(self._fds)
            self._buffer = ctypes.create_string_buffer(LONGEST_READ)
            self._buffer_at = ctypes.addressof(self._buffer)

    def exchange(self, question: bytes, patience: float, end: float) -> bytes:
        """Sends a line and returns the next that comes; raises `DeadlinePassed` after so many seconds, which is at `end`."""
        size, sent, data = len(question), 0, b""
        if self._unsent or self._unread:
            pass
        elif others() and HELD is not None:
            sent = max(HELD.write(self._out, question, size), 0)
            if sent == size and HELD.poll(self._fds_at, 2, PATIENCE_MS) == 1 and self._fds[0].revents:
                count = HELD.read(self._in, self._buffer_at, LONGEST_READ)
                data = ctypes.string_at(self._buffer, max(count, 0))
        else:
            try:
                sent = os.write(self._out, question)
                if sent == size and self._poll.poll(patience * 1000) == self._usual:
                    data = os.read(self._in, LONGEST_READ)
            except OSError:  # met again below
                pass
        if data and data.find(b"\n") == len(data) - 1:
            return data
        # Something is unusual, and is found out without haste.
        self._unread += data
        self.send(question[sent:], end)
        return self.line(end)

    def send(self, data: bytes, end: float) -> None:
        """Writes lines. Reads in the meantime: a signer whose answers nobody reads does not read either."""
        self._unsent += data
        while self._unsent:
            self._unsent = self._unsent[self._write(self._unsent) :]
            if self._unsent:
                self._wait(end, writing=True)

    def line(self, end: float) -> bytes:
        """Returns the next line; `end` is a time of `monotonic()`, after which `DeadlinePassed` is raised."""
        while True:
            line, newline, rest = self._unread.partition(b"\n")
            if newline:
                self._unread = rest
                return line
            self._wait(end)
            self._unread += self._read()

    def said(self) -> str:
        """Hands out the whole lines that the signer has written to its standard error since this was last called."""
        self._drain()
        whole, newline, self.heard = self.heard.rpartition(b"\n")
        return (whole + newline).decode(errors="replace")

    def close(self) -> None:
        """Closes the descriptors: the end of its input ends the signer."""
        for fd in self._ends:
            os.close(fd)

    def _wait(self, end: float, writing: bool = False) -> None:
        """Waits until there is something to read, or room to write."""
        if writing:
            self._poll.register(self._out, select.POLLOUT | (select.POLLIN if self._out == self._in else 0))
        try:
            found = self._poll.poll(max(end - monotonic(), 0) * 1000)
        finally:
            if writing:
                self._poll.unregister(self._out)
                self._poll.register(self._in, select.POLLIN)
        if not found:
            raise DeadlinePassed("the signer has not answered in time; its answer is thrown away if it still comes")
        ready = [fd for fd, _ in found]
        if self._errors in ready:
            self._drain()
        if writing and self._in in ready:
            self._unread += self._read()

    def _write(self, data: bytes) -> int:
        try:
            return os.write(self._out, data)
        except BlockingIOError:
            return 0
        except OSError:
            raise NotAsked("the signer has ended") from None

    def _read(self) -> bytes:
        try:
            data = os.read(self._in, LONGEST_READ)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            raise SignerDied("the signer has ended")
        return data

    def _drain(self) -> None:
        if self._errors is None:
            return
        try:
            data = os.read(self._errors, LONGEST_READ)
        except BlockingIOError:
            return
        if not data:  # closed at the other end: from now on it would always be ready
            self._poll.unregister(self._errors)
            self._errors = None
            if HELD is not None:
                self._fds[1].fd = -1
        self.heard = (self.heard + data)[-LONGEST_READ:]
