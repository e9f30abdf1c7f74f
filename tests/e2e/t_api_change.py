"""Goal: what was changed over REST stays, comes back when nobody confirms it, is never half of a revision, and the audit tells of it."""
import os
import shutil
import signal
import sqlite3
import time

from gateway import Gateway
from harness import equal, expect, test
from t_api import gateway, running
from t_operate import answers, connect


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

        def whole():
            """What runs is the last one that is kept; the change may end only now, in the launcher."""
            doc, _, revision = running(g)
            kept = g.api("GET", "/api/v1/config/revisions?limit=1")[2]["items"][0]["revision"]
            return kept == revision and g.api("GET", "/api/v1/config/revisions/%d" % revision)[2]["document"] == doc
        g.wait(whole, 5, "one whole revision")
        expect(answers(t, g.port), "traffic goes on")
    equal(g.api("GET", "/api/v1/audit/verify")[2]["whole"], True)


def commit_links(g, limits, seconds):
    status, headers, _ = g.api("PATCH", "/api/v1/config/candidate", {"links": {"in": {"limits": limits}}}, {"If-None-Match": "*"})
    equal(status, 200)
    return g.api("POST", "/api/v1/config/commit?confirm=%d" % seconds, None, {"If-Match": headers["ETag"]})


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
