"""Goal: the configuration is read and changed over REST with care: tags, trials, revisions, roll-back, an audit that holds."""
import copy
import json
import os
import re
import select
import shutil
import signal
import socket
import sqlite3
import ssl
import time

from gateway import Gateway
from harness import equal, expect, free_port, need, test
from pki import CA, PKI
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


@test("every revision can be read, compared and run again; lists come in pages")
def revisions(t):
    g = gateway(t)
    first = running(g)[0]
    for n in range(2, 5):
        tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
        equal(g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": n}}, {"If-Match": tag})[0], 200)
    page = g.api("GET", "/api/v1/config/revisions?limit=3")[2]
    equal([r["revision"] for r in page["items"]], [4, 3, 2])
    equal([r["revision"] for r in g.api("GET", "/api/v1/config/revisions?limit=3&cursor=" + page["next"])[2]["items"]], [1])
    equal(page["items"][0]["actor"], "local uid 0")
    equal(g.api("GET", "/api/v1/config/revisions/1")[2]["document"], first)
    equal(g.api("GET", "/api/v1/config/diff?from=2&to=running")[2]["changes"],
          [{"path": "/links/in/limits/sessions", "from": 2, "to": 4}])
    equal(g.api("GET", "/api/v1/config/revisions/99")[0], 404)
    equal(g.api("GET", "/api/v1/config/revisions/x")[0], 400)
    equal(g.api("GET", "/api/v1/config/revisions?limit=0")[0], 400)
    status, headers, doc = g.api("POST", "/api/v1/config/rollback", {"revision": 1}, {"If-Match": running(g)[1]})
    equal((status, headers["Penstock-Revision"], doc), (200, "5", first))
    equal(g.api("POST", "/api/v1/config/rollback", {"revision": 77}, {"If-Match": running(g)[1]})[0], 404)


@test("a restart keeps what was changed over REST; a file that was changed since is taken")
def restart(t):
    g = gateway(t)
    port = g.port
    tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
    g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 2}}, {"If-Match": tag})
    doc = running(g)[0]
    g.stop()
    again = Gateway(t.dir, g.config, name="gw")
    t.defer(lambda: again.proc.poll() is None and again.stop(expect=None))
    equal(running(again)[0], doc)
    equal(again.status()["revision"], 2)
    equal(again.reload(), "refused")  # SIGHUP without news: what REST changed stays
    expect("imported as revision 1" in again.events("revision_refused")[-1]["reason"], "the reason")
    g.config["links"]["in"]["limits"] = {"sessions": 9}
    equal(again.reload(g.config), "applied")
    equal(running(again)[0]["links"]["in"]["limits"], {"sessions": 9})
    expect(answers(t, port), "and carries")


@test("the gateway starts from running.json when the database is gone or damaged, and says so")
def damaged(t):
    g = gateway(t)
    tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
    g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 2}}, {"If-Match": tag})
    doc = running(g)[0]
    g.stop()
    store = os.path.join(g.state, "mgmt", "store.db")
    with open(store, "r+b") as f:
        f.seek(0)
        f.write(os.urandom(8192))
    again = Gateway(t.dir, g.config, name="gw")
    t.defer(lambda: again.proc.poll() is None and again.stop(expect=None))
    expect(again.events("store_damaged"), "the log says so")
    expect(any("damaged" in w for w in again.status()["warnings"]), "the status says so")
    equal(running(again)[0], doc)
    again.stop()
    for name in os.listdir(os.path.join(g.state, "mgmt")):
        if name.startswith("store.db"):
            os.unlink(os.path.join(g.state, "mgmt", name))
    third = Gateway(t.dir, g.config, name="gw")
    t.defer(lambda: third.proc.poll() is None and third.stop(expect=None))
    equal(running(third)[0], doc)


