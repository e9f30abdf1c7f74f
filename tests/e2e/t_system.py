"""Goal: updates, the choice of the next version, and start and end of the appliance go over REST to its helper, and only well-signed, newer ones go in."""
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

from gateway import BIN, LocalConnection, ROOT
from harness import equal, expect, test

sys.path.append(os.path.join(ROOT, "appliance-image"))

import update  # noqa: E402

OLD, NEW, NEWER = "20260101000000", "20260202000000", "20260303000000"
MiB = 1 << 20
ROOT_SIZE, TREE_SIZE, KERNEL_SIZE = 24 * MiB, 64 * 1024, 3 * MiB


def root_hash(version):
    return version[:8] * 8


def uuid(version):
    return root_hash(version)[:32]


def write(path, *pieces):
    with open(path, "wb") as f:
        for p in pieces:
            f.write(p)
    return path


class Disk:
    """The disk of an appliance as files, and its helper; OLD runs from slot a."""

    def __init__(self, t, running=OLD, power=None, trial=None, within=()):
        """within: the words before the helper's own, such as those that enter a namespace."""
        self.t, self.within = t, within
        self.path = tempfile.mkdtemp(prefix="penstock-system-")
        os.chmod(self.path, 0o711)
        t.defer(lambda: shutil.rmtree(self.path))
        self.entries = os.path.join(self.path, "esp", "EFI", "Linux")
        os.makedirs(self.entries)
        self.key = self.new_key("update")
        for slot in "ab":
            for name, size in (("root", ROOT_SIZE + MiB), ("tree", TREE_SIZE)):
                os.truncate(write(self.partition(name, slot)), size)
        write(self.partition("tree", "a"), self.tree(OLD))
        write(os.path.join(self.entries, self.name(OLD, ".efi")), b"kernel")
        self.socket = os.path.join(self.path, "socket")
        self.state = write(os.path.join(self.path, "state"), b"s" * 4096)
        os.truncate(self.state, 32 * MiB)
        for name in ("units", "times"):
            os.mkdir(os.path.join(self.path, name))
        self.powered = os.path.join(self.path, "powered")
        self.power = power or write(os.path.join(self.path, "power"), b"#!/bin/sh\necho \"$@\" >>%s\n" % self.powered.encode())
        os.chmod(self.power, 0o755)
        self.log_path = os.path.join(self.path, "log")
        self.proc = None
        self.made = 0
        self.start(running, trial)
        t.defer(self.stop)

    def partition(self, name, slot):
        return os.path.join(self.path, "penstock-%s-%s" % (name, slot))

    def new_key(self, name):
        path = os.path.join(self.path, name + ".key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
        return path

    @staticmethod
    def name(version, ending):
        return "penstock-%s-%s%s" % (version, uuid(version), ending)

    @staticmethod
    def tree(version):
        return (b"verity\0\0" + bytes(8) + bytes.fromhex(uuid(version))).ljust(TREE_SIZE, b"t")

    def start(self, running=OLD, trial=None, gateway="/nowhere", made=None):
        release = write(os.path.join(self.path, "os-release"), b"ID=penstock\nVERSION_ID=%s\n" % (made or running).encode())
        cmdline = write(os.path.join(self.path, "cmdline"), b"quiet roothash=%s\n" % root_hash(running).encode())
        public = write(os.path.join(self.path, "update.pub"), update.public(self.key))
        words = [*self.within, os.path.join(BIN, "penstock-system"), "--socket", self.socket, "--partitions", self.path, "--state", self.state, "--esp",
                 os.path.join(self.path, "esp"), "--key", public, "--os-release", release, "--cmdline", cmdline,
                 "--gateway", gateway, "--power", self.power, "--journal", os.path.join(self.path, "journal"), "--settings", os.path.join(self.path, "kept"),
                 "--network-units", os.path.join(self.path, "units"), "--time-units", os.path.join(self.path, "times"), *(["--trial-s", str(trial)] if trial is not None else [])]
        try:
            gid = pwd.getpwnam("penstock").pw_gid
        except KeyError:
            gid = 65534
        with open(self.log_path, "ab") as log:
            self.proc = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log, **({"group": gid, "extra_groups": []} if os.geteuid() == 0 else {}))
        self.wait(lambda: self.said("event=started"), "the helper's start")

    def said(self, what):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read().count(what)

    @staticmethod
    def wait(condition, what, timeout=30):
        end = time.monotonic() + timeout
        while not condition():
            expect(time.monotonic() < end, "timed out waiting for " + what)
            time.sleep(0.02)

    def stop(self):
        if self.proc.poll() is None:
            self.proc.terminate()
        self.proc.wait(10)
        os.truncate(self.log_path, 0)

    def make(self, version=NEW, key=None, change=None):
        """An update as a file; change: (offset from the end of the head, byte) that is flipped."""
        parts = [write(os.path.join(self.path, "root.new"), os.urandom(MiB) * (ROOT_SIZE // MiB)),
                 write(os.path.join(self.path, "tree.new"), self.tree(version)),
                 write(os.path.join(self.path, "kernel.new"), os.urandom(KERNEL_SIZE))]
        self.made += 1
        out = os.path.join(self.path, "%d.update" % self.made)
        update.make(out, version, root_hash(version), parts, key or self.key)
        if change is not None:
            with open(out, "r+b") as f:
                f.seek(change)
                byte = f.read(1)
                f.seek(change)
                f.write(bytes([byte[0] ^ 1]))
        return out

    def files(self):
        return sorted(os.listdir(self.entries))

    def gateway(self, **kw):
        return self.t.terminate(self.t.server().address, args=("--appliance", self.socket), **kw)


def post(g, path, body=None):
    return g.api("POST", "/api/v1/system/" + path, body)


def upload(g, file):
    with open(file, "rb") as f:
        return post(g, "updates", f.read())


def same(path, other):
    with open(path, "rb") as a, open(other, "rb") as b:
        want = b.read()
        return a.read(len(want)) == want


@test("an update goes in as it comes, waits in the other slot, and is chosen for the next start", timeout=120)
def whole(t):
    d = Disk(t)
    g = d.gateway()
    status, _, s = g.api("GET", "/api/v1/system")
    equal((status, s["version"], s["slot"], s["installing"]), (200, OLD, "a", False))
    equal(s["slots"], {"a": {"state": "good", "version": OLD}, "b": {"state": "empty"}})
    expect(s["uptime_s"] > 0 and s["kernel"] == os.uname().release, "uptime and kernel")
    file = d.make()
    before = rss(g)
    status, _, answer = upload(g, file)
    equal((status, answer), (201, {"version": NEW, "state": "installed"}))
    expect(rss(g) - before < 8 * MiB, "the management held the update: %d bytes more" % (rss(g) - before))
    equal(g.api("GET", "/api/v1/system")[2]["slots"]["b"], {"state": "installed", "version": NEW})
    for name in ("root", "tree"):
        expect(same(d.partition(name, "b"), os.path.join(d.path, name + ".new")), name)
    expect(same(os.path.join(d.entries, d.name(NEW, ".stored")), os.path.join(d.path, "kernel.new")), "the kernel image")
    equal(post(g, "activate", {"version": NEW})[::2], (200, {"next": NEW}))
    equal(d.files(), [d.name(OLD, ".efi"), d.name(NEW, "+3-0.efi")])
    equal(g.api("GET", "/api/v1/system")[2]["slots"]["b"], {"state": "trial", "starts_left": 3, "version": NEW})
    equal(post(g, "activate", {"version": OLD})[::2], (200, {"next": OLD}))  # and not after all
    equal(d.files(), [d.name(OLD, ".efi"), d.name(NEW, ".stored")])
    actions = [r["action"] for r in g.api("GET", "/api/v1/audit")[2]["items"]]
    equal(actions[:3], ["system.activate", "system.activate", "system.update"])


def rss(g):
    pid = g.children()["penstock-mgmt"][0]
    with open("/proc/%d/statm" % pid, encoding="utf-8") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@test("another key's update, a damaged, an older, the same, a cut and an overlong one are refused with the reason, and nothing can be chosen", timeout=120)
def refused(t):
    d = Disk(t)
    g = d.gateway()
    file = d.make()
    with open(file, "rb") as f:
        good = f.read()
    for what, file, word in (("another key", d.make(key=d.new_key("other")), "signature"),
                             ("the version changed", d.make(change=20), "signature"),
                             ("the root", d.make(change=226 + 1000), "root is damaged"),
                             ("the kernel", d.make(change=226 + ROOT_SIZE + TREE_SIZE + KERNEL_SIZE - 1), "kernel is damaged"),
                             ("older", d.make("20250101000000"), "older"), ("the same", d.make(OLD), "no other"),
                             ("cut", write(os.path.join(d.path, "cut"), good[:-1]), "ends too early"),
                             ("overlong", write(os.path.join(d.path, "long"), good + b"x"), "more behind its end"),
                             ("no update", write(os.path.join(d.path, "none"), os.urandom(5000)), "no update")):
        status, headers, problem = upload(g, file)
        equal((status, headers.get("Content-Type")), (422, "application/problem+json"), what + ": " + json.dumps(problem))
        expect(word in problem["detail"] and problem["remedy"], what + ": " + json.dumps(problem))
        equal(g.api("GET", "/api/v1/system")[2]["slots"]["b"], {"state": "empty"}, what)
        equal(d.files(), [d.name(OLD, ".efi")], what)
        equal(post(g, "activate", {"version": NEW})[0], 422, what)
    equal(upload(g, d.make())[0], 201)  # and a good one still goes in


@test("a sender who goes away in the middle leaves the slot empty; a second update meanwhile is refused; the gateway answers all the time", timeout=120)
def broken_off(t):
    d = Disk(t)
    g = d.gateway()
    with open(d.make(), "rb") as f:
        data = f.read()
    conn = LocalConnection(os.path.join(g.state, "penstock.sock"))
    conn.putrequest("POST", "/api/v1/system/updates")
    conn.putheader("Content-Length", str(len(data)))
    conn.endheaders()
    conn.send(data[:10 * MiB])
    d.wait(lambda: g.api("GET", "/api/v1/system")[2]["installing"], "the update to begin")
    equal(post(g, "updates", data)[0], 409)
    equal(post(g, "reboot")[0], 409)
    equal(post(g, "activate", {"version": NEW})[0], 409)
    equal(g.api("GET", "/readyz")[0], 200)
    conn.close()
    d.wait(lambda: not g.api("GET", "/api/v1/system")[2]["installing"], "the helper to let go")
    equal(d.files(), [d.name(OLD, ".efi")])
    with open(d.partition("tree", "b"), "rb") as f:
        equal(f.read(8), bytes(8))
    equal(post(g, "updates", data)[0], 201)


@test("wherever the helper is killed in an update, the running version stays the only one, and the next update goes in", timeout=180)
def killed(t):
    d = Disk(t)
    g = d.gateway()
    with open(d.make(), "rb") as f:
        data = f.read()
    for share in (0.0001, 0.3, 0.9, 0.9999):
        conn = LocalConnection(os.path.join(g.state, "penstock.sock"))
        conn.putrequest("POST", "/api/v1/system/updates")
        conn.putheader("Content-Length", str(len(data)))
        conn.endheaders()
        conn.send(data[:int(len(data) * share)])
        d.wait(lambda: any(n.endswith(".part") for n in d.files()), "the update to begin")
        d.proc.kill()
        d.stop()
        try:
            conn.send(data[int(len(data) * share):])
            equal(conn.getresponse().status, 503)
        except OSError:
            pass  # its answer came before all was sent
        conn.close()
        equal([n for n in d.files() if ".efi" in n], [d.name(OLD, ".efi")])
        equal(g.api("GET", "/api/v1/system")[0], 503)
        d.start()
        equal(g.api("GET", "/api/v1/system")[2]["slots"]["b"], {"state": "empty"})
    equal(post(g, "updates", data)[0], 201)


@test("a version on trial is good when the gateway says it is well, and otherwise ends with a new start in time", timeout=120)
def trial(t):
    d = Disk(t)
    g = d.gateway()
    equal(upload(g, d.make())[0], 201)
    equal(post(g, "activate", {"version": NEW})[0], 200)
    d.stop()
    # as the boot loader does when it starts it
    os.rename(os.path.join(d.entries, d.name(NEW, "+3-0.efi")), os.path.join(d.entries, d.name(NEW, "+2-1.efi")))
    d.start(running=NEW, trial=0, gateway="/nowhere")
    d.wait(lambda: os.path.exists(d.powered), "the reboot")
    with open(d.powered, encoding="utf-8") as f:
        equal(f.read().split(), ["--no-block", "reboot"])
    equal(d.files(), [d.name(OLD, ".efi"), d.name(NEW, "+2-1.efi")])
    d.stop()
    d.start(running=NEW, gateway=os.path.join(g.state, "penstock.sock"))
    equal(post(g, "activate", {"version": OLD})[0], 409)  # on trial itself
    equal(upload(g, d.make(NEWER))[0], 409)
    d.wait(lambda: d.said("event=trial_passed"), "the trial to end", 60)
    equal(d.files(), [d.name(OLD, ".efi"), d.name(NEW, ".efi")])
    status, _, s = g.api("GET", "/api/v1/system")
    equal((s["version"], s["slot"]), (NEW, "b"))
    equal(s["slots"], {"a": {"state": "good", "version": OLD}, "b": {"state": "good", "version": NEW}})
    equal(post(g, "activate", {"version": OLD})[0], 200)  # and back
    equal(d.files(), [d.name(OLD, "+3-0.efi"), d.name(NEW, "+0-0.efi")])


@test("reboot and shutdown are asked of the service manager, and noted with who asked", timeout=60)
def power(t):
    d = Disk(t)
    g = d.gateway()
    equal(post(g, "reboot")[::2], (202, {"status": "ending"}))
    d.wait(lambda: os.path.exists(d.powered), "the reboot")
    equal(post(g, "shutdown")[0], 202)
    d.wait(lambda: open(d.powered, encoding="utf-8").read().count("\n") == 2, "the end")
    with open(d.powered, encoding="utf-8") as f:
        equal(f.read(), "--no-block reboot\n--no-block poweroff\n")
    rows = g.api("GET", "/api/v1/audit")[2]["items"][:2]
    equal([(r["action"], r["actor"]) for r in rows], [("system.shutdown", "local uid 0"), ("system.reboot", "local uid 0")])
    for body in ({"version": "1"}, {"version": 20260101000000}, {}, {"version": OLD, "more": 1}):
        equal(post(g, "activate", body)[0], 422, body)


UNITS = b"""Id=penstockd.service
ActiveState=active
SubState=running
Result=success
NRestarts=1
MemoryCurrent=1048576

Id=penstock-first.service
ActiveState=failed
SubState=failed
Result=exit-code
NRestarts=0
MemoryCurrent=[not set]
"""


@test("the support bundle also has versions, network, clock and units, and is made when the helper or the service manager is silent", timeout=60)
def support(t):
    d = Disk(t)
    write(os.path.join(d.path, "units.txt"), UNITS)
    write(d.power, b"#!/bin/sh\n[ \"$1\" = show ] && exec cat %s/units.txt\n" % d.path.encode())
    journal = os.path.join(d.path, "journal")
    write(journal, b"#!/bin/sh\necho one\nprintf 'two \\303\\244\\n'\n")
    os.chmod(journal, 0o755)
    g = d.gateway()
    bundle = g.api("GET", "/api/v1/support")[2]
    equal(bundle["system"]["version"], OLD)
    equal(bundle["journal"], ["one", "two ??"])
    equal(bundle["network"]["interfaces"], {})
    expect("items" in bundle["interfaces"] and "clock" in bundle["time"] and bundle["log"], list(bundle))
    equal(bundle["checkup"]["units"][0], {"name": "penstockd.service", "active": "active", "sub": "running", "result": "success",
                                          "restarts": 1, "memory_bytes": 1 << 20})
    equal([u["active"] for u in bundle["checkup"]["units"]], ["active", "failed"])
    address, port = g.api("GET", "/api/v1/config")[2]["links"]["in"]["listen"]["address"][0].split(":")
    expect(("tcp", address, int(port)) in [(x["protocol"], x["address"], x["port"]) for x in bundle["checkup"]["listeners"]], bundle["checkup"])
    write(d.power, b"#!/bin/sh\nexit 1\n")
    write(journal, b"#!/bin/sh\nexit 1\n")
    bundle = g.api("GET", "/api/v1/support")[2]
    equal(bundle["checkup"]["units"], [])
    expect("the journal says nothing" in json.dumps(bundle["journal"]), bundle["journal"])
    d.stop()
    bundle = g.api("GET", "/api/v1/support")[2]
    expect("helper" in bundle["appliance"]["left_out"] and bundle["log"] and "checkup" not in bundle, bundle["appliance"])


@test("a gateway that is no appliance says so, and takes no update", timeout=60)
def elsewhere(t):
    g = t.terminate(t.server().address)
    for method, path, body in (("GET", "/api/v1/system", None), ("POST", "/api/v1/system/updates", b"x" * MiB),
                               ("POST", "/api/v1/system/reboot", None), ("POST", "/api/v1/system/activate", {"version": OLD})):
        status, _, problem = g.api(method, path, body)
        equal((status, "appliance" in problem["detail"]), (409, True), path)
