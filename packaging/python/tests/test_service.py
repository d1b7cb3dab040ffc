"""A signer behind a socket: a service, and one for each connection, as a service manager may start it."""

from __future__ import annotations

import os
import socket
import stat
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


@pytest.fixture
def one_for_all(key, tmp_path, monkeypatch):
    """Starts a service, again if it is asked again; its name is for the environment."""
    handle = key("binance/main", key="FAKEkey", secret=SECRET)
    (tmp_path / "momentum.sock").parent.mkdir(exist_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "momentum.sock"))
    listener.listen()
    monkeypatch.setattr("signbox.signer.SERVICES", str(tmp_path))
    started = []

    def start():
        for process in started:
            process.terminate()
            process.wait(5)
        started.append(subprocess.Popen(["signbox-signer", "--service", "momentum", handle], stdin=listener))

    yield start
    listener.close()
    for process in started:
        process.terminate()
        process.wait(5)


def test_a_service_gives_pipes_and_is_reached_again_when_it_was_started_again(one_for_all, monkeypatch):
    one_for_all()
    monkeypatch.setenv("SIGNBOX_SERVICE", "momentum")
    with signbox.Signer("binance/main", service="momentum") as one, signbox.Signer("binance/main") as other:
        lines = one._connection._lines
        assert {stat.S_IFMT(os.fstat(fd).st_mode) for fd in (lines._in, lines._out)} == {stat.S_IFIFO}
        assert verified(one.sign("GET", URL + "account")) and verified(other.sign("GET", URL + "account"))
        assert len(one.sign_many([("GET", URL + "account")] * 300)) == 300
        one._connection._born -= 60
        one_for_all()
        assert verified(one.sign("GET", URL + "account")) and one.restarts == 1


def test_a_service_without_the_key_says_how_to_add_it(one_for_all):
    one_for_all()
    with signbox.Signer("kraken/main", service="momentum") as signer:
        with pytest.raises(signbox.KeyGone, match="sudo signbox add --service momentum kraken/main"):
            signer.sign("GET", "https://api.kraken.com/0/private/Balance")


def test_a_service_of_another_user_says_so(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    arguments = ["--service", "momentum", "--peer", str(os.getuid() + 1)]
    process = subprocess.Popen(["signbox-signer", *arguments], stdin=listener)
    try:
        with pytest.raises(signbox.SignboxError, match="this service answers user"):
            signbox.Signer("binance/main", connect=str(tmp_path / "socket"))
    finally:
        process.terminate()
        process.wait(5)
        listener.close()


def test_where_there_is_none_it_says_so(tmp_path):
    with pytest.raises(signbox.SignerMissing, match="is its service running"):
        signbox.Signer("binance/main", connect=str(tmp_path / "none"))