@test("a management that is killed in mid-change leaves one whole revision, and knows which")
def killed(t):
    g = gateway(t)
    for n in range(6):
        tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
        pid = g.children()["penstock-mgmt"][0]
        g.api_start("PATCH", "/api/v1/links/in", {"limits": {"sessions": 100 + n}}, {"If-Match": tag})
        time.sleep(n * 0.004)  # somewhere in the change, elsewhere each time
        os.kill(pid, signal.SIGKILL)
        g.wait(lambda: pid not in g.children().get("penstock-mgmt", [pid]), 10, "another management")
        g.wait(lambda: g.api("GET", "/api/v1/config")[0] == 200, 10, "its answer")
        doc, _, revision = running(g)
        listed = g.api("GET", "/api/v1/config/revisions?limit=1")[2]["items"][0]["revision"]
        equal(listed, revision)
        equal(g.api("GET", "/api/v1/config/revisions/%d" % revision)[2]["document"], doc)
        expect(answers(t, g.port), "traffic goes on")
    equal(g.api("GET", "/api/v1/audit/verify")[2]["whole"], True)


@test("a commit that nobody confirms goes back by itself, over a restart of everything too; one that is confirmed stays")
def confirm(t):
    g = gateway(t)

    def commit(sessions, seconds):
        status, headers, _ = g.api("PATCH", "/api/v1/config/candidate", {"links": {"in": {"limits": {"sessions": sessions}}}},
                                   {"If-None-Match": "*"})
        equal(status, 200)
        equal(g.api("GET", "/api/v1/config/diff?from=running&to=candidate")[2]["changes"][0]["path"].split("/")[:3],
              ["", "links", "in"])
        status, _, answer = g.api("POST", "/api/v1/config/commit" + ("?confirm=%d" % seconds if seconds else ""), None,
                                  {"If-Match": headers["ETag"]})
        equal(status, 200, answer)
        return answer

    commit(5, 1)
    g.wait(lambda: g.status()["revision"] == 3, 10, "the way back")
    expect("limits" not in running(g)[0]["links"]["in"], "the old document")
    equal(g.api("GET", "/api/v1/config/revisions/3")[2]["comment"], "revision 2 was not confirmed in time")
    commit(6, 60)
    equal(g.api("POST", "/api/v1/config/confirm")[0], 200)
    equal(g.api("POST", "/api/v1/config/confirm")[0], 404)
    commit(7, 2)
    g.proc.kill()
    g.proc.wait()
    again = Gateway(t.dir, g.config, name="gw")
    t.defer(lambda: again.proc.poll() is None and again.stop(expect=None))
    again.wait(lambda: running(again)[0]["links"]["in"]["limits"] == {"sessions": 6}, 10, "the way back after the crash")


def commit_links(g, limits, seconds):
    status, headers, _ = g.api("PATCH", "/api/v1/config/candidate", {"links": {"in": {"limits": limits}}}, {"If-None-Match": "*"})
    equal(status, 200)
    return g.api("POST", "/api/v1/config/commit?confirm=%d" % seconds, None, {"If-Match": headers["ETag"]})


@test("an unconfirmed commit that is killed on its way back goes back all the same")
def confirm_killed(t):
    g = gateway(t)
    for kill in ("penstock-mgmt", None):
        answer = commit_links(g, {"sessions": 5 if kill else 6}, 1)
        equal(answer[0], 200, answer)
        g.wait_event("config_unconfirmed", count=1)
        if kill:
            for pid in g.children()[kill]:
                os.kill(pid, signal.SIGKILL)
            g.wait(lambda: "limits" not in running(g)[0]["links"]["in"], 20, "the way back")
            continue
        g.proc.kill()
        g.proc.wait()
        again = Gateway(t.dir, g.config, name="gw")
        t.defer(lambda: again.proc.poll() is None and again.stop(expect=None))
        again.wait(lambda: "limits" not in running(again)[0]["links"]["in"], 20, "the way back after the crash")


