"""Goal: all that is configured leaves the box as one encrypted file and comes back on another, whole or not at all."""
import base64
import hashlib
import json
import os
import struct
import subprocess

from gateway import BIN, Gateway
from harness import equal, expect, free_port, test
from t_bootstrap import Fresh
from t_keys import client, echoes, put_identity, sign_csr

PASSPHRASE = "correct horse battery"
HEAD = 44


def word(text):
    return {"Penstock-Passphrase": base64.b64encode(text.encode()).decode()}


def make(g, passphrase=PASSPHRASE):
    conn = g.api_start("POST", "/api/v1/backup", b"", word(passphrase))
    answer = conn.getresponse()
    body = answer.read()
    conn.close()
    return answer.status, body


def restore(g, data, passphrase=PASSPHRASE, query=""):
    return g.api("POST", "/api/v1/restore" + query, data, word(passphrase))


def stored(g):
    """Every object and key of a gateway, by name and content."""
    out = {}
    for folder in ("objects", "keys"):
        for name in os.listdir(os.path.join(g.state, "mgmt", folder)):
            with open(os.path.join(g.state, "mgmt", folder, name), "rb") as f:
                out[folder + "/" + name] = hashlib.sha256(f.read()).hexdigest()
    return out


def empty(t, name="new"):
    """A box as it comes: it has a management link and nothing else."""
    g = Gateway(t.dir, {"management": {"listen": {"address": ["127.0.0.1:%d" % free_port()]}}}, name=name)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    return g


@test("a box that burned comes back on another, links and keys; one that can not run there changes nothing", 120)
def again(t):
    g = t.terminate(t.server().address)
    key = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    csr = g.api("POST", "/api/v1/keys/%s/csr" % key, {"sans": {"dns": ["gw.test"]}})[2]["csr"]
    equal(put_identity(g, "gw", {"certificate": sign_csr(t, csr, "made")})[0], 200)
    waiting = g.api("POST", "/api/v1/keys", {"kind": "ed25519"})[2]["id"]
    document, revision = g.api("GET", "/api/v1/config")[2], g.status()["revision"]
    out, phrase = os.path.join(t.dir, "gw.backup"), os.path.join(t.dir, "phrase")
    with open(phrase, "w") as f:
        f.write(PASSPHRASE + "\n")
    g.ctl("backup", out, "--passphrase-file", phrase)
    equal(os.stat(out).st_mode & 0o777, 0o600)
    equal(g.api("GET", "/api/v1/audit")[2]["items"][0]["action"], "backup.make")
    expect({e["key"] for e in g.events("key_into_backup")} >= {key, waiting}, "the keyring's own word")

    new = empty(t)  # the port is taken: the first gateway still runs
    before = new.status()["revision"], stored(new)
    status, _, problem = restore(new, open(out, "rb").read())
    expect(status == 422 and problem["pointer"].startswith("/links/in/listen"), problem)
    equal(new.status()["revision"], before[0])
    expect(stored(new).items() <= before[1].items(), "what was kept for it is gone")
    g.stop()
    shown = new.ctl("restore", out, "--passphrase-file", phrase, "--dry-run")
    expect("backup of revision %d" % revision in shown and "it would change" in shown and "/links" in shown, shown)
    expect(new.status()["revision"] == before[0] and stored(new).items() <= before[1].items(), "a trial leaves nothing")
    shown = new.ctl("restore", out, "--passphrase-file", phrase)
    expect("runs as revision" in shown, shown)
    equal(new.api("GET", "/api/v1/config")[2], document)
    equal({k["id"] for k in new.api("GET", "/api/v1/keys")[2]["items"]} >= {key, waiting}, True)
    expect(echoes(client(t, g.port)), "the link")
    row = new.api("GET", "/api/v1/audit")[2]["items"][0]
    equal((row["action"], row["result"], row["revision"]), ("backup.restore", "applied", new.status()["revision"]))
    equal(new.api("GET", "/api/v1/config/revisions/running")[2]["comment"], "from a backup of revision %d" % revision)
    new.stop()
    with Gateway(t.dir, open(new.config_path).read(), name="new") as new:
        equal(new.api("GET", "/api/v1/config")[2], document)
        expect(echoes(client(t, g.port)), "the link after a restart")


def ctl_backup(t, g):
    """A backup by penstockctl, whose arguments and environment hold no passphrase while it runs."""
    out, phrase = os.path.join(t.dir, "second.backup"), os.path.join(t.dir, "second.phrase")
    with open(phrase, "w") as p:
        p.write(PASSPHRASE)
    run = subprocess.Popen([os.path.join(BIN, "penstockctl"), "--state", g.state, "backup", out, "--passphrase-file", phrase])
    while run.poll() is None:
        for name in ("cmdline", "environ"):
            try:
                with open("/proc/%d/%s" % (run.pid, name), "rb") as f:
                    expect(PASSPHRASE.encode() not in f.read(), name)
            except OSError:
                pass
    equal(run.wait(), 0)
    return open(out, "rb").read()


