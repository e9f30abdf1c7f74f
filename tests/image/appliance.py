"""One appliance in QEMU for the tests: its console as text, its ports on the host's loopback, its administrator."""
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "appliance-image"), os.path.join(ROOT, "tests", "e2e")]

import machine  # noqa: E402

CTL = os.path.join(ROOT, "build", "bin", "penstockctl")
BOOT_S = 900  # a minute under emulation, but never a matter of what else the machine does


def patient(words):
    """What came of the command; again when the guest, on a busy machine, was too slow for its own limit of a handshake: nothing
    was asked for yet."""
    for _ in range(4):
        r = subprocess.run(words, capture_output=True, text=True, timeout=600)
        if not r.returncode or "SSL connect error" not in r.stderr:
            break
    return r


class Appliance:
    """forwards: port on the host -> port of the appliance. Everything is kept in `path`; boot() may be called again."""

    def __init__(self, path, forwards, disk=None, secure_boot=False, credentials=None, memory=1024):
        self.path, self.forwards, self.secure_boot, self.memory = path, forwards, secure_boot, memory
        self.credentials = credentials or {}
        self.console_path = os.path.join(path, "console")
        self.disk = disk or machine.overlay(path, machine.IMAGE)
        self.management = next((h for h, g in forwards.items() if str(g).split(":")[-1] == "9443"), None)
        self.more = None  # QEMU's own words, in place of a console that goes to a file
        self.drive = None  # a folder that is the configuration drive
        self.tpm = None  # a folder that is the memory of its TPM
        self.devices = []  # QEMU's words for more devices
        self.lan = None  # (a Lan, the name of this machine's port on its switch, a hardware address)
        self.qemu = None

    def boot(self):
        open(self.console_path, "wb").close()
        more = [*(self.more or ["-serial", "file:" + self.console_path]), "-no-reboot", *self.devices,
                *(machine.drive(self.drive) if self.drive else []), *(machine.tpm(self.tpm) if self.tpm else [])]
        tap = self.lan[0].tap(self.lan[1]) if self.lan else None
        if tap is not None:
            more += machine.second_card(tap, self.lan[2])
        self.started = time.monotonic()
        self.qemu = subprocess.Popen(
            machine.command(self.path, self.disk, self.forwards, self.memory, self.secure_boot, self.credentials, more),
            stdin=subprocess.DEVNULL, pass_fds=() if tap is None else (tap,))
        if tap is not None:  # the port goes with the machine
            os.close(tap)
        return self

    def console(self):
        with open(self.console_path, encoding="utf-8", errors="replace") as f:
            return re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]", "", f.read())

    def wait(self, pattern, timeout=BOOT_S):
        """The match of the pattern on the console, waiting for it."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            over = self.qemu.poll() is not None
            found = re.search(pattern, self.console(), re.M)
            if found:
                return found
            if over:
                break
            time.sleep(0.1)
        raise AssertionError("no %r on the console:\n%s" % (pattern, "\n".join(self.console().splitlines()[-40:])))

    def wait_ready(self):
        self.wait(r"^penstock ready")
        self.ready_s = time.monotonic() - self.started
        return self

    def token(self):
        return self.wait(r"^token (\S+)", 60).group(1)

    def url(self):
        return "https://127.0.0.1:%d" % self.management

    def enroll(self, name, token):
        return patient([CTL, "enroll", self.url(), "--token", token, "--name", name, "--out", self.path])

    def words(self, *args, name="ann"):
        base = os.path.join(self.path, name)
        return [CTL, "--url", self.url(), "--ca", base + ".ca.pem", "--cert", base + ".pem", "--key", base + ".key", *args]

    def ctl(self, *args, name="ann", check=True):
        words = self.words(*args, name=name)
        r = patient(words) if check else subprocess.run(words, capture_output=True, text=True, timeout=600)
        if check and r.returncode:
            raise AssertionError("penstockctl %s: exit %d %s" % (" ".join(args), r.returncode, r.stderr))
        return r.stdout if check else r

    def json(self, *args):
        return json.loads(self.ctl(*args, "--json"))

    def kill(self):
        """As a power cut does."""
        if self.qemu and self.qemu.poll() is None:
            self.qemu.kill()
            self.qemu.wait()