@test("of several unconfirmed commits the last confirmed state comes back, a refused one changes nothing, and others' changes count")
def confirm_several(t):
    g = gateway(t)
    equal(commit_links(g, {"sessions": 5}, 60)[0], 200)
    taken = t.server().address  # an address that can not be listened on
    status, headers, _ = g.api("PATCH", "/api/v1/config/candidate", {"links": {"in": {"listen": {"address": [taken]}}}}, {"If-None-Match": "*"})
    equal(g.api("POST", "/api/v1/config/commit?confirm=1", None, {"If-Match": headers["ETag"]})[0], 422)
    equal(g.api("DELETE", "/api/v1/config/candidate", headers={"If-Match": headers["ETag"]})[0], 204)
    answer = commit_links(g, {"sessions": 6}, 1)[2]
    equal(answer["confirm"]["back_to"], 1)
    g.wait(lambda: "limits" not in running(g)[0]["links"]["in"], 20, "the way back to where nobody doubted")
    equal(commit_links(g, {"sessions": 7}, 2)[0], 200)
    tag = g.api("GET", "/api/v1/config")[1]["ETag"]
    equal(g.api("PATCH", "/api/v1/config", {"drain_s": 3}, {"If-Match": tag})[0], 200)
    g.wait(lambda: g.api("POST", "/api/v1/config/confirm")[0] == 404, 20, "nothing is waited for")
    equal(running(g)[0]["links"]["in"]["limits"], {"sessions": 7})


@test("the audit tells who did what, and shows a row that was changed, removed or put in")
def audit(t):
    g = gateway(t)
    tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
    g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 2}}, {"If-Match": tag})
    with connect(t, g.port) as s:
        s.sendall(b"x")
        s.recv(1)
        equal(g.api("DELETE", "/api/v1/sessions/" + g.sessions()[0]["id"])[0], 200)
    rows = g.api("GET", "/api/v1/audit")[2]["items"]
    equal([(r["actor"], r["action"], r["result"], r["revision"]) for r in reversed(rows)],
          [("file", "config.file", "applied", 1), ("local uid 0", "links.change", "applied", 2),
           ("local uid 0", "session.end", "ended", 0)])
    equal(rows[1]["detail"], [{"path": "/links/in/limits", "to": {"sessions": 2}}])
    verdict = g.api("GET", "/api/v1/audit/verify")[2]
    equal((verdict["whole"], verdict["rows"], verdict["last_hash"]), (True, 3, rows[0]["hash"]))
    g.stop()
    store = os.path.join(g.state, "mgmt", "store.db")
    shutil.copy(store, store + ".good")
    for n, tamper in enumerate((
            "UPDATE audit SET row = replace(row, 'uid 0', 'uid 1') WHERE seq = 2",
            "DELETE FROM audit WHERE seq = 1",
            "INSERT INTO audit SELECT 4, row, hash FROM audit WHERE seq = 3")):
        shutil.copy(store + ".good", store)
        db = sqlite3.connect(store)
        db.executescript("DROP TRIGGER audit_kept; DROP TRIGGER audit_fixed;")
        db.execute(tamper)
        db.commit()
        db.close()
        again = Gateway(t.dir, g.config, name="gw")
        again.wait(lambda: again.api("GET", "/api/v1/audit/verify")[0] == 200, 10, "an answer")
        verdict = again.api("GET", "/api/v1/audit/verify")[2]
        equal((verdict["whole"], verdict.get("broken_at")), (False, (2, 1, 4)[n]), tamper)
        again.stop()


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


@test("a candidate goes on top of what was changed meanwhile, and a commit that would undo somebody's change is refused")
def candidate_rebase(t):
    g = gateway(t)
    change = lambda n: g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": n}}, {"If-Match": g.api("GET", "/api/v1/links/in")[1]["ETag"]})
    status, headers, _ = g.api("PATCH", "/api/v1/config/candidate", {"profiles": {"p": {"groups": ["P-256"]}}}, {"If-None-Match": "*"})
    equal((status, headers["Penstock-Revision"]), (200, "1"))
    equal(change(7)[0], 200)  # somebody else
    tag = headers["ETag"]
    status, _, trial = g.api("POST", "/api/v1/config/commit?dry_run=true", headers={"If-Match": tag})
    equal((status, [c["path"] for c in trial["changes"]], trial["cuts"]["sessions"]), (200, ["/profiles"], 0))
    equal(running(g)[2], 2, "a trial commits nothing")
    equal(g.api("POST", "/api/v1/config/commit", headers={"If-Match": tag})[0], 200)
    doc = running(g)[0]
    equal((doc["links"]["in"]["limits"], list(doc["profiles"])), ({"sessions": 7}, ["p"]))
    status, headers, _ = g.api("PATCH", "/api/v1/config/candidate", {"links": {"in": {"limits": {"sessions": 8}}}}, {"If-None-Match": "*"})
    equal(change(9)[0], 200)
    for query in ("", "?dry_run=true"):
        status, _, problem = g.api("POST", "/api/v1/config/commit" + query, headers={"If-Match": headers["ETag"]})
        equal((status, problem["pointer"]), (409, "/links/in/limits/sessions"))
    equal(running(g)[0]["links"]["in"]["limits"], {"sessions": 9})


