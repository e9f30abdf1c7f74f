"""Goal: private keys are made, imported, asked certificates for and rotated without a shell, and lie nowhere in clear."""
import base64
import glob
import json
import os
import socket
import ssl

from gateway import Gateway
from harness import equal, expect, free_port, recv_exactly, test
from pki import CA, Cert, openssl


def subject_key(pem):
    der = openssl("pkey", "-pubin", "-outform", "DER", data=pem.encode())
    return "spki:" + openssl("dgst", "-sha256", "-r", data=der).decode().split()[0]


def client(t, port):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain(t.pki.client.chain, t.pki.client.key)
    return ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="gw.test")


def echoes(tls):
    tls.sendall(b"still there?")
    return recv_exactly(tls, 12) == b"still there?"


def sign_csr(t, csr, name, ext="subjectAltName=DNS:gw.test\nextendedKeyUsage=serverAuth\n", **dates):
    """A certificate of the test's CA for a request, as a CA's operator would make it; its chain as PEM."""
    made = Cert(t.dir, name, "p256")
    made.make_key()  # openssl ca wants a request that openssl req made: the key in it is replaced below
    t.pki.inter.sign(made, "/O=Penstock Test/CN=" + name, "basicConstraints=critical,CA:FALSE\n" + ext, **dates)
    with open(os.path.join(t.dir, name + ".in"), "w") as f:
        f.write(csr)
    with open(os.path.join(t.dir, name + ".x"), "w") as f:
        f.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n" + ext)
    pem = openssl("x509", "-req", "-in", os.path.join(t.dir, name + ".in"), "-CA", t.pki.inter.pem, "-CAkey",
                  t.pki.inter.key, "-CAcreateserial", "-days", "30", "-sha256", "-extfile", os.path.join(t.dir, name + ".x"))
    return pem.decode() + open(t.pki.inter.pem).read()


def put_identity(g, name, body):
    status, headers, _ = g.api("GET", "/api/v1/identities/" + name)
    care = {"If-Match": headers["ETag"]} if status == 200 else {"If-None-Match": "*"}
    return g.api("PUT", "/api/v1/identities/" + name, body, care)


@test("a key is made on the box, its request signed by a CA, and the link presents the certificate; no session notices")
def made(t):
    g = t.terminate(t.server().address)
    old = client(t, g.port)
    for kind, words in (("ec-p256", "EC P-256"), ("rsa-3072", "RSA 3072"), ("ed25519", "ED25519")):
        status, headers, key = g.api("POST", "/api/v1/keys", {"kind": kind})
        equal((status, key["kind"], key["origin"], key["used_by"]), (201, words, "made", []))
        equal(key["id"], subject_key(key["public_key"]))
        ask = {"subject": {"O": "Bank & Söhne", "CN": "gw"}, "sans": {"dns": ["gw.test"], "uri": ["spiffe://bank/gw"]}}
        status, _, answer = g.api("POST", "/api/v1/keys/%s/csr" % key["id"], ask)
        equal(status, 200, answer)
        text = openssl("req", "-noout", "-text", "-verify", "-nameopt", "utf8", data=answer["csr"].encode()).decode()
        for wanted in ("Bank & Söhne", "DNS:gw.test", "URI:spiffe://bank/gw"):
            expect(wanted in text, text)
        status, _, identity = put_identity(g, "gw", {"certificate": sign_csr(t, answer["csr"], "made-" + kind)})
        equal((status, identity.get("key")), (200, key["id"]), identity)
        with client(t, g.port) as fresh:
            got = ssl.DER_cert_to_PEM_cert(fresh.getpeercert(True))
            equal(subject_key(openssl("x509", "-noout", "-pubkey", data=got.encode()).decode()), key["id"])
            expect(echoes(fresh), kind)
        expect(echoes(old), "the session from before")
        equal(g.api("GET", "/api/v1/keys/" + key["id"])[2]["used_by"], ["gw"])
    equal([r["action"] for r in g.api("GET", "/api/v1/audit")[2]["items"] if r["action"].startswith("keys.")][:2],
          ["keys.csr", "keys.make"])


