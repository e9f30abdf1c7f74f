"""Goal: the appliance's TPM seals the key of the stored keys, and neither another machine nor one without Secure Boot opens it."""
import json
import os

from appliance import Appliance
from harness import equal, expect, free_port, test
from t_box import Line, shows
from t_damage import answers
from t_update import built_version, choose, next_version, wait_good


def passphrase(t):
    path = os.path.join(t.dir, "passphrase")
    with open(path, "w", encoding="ascii") as f:
        f.write("a phrase of several words\n")
    return path


def kept(a):
    return a.json("system")["key_encryption_key"]


def usable(a, key, name="ann"):
    return "BEGIN CERTIFICATE REQUEST" in a.ctl("csr", key, "--subject", "CN=gw", name=name)


def shut(a, why):
    """It says why, and stays shut."""
    a.boot().wait(why)
    expect(not answers(a.management), "a port is open")
    expect("penstock ready" not in a.console(), "it became ready")
    a.kill()


def erase(a, line):
    a.wait(r"another TPM")
    line.type(b"x")
    shows(a, r"are destroyed")
    line.type(b"y")
    shows(a, r"^Type the word erase")
    line.type(b"erase\r")
    a.qemu.wait(600)  # -no-reboot: it ends where it would start again


@test("a key that a TPM and Secure Boot guard opens on its own machine alone; elsewhere a reset and a backup are the way out", timeout=3600)
def story(t):
    a = Appliance(t.dir, {free_port(): 9443}, secure_boot=True)
    t.defer(a.kill)
    a.tpm = mine = os.path.join(t.dir, "tpm")
    a.boot().wait_ready()
    equal(a.enroll("ann", a.token()).returncode, 0)
    equal(kept(a), "tpm-secure-boot")
    key = json.loads(a.ctl("make-key", "ec-p256", "--json"))["id"]
    backup = os.path.join(t.dir, "gw.backup")
    a.ctl("backup", backup, "--passphrase-file", passphrase(t))
    a.kill()  # as a power cut does

    a.boot().wait_ready()
    expect(usable(a, key), "after a power cut")
    a.kill()

    a.tpm = None
    shut(a, r"sealed by a TPM, and there is none")
    a.tpm, a.secure_boot = mine, False
    os.rename(os.path.join(t.dir, "variables.fd"), os.path.join(t.dir, "variables.on"))
    shut(a, r"bound to Secure Boot")
    os.replace(os.path.join(t.dir, "variables.on"), os.path.join(t.dir, "variables.fd"))

    line = Line(a)
    a.tpm, a.secure_boot, a.more = os.path.join(t.dir, "other"), True, line.words
    a.boot()
    erase(a, line)
    a.boot().wait_ready()
    equal(a.enroll("bob", a.token()).returncode, 0)
    a.ctl("restore", backup, "--passphrase-file", passphrase(t), name="bob")
    expect(usable(a, key, "bob"), "the key of the backup")


@test("an update and the way back open the key that the version before has sealed", timeout=7200)
def updated(t):
    old = built_version()
    new, new_file = next_version(old)
    a = Appliance(t.dir, {free_port(): 9443}, secure_boot=True)
    t.defer(a.kill)
    a.tpm = os.path.join(t.dir, "tpm")
    a.boot().wait_ready()
    equal(a.enroll("ann", a.token()).returncode, 0)
    key = json.loads(a.ctl("make-key", "ec-p256", "--json"))["id"]
    a.ctl("update", new_file)
    for version in new, old:
        choose(a, version)
        a.boot().wait_ready()
        wait_good(a, version)
        equal(kept(a), "tpm-secure-boot")
        expect(usable(a, key), version)