def clear_nowhere(t, g, places):
    """Neither a passphrase nor the identity's key stands in clear in what a gateway wrote."""
    der = base64.b64decode("".join(open(t.pki.gw.key).read().split("-----")[2].split()))
    places = [*places, g.log().encode(), json.dumps(g.api("GET", "/api/v1/audit")[2]).encode()]
    for folder, _, names in os.walk(g.state):
        places += [open(os.path.join(folder, n), "rb").read() for n in names if os.path.isfile(os.path.join(folder, n))]
    for secret in (PASSPHRASE.encode(), b"wrong horse battery", base64.b64encode(PASSPHRASE.encode()), der[36:68], b"PRIVATE KEY"):
        expect(not any(secret in place for place in places), secret)


@test("a wrong passphrase, a changed, cut or longer file, a newer version: each is refused and nothing changes; no secret is anywhere", 120)
def refused(t):
    g = t.terminate(t.server().address)
    status, good = make(g)
    equal(status, 200)
    flip = lambda at: good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
    head = lambda version=1, cost=15, r=8, p=3: good[:8] + struct.pack("BBBB", version, cost, r, p) + good[12:]
    before, rows = (g.status()["revision"], stored(g)), len(g.api("GET", "/api/v1/audit")[2]["items"])
    tries = [(good, "wrong horse battery", "passphrase is wrong"), (good, "short", "at least 12 bytes"),
             (good[:20], PASSPHRASE, "no backup"), (b"", PASSPHRASE, "no backup"), (b"x" * 500, PASSPHRASE, "no backup"),
             (good[:HEAD], PASSPHRASE, "ends early"), (good + b"x", PASSPHRASE, "wrong, or"), (head(2), PASSPHRASE, "version 2"),
             (head(cost=31), PASSPHRASE, "more work"), (head(r=255), PASSPHRASE, "more work"), (head(p=200), PASSPHRASE, "more work")]
    tries += [(flip(at), PASSPHRASE, "") for at in (0, HEAD + 700)] + [(good[:-1], PASSPHRASE, "")]
    for data, phrase, words in tries:
        status, _, problem = restore(g, data, phrase)
        expect(status == 422 and words in problem["detail"] and problem["remedy"], "%r: %d %s" % (data[:12], status, problem))
        expect(phrase not in json.dumps(problem), problem)
    equal((g.status()["revision"], stored(g)), before)
    audit = g.api("GET", "/api/v1/audit")[2]["items"]
    equal([(r["action"], r["result"]) for r in audit[:len(audit) - rows]], [("backup.restore", "refused")] * len(tries))
    equal(g.api("POST", "/api/v1/restore", good)[0], 400)  # no passphrase
    equal(g.api("POST", "/api/v1/backup", b"")[0], 400)
    equal(make(g, "eleven char")[0], 422)
    equal(restore(g, good, query="?dry_ran=true")[0], 400)
    second = ctl_backup(t, g)
    blocks = lambda data: {data[i:i + 16] for i in range(HEAD, len(data) - 16, 16)}
    expect(good[12:HEAD] != second[12:HEAD] and not blocks(good) & blocks(second), "two backups share nothing")
    equal(restore(g, second)[0], 200)
    clear_nowhere(t, g, [good, second])


@test("administrators come back only where that is asked for, and then with the certificates they have", 120)
def administrators(t):
    f = Fresh(t)
    equal(f.enroll("alice")[0], 0)
    f.g.wait(lambda: not f.g.api("GET", "/api/v1/bootstrap")[2]["open"], 10, "the token's end")
    out, phrase = os.path.join(t.dir, "gw.backup"), os.path.join(t.dir, "phrase")
    with open(phrase, "w") as p:
        p.write(PASSPHRASE)
    code, _, err = f.as_("alice", "backup", out, "--passphrase-file", phrase)
    equal(code, 0, err)
    f.g.stop()
    new = empty(t)
    mine = new.api("GET", "/api/v1/administrators")[2]
    equal(restore(new, open(out, "rb").read())[0], 200)
    equal(new.api("GET", "/api/v1/administrators")[2]["items"], mine["items"])
    expect(new.api("GET", "/api/v1/bootstrap")[2]["open"], "the token of this box is still open")
    equal(f.as_("alice", "status")[0], 3)
    equal(restore(new, open(out, "rb").read(), query="?administrators=true")[0], 200)
    equal([a["name"] for a in new.api("GET", "/api/v1/administrators")[2]["items"]], ["alice"])
    code, _, err = f.as_("alice", "status")
    equal(code, 0, err)
    expect(not new.api("GET", "/api/v1/bootstrap")[2]["open"], "no token comes back")
