"""Goal: the programs that partners really run talk to us, in both roles: openssl, curl, gnutls, nginx, HAProxy, Java."""
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time

from gateway import Gateway
from harness import equal, expect, free_port, need, recv_all, recv_exactly, test

HERE = os.path.dirname(os.path.abspath(__file__))


def originate(t, target, name="out", **tls):
    port = free_port()
    g = Gateway(t.dir, {
        "identities": {"me": {"certificate": t.pki.client.chain, "key": t.pki.client.key}},
        "trust": {"partners": t.pki.trust()},
        "profiles": {"both": {"versions": ["1.2", "1.3"]}, "old": {"versions": ["1.2"]}},
        "links": {"out": {"listen": {"address": ["127.0.0.1:%d" % port]},
                          "forward": {"to": ["127.0.0.1:%d" % target],
                                      "tls": {"identity": "me", "trust": "partners", "server_name": "server.test",
                                              "peers": [{"dns": "server.test"}], **tls}},
                          "engine": t.engine}}}, name=name)
    g.port = port
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    return g


def program(name, *more):
    for path in (shutil.which(name), *more):
        if path and os.path.exists(path):
            return path
    need(False, "there is no %s" % name)
    return None


def start(t, *command, **kw):
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    t.defer(p.kill)
    return p


def answers(port, timeout=15):
    def try_it():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return False
    Gateway.wait(try_it, timeout, "port %d" % port)


def crl_bundle(t):
    path = os.path.join(t.dir, "crls.pem")
    with open(path, "w") as f:
        f.write(open(t.pki.root_crl).read() + open(t.pki.inter_crl).read())
    return path


def combined(t, cert, name):
    path = os.path.join(t.dir, name)
    with open(path, "w") as f:
        f.write(open(cert.chain).read() + open(cert.key).read())
    return path


def fetch(port):
    return subprocess.run(["curl", "-sS", "--max-time", "20", "http://127.0.0.1:%d/file" % port], capture_output=True)


@test("curl with its certificate fetches through a terminating link, without one it hears why not")
def curl(t):
    def web(conn):
        while b"\r\n\r\n" not in conn.recv(65536):
            pass
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n" + bytes(100000))

    g = t.terminate(t.server(web).address)
    base = ["curl", "-sS", "--max-time", "20", "--cacert", t.pki.root.pem, "--resolve", "gw.test:%d:127.0.0.1" % g.port,
            "https://gw.test:%d/" % g.port]
    r = subprocess.run([*base, "--cert", t.pki.client.chain, "--key", t.pki.client.key], capture_output=True)
    equal((r.returncode, len(r.stdout)), (0, 100000), r.stderr.decode())
    r = subprocess.run(base, capture_output=True)
    expect(r.returncode != 0 and b"certificate required" in r.stderr, r.stderr.decode())


@test("openssl s_server sees our certificate, TLS 1.3 and 1.2, its tickets do not disturb, and its KeyUpdate is taken", timeout=90)
def s_server(t):
    for version, profile in (("-tls1_3", "default"), ("-tls1_2", "both"), ("-tls1_2", "old")):
        port = free_port()
        p = start(t, "openssl", "s_server", "-accept", "127.0.0.1:%d" % port, version, "-cert", t.pki.server.pem, "-cert_chain",
                  t.pki.inter.pem, "-key", t.pki.server.key, "-CAfile", t.pki.root.pem, "-Verify", "3", "-verify_return_error",
                  *(["-rev"] if version == "-tls1_2" else ["-num_tickets", "2", "-nbio"]))  # else it may sleep in read()
        answers(port)
        g = originate(t, port, name="out%s%s" % (version, profile), profile=profile)
        s = socket.create_connection(("127.0.0.1", g.port), timeout=10)
        if version == "-tls1_2":
            s.sendall(b"stressed\n")
            equal(recv_exactly(s, 9), b"desserts\n")
        else:
            for line in p.stdout:  # before it has shaken hands it may lose what it reads
                if b"CIPHER is" in line:
                    break
            p.stdin.write(b"from the server\n")
            p.stdin.flush()
            equal(recv_exactly(s, 16), b"from the server\n")
            rekeys = t.engine != "ktls" or g.events("ktls_probe")[-1]["rekey"] == "yes"
            if rekeys:
                p.stdin.write(b"K\n")
                p.stdin.flush()
                g.wait(lambda: g.sessions()[0]["inner"]["keyupdates_rx"] == 1, 10, "the server's KeyUpdate")
                p.stdin.write(b"under new keys\n")
                p.stdin.flush()
                equal(recv_exactly(s, 15), b"under new keys\n")
        inner = g.sessions()[0]["inner"]
        equal(inner["peer"], "server.test")
        equal(inner["version"], "1.3" if version == "-tls1_3" else "1.2")
        s.close()
        g.stop(expect=None)
        p.kill()


