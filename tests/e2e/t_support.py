"""Goal: whoever helps gets one file that tells what there is to know and holds no secret, whatever was done before."""
import base64
import json
import os

from harness import equal, expect, test
from pki import openssl
from t_backup import make
from t_bootstrap import Fresh

SECRETS = {"passphrase": "hush-hush-little-horse", "pin": "pin87654321", "url": "urlpassword99"}


@test("the support bundle has status, configuration, log, audit, metrics and machine, and none of the secrets that were about", 120)
def bundle(t):
    f = Fresh(t)
    g, token = f.g, f.token()
    # Secrets where careless people put them: in headers, in refused configurations, in files.
    locked = openssl("pkcs8", "-topk8", "-in", t.pki.client.key, "-passout", "pass:" + SECRETS["passphrase"], "-v2", "aes256")
    word = {"Penstock-Passphrase": base64.b64encode(SECRETS["passphrase"].encode()).decode()}
    equal(g.api("POST", "/api/v1/keys", locked, word)[0], 201)
    equal(make(g, SECRETS["passphrase"])[0], 200)
    key = open(t.pki.gw.key).read()
    tag = g.api("GET", "/api/v1/config")[1]["ETag"]
    document = g.api("GET", "/api/v1/config")[2]
    for change in ({"identities": {"x": {"certificate": t.pki.gw.chain, "key": key}}},
                   {"identities": {"x": {"certificate": t.pki.gw.chain, "key": "pkcs11:object=gw?pin-value=" + SECRETS["pin"]}}},
                   {"trust": {"x": {"anchors": [t.pki.root.pem], "crl_urls": ["http://ann:%s@x.test/crl" % SECRETS["url"]]}}}):
        g.api("PATCH", "/api/v1/config", change, {"If-Match": tag})
        g.write(json.dumps({**document, **change}))
        g.reload()
        tag = g.api("GET", "/api/v1/config")[1]["ETag"]
    status, headers, b = g.api("GET", "/api/v1/support")
    equal(status, 200)
    for name in ("machine", "processes", "status", "statistics", "inventory", "schedule", "refusals", "peers", "revisions",
                 "metrics", "configuration", "audit", "log"):
        expect(b.get(name), name)
    expect("penstock_config_revision" in b["metrics"] and b["machine"]["kernel"] and b["processes"]["keyring"], b["machine"])
    equal(b["configuration"]["links"].keys(), document["links"].keys())
    g.wait(lambda: any("event=revision_refused" in line for line in g.api("GET", "/api/v1/support")[2]["log"]), 10, "the launcher's line")
    lines = g.api("GET", "/api/v1/support")[2]["log"]
    for process in (" launcher ", " dataplane ", " keyring ", " mgmt "):
        expect(any(process in line for line in lines), "%s in %s" % (process, lines[:20]))
    out = os.path.join(t.dir, "bundle.json")
    g.ctl("support", out)
    equal(os.stat(out).st_mode & 0o777, 0o600)
    text = open(out).read()
    expect(len(text) < 4 << 20, len(text))
    body = "".join(key.split("-----")[2].split())
    for secret in (*SECRETS.values(), token, token.replace("-", ""), word["Penstock-Passphrase"], body[:40], body[-40:], "PRIVATE KEY-----\\n"):
        expect(secret not in text, "a secret: " + secret[:20])
    equal(g.api("GET", "/api/v1/audit")[2]["items"][0]["action"], "support.bundle")
