"""freqtrade without the secret: `python -m signbox.freqtrade trade --config config.json` for `freqtrade trade ...`.

The keys are those of `signbox run`, or are named before the command: `python -m signbox.freqtrade --key kraken/main trade ...`.
freqtrade takes its exchanges from ccxt by name, and finds signed ones there; nothing of freqtrade is changed. The
configuration needs no secret, and strategies find none.
"""

from __future__ import annotations

import sys

from . import ccxt
from .errors import SignboxError
from .signer import Signer, inherited


def main(arguments: list[str]) -> None:
    """Runs freqtrade with these arguments."""
    keys: list[str] = []
    while len(arguments) > 1 and arguments[0] == "--key":
        keys.append(arguments[1])
        arguments = arguments[2:]
    try:
        if not keys:
            run = inherited(Signer.DEADLINE)
            keys = [key["key"] for key in run.hello["keys"]] if run else []
        if not keys:
            sys.exit(
                "signbox: which key? 'signbox run kraken/main -- python -m signbox.freqtrade trade ...', or name it: "
                "python -m signbox.freqtrade --key kraken/main trade ..."
            )
        ccxt.install({key.partition("/")[0]: key for key in keys})
    except SignboxError as error:
        sys.exit(f"signbox: {error}")
    from freqtrade.main import main as freqtrade

    freqtrade(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