@test("a server that wants another CA's certificate refuses us, and the log says so")
def refused_by_server(t):
    port = free_port()
    start(t, "openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-tls1_3", "-cert", t.pki.server.pem, "-cert_chain", t.pki.inter.pem,
          "-key", t.pki.server.key, "-CAfile", t.pki.server.pem, "-Verify", "3", "-verify_return_error")
    answers(port)
    g = originate(t, port)
    with contextlib.suppress(OSError):
        s = socket.create_connection(("127.0.0.1", g.port), timeout=10)
        s.recv(1)
    g.wait(lambda: g.events("session_closed") or g.events("refused"), 10, "the refusal")
    e = (g.events("session_closed") or g.events("refused"))[-1]
    equal(e["reason"], "refused_by_server")


@test("the wrong server name, a client's certificate, or another CA at the server are refused by us")
def wrong_server(t):
    for cert, reason in ((t.pki.gw, "name_mismatch"), (t.pki.client, "eku")):
        port = free_port()
        p = start(t, "openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", cert.pem, "-cert_chain", t.pki.inter.pem,
                  "-key", cert.key, "-quiet")
        answers(port)
        g = originate(t, port, name="out-%s" % reason)
        with contextlib.suppress(ConnectionResetError):  # the refusal may be faster than our connect()
            s = socket.create_connection(("127.0.0.1", g.port), timeout=10)
            t.defer(s.close)
        equal(g.wait_event("refused")["reason"], reason)
        g.stop()
        p.kill()


@test("gnutls talks to us as client and as server", timeout=90)
def gnutls(t):
    cli, serv = program("gnutls-cli"), program("gnutls-serv")
    g = t.terminate(t.server().address)
    p = start(t, cli, "--port", str(g.port), "--sni-hostname", "gw.test", "--verify-hostname", "gw.test", "--x509cafile", t.pki.root.pem,
              "--x509certfile", t.pki.client.chain, "--x509keyfile", t.pki.client.key, "--inline-commands", "127.0.0.1")
    g.wait(lambda: g.sessions(), 20, "gnutls-cli's session")
    p.stdin.write(b"hello from gnutls\n")
    p.stdin.flush()
    g.wait(lambda: g.sessions()[0]["down_bytes"] >= 18, 10, "the echo")
    p.stdin.close()
    p.wait(10)
    port = free_port()
    start(t, serv, "--echo", "--port", str(port), "--x509certfile", t.pki.server.chain, "--x509keyfile", t.pki.server.key, "--x509cafile",
          t.pki.root.pem, "--require-client-cert", "--verify-client-cert")
    answers(port)
    out = originate(t, port)
    s = socket.create_connection(("127.0.0.1", out.port), timeout=10)
    s.sendall(b"echo this\n")
    equal(recv_exactly(s, 10), b"echo this\n")


@test("nginx behind an originating link takes our certificate and serves a file whole")
def nginx(t):
    exe = program("nginx", "/usr/sbin/nginx")
    d = os.path.join(t.dir, "nginx")
    os.makedirs(os.path.join(d, "html"))
    os.chmod(t.dir, 0o755)
    data = os.urandom(3 << 20)
    with open(os.path.join(d, "html", "file"), "wb") as f:
        f.write(data)
    port = free_port()
    with open(os.path.join(d, "conf"), "w") as f:
        f.write("daemon off; master_process off; pid %s/pid; events {}\nhttp { access_log off; client_body_temp_path %s/a;"
                " proxy_temp_path %s/a; fastcgi_temp_path %s/a; uwsgi_temp_path %s/a; scgi_temp_path %s/a;\n"
                " server { listen 127.0.0.1:%d ssl; root %s/html; ssl_certificate %s; ssl_certificate_key %s; ssl_client_certificate %s;"
                " ssl_verify_client on; ssl_verify_depth 3; ssl_crl %s; ssl_protocols TLSv1.2 TLSv1.3; } }\n"
                % (d, d, d, d, d, d, port, d, t.pki.server.chain, t.pki.server.key, t.pki.root.pem, crl_bundle(t)))
    start(t, exe, "-p", d, "-c", os.path.join(d, "conf"), "-e", os.path.join(d, "err"))
    answers(port)
    r = fetch(originate(t, port).port)
    equal((r.returncode, r.stdout == data), (0, True), r.stderr.decode())


