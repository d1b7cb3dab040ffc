"""The examples, run under `signbox run` as their first lines say, against servers that verify; and the documents that quote them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from exchange import RECORD, SECRET, Exchange
from kraken import answers

import signbox

PACKAGE = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((PACKAGE / "examples").glob("*.py"))
DOCUMENTS = [PACKAGE / "README.md", *sorted((PACKAGE / "docs").glob("*.md"))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_works(example, key):
    name = "binance" if "binance" in example.stem else "kraken"
    assert f"signbox run {name}/main -- python3 {example.name} [URL]" in example.read_text()
    key(f"{name}/main", **RECORD)
    binance = {"account": {"balances": []}, "order": {"orderId": 1}}
    with Exchange(name, binance if name == "binance" else answers()) as server:
        command = ["signbox", "run", f"{name}/main", "--", sys.executable, str(example), server.url]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr
        assert len(server.signed) >= (1 if example.stem == "plain" else 2)
        assert all(one.good for one in server.signed) and not any("Withdraw" in one.path for one in server.seen)
        assert SECRET not in ran.stdout + ran.stderr
        assert ("denied" in ran.stdout) == (example.stem in ("plain", "ccxt_bot"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_shows_is_what_an_example_does(document):
    """A block of Python after `<!-- example: FILE -->` stands in that example; every other one compiles."""
    text = document.read_text()
    for name, block in re.findall(r"(?:<!-- example: (\S+) -->\n)?```python\n(.*?)```", text, re.S):
        compile(block, str(document), "exec")
        if name:
            example = (PACKAGE / "examples" / name).read_text()
            lines = [line.strip() for line in block.splitlines() if line.strip()]
            assert lines and all(line in example for line in lines), f"{name}: {lines}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_refers_to_is_there(document):
    text = document.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or (document.parent / link).exists(), link
    for name in re.findall(r"`signbox\.([A-Z]\w+)`", text):
        assert hasattr(signbox, name), name


def test_every_exception_is_documented():
    readme = (PACKAGE / "README.md").read_text()
    kinds = [
        name
        for name in signbox.__all__
        if isinstance(getattr(signbox, name), type) and issubclass(getattr(signbox, name), Exception)
    ]
    assert all(f"`{name}`" in readme for name in kinds), [name for name in kinds if f"`{name}`" not in readme]


def test_every_bot_has_a_page_with_before_and_after():
    for document in DOCUMENTS[1:]:
        text = document.read_text()
        assert "## Before" in text and "## After" in text, document.name
