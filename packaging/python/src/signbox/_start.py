"""Where a signer comes from: a program that is started here, a service's socket, or what `signbox run` has left for us."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from ._lines import LONGEST_READ, Lines
from .errors import SignerMissing, refusal

VARIABLE = "SIGNBOX_FDS"
INSTALLED = "/usr/libexec/signbox/signbox-signer"
SERVICES = "/run/signbox"
PIPES = b'{"v":1,"id":0,"op":"pipes"}\n'
PATIENCE = 5.0  # in seconds, for a service that has just been started


class Started(NamedTuple):
    """A signer, its process if it is our child, and why there is no other in its place, if there is none."""

    lines: Lines
    process: subprocess.Popen[bytes] | None = None
    once: str = ""


def spawn(handle: str, program: str | None, arguments: Sequence[str], one_socket: bool) -> Started:
    """Starts signbox-signer for a key."""
    path = program or shutil.which("signbox-signer") or INSTALLED
    said, errors = os.pipe()
    if one_socket:
        ours, theirs = (end.detach() for end in socket.socketpair())
        answers = questions = ours
        their_ends = [theirs, theirs]
    else:
        stdin, questions = os.pipe()
        answers, stdout = os.pipe()
        their_ends = [stdin, stdout]
    try:
        # A session of its own: Ctrl-C is for the bot, which may want to cancel its orders then. No preexec_fn: it would
        # make this a real fork of a large process.
        process = subprocess.Popen(
            [path, *arguments, handle], stdin=their_ends[0], stdout=their_ends[1], stderr=errors, start_new_session=True
        )
    except (OSError, ValueError) as error:  # a ValueError: a character in the key that no argument can have
        for fd in {said, answers, questions}:
            os.close(fd)
        raise SignerMissing(
            f"cannot start {path}: {getattr(error, 'strerror', error)}; install signbox, put signbox-signer on the PATH, or name it with "
            "'program'"
        ) from None
    finally:
        for fd in {errors, *their_ends}:
            os.close(fd)
    return Started(Lines(answers, questions, said), process)


def connect(path: str) -> Started:
    """Reaches the signer of a service, behind a socket in the file system, and takes the pipes that it gives: they are faster.

    The socket is kept as its standard error would be: nothing comes over it, and when it is closed the service is gone.
    """
    reached = socket.socket(socket.AF_UNIX)
    reached.settimeout(PATIENCE)
    try:
        reached.connect(path)
        reached.sendall(PIPES)
        text, fds, _, _ = socket.recv_fds(reached, LONGEST_READ, 2)
        answer = json.loads(text)
    except (OSError, ValueError) as error:
        reached.close()
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SignerMissing(f"no signer at {path}: {why}; is its service running, for this user?") from None
    end = reached.detach()
    if len(fds) == 2:
        return Started(Lines(fds[0], fds[1], end))
    if answer.get("error", {}).get("code") == "bad_request":  # a signer of its own behind the socket has none to give
        return Started(Lines(end, end))
    os.close(end)
    raise refusal(answer)


def inherit() -> Started | None:
    """Takes the signer that `signbox run` started for this program; None if it was not started that way."""
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return None
    try:
        answers, questions = map(int, text.split(","))
        for fd in (answers, questions):
            os.set_inheritable(fd, False)
    except (ValueError, OSError):
        raise SignerMissing(
            f"{VARIABLE} names no open descriptors: start this program with 'signbox run', without a program between "
            "that closes them"
        ) from None
    try:
        # A lock that forks do not inherit: where several processes were made from one that never asked, one has it.
        fcntl.lockf(questions, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SignerMissing(
            "another process already uses the signer of this 'signbox run': one bot to a signer, start another"
        ) from None
    return Started(Lines(answers, questions), once="start the bot again with 'signbox run'")
