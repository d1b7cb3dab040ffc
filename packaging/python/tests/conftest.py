"""What all tests share: the programs, and keys in a session keyring that ends with the tests.

The keys are made up. The real signer signs with them, and tests/exchange.py, which knows them too, verifies.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

import pytest

PACKAGE = Path(__file__).resolve().parent.parent
ROOT = PACKAGE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "ccxt"))
sys.path.insert(0, str(PACKAGE / "tests"))

import keyring  # noqa: E402  of tests/ccxt

from signbox.signer import SIGNERS  # noqa: E402

PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
os.environ["PATH"] = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"


def pytest_configure() -> None:
    """Fails at once where there is nothing to test against."""
    for name in ("signbox", "signbox-signer"):
        if shutil.which(name) is None:
            raise pytest.UsageError(f"no {name} in {PROGRAMS} or on the PATH: cargo build --release")
    keyring.join_fresh_session()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """As in the rest of the project, a skip is a failure where CI says so."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("SIGNBOX_TEST_KERNEL") == "require" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = 1


@pytest.fixture
def key() -> Iterator[Callable[..., str]]:
    """Puts a key into the session until the end of the test: `key("binance/main", secret=..., allow=[...])`."""
    kept = []

    def put(handle: str, **record: Any) -> str:
        kept.append(keyring.key("signbox:" + handle.replace("/", ":"), json.dumps(record)))
        kept[-1].__enter__()
        return handle

    yield put
    for signer in SIGNERS.values():
        signer.close()
    for one in kept:
        with suppress(OSError):  # a test may have revoked it
            one.__exit__(None, None, None)