@test("metrics are what Prometheus reads: each family described once, every sample a number, labels as configured")
def metrics(t):
    g = gateway(t)
    with connect(t, g.port) as s:
        s.sendall(b"x" * 1000)
        s.recv(1000)
        status, headers, text = g.api("GET", "/metrics")
        equal((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
    types, seen = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            expect(name not in types, "%s is described twice" % name)
            types[name] = kind
        elif not line.startswith("#"):
            name = re.match(r"([a-z_]+)(\{[^}]*\})? ", line).group(1)
            expect(name in types and (types[name] != "counter" or name.endswith("_total")), line)
            seen[line.rsplit(" ", 1)[0]] = float(line.rsplit(" ", 1)[1])
    equal(seen['penstock_link_sessions{link="in"}'], 1)
    equal(seen['penstock_link_bytes_total{link="in",direction="up"}'], 1000)
    equal((seen["penstock_config_revision"], seen["penstock_store_up"], seen["penstock_workers_missing"]), (1, 1, 0))
    expect(any(k.startswith("penstock_expiry_timestamp_seconds{") and v > time.time() for k, v in seen.items()), "what runs out")


@test("live peers are the sessions by certificate chain, in pages")
def peers(t):
    g = gateway(t)
    other = t.pki.inter.issue("second", "URI:spiffe://partner.example/client", "clientAuth")
    held = [connect(t, g.port), connect(t, g.port)]
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain(other.chain, other.key)
    held.append(ctx.wrap_socket(socket.create_connection(("127.0.0.1", g.port), timeout=10), server_hostname="gw.test"))
    for s in held:
        s.sendall(b"x")
        equal(s.recv(1), b"x")
    rows = g.api("GET", "/api/v1/peers")[2]["items"]
    equal(sorted((r["link"], r["side"], r["sessions"], r["up_bytes"]) for r in rows), [("in", "listen", 1, 1), ("in", "listen", 2, 2)])
    page = g.api("GET", "/api/v1/peers?limit=1")[2]
    equal(page["items"] + g.api("GET", "/api/v1/peers?cursor=" + page["next"])[2]["items"], rows)
    equal(g.api("GET", "/api/v1/peers?link=none")[2]["items"], [])
    known = {r["certificate_sha256"]: r for r in rows}
    for cert in (t.pki.client, other):
        row = known[cert.fingerprint()]
        equal((row["key"], row["signature"], row["peer"]), ("EC256", "ecdsa-with-SHA256", "spiffe://partner.example/client"))
        equal((row["spki_sha256"], row["serial"].lstrip("0"), row["until"]), (cert.spki_sha256(), cert.serial().lower().lstrip("0"), row["not_after"]))


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


def read(path):
    with open(path) as f:
        return f.read()


@test("explain says of any chain what the handshake would say, with the rule or every reason")
def explain(t):
    g = gateway(t)
    stranger = CA(t.dir, "stranger")
    ask = lambda body, link="in": g.api("POST", "/api/v1/links/%s/explain" % link, body)  # noqa: E731
    status, _, good = ask({"chain": read(t.pki.client.chain)})
    equal((status, good["verdict"], good["rule"], good["matched"], good["revision"]),
          (200, "allow", 0, {"uri": "spiffe://partner.example/client"}, 1))
    expect(good["until"] > time.time(), "until when")
    equal(ask(read(t.pki.client.chain).encode())[2]["verdict"], "allow")
    for cert, reason in ((stranger.issue("c", "URI:spiffe://partner.example/client", "clientAuth"), "unknown_ca"),
                         (t.pki.server, "eku"), (t.pki.inter.issue("x", "URI:spiffe://partner.example/else", "clientAuth"), "no_rule")):
        verdict = ask({"chain": read(cert.chain if hasattr(cert, "chain") else cert.pem)})[2]
        equal(verdict["verdict"], "deny")
        expect(reason in [r["reason"] for r in verdict["reasons"]] and all(r["text"] for r in verdict["reasons"]), verdict)
        so_far = len(g.events("refused"))
        try:  # and the handshake says the same first
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            ctx.load_verify_locations(t.pki.root.pem)
            ctx.load_cert_chain(getattr(cert, "chain", cert.pem), cert.key)
            with ctx.wrap_socket(socket.create_connection(("127.0.0.1", g.port), timeout=10), server_hostname="gw.test") as s:
                s.recv(1)
        except (ssl.SSLError, ConnectionError):
            pass
        equal(g.wait_event("refused", count=so_far + 1)["reason"], verdict["reasons"][0]["reason"])
    later = ask({"chain": read(t.pki.client.chain), "time": "2090-01-01T00:00:00Z"})[2]
    equal(later["verdict"], "deny")
    expect(len(later["reasons"]) >= 2 and "expired" in [r["reason"] for r in later["reasons"]], later)
    for body, status in (({"chain": "x"}, 422), ({}, 400), ({"chain": read(t.pki.client.chain), "time": "soon"}, 400),
                         ({"chain": read(t.pki.client.chain), "side": "left"}, 400), (b"", 400), ({"chain": 7}, 400),
                         ({"chain": read(t.pki.client.key)}, 422), ({"chain": read(t.pki.client.chain) * 60}, 422)):
        equal(ask(body)[0], status, str(body)[:60])
    equal(ask({"chain": read(t.pki.client.chain)}, "none")[0], 404)
    equal(ask({"chain": read(t.pki.client.chain), "side": "forward"})[0], 404)
    expect(g.ctl("explain", "in", t.pki.client.chain).startswith("allow  by rule 0, until 20"), "for people")
    r = g.ctl("explain", "in", t.pki.client.chain, "--time", "2090-01-01T00:00:00Z", check=False)
    equal(r.returncode, 1)
    expect(r.stdout.startswith("deny") and "expired" in r.stdout, r.stdout)
    for pid in g.children()["penstock-handshake"]:
        os.kill(pid, signal.SIGKILL)  # the judge too
    g.wait(lambda: ask({"chain": read(t.pki.client.chain)})[2].get("verdict") == "allow", 10, "another judge")


@test("an uploaded CRL takes its issuer's place and ends exactly the sessions that it must, within a second")
def crl_upload(t):
    pki = PKI(os.path.join(t.dir, "own-pki"))
    leaver = pki.inter.issue("leaver", "URI:spiffe://partner.example/client", "clientAuth")
    config = t.terminate_config(t.server().address, free_port(), pki=pki)
    g = Gateway(t.dir, config)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    port = int(config["links"]["in"]["listen"]["address"][0].split(":")[1])

    def dial(cert):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.load_verify_locations(pki.root.pem)
        ctx.load_cert_chain(cert.chain, cert.key)
        s = ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="gw.test")
        s.sendall(b"x")
        equal(s.recv(1), b"x")
        return s

    stays, goes = dial(pki.client), dial(leaver)
    with open(pki.inter_crl, "rb") as f:
        old = f.read()
    pki.inter.revoke(leaver)
    with open(pki.inter.crl(), "rb") as f:
        new = f.read()
    der = ssl.PEM_cert_to_DER_cert(new.decode().replace("X509 CRL", "CERTIFICATE"))

    def post(body, trust="partners", tag=None):
        tag = tag or g.api("GET", "/api/v1/trust/partners")[1]["ETag"]
        return g.api("POST", "/api/v1/trust/%s/crls" % trust, body, {"If-Match": tag})

    equal(g.api("POST", "/api/v1/trust/partners/crls", new)[0], 428)
    equal(post(new, tag='"old"')[0], 412)
    equal(post(new, trust="none")[0], 404)
    equal(post(b"no list")[0], 422)
    equal(post(new + old)[0], 422)
    count = len(g.api("GET", "/api/v1/trust/partners")[2]["crls"])
    start = time.monotonic()
    status, headers, trust = post(der)
    equal((status, len(trust["crls"])), (200, count), trust)
    equal(g.wait_event("session_closed", timeout=5)["reason"], "revoked")
    expect(time.monotonic() - start < (10 if os.environ.get("PENSTOCK_VM") else 5), "the cut")
    stays.sendall(b"y")
    equal(stays.recv(1), b"y")
    equal(len(g.events("session_closed")), 1)
    path = os.path.join(t.dir, "old.crl")
    with open(path, "wb") as f:
        f.write(old)
    r = g.ctl("crl", "partners", path, check=False)
    equal((r.returncode, "newer" in r.stderr), (1, True), r.stderr)
    g.ctl("crl", "partners", pki.inter.crl())  # the next one
    equal(g.ctl("crl", "partners", "/nonexistent", check=False).returncode, 2)
    status, _, problem = post(old)
    equal((status, "newer" in problem["detail"]), (409, True), problem)
    rows = g.api("GET", "/api/v1/audit")[2]["items"]  # what it cut may stand there by now, too
    equal([r["action"] for r in rows if r["action"] != "sessions.cut"][0], "trust.crl")
    goes.close()


def private_kb(g):
    """Of all processes but the sealed tables that they share."""
    total = 0
    for pids in g.children().values():
        for pid in pids:
            with open("/proc/%d/smaps_rollup" % pid) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith(("Private_Dirty:", "Private_Clean:")))
    return total


