"""A signer behind a socket, one for each connection, as a service manager starts it."""

from __future__ import annotations

import socket
import subprocess
import threading

import pytest
from test_signer import SECRET, URL, verified

import signbox


@pytest.fixture
def service(key, tmp_path):
    """The path of a socket, and the signers that were started behind it."""
    handle = key("binance/main", key="FAKEkey", secret=SECRET)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    started = []

    def serve():
        while True:
            try:
                end, _ = listener.accept()
            except OSError:
                return
            with end:
                started.append(subprocess.Popen(["signbox-signer", handle], stdin=end, stdout=end))

    thread = threading.Thread(target=serve)
    thread.start()
    yield str(tmp_path / "socket"), started
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    for process in started:
        process.wait(5)  # ends with its connection


def test_it_signs_for_each_connection_and_is_reached_again_when_it_has_ended(service):
    path, started = service
    with signbox.Signer("binance/main", connect=path) as one, signbox.Signer("binance/main", connect=path) as other:
        assert verified(one.sign("GET", URL + "account")) and verified(other.sign("GET", URL + "account"))
        assert len(started) == 2
        one._connection._born -= 60
        started[0].kill()
        started[0].wait()
        assert verified(one.sign("GET", URL + "account"))
        assert one.restarts == 1 and len(started) == 3


def test_where_there_is_none_it_says_so(tmp_path):
    with pytest.raises(signbox.SignerMissing, match="is its service running"):
        signbox.Signer("binance/main", connect=str(tmp_path / "none"))