@test("HAProxy stands behind an originating link and in front of a terminating one")
def haproxy(t):
    exe = program("haproxy", "/usr/sbin/haproxy")

    def web(conn):
        while b"\r\n\r\n" not in conn.recv(65536):
            pass
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n" + bytes(100000))

    behind = t.server(web)
    g = t.terminate(behind.address, drain_s=1)
    server, front = free_port(), free_port()
    with open(os.path.join(t.dir, "haproxy.cfg"), "w") as f:
        f.write("global\n maxconn 100\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n"
                "frontend a\n bind 127.0.0.1:%d ssl crt %s ca-file %s crl-file %s verify required\n default_backend plain\n"
                "backend plain\n server s %s\n"
                "frontend b\n bind 127.0.0.1:%d\n default_backend tls\n"
                "backend tls\n server g 127.0.0.1:%d ssl crt %s ca-file %s verify required sni str(gw.test) verifyhost gw.test\n"
                % (server, combined(t, t.pki.server, "server.both"), t.pki.root.pem, crl_bundle(t), behind.address, front, g.port,
                   combined(t, t.pki.client, "client.both"), t.pki.root.pem))
    start(t, exe, "-db", "-f", f.name)
    answers(server)
    answers(front)
    for port in (originate(t, server).port, front):
        r = fetch(port)
        equal((r.returncode, len(r.stdout)), (0, 100000), r.stderr.decode())


@test("Java with a low key limit updates its keys again and again, and no byte is lost", timeout=120)
def java(t):
    exe = program("java")
    need(shutil.which("javac"), "there is no Java compiler")
    need(t.engine != "ktls", "too slow under emulation")
    stores = {}
    for name, cert in (("client", t.pki.client),):
        stores[name] = os.path.join(t.dir, name + ".p12")
        subprocess.run(["openssl", "pkcs12", "-export", "-in", cert.chain, "-inkey", cert.key, "-name", "me", "-passout", "pass:test12",
                        "-out", stores[name]], check=True, capture_output=True)
    security = os.path.join(t.dir, "java.security")
    with open(security, "w") as f:
        f.write("jdk.tls.keyLimits=AES/GCM/NoPadding KeyUpdate 2^18\n")
    g = t.terminate(t.server().address)
    p = subprocess.run([exe, "-Djava.security.properties=%s" % security, os.path.join(HERE, "peer", "Peer.java"), "127.0.0.1", str(g.port),
                        "gw.test", stores["client"], "test12", t.pki.root.pem, str(8 << 20)], capture_output=True, text=True, timeout=100)
    equal((p.returncode, p.stdout.strip()), (0, "same"), p.stderr[-2000:])
    e = g.wait_event("session_closed")
    expect(int(e["keyupdates"]) >= 4, "%s KeyUpdates" % e["keyupdates"])
    equal(e["up_bytes"], str(8 << 20))


