"""swap.py: memory so short that swap is used: the secret of a signer at work is not on the swap device, that of a naive process is. As root."""
import mmap
import os
import subprocess
import sys
import time

import guest
from guest import AS_TESTER, SIGNER, Bot, Ran, check, end, secret

MAIN, CONTROL = "binance/main", "binance/control"
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


def found(device, needle):
    """How often something stands on a device."""
    with open(device, "rb") as file:
        size = file.seek(0, 2)
        with mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as whole:
            count, at = 0, whole.find(needle)
            while at >= 0 and count < 100:
                count, at = count + 1, whole.find(needle, at + 1)
            return count


check("there is swap", devices() != [], "no line in /proc/swaps")
naive = subprocess.Popen([sys.executable, "-c", NAIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
naive.stdout.readline()
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
raw = bytes.fromhex(secret(MAIN))
for device in devices():
    check(f"{device}: the secret of the naive process is there", found(device, secret(CONTROL).encode()) > 0)
    text = secret(MAIN).encode()
    forms = {
        "the secret": text,
        "a half of it": text[32:],
        "its bytes": raw,
        "the inner pad of its HMAC": bytes(byte ^ 0x36 for byte in text),
        "the outer pad of its HMAC": bytes(byte ^ 0x5C for byte in text),
    }
    for name, form in forms.items():
        count = found(device, form)
        check(f"{device}: {name} of the signer is not", count == 0, f"{count} times")
naive.kill()
bot.end()
end()
