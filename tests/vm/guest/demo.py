"""demo.py: the installed program at work, and what this machine gives."""
from guest import Ran, check, end

for time in ("demo", "demo, a second time"):
    ran = Ran("signbox", "demo")
    wrong = [line for line in ran.out.splitlines() if "✗" in line]
    check(time, ran.code == 0 and "signbox add binance/main" in ran.out, f"exit {ran.code} {ran.err} {wrong}")
ran = Ran("signbox", "doctor")
check("doctor finds no problem", ran.code == 0 and "\n0 problems" in ran.out, ran)
ran = Ran("signbox", "panic", "--drill")
check("panic --drill", ran.code == 0, ran)
left = Ran("sudo", "find", "/var/lib/signbox", "-name", "*:demo.*", "-o", "-name", "*:drill-*")
check("demo and drill leave nothing behind", not left.out, left)
for page, word in (
    ("signbox", "keyring"), ("signbox-signer", "landlock"), ("signbox-policy", "limit"), ("signbox-protocol", "hello"),
    ("signbox-exchanges", "kraken"), ("signbox-sessions", "cron"),
):
    ran = Ran("man", page)
    check(f"man {page}", ran.code == 0 and word in ran.out, ran.err or ran.code)
end()
