"""Goal: the key-encryption key is sealed by a TPM where there is one, and one that does not open is never replaced."""
import os
import subprocess

from gateway import BIN, Gateway
from harness import equal, expect, free_port, test
from softtpm import SoftTPM, Sniffer
from t_system import Disk

ROOT_HASH = "00112233445566778899aabbccddeeff" * 2
CREATE, UNSEAL = b"\0\0\x01\x53", b"\0\0\x01\x5e"
NO_TPM = "device:/nowhere/tpmrm0"


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Box:
    """The files of an appliance as far as its key-encryption key is concerned; its gateway has the name `gw`."""

    def __init__(self, t):
        self.t = t
        self.gateway = os.path.join(t.dir, "gw")
        self.state, self.out = os.path.join(self.gateway, "state"), os.path.join(t.dir, "run")
        self.entries = os.path.join(t.dir, "esp", "EFI", "Linux")
        for path in (self.gateway, self.out, self.entries):
            os.makedirs(path)
        self.cmdline, self.boot = os.path.join(t.dir, "cmdline"), os.path.join(t.dir, "boot_params")
        with open(self.cmdline, "w", encoding="ascii") as f:
            f.write("quiet roothash=%s\n" % ROOT_HASH)
        self.trial(False)
        self.secure_boot(False)

    def trial(self, on):
        for name in os.listdir(self.entries):
            os.unlink(os.path.join(self.entries, name))
        name = "penstock-20260101000000-%s%s" % (ROOT_HASH[:32], "+2-1.efi" if on else ".efi")
        with open(os.path.join(self.entries, name), "wb"):
            pass

    def secure_boot(self, on):
        with open(self.boot, "wb") as f:
            f.write(bytes(0x1ec) + (b"\3" if on else b"\2"))

    def file(self):
        return read(os.path.join(self.state, "keyring.kek"))

    def left(self):
        return sorted(n for n in os.listdir(self.state) if n.startswith("keyring"))

    def seal(self, tpm):
        """What the unit does at a start; whatever was in memory is gone. What the program said."""
        for name in os.listdir(self.out):
            os.unlink(os.path.join(self.out, name))
        r = subprocess.run([os.path.join(BIN, "penstock-seal"), "--state", self.state, "--out", self.out, "--tpm",
                            tpm if isinstance(tpm, str) else tpm.conf(), "--boot-params", self.boot, "--cmdline", self.cmdline,
                            "--esp", os.path.join(self.t.dir, "esp")], capture_output=True, text=True, timeout=60)
        self.said, self.status = r.stderr, r.returncode
        return self

    def good(self):
        equal(self.status, 0, self.said)
        return self

    def refused(self, what):
        """It says why and the way out, opens nothing and changes nothing."""
        equal(self.status, 1, self.said)
        expect(what in self.said and "backup" in self.said, self.said)
        equal(os.listdir(self.out), [])
        return self

    def key(self):
        return read(os.path.join(self.out, "keyring.kek"))

    def start(self, args=(), wait=True):
        config = self.t.terminate_config(self.t.server().address, free_port())
        g = Gateway(self.t.dir, config, args=args, wait=wait, prefix=("env", "CREDENTIALS_DIRECTORY=" + self.out))
        self.t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
        return g


def warned(g, what):
    return any(what in w for w in g.api("GET", "/api/v1/status")[2]["warnings"])


def usable(g, key):
    return g.api("POST", "/api/v1/keys/%s/csr" % key, {"subject": {"CN": "gw"}})[0] == 200


@test("a new appliance's key is made and sealed before the gateway starts, opens at every start, and is nowhere in clear")
def first(t):
    tpm, box = SoftTPM(t).start(), Box(t)
    kek = box.seal(tpm).good().key()
    equal((len(kek), box.left()), (32, ["keyring.kek"]))
    expect(kek not in box.file() and kek.hex() not in box.said, "the key in clear")
    g = box.start()
    key = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    expect(not g.events("kek_in_file") and not warned(g, "keyring.kek") and warned(g, "Secure Boot is off"), g.log())
    g.stop()
    before = box.file()
    tpm.start()
    equal(box.seal(tpm).good().key(), kek)
    expect(usable(box.start(), key), "the stored key")
    equal(box.file(), before)
    handles = tpm.tool("tpm2_getcap", "handles-transient") + tpm.tool("tpm2_getcap", "handles-loaded-session") + \
        tpm.tool("tpm2_getcap", "handles-persistent")
    equal(handles.strip(), "", "left in the TPM")


@test("a key in clear is sealed, but not by a version on trial; keys that were stored before go on")
def migrated(t):
    tpm, box = SoftTPM(t).start(), Box(t)
    g = box.seal(NO_TPM).good().start()
    expect(g.events("kek_in_file") and warned(g, "lies beside them"), g.log())
    key = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    g.stop()
    clear = box.file()
    equal(len(clear), 32)
    box.trial(True)
    box.seal(tpm).good()
    expect("on trial" in box.said, box.said)
    equal((box.file(), os.listdir(box.out)), (clear, []))
    box.trial(False)
    with open(os.path.join(box.state, "keyring.kek"), "rb") as old:  # what the disk held
        equal(box.seal(tpm).good().key(), clear)
        equal(old.read(), bytes(32), "not overwritten")
    equal(box.left(), ["keyring.kek"])
    expect(usable(box.start(), key), "the stored key")