@test("a Java server with a low key limit takes our certificate, its KeyUpdates are answered, and no byte is lost", timeout=120)
def java_server(t):
    exe = program("java")
    need(shutil.which("javac"), "there is no Java compiler")
    need(t.engine != "ktls", "too slow under emulation")
    store, security = os.path.join(t.dir, "server.p12"), os.path.join(t.dir, "java.security")
    subprocess.run(["openssl", "pkcs12", "-export", "-in", t.pki.server.chain, "-inkey", t.pki.server.key, "-name", "me", "-passout",
                    "pass:test12", "-out", store], check=True, capture_output=True)
    with open(security, "w") as f:
        f.write("jdk.tls.keyLimits=AES/GCM/NoPadding KeyUpdate 2^18\n")
    port = free_port()
    p = start(t, exe, "-Djava.security.properties=%s" % security, os.path.join(HERE, "peer", "Server.java"), str(port), store, "test12",
              t.pki.root.pem)
    equal(p.stdout.readline().strip(), b"listening")
    g = originate(t, port)
    s = socket.create_connection(("127.0.0.1", g.port), timeout=30)
    for _ in range(8):
        data = os.urandom(1 << 20)
        sender = threading.Thread(target=s.sendall, args=(data,), daemon=True)
        sender.start()
        expect(recv_exactly(s, len(data)) == data, "the echo differs")
        sender.join()
    s.shutdown(socket.SHUT_WR)
    equal(recv_all(s), b"")
    expect(b"CN=client" in p.stdout.read(), "our certificate")
    expect(int(g.wait_event("session_closed")["keyupdates"]) >= 4, "KeyUpdates")


@test("RSA, RSA-PSS, P-384 and Ed25519 keys work on both sides", timeout=90)
def key_types(t):
    server = t.server()
    for kind in ("rsa", "rsa-pss", "p384", "ed25519"):
        gw = t.pki.inter.issue("gw-" + kind, "DNS:gw.test", "serverAuth", key_type=kind)
        client = t.pki.inter.issue("client-" + kind, "URI:spiffe://partner.example/client", "clientAuth", key_type=kind)
        for versions in (["1.3"], ["1.2"]):
            g = t.terminate(server.address, name=kind + versions[0], listen={"identity": "other", "profile": "p"},
                            profiles={"p": {"versions": versions}},
                            identities={"other": {"certificate": gw.chain, "key": gw.key}})
            p = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % g.port, "-servername", "gw.test", "-cert", client.pem,
                                "-cert_chain", t.pki.inter.pem, "-key", client.key, "-CAfile", t.pki.root.pem, "-verify_return_error"],
                               input=b"Q\n", capture_output=True, timeout=20)
            expect(b"Verify return code: 0" in p.stdout, "%s %s: %s" % (kind, versions, p.stderr[-500:]))
            g.wait_event("session_closed")
            g.stop(expect=None)


@test("ML-DSA identities and clients work where OpenSSL has them")
def ml_dsa(t):
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.split()[1]
    need(tuple(int(x) for x in version.split(".")[:2]) >= (3, 5), "OpenSSL %s has no ML-DSA" % version)
    gw = t.pki.inter.issue("gw-mldsa", "DNS:gw.test", "serverAuth", key_type="mldsa65")
    client = t.pki.inter.issue("client-mldsa", "URI:spiffe://partner.example/client", "clientAuth", key_type="mldsa65")
    g = t.terminate(t.server().address, listen={"identity": "other"}, identities={"other": {"certificate": gw.chain, "key": gw.key}})
    p = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % g.port, "-servername", "gw.test", "-cert", client.pem,
                        "-cert_chain", t.pki.inter.pem, "-key", client.key, "-CAfile", t.pki.root.pem, "-verify_return_error"],
                       input=b"Q\n", capture_output=True, timeout=20)
    expect(b"Verify return code: 0" in p.stdout, p.stderr.decode()[-500:])
    equal(g.wait_event("session_closed")["group"], "X25519MLKEM768")


@test("garbage instead of a ClientHello is not_tls, an oversized record bad_record, and neither waits for the deadline")
def garbage(t):
    g = t.terminate(t.server().address)
    for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(50), os.urandom(5) and b"\x80\x2e\x01\x00\x02" + bytes(60)):
        s = socket.create_connection(("127.0.0.1", g.port), timeout=5)
        s.sendall(data)
        try:
            recv_all(s)
        except OSError:
            pass
        s.close()
    s = socket.create_connection(("127.0.0.1", g.port), timeout=5)
    s.sendall(b"\x16\x03\x01\xff\xff" + bytes(100))
    recv = b""
    try:
        recv = recv_all(s)
    except OSError:
        pass
    g.wait(lambda: len(g.events("refused")) == 4, 20, "four refusals")
    equal([e["reason"] for e in g.events("refused")][:3], ["not_tls"] * 3)
    equal(g.events("refused")[3]["reason"], "bad_record")
    expect(recv in (b"", b"\x15\x03\x03\x00\x02\x02\x16"), "record_overflow: %r" % recv)
