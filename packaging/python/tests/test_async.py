"""`AsyncSigner`: its answers, and that the loop goes on where the signer does not."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest
from test_signer import SECRET, URL, process_of, verified

import signbox


@pytest.fixture
def binance(key):
    return key("binance/main", key="FAKEkey", secret=SECRET)


def test_it_signs_and_refuses(binance):
    async def main():
        async with signbox.AsyncSigner(binance) as signer:
            assert verified(await signer.sign("GET", URL + "account"))
            assert (await signer.check("GET", URL + "account"))["allowed"]
            with pytest.raises(signbox.Denied):
                await signer.sign("GET", URL + "nothing")
            assert signer.hello()["keys"][0]["key"] == binance
        with pytest.raises(signbox.Closed):
            await signer.sign("GET", URL + "account")

    asyncio.run(main())


def test_many_tasks_get_their_own_answers(binance):
    async def main():
        async with signbox.AsyncSigner(binance) as signer:
            asked = [signer.sign("GET", f"{URL}openOrders?symbol=A{i}") for i in range(200)]
            for i, signed in enumerate(await asyncio.gather(*asked)):
                assert f"symbol=A{i}&" in signed["url"] and verified(signed)

    asyncio.run(main())


def test_the_loop_goes_on_while_the_signer_stands_still(binance):
    async def main():
        signer = signbox.AsyncSigner(binance, deadline=5)
        process = process_of(signer.signer)
        os.kill(process.pid, signal.SIGSTOP)
        waiting = [asyncio.create_task(signer.sign("GET", f"{URL}openOrders?symbol=W{i}")) for i in range(4)]
        worst, began = 0.0, time.monotonic()
        while time.monotonic() - began < 0.3:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - before)
        assert worst < 0.1
        os.kill(process.pid, signal.SIGCONT)
        for i, signed in enumerate(await asyncio.gather(*waiting)):
            assert f"symbol=W{i}&" in signed["url"]
        await signer.close()

    asyncio.run(main())


def test_who_is_cancelled_leaves_its_answer_to_nobody(binance):
    async def main():
        signer = signbox.AsyncSigner(binance, deadline=5)
        process = process_of(signer.signer)
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(signer.sign("GET", f"{URL}openOrders?symbol=LATE"), 0.1)
        os.kill(process.pid, signal.SIGCONT)
        for i in range(5):
            assert f"symbol=NEXT{i}&" in (await signer.sign("GET", f"{URL}openOrders?symbol=NEXT{i}"))["url"]
        await signer.close()

    asyncio.run(main())


def test_a_deadline_is_one_here_too(binance):
    async def main():
        signer = signbox.AsyncSigner(binance, deadline=0.2)
        process = process_of(signer.signer)
        os.kill(process.pid, signal.SIGSTOP)
        for _ in range(2):
            with pytest.raises(signbox.DeadlinePassed):
                await signer.sign("GET", URL + "account")
        os.kill(process.pid, signal.SIGCONT)
        assert verified(await signer.sign("GET", URL + "account"))
        await signer.close()

    asyncio.run(main())


def test_a_thread_may_use_the_same_signer(binance):
    async def main():
        with signbox.Signer(binance) as both:
            signer = signbox.AsyncSigner(both)
            loop = asyncio.get_running_loop()
            threads = [loop.run_in_executor(None, both.sign, "GET", f"{URL}openOrders?symbol=T{i}") for i in range(50)]
            tasks = [signer.sign("GET", f"{URL}openOrders?symbol=A{i}") for i in range(50)]
            for i, signed in enumerate(await asyncio.gather(*threads, *tasks)):
                assert f"symbol={'TA'[i // 50]}{i % 50}&" in signed["url"] and verified(signed)

    asyncio.run(main())


def test_threads_that_are_all_taken_do_not_keep_an_answer_from_who_asked(binance):
    """A task that has asked holds the connection: if it needed one of the loop's threads, and they waited for it, all would stand."""

    async def main():
        with signbox.Signer(binance, deadline=8) as both:
            free = threading.Event()
            loop = asyncio.get_running_loop()
            taken = [loop.run_in_executor(None, free.wait) for _ in range(100)]
            os.kill(process_of(both).pid, signal.SIGSTOP)
            task = asyncio.create_task(signbox.AsyncSigner(both).sign("GET", f"{URL}openOrders?symbol=TASK"))
            await asyncio.sleep(0.05)
            os.kill(process_of(both).pid, signal.SIGCONT)
            try:
                assert "symbol=TASK&" in (await asyncio.wait_for(task, 3))["url"]
            finally:
                free.set()
                await asyncio.gather(*taken)

    asyncio.run(main())