@test("what is clear after a power cut between sealing and overwriting is overwritten at the next start")
def cut(t):
    tpm, box = SoftTPM(t).start(), Box(t)
    kek = box.seal(tpm).good().key()
    with open(os.path.join(box.state, "keyring.kek.clear"), "wb") as f:
        f.write(kek)
    with open(os.path.join(box.state, "keyring.kek.clear"), "rb") as old:
        equal(box.seal(tpm).good().key(), kek)
        equal(old.read(), bytes(32))
    equal(box.left(), ["keyring.kek"])


@test("another TPM, none, or a damaged file refuse the start and say the way out; nothing takes the key's place")
def other(t):
    tpm, stranger, box = SoftTPM(t).start(), SoftTPM(t, "stranger").start(), Box(t)
    kek = box.seal(tpm).good().key()
    box.start().stop()
    before = box.file()
    box.seal(stranger).refused("another TPM")
    box.seal(NO_TPM).refused("sealed by a TPM, and there is none")
    g = box.start(wait=False)  # as if the unit did not wait for it
    equal(g.proc.wait(30), 1)
    expect("sealed by a TPM" in g.log() and "penstock-seal" in g.log(), g.log())
    equal((box.file(), box.left()), (before, ["keyring.kek"]))
    for at in (9, 20, 60, len(before) // 2, len(before) - 1):
        with open(os.path.join(box.state, "keyring.kek"), "r+b") as f:
            f.seek(at)
            f.write(bytes([before[at] ^ 1]))
        box.seal(tpm)
        equal(box.status, 1, "byte %d: %s" % (at, box.said))
        with open(os.path.join(box.state, "keyring.kek"), "wb") as f:
            f.write(before)
    os.unlink(os.path.join(box.state, "keyring.kek"))
    box.seal(tpm).refused("is gone")  # the gateway has started here before
    with open(os.path.join(box.state, "keyring.kek"), "wb") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(before)
    equal(box.seal(tpm).good().key(), kek)


@test("with Secure Boot the key is bound to it, from the first start with it on; switched off or changed, it does not open")
def bound(t):
    tpm, box = SoftTPM(t).start(), Box(t)
    kek = box.seal(tpm).good().key()
    alone = box.file()
    tpm.measure("a")
    box.secure_boot(True)
    box.trial(True)
    equal(box.seal(tpm).good().key(), kek)
    equal(box.file(), alone, "changed on trial")
    box.trial(False)
    equal(box.seal(tpm).good().key(), kek)
    expect(box.file() != alone, "not bound")
    g = box.start()
    expect(not warned(g, "Secure Boot") and not warned(g, "keyring.kek"), "a warning")
    g.stop()
    before = box.file()
    for measured in "b", "":
        tpm.start()
        if measured:
            tpm.measure(measured)
        box.secure_boot(bool(measured))
        box.seal(tpm).refused("bound to Secure Boot")
        equal(box.file(), before)
    tpm.start().measure("a")
    box.secure_boot(True)
    equal(box.seal(tpm).good().key(), kek)


@test("nobody who guesses at the TPM locks the gateway out of its key")
def lockout(t):
    tpm, box = SoftTPM(t).start(), Box(t)
    kek = box.seal(tpm).good().key()
    tpm.tool("tpm2_dictionarylockout", "--setup-parameters", "--max-tries=1", "--recovery-time=100000")
    tpm.tool("tpm2_nvdefine", "-Q", "0x1500001", "-C", "o", "-s", "8", "-a", "authread|authwrite", "-p", "right")
    tpm.tool("tpm2_nvread", "0x1500001", "-C", "0x1500001", "-P", "wrong", "-s", "8", check=False)
    expect("inLockout:                 1" in tpm.tool("tpm2_getcap", "properties-variable"), "the TPM is not locked")
    equal(box.seal(tpm).good().key(), kek)


@test("whoever listens on the TPM's bus does not hear the key, sealed or opened")
def bus(t):
    tpm, box = SoftTPM(t).start(), Box(t)
    for command in CREATE, UNSEAL:
        ear = Sniffer(t, tpm)
        kek = box.seal(tpm.conf(ear.port)).good().key()
        expect(command in ear.seen, "the command was not heard")
        expect(kek not in ear.seen, "the key was heard")


@test("a TPM that does not answer at first is asked again, and opens the key")
def again(t):
    tpm, box = SoftTPM(t).start(), Box(t)
    kek = box.seal(tpm).good().key()
    ear = Sniffer(t, tpm, cuts=2)  # the library's look whether anybody is there, and a command
    equal(box.seal(tpm.conf(ear.port)).good().key(), kek)
    equal(ear.cuts, 0, "nothing was cut")


@test("a TPM that can not seal leaves a new appliance as one without, and says why")
def unwilling(t):
    tpm, box = SoftTPM(t).start(), Box(t)
    tpm.tool("tpm2_changeauth", "-c", "owner", "secret")
    box.seal(tpm).good()
    expect("event=not_sealed" in box.said and "storage root key" in box.said, box.said)
    g = box.start()
    expect(g.events("kek_in_file") and warned(g, "lies beside them"), g.log())


@test("the system's status says where the key is kept")
def told(t):
    tpm, box, disk = SoftTPM(t).start(), Box(t), Disk(t)
    for seal, word in ((NO_TPM, "file"), (tpm, "tpm")):
        g = box.seal(seal).good().start(args=("--appliance", disk.socket))
        status, _, answer = g.api("GET", "/api/v1/system")
        equal((status, answer.get("key_encryption_key")), (200, word), answer)
        expect("key-encryption key: %s" % word in g.ctl("system"), "penstockctl system")
        g.stop()
