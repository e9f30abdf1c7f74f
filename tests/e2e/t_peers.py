"""Goal: openssl s_client gets in with every group, and TLS 1.2 only with extended master secret."""
import os
import subprocess

from harness import equal, expect, need, test
from pki import openssl

BOTH = {"profiles": {"both": {"versions": ["1.2", "1.3"]}}}


def s_client(t, g, *args, env=None):
    c = t.pki.client
    return subprocess.run(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % g.port, "-servername", "gw.test", "-CAfile",
         t.pki.root.pem, "-cert", c.chain, "-cert_chain", t.pki.inter.pem, "-key", c.key, *args],
        input=b"Q\n", capture_output=True, timeout=20, env=env)


@test("s_client agrees on each group of the default profile, in both versions")
def groups(t):
    g = t.terminate(t.server().address, listen={"profile": "both"}, **BOTH)
    for version in ("-tls1_3", "-tls1_2"):
        for group in ("X25519:P-256", "P-256", "P-384:P-256"):
            r = s_client(t, g, version, "-groups", group)
            expect(b"Temp Key" in r.stdout or b"Negotiated TLS1.3 group" in r.stdout, "%s %s: %s" % (version, group, r.stderr.decode()[-300:]))
    g.wait_event("session_closed", count=6)
    equal(g.events("refused"), [])


@test("s_client agrees on X25519MLKEM768 where OpenSSL has it")
def hybrid(t):
    need(b"X25519MLKEM768" in openssl("list", "-kem-algorithms"), "this OpenSSL has no X25519MLKEM768")
    g = t.terminate(t.server().address)
    r = s_client(t, g, "-tls1_3", "-groups", "X25519MLKEM768")
    equal(r.returncode, 0, r.stderr.decode()[-300:])
    g.wait_event("session_closed")


@test("TLS 1.2 without extended master secret is refused as ems")
def no_ems(t):
    path = os.path.join(t.dir, "no_ems.cnf")
    with open(path, "w") as f:
        f.write("openssl_conf = o\n[o]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\n"
                "Options = -ExtendedMasterSecret\n")
    g = t.terminate(t.server().address, listen={"profile": "both"}, **BOTH)
    s_client(t, g, "-tls1_2", env={**os.environ, "OPENSSL_CONF": path})
    equal(g.wait_event("refused")["reason"], "ems")
