"""Goal: the configuration is read and changed over REST with care: tags, trials, refusals with their place, requests that are done once."""
import copy
import json
import os
import select
import signal

from harness import equal, expect, free_port, test
from t_operate import answers, connect


def gateway(t, name="gw", **kw):
    server = t.server()
    g = t.terminate(server.address, name=name, **kw)
    g.backend = server.address
    return g


def running(g):
    answers = []

    def known():
        """A management that has just started says 503 until it has heard what runs."""
        answers.append(g.api("GET", "/api/v1/config"))
        return answers[-1][0] != 503
    g.wait(known, 10, "a management that knows what runs")
    status, headers, doc = answers[-1]
    equal(status, 200)
    return doc, headers["ETag"], int(headers["Penstock-Revision"])


@test("the running configuration is read whole and in parts, each with its tag, and 304 when it is known")
def read(t):
    g = gateway(t)
    doc, tag, revision = running(g)
    equal((revision, list(doc["links"])), (1, ["in"]))
    expect(doc["identities"]["gw"]["certificate"].startswith("sha256:"), "the certificate is named by its hash")
    expect(all(x.startswith("sha256:") for x in doc["trust"]["partners"]["anchors"] + doc["trust"]["partners"]["crls"]), "anchors and lists too")
    equal(g.api("GET", "/api/v1/config", headers={"If-None-Match": tag})[0], 304)
    status, headers, link = g.api("GET", "/api/v1/links/in")
    equal((status, link), (200, doc["links"]["in"]))
    status, _, page = g.api("GET", "/api/v1/links")
    equal([(i["name"], i["etag"]) for i in page["items"]], [("in", headers["ETag"])])
    status, headers, problem = g.api("GET", "/api/v1/links/none")
    equal((status, headers["Content-Type"], problem["status"]), (404, "application/problem+json", 404))
    equal(g.api("GET", "/api/v1/nothing")[0], 404)
    status, headers, _ = g.api("POST", "/api/v1/links/in")
    equal((status, headers["Allow"]), (405, "GET, HEAD, PUT, PATCH, DELETE"))


@test("a change wants the tag that was read: 428 without, 412 with an old one, and a new thing wants If-None-Match")
def preconditions(t):
    g = gateway(t)
    link = running(g)[0]["links"]["in"]
    equal(g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 7}})[0], 428)
    tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
    equal(g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 7}}, {"If-Match": '"0000"'})[0], 412)
    status, headers, changed = g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 7}}, {"If-Match": tag})
    equal((status, changed["limits"], headers["Penstock-Revision"]), (200, {"sessions": 7}, "2"))
    equal(g.api("PATCH", "/api/v1/links/in", {"limits": None}, {"If-Match": tag})[0], 412)
    equal(g.api("PATCH", "/api/v1/links/in", {"limits": None}, {"If-Match": headers["ETag"]})[2], link)
    new = copy.deepcopy(link)
    new["listen"]["address"] = ["127.0.0.1:%d" % free_port()]
    equal(g.api("PUT", "/api/v1/links/second", new)[0], 428)
    equal(g.api("PUT", "/api/v1/links/in", new, {"If-None-Match": "*"})[0], 412)
    status, headers, _ = g.api("PUT", "/api/v1/links/second", new, {"If-None-Match": "*"})
    equal((status, headers["Penstock-Revision"]), (200, "4"))
    expect(answers(t, int(new["listen"]["address"][0].split(":")[1])), "the new link carries")
    equal(g.api("DELETE", "/api/v1/links/second")[0], 428)
    equal(g.api("DELETE", "/api/v1/links/second", headers={"If-Match": headers["ETag"]})[0], 204)
    expect(not answers(t, int(new["listen"]["address"][0].split(":")[1])), "and is gone")
    equal(g.status()["revision"], 5)