@test("keys come in as PEM and PKCS#12, encrypted or not, with their chains; a wrong file is refused with the way out")
def imported(t):
    g = t.terminate(t.server().address)
    p12 = os.path.join(t.dir, "gw.p12")
    openssl("pkcs12", "-export", "-in", t.pki.gw.chain, "-inkey", t.pki.gw.key, "-out", p12, "-passout", "pass:horse staple")
    locked = openssl("pkcs8", "-topk8", "-in", t.pki.client.key, "-passout", "pass:cow", "-v2", "aes256")
    word = lambda text: {"Penstock-Passphrase": base64.b64encode(text.encode()).decode()}
    status, _, key = g.api("POST", "/api/v1/keys", open(p12, "rb").read(), word("horse staple"))
    equal((status, key["origin"], len(key["certificates"])), (201, "imported", 2), key)
    equal(put_identity(g, "twin", {"certificate": "".join(key["certificates"])})[0], 200)
    status, _, key = g.api("POST", "/api/v1/keys", locked, word("cow"))
    equal((status, key.get("certificates")), (201, None), key)
    for body, headers, words in ((open(p12, "rb").read(), {}, "passphrase"),
                                 (open(p12, "rb").read(), word("donkey"), "passphrase"),
                                 (locked, {}, "passphrase"), (b"-----BEGIN NOTHING-----\n", {}, "damaged"), (b"hello", {}, "no private key"),
                                 (open(t.pki.gw.pem, "rb").read(), {}, "no private key"), (b"\x30\x03\x02\x01\x00", {}, ""),
                                 (b"{}", {}, ""), (b'{"kind": "rsa-1024"}', {}, "no kind of key"),
                                 (openssl("genrsa", "1024"), {}, "1024 bits")):
        status, _, problem = g.api("POST", "/api/v1/keys", body, headers)
        expect(status == 422 and words in problem["detail"] and problem["remedy"], "%r: %d %s" % (body[:30], status, problem))
        expect("donkey" not in str(problem), problem)
    equal(g.api("POST", "/api/v1/keys", locked, {"Penstock-Passphrase": "=%%="})[0], 400)
    equal(g.api("POST", "/api/v1/keys", locked, word("x" * 2000))[0], 400)
    log = g.log()
    expect("horse staple" not in log and "PRIVATE" not in log, "a secret in the log")


@test("a certificate is checked before it is used: key, purpose, dates, order; and nothing changes when it is refused")
def checked(t):
    g = t.terminate(t.server().address)
    key = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    csr = g.api("POST", "/api/v1/keys/%s/csr" % key, {"sans": {"dns": "gw.test"}})[2]["csr"]
    good = sign_csr(t, csr, "good")
    other = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    before = g.status()["revision"]
    foreign = open(t.pki.client.chain).read()
    for body, pointer, words in (
            ({"certificate": foreign}, "/identities/gw/key", "not held here"),
            ({"certificate": good, "key": other}, "/identities/gw/key", "does not match its certificate"),
            ({"certificate": good, "key": "spki:" + "0" * 64}, "/identities/gw/key", "does not match"),
            ({"certificate": good, "key": open(t.pki.gw.key).read()}, "/identities/gw/key", "no place in a configuration"),
            ({"certificate": sign_csr(t, csr, "eku", "extendedKeyUsage=clientAuth\n")}, "/identities/gw/certificate", "serverAuth")):
        status, _, problem = put_identity(g, "gw", body)
        expect(status == 422 and problem["pointer"] == pointer and words in problem["detail"], "%s: %s" % (words, problem))
        expect("PRIVATE" not in str(problem), problem)
    equal(g.status()["revision"], before)
    parts = good.split("-----END CERTIFICATE-----\n")
    turned = parts[1] + "-----END CERTIFICATE-----\n" + parts[0] + "-----END CERTIFICATE-----\n"
    status, _, problem = put_identity(g, "gw", {"certificate": turned})
    expect(status == 422 and "own certificate first" in problem["remedy"], problem)
    equal(put_identity(g, "gw", {"certificate": good})[0], 200)
    expect(echoes(client(t, g.port)), "the link")
    for path, body in (("/api/v1/keys/%s/csr" % ("0" * 64), {"sans": {"dns": "x.test"}}), ("/api/v1/keys/nothing/csr", {})):
        equal(g.api("POST", path, body)[0], 404)
    for names, pointer in (({}, "/subject"), ({"subject": {"CN": ""}}, "/subject/CN"), ({"subject": {"X": "y"}}, "/subject/X"),
                           ({"sans": {"dns": ["gw.test", "not a name"]}}, "/sans/1"), ({"sans": {"ip": "1.2.3"}}, "/sans/0"),
                           ({"sans": ["dns"]}, "/sans")):
        status, _, problem = g.api("POST", "/api/v1/keys/%s/csr" % key, names)
        equal((status, problem["pointer"]), (422, pointer), problem)


