"""Goal: an update over REST is run when it is well, goes back when it is not, and a power cut in the middle of it costs nothing."""
import calendar
import os
import subprocess
import time

from appliance import ROOT, machine
from harness import equal, expect, test
from t_appliance import administrator, appliance

import update

STEPS = os.path.join(ROOT, "appliance-image", "steps")
CACHE = os.path.join(machine.TOP, "tools", "var", "cache")
FIRST, NEXT = os.path.join(CACHE, "image"), os.path.join(CACHE, "image-next")
KEY = os.path.join(os.environ.get("PENSTOCK_IMAGE_KEYS", os.path.join(machine.TOP, "keys")), "update.key")
FORMAT = "%Y%m%d%H%M%S"


def built_version():
    with open(os.path.join(FIRST, "root", "usr", "lib", "os-release"), encoding="utf-8") as f:
        return next(line.split("=")[1].strip() for line in f if line.startswith("VERSION_ID="))


def later(version, seconds):
    epoch = calendar.timegm(time.strptime(version, FORMAT)) + seconds
    return str(epoch), time.strftime(FORMAT, time.gmtime(epoch))


def run(*words, **env):
    r = subprocess.run(words, env={**os.environ, **env}, cwd=ROOT, capture_output=True, text=True)
    equal(r.returncode, 0, "%s: %s" % (words, r.stderr[-2000:]))


def next_version(version):
    """The same system with a later date, made of the same parts. Its version and its update."""
    epoch, later_version = later(version, 60)
    subprocess.run(["rm", "-rf", NEXT], check=True)
    os.makedirs(NEXT)
    for name in ("base", "kernel", "bin"):
        os.symlink(os.path.join("..", "image", name), os.path.join(NEXT, name))
    env = {"PENSTOCK_IMAGE_WORK": "image-next", "SOURCE_DATE_EPOCH": epoch}
    for step in ("keys", "root", "kernel-image"):
        run(os.path.join(STEPS, step), **env)
    run(os.path.join(STEPS, "update"), NEXT, os.path.dirname(KEY), later_version)
    return later_version, os.path.join(NEXT, "penstock.update")


def broken_version(t, version):
    """Signed and newer, but its kernel finds no root and starts the machine again."""
    broken = later(version, 120)[1]
    run("bash", "-c", '. appliance-image/lib.sh; inside ukify build --linux "$inner/kernel/vmlinuz" --initrd "$inner/initrd" '
        '--cmdline "console=ttyS0,115200 quiet panic=5" --os-release "ID=penstock\nVERSION_ID=%s" --output "$inner/broken.efi"' % broken)
    parts = [os.path.join(t.dir, name) for name in ("root", "tree")]
    with open(parts[0], "wb") as f:
        f.write(os.urandom(4096))
    with open(parts[1], "wb") as f:
        f.write((b"verity\0\0" + bytes(8) + bytes.fromhex("ab" * 16)).ljust(4096, b"\0"))
    out = os.path.join(t.dir, "broken.update")
    update.make(out, broken, "ab" * 32, [*parts, os.path.join(FIRST, "broken.efi")], KEY)
    return broken, out


def ends(a, timeout=900):
    """The machine starts again, which ends QEMU."""
    a.qemu.wait(timeout)


def system(a):
    return a.json("system")


def wait_good(a, version):
    """The version that runs has proved itself."""
    end = time.monotonic() + 900
    while True:
        s = system(a)
        equal(s["version"], version)
        if s["slots"][s["slot"]]["state"] == "good":
            return s
        expect(time.monotonic() < end, "the trial does not end: %s" % s)
        time.sleep(2)


def choose(a, version):
    a.ctl("activate", version)
    a.ctl("reboot")
    ends(a)


@test("an update survives a power cut, is installed, run, proved and gone back from; one that does not start is left after three tries",
      timeout=7200)
def story(t):
    old = built_version()
    new, new_file = next_version(old)
    broken, broken_file = broken_version(t, new)
    a = appliance(t).boot().wait_ready()
    administrator(a)
    s = system(a)
    equal((s["version"], s["slot"], s["slots"]["b"]), (old, "a", {"state": "empty"}))

    # the power goes in the middle
    sender = subprocess.Popen([*a.words("update", new_file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 300
    while not system(a)["installing"] and time.monotonic() < end:
        time.sleep(0.1)
    a.kill()
    sender.wait()
    a.boot().wait_ready()
    s = system(a)
    equal((s["version"], s["slots"]["b"]), (old, {"state": "empty"}))

    # whole, chosen, run and proved; the configuration stays
    who = a.json("admins")["items"]
    a.ctl("update", new_file)
    equal(system(a)["slots"]["b"], {"state": "installed", "version": new})
    choose(a, new)
    a.boot().wait_ready()
    s = wait_good(a, new)
    equal((s["slot"], s["slots"]["a"]), ("b", {"state": "good", "version": old}))
    equal(a.json("admins")["items"], who)

    # an older one is not taken, but the one before can be gone back to
    r = a.ctl("update", os.path.join(machine.TOP, "penstock.update"), check=False)
    expect(r.returncode == 1 and "older" in r.stderr, r.stderr)
    choose(a, old)
    a.boot().wait_ready()
    s = wait_good(a, old)
    equal(s["slots"], {"a": {"state": "good", "version": old}, "b": {"state": "aside", "version": new}})

    # one that does not start is tried three times
    a.ctl("update", broken_file)
    choose(a, broken)
    for _ in range(3):
        a.boot()
        ends(a)
        expect("names no root" in a.console() and "penstock ready" not in a.console(), "the broken version runs")
    a.boot().wait_ready()
    s = system(a)
    equal((s["version"], s["slots"]["b"]), (old, {"state": "failed", "version": broken}))