@test("a wrong change is refused with its place and what would be right, and nothing has changed")
def refused(t):
    g = gateway(t)
    tag = running(g)[1]
    port = g.port
    for patch, pointer, word in (
            ({"links": {"in": {"colour": "red"}}}, "/links/in/colour", "known"),
            ({"links": {"in": {"listen": {"tls": {"trust": "nobody"}}}}}, "/links/in/listen/tls/trust", "nobody"),
            ({"links": {"in": {"listen": {"tls": {"peers": [{}]}}}}}, "/links/in/listen/tls/peers/0", "empty"),
            ({"identities": {"gw": {"certificate": "sha256:" + "0" * 64}}}, "/identities/gw/certificate", "sha256"),
            ({"identities": {"gw": {"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}}},
             "/identities/gw/certificate", ""),
            ({"links": {"in": {"listen": {"address": ["192.0.2.1:443"]}}}}, "/links/in/listen/address", "192.0.2.1")):
        status, headers, problem = g.api("PATCH", "/api/v1/config", patch, {"If-Match": tag})
        equal((status, headers["Content-Type"]), (422, "application/problem+json"), json.dumps(problem))
        equal(problem["pointer"], pointer, json.dumps(problem))
        expect(word in problem["detail"] and problem["remedy"], json.dumps(problem))
    for body, status in ((b"{", 400), (b"[]", 400), (b'{"a":1,"a":2}', 400), (b"", 400), (b"null", 400), (b"\xff", 400)):
        equal(g.api("PUT", "/api/v1/config", body, {"If-Match": tag})[0], status, body)
    equal(g.api("PUT", "/api/v1/config", b" " * (9 << 20), {"If-Match": tag})[0], 413)
    doc, same, revision = running(g)
    equal((same, revision), (tag, 1))
    expect(answers(t, port), "the link still carries")


@test("a trial says what would change and changes nothing")
def dry_run(t):
    g = gateway(t)
    doc, tag, _ = running(g)
    status, _, trial = g.api("PATCH", "/api/v1/links/in?dry_run=true", {"limits": {"sessions": 3}},
                             {"If-Match": g.api("GET", "/api/v1/links/in")[1]["ETag"]})
    equal((status, trial["dry_run"], trial["changes"]), (200, True, [{"path": "/links/in/limits", "to": {"sessions": 3}}]))
    equal(running(g)[1:], (tag, 1))


@test("the description of the interface has every route, and every route answers as it says")
def openapi(t):
    g = gateway(t)
    spec = g.api("GET", "/openapi.json")[2]
    equal(spec["openapi"], "3.1.0")
    ids = [op["operationId"] for path in spec["paths"].values() for op in path.values()]
    equal(len(ids), len(set(ids)), "unique operations")
    for path, operations in spec["paths"].items():
        for method, op in operations.items():
            expect(op["x-roles"], "%s %s has no roles" % (method, path))
            status, headers, body = g.api(method.upper(), path.replace("{name}", "none"))
            expect(status != 405 and status < 500, "%s %s: %s" % (method, path, status))
            if status >= 400:
                equal((headers["Content-Type"], body["status"]), ("application/problem+json", status))


@test("a query that a request does not know is refused, never passed over: a misspelt trial is no change")
def unknown_query(t):
    g = gateway(t)
    tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
    for query in ("dryrun=true", "dry_run=maybe", "dry_run=true&limit=1", "=true"):
        status, _, problem = g.api("PATCH", "/api/v1/links/in?" + query, {"limits": {"sessions": 3}}, {"If-Match": tag})
        equal(status, 400, query)
    expect("takes dry_run" in g.api("DELETE", "/api/v1/links/in?yes=1", headers={"If-Match": tag})[2]["detail"], "what it takes")
    equal(g.api("GET", "/api/v1/sessions?peers=x")[0], 400)
    equal(g.api("PATCH", "/api/v1/links/in?dry_run=false", {"limits": {"sessions": 3}}, {"If-Match": tag})[1]["Penstock-Revision"], "2")
    spec = g.api("GET", "/openapi.json")[2]
    for path, operations in spec["paths"].items():
        for method, op in operations.items():
            if any(p["name"] == "dry_run" for p in op["parameters"]) or method == "get" or path == "/api/v1/config/candidate":
                continue  # what it does not know of may not be asked of it
            equal(g.api(method.upper(), path.replace("{name}", "none") + "?dry_run=true")[0] in (400, 403), True, method + path)


@test("everything that is read has a tag and is not sent twice")
def tags(t):
    g = gateway(t)
    for path in ("links", "identities", "keys", "config", "config/revisions", "config/revisions/1", "audit", "refusals", "peers", "schedule"):
        status, headers, body = g.api("GET", "/api/v1/" + path)
        equal((status, bool(headers.get("ETag"))), (200, True), path)
        status, again, body = g.api("GET", "/api/v1/" + path, headers={"If-None-Match": headers["ETag"]})
        equal((status, body, again["ETag"]), (304, None, headers["ETag"]), path)


@test("a POST with an Idempotency-Key is done once, whoever asks again and after a restart, and a key is for one request")
def once(t):
    g = gateway(t)
    key = {"Idempotency-Key": "a-7f3"}
    status, headers, made = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"}, key)
    equal(status, 201)
    equal(g.api("POST", "/api/v1/keys", {"kind": "ec-p256"}, key)[2], made)
    equal(g.api("POST", "/api/v1/keys", {"kind": "ec-p384"}, key)[0], 422)
    expect(g.api("POST", "/api/v1/keys", {"kind": "ec-p256"}, {"Idempotency-Key": "b"})[2]["id"] != made["id"], "another key")
    expect(g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"] != made["id"], "no key")
    tag = g.api("GET", "/api/v1/config")[1]["ETag"]
    care = {"If-Match": tag, "Idempotency-Key": "back"}
    status, headers, _ = g.api("POST", "/api/v1/config/rollback", {"revision": 1}, care)
    equal((status, headers["Penstock-Revision"]), (200, "2"))
    for pid in g.children()["penstock-mgmt"]:
        os.kill(pid, signal.SIGKILL)
    g.wait(lambda: g.api("GET", "/healthz")[0] == 200, 20, "the next management")
    running(g)
    status, headers, _ = g.api("POST", "/api/v1/config/rollback", {"revision": 1}, care)
    equal((status, headers["Penstock-Revision"], g.status()["revision"]), (200, "2", 2))
    slow = [g.api_start("POST", "/api/v1/keys", {"kind": "rsa-4096"}, {"Idempotency-Key": "slow"}) for _ in range(2)]
    answers = sorted(conn.getresponse().status for conn in slow)
    expect(answers in ([201, 409], [201, 201]), answers)
    for bad in ("", "x" * 129, "a b"):
        equal(g.api("POST", "/api/v1/keys", {"kind": "ec-p256"}, {"Idempotency-Key": bad})[0], 400, bad)
    equal(g.api("POST", "/api/v1/keys", {"kind": "no"}, {"Idempotency-Key": "wrong"})[0], 422)
    equal(g.api("POST", "/api/v1/keys", {"kind": "no"}, {"Idempotency-Key": "wrong"})[0], 422)


@test("who waits for a change when the gateway stops hears it, and the management ends in order")
def stopped_in_a_change(t):
    g = gateway(t)
    tag = running(g)[1]
    one = g.children()["penstock-handshake"][0]
    os.kill(one, signal.SIGSTOP)
    conn = g.api_start("PATCH", "/api/v1/config", {"drain_s": 3}, {"If-Match": tag})
    expect(not select.select([conn.sock], [], [], 0.3)[0], "the change waits for the process that does not answer")
    g.proc.send_signal(signal.SIGTERM)
    answer = conn.getresponse()
    equal((answer.status, "the gateway stops" in json.load(answer)["detail"]), (503, True))
    equal(g.proc.wait(20), 0)
    expect("Fatal" not in g.log(), "no library ended the management")


def one_link(t, shown, path):
    """The same configuration with its link under another name and address."""
    other = copy.deepcopy(shown)
    link = other["links"].pop("in")
    link.update({"engine": t.engine, "limits": {}})
    link["listen"]["address"] = ["127.0.0.1:%d" % free_port()]
    other["links"]["other"] = link
    with open(path + ".other", "w") as f:
        json.dump(other, f)
    return path + ".other"


def one_profile(t):
    path = os.path.join(t.dir, "profile.json")
    with open(path, "w") as f:
        json.dump({"groups": ["P-256"]}, f)
    return path


@test("penstockctl shows, applies, compares, rolls back and verifies, with exit codes that scripts can trust")
def command_line(t):
    g = gateway(t)
    shown = json.loads(g.ctl("config"))
    shown["links"]["in"]["limits"] = {"sessions": 4}
    path = os.path.join(t.dir, "new.json")
    with open(path, "w") as f:
        json.dump(shown, f)
    trial = json.loads(g.ctl("apply", path, "--dry-run", "--json"))
    equal(trial["changes"], [{"path": "/links/in/limits", "to": {"sessions": 4}}])
    equal(json.loads(g.ctl("apply", path))["links"]["in"]["limits"], {"sessions": 4})
    equal(json.loads(g.ctl("diff", "1", "running", "--json"))["changes"][0]["path"], "/links/in/limits")
    expect('/links/in/limits\n    + {"sessions": 4}' in g.ctl("diff", "1", "running"), "a difference for people")
    g.ctl("rollback", "1")
    rows = g.ctl("revisions").splitlines()
    equal((rows[0].split()[0], [r.split()[0] for r in rows[1:]]), ("REVISION", ["3", "2", "1"]))
    g.ctl("candidate", path)
    g.ctl("commit", "--confirm", "60")
    g.ctl("confirm")
    equal(json.loads(g.ctl("get", "/api/v1/links/in"))["limits"], {"sessions": 4})
    equal(len(g.ctl("audit").splitlines()), 5)
    equal(json.loads(g.ctl("audit-verify"))["whole"], True)
    expect("penstock_config_revision 4" in g.ctl("metrics"), "metrics")
    for args, code, word in ((("confirm",), 1, "no commit waits"), (("rollback", "x"), 2, "number"), (("rollback",), 2, "usage"),
                             (("revision", "99"), 1, "no revision 99"), (("fly",), 2, "unknown command"),
                             (("get", "/nothing"), 1, "no such resource"), (("apply", "/nonexistent"), 2, "nonexistent"),
                             (("--url", "http://x", "status"), 2, "https"), (("--state", t.dir, "status"), 3, "is penstockd running")):
        r = g.ctl(*args, check=False)
        equal(r.returncode, code, args)
        expect(word in r.stderr, "%s: %s" % (args, r.stderr))
    shown["links"]["in"]["engine"] = "steam"
    with open(path, "w") as f:
        json.dump(shown, f)
    r = g.ctl("apply", path, check=False)
    equal(r.returncode, 1)
    expect(r.stderr.startswith("penstockctl: /links/in/engine: "), r.stderr)
    one = os.path.join(t.dir, "one.json")
    with open(one, "w") as f:
        json.dump({"limits": {"sessions": 6}}, f)
    before = g.ctl("revisions")
    with connect(t, g.port) as s:
        s.sendall(b"x")
        s.recv(1)
        for args in (("patch", "links/in", one), ("rollback", "1"), ("apply", path)):
            said = g.ctl(*args, "--dry-run", check=args[0] != "apply")
            expect(args[0] == "apply" or "it would end 0 sessions" in said, said)
        expect("it would end 1 session\n  in               all     1  link_removed" in g.ctl("put", "config", one_link(t, shown, path), "--dry-run"), "whom")
    equal(g.ctl("revisions"), before, "trials change nothing")
    g.ctl("patch", "links/in", one)
    equal(json.loads(g.ctl("get", "links/in"))["limits"], {"sessions": 6})
    g.ctl("put", "profiles/p", one_profile(t))
    equal((g.ctl("profiles"), g.ctl("links")), ("p\n", "in\n"))
    g.ctl("delete", "profiles/p")
    equal(g.ctl("profiles"), "")
    g.ctl("candidate", one_link(t, shown, path))
    equal(list(json.loads(g.ctl("candidate"))["links"]), ["other"])
    expect("it would change" in g.ctl("commit", "--dry-run"), "a commit tried")
    g.ctl("discard")
    equal(g.ctl("candidate", check=False).returncode, 1)
    expect("profile default\n    versions   1.3" in g.ctl("inventory") and "WHOSE" in g.ctl("schedule"), "what is in use")
    expect("rollback" in g.ctl("--completion") and "rollback" in g.ctl("--help"), "told by --help and --completion")
