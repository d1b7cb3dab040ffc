"""swap.py: memory so short that swap is used: the secret of a signer at work is not on the swap device, that of a naive process is. As root."""
import ctypes
import os
import subprocess
import sys
import time

import guest
from guest import AS_TESTER, SIGNER, Bot, Ran, add, check, end, secret

# A key of its own: no other process of these tests has ever had this secret.
MAIN, CONTROL = "binance/swapped", "binance/control"
HERE = os.path.dirname(guest.__file__)
# Held in many pages, so that one of them is out when the device is read.
NAIVE = f"import sys; sys.path.insert(0, {HERE!r}); import guest; kept = [(guest.secret({CONTROL!r}) + ' ' * 4032).encode() for _ in range(2000)]; print('up', flush=True); sys.stdin.read()"
HOG = "import time\nheld = []\nfor _ in range(64):\n    held.append(bytearray(b'signbox!' * (1 << 21)))\n    time.sleep(.1)\n"


def devices():
    with open("/proc/swaps") as swaps:
        return [line.split()[0] for line in swaps.readlines()[1:]]


def swapped(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmSwap"))


def found(device, needles):
    """How often each of some texts stands on a device, by name. The device is kept out of the page cache, which would push others out."""
    counts, step, tail = dict.fromkeys(needles, 0), 4 << 20, b""
    with open(device, "rb", buffering=0) as file:
        while block := file.read(step):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            for name, needle in needles.items():
                # The end of the block before, too short to hold one by itself.
                counts[name] += (tail[-len(needle) + 1 :] + block).count(needle)
            tail = block[-256:]
    return counts


# This script knows the secret, and is not to be what is found.
locked = ctypes.CDLL(None, use_errno=True).mlockall(3)
check("this script is locked in memory", locked == 0, ctypes.get_errno())
check("there is swap", devices() != [], "no line in /proc/swaps")
naive = subprocess.Popen([sys.executable, "-c", NAIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
naive.stdout.readline()
added = add(MAIN, "--users", "tester")
check("a key", added.code == 0, added)
bot = Bot(*AS_TESTER, SIGNER, MAIN)
why = bot.signs(MAIN)
check("a signer is at work", not why, why)
for _ in range(6):
    hog = subprocess.Popen([sys.executable, "-c", HOG])
    while hog.poll() is None:
        bot.signs(MAIN)
        time.sleep(0.2)
    if swapped(naive.pid) > 6000:
        break
check("the naive process was swapped out", swapped(naive.pid) > 1000, f"{swapped(naive.pid)} KiB of it")
why = bot.signs(MAIN)
check("the signer signs on", not why, why)
Ran("sync")
text = secret(MAIN).encode()
control = "the secret of the naive process"
forms = {
    control: secret(CONTROL).encode(),
    "the secret": text,
    "a half of the secret": text[32:],
    "the bytes of the secret": bytes.fromhex(secret(MAIN)),
    "the inner pad of its HMAC": bytes(byte ^ 0x36 for byte in text),
    "the outer pad of its HMAC": bytes(byte ^ 0x5C for byte in text),
}
for device in devices():
    for name, count in found(device, forms).items():
        if name == control:
            check(f"{device}: {name} is there", count > 0)
        else:
            check(f"{device}: {name} is not there", count == 0, f"{count} times")
naive.kill()
bot.end()
end()