@test("a key that is used stays; one that is not is removed with care, and a removed one can not be used")
def removed(t):
    g = t.terminate(t.server().address)
    key = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    csr = g.api("POST", "/api/v1/keys/%s/csr" % key, {"sans": {"dns": "gw.test"}})[2]["csr"]
    chain = sign_csr(t, csr, "spare")
    equal(put_identity(g, "spare", {"certificate": chain})[0], 200)
    path = "/api/v1/keys/" + key
    equal(g.api("DELETE", path)[0], 428)
    equal(g.api("DELETE", path, headers={"If-Match": g.api("GET", path)[1]["ETag"]})[0], 409)
    tag = g.api("GET", "/api/v1/identities/spare")[1]["ETag"]
    equal(g.api("DELETE", "/api/v1/identities/spare", headers={"If-Match": tag})[0], 204)
    equal(g.api("DELETE", path, headers={"If-Match": g.api("GET", path)[1]["ETag"]})[0], 204)
    equal((g.api("GET", path)[0], g.api("DELETE", path)[0]), (404, 404))
    equal(put_identity(g, "spare", {"certificate": chain})[0], 422)
    expect(key not in [k["id"] for k in g.api("GET", "/api/v1/keys")[2]["items"]], "listed")


@test("no private key lies in clear below the state directory, and without its key-encryption key none is of use")
def at_rest(t):
    g = t.terminate(t.server().address)
    made_key = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    files = g.api("GET", "/api/v1/keys")[2]["items"]
    equal(sorted(k["origin"] for k in files), ["file", "made"])  # what the configuration named is held too
    secret = openssl("pkey", "-in", t.pki.gw.key, "-outform", "DER")
    number = openssl("ec", "-in", t.pki.gw.key, "-noout", "-text")
    number = bytes.fromhex("".join(number.decode().split("priv:")[1].split("pub:")[0].split()).replace(":", ""))
    for path in glob.glob(g.state + "/**", recursive=True):
        if os.path.isfile(path):
            data = open(path, "rb").read()
            inside = base64.b64decode(json.loads(data)["wrapped"]) if "/keys/" in path else b""
            for encoded in (data, inside):
                expect(secret not in encoded and number[-32:] not in encoded and b"PRIVATE KEY" not in encoded, path)
    kek = os.path.join(g.state, "keyring.kek")
    equal((os.stat(kek).st_mode & 0o7777, os.stat(kek).st_size), (0o600, 32))
    expect(g.events("kek_in_file"), "the warning")
    expect(any("key-encryption key" in w for w in g.status()["warnings"]), g.status()["warnings"])
    g.stop()
    os.rename(t.pki.gw.key, t.pki.gw.key + ".away")  # the configuration's file is needed no more ...
    t.defer(lambda: os.path.exists(t.pki.gw.key + ".away") and os.rename(t.pki.gw.key + ".away", t.pki.gw.key))
    running = os.path.join(t.dir, "running.json")
    with open(running, "w") as f:
        f.write(open(os.path.join(g.state, "mgmt", "running.json")).read())
    config = json.load(open(running))["document"]
    config["links"]["in"]["limits"] = {"sessions": 7}
    again = Gateway(t.dir, config, name="gw")  # ... the same state directory, and a file that names the held key
    t.defer(lambda: again.proc.poll() is None and again.stop(expect=None))
    expect(echoes(client(t, g.port)), "a held key")
    again.stop()
    os.rename(t.pki.gw.key + ".away", t.pki.gw.key)
    with open(kek, "wb") as f:
        f.write(os.urandom(32))
    last = Gateway(t.dir, config, name="gw", wait=False)
    equal(last.proc.wait(20), 2)
    expect("key-encryption key was replaced" in last.log(), last.log()[-600:])
    config["identities"]["gw"]["key"] = t.pki.gw.key
    mended = Gateway(t.dir, config, name="gw")  # importing again mends it
    t.defer(lambda: mended.proc.poll() is None and mended.stop(expect=None))
    expect(echoes(client(t, g.port)), "imported again")
    equal(mended.api("POST", "/api/v1/keys/%s/csr" % made_key, {"sans": {"dns": "x.test"}})[0], 422)