@test("a list of 100,000 entries comes again and again: traffic goes on, each listed certificate is known, and no memory stays", timeout=120, alone=True)
def large_list(t):
    need(not os.environ.get("PENSTOCK_VM") and "PENSTOCK_BIN" not in os.environ, "a sanitizer's memory is not the gateway's, and an emulator takes minutes")
    pki = PKI(os.path.join(t.dir, "own-pki"))
    leaver = pki.inter.issue("leaver", "URI:spiffe://partner.example/client", "clientAuth")
    config = t.terminate_config(t.server().address, free_port(), pki=pki)
    g = Gateway(t.dir, config)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    port = int(config["links"]["in"]["listen"]["address"][0].split(":")[1])
    others = ["%040x" % (0x4000000000000000000000000000000000000000 + i * 7919) for i in range(100000)]
    kept = dict(pki=pki, ctx=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    kept["ctx"].load_verify_locations(pki.root.pem)
    kept["ctx"].load_cert_chain(pki.client.chain, pki.client.key)
    with kept["ctx"].wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="gw.test") as live:
        live.sendall(b"x")
        equal(live.recv(1), b"x")
        sizes = []
        for i in range(6):
            pki.inter.revoked = others[i:]
            with open(pki.inter.crl(), "rb") as f:
                der = ssl.PEM_cert_to_DER_cert(f.read().decode().replace("X509 CRL", "CERTIFICATE"))
            expect(len(der) > 3500000, "its size")
            tag = g.api("GET", "/api/v1/trust/partners")[1]["ETag"]
            conn = g.api_start("POST", "/api/v1/trust/partners/crls", der, {"If-Match": tag})
            echoes = 0
            while not select.select([conn.sock], [], [], 0)[0]:
                live.sendall(b"y")
                equal(live.recv(1), b"y")
                echoes += 1
            equal(conn.getresponse().status, 200)
            expect(echoes > 0, "traffic went on while it was applied")
            sizes.append(private_kb(g))
        expect(sizes[-1] - sizes[1] < 4096, "growth that stays, KB: %s" % sizes)
        pki.inter.revoke(leaver)
        with open(pki.inter.crl(), "rb") as f:
            equal(g.api("POST", "/api/v1/trust/partners/crls", f.read(), {"If-Match": g.api("GET", "/api/v1/trust/partners")[1]["ETag"]})[0], 200)
        equal(g.api("POST", "/api/v1/links/in/explain", {"chain": read(leaver.chain)})[2]["reasons"][0]["reason"], "revoked")
        equal(g.api("POST", "/api/v1/links/in/explain", {"chain": read(pki.client.chain)})[2]["verdict"], "allow")
        live.sendall(b"z")
        equal(live.recv(1), b"z")


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


@test("the inventory names every certificate, list, protocol and cipher in use")
def inventory(t):
    g = gateway(t)
    with connect(t, g.port) as s:
        s.sendall(b"x")
        s.recv(1)
        found = g.api("GET", "/api/v1/inventory")[2]
    leaf = found["identities"]["gw"]["chain"][0]
    equal((leaf["subject"], leaf["key"], leaf["key_bits"], len(leaf["sha256"])), ("O=Penstock Test,CN=gw", "EC", 256, 64))
    expect(leaf["not_after"] > time.strftime("%Y-%m-%d"), leaf)
    equal([a["subject"] for a in found["trust"]["partners"]["anchors"]], ["O=Penstock Test,CN=root"])
    equal(sorted(c["issuer"] for c in found["trust"]["partners"]["crls"]), ["O=Penstock Test,CN=inter", "O=Penstock Test,CN=root"])
    equal(found["live"]["version"], {"1.3": 1})
    equal(list(found["live"]["suite"].values()), [1])
    equal(json.loads(g.ctl("inventory", "--json"))["identities"], found["identities"])


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
    status, headers, _ = g.api("POST", "/api/v1/config/rollback", {"revision": 1}, care)
    equal((status, headers["Penstock-Revision"], g.status()["revision"]), (200, "2", 2))
    slow = [g.api_start("POST", "/api/v1/keys", {"kind": "rsa-4096"}, {"Idempotency-Key": "slow"}) for _ in range(2)]
    answers = sorted(conn.getresponse().status for conn in slow)
    expect(answers in ([201, 409], [201, 201]), answers)
    for bad in ("", "x" * 129, "a b"):
        equal(g.api("POST", "/api/v1/keys", {"kind": "ec-p256"}, {"Idempotency-Key": bad})[0], 400, bad)
    equal(g.api("POST", "/api/v1/keys", {"kind": "no"}, {"Idempotency-Key": "wrong"})[0], 422)
    equal(g.api("POST", "/api/v1/keys", {"kind": "no"}, {"Idempotency-Key": "wrong"})[0], 422)