@test("while an RSA key is made handshakes go on, the interface answers, and a keyring that dies costs an answer only")
def busy(t):
    g = t.terminate(t.server().address)
    slow = [g.api_start("POST", "/api/v1/keys", {"kind": "rsa-4096"}) for _ in range(6)]
    for _ in range(5):
        expect(echoes(client(t, g.port)), "a handshake")
        equal(g.api("GET", "/healthz")[0], 200)
    for pid in g.children()["penstock-keyring"]:
        os.kill(pid, 9)
    answers = [conn.getresponse().status for conn in slow]
    expect(all(status in (201, 503) for status in answers) and 503 in answers, answers)
    g.wait(lambda: g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[0] == 201, 20, "the next keyring")
    g.wait(lambda: echoes(client(t, g.port)), 10, "handshakes with it")


@test("penstockctl makes, imports, asks, installs and removes keys")
def ctl(t):
    g = t.terminate(t.server().address)
    key = g.ctl("make-key", "ec-p384").split()[0]
    csr = g.ctl("csr", key, "--subject", "O=Bank\\, AG,CN=gw", "--san", "dns:gw.test,ip:192.0.2.7")
    text = openssl("req", "-noout", "-text", data=csr.encode()).decode()
    expect("Bank, AG" in text and "IP Address:192.0.2.7" in text, text)
    chain = os.path.join(t.dir, "chain.pem")
    with open(chain, "w") as f:
        f.write(sign_csr(t, csr, "ctl"))
    g.ctl("install", "gw", chain)
    expect(echoes(client(t, g.port)), "the link")
    expect("gw" in g.ctl("keys") and key in g.ctl("keys", "--wide"), g.ctl("keys"))
    p12, word = os.path.join(t.dir, "c.p12"), os.path.join(t.dir, "word")
    openssl("pkcs12", "-export", "-in", t.pki.client.chain, "-inkey", t.pki.client.key, "-out", p12, "-passout", "pass:cow")
    with open(word, "w") as f:
        f.write("cow\n")
    out = g.ctl("import-key", p12, "--passphrase-file", word)
    expect(out.count("BEGIN CERTIFICATE") == 2, out)
    g.ctl("remove-key", out.split()[0])
    equal(g.ctl("remove-key", key, check=False).returncode, 1)
    equal(g.ctl("csr", key, "--san", "gw.test", check=False).returncode, 2)