@test("sessions come in pages without one twice or missed, while others come and go, and filters count")
def session_pages(t):
    g = gateway(t)
    port = int(g.api("GET", "/api/v1/links/in")[2]["listen"]["address"][0].split(":")[1])
    stay = [connect(t, port) for _ in range(40)]
    g.wait(lambda: len(g.sessions()) == 40, 10, "sessions")
    wanted = {s["id"] for s in g.sessions()}
    seen, cursor, passing = [], "", []
    while True:
        page = g.api("GET", "/api/v1/sessions?limit=7" + cursor)[2]
        seen += [s["id"] for s in page["sessions"]]
        expect(len(page["sessions"]) <= 7, page)
        passing.append(connect(t, port))
        if len(passing) > 3:
            passing.pop(0).close()
        if "next" not in page:
            break
        cursor = "&cursor=" + page["next"]
    equal(len(seen), len(set(seen)))
    expect(wanted <= set(seen), "missed: %s" % (wanted - set(seen)))
    equal(g.api("GET", "/api/v1/sessions?link=none")[2]["sessions"], [])
    equal(len(g.api("GET", "/api/v1/sessions?limit=3&link=in")[2]["sessions"]), 3)
    for bad in ("x", "12", "0" * 15 + "g", "0" * 17, ""):
        equal(g.api("GET", "/api/v1/sessions?cursor=" + bad)[0], 400, bad)
    for s in stay:
        s.close()
