"""Goal: whichever process dies is back at once, alone, and what is established does not notice."""
import os
import signal
import socket
import ssl
import subprocess
import time

from gateway import BIN, Gateway
from harness import equal, expect, free_port, recv_exactly, test


def connect(t, port, cert=None, timeout=10):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain((cert or t.pki.client).chain, (cert or t.pki.client).key)
    raw = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    return ctx.wrap_socket(raw, server_hostname="gw.test")


def echoes(s, data=b"hello"):
    s.sendall(data)
    equal(recv_exactly(s, len(data)), data)


def answers(t, port):
    try:
        with connect(t, port, timeout=2) as s:
            echoes(s)
        return True
    except OSError:
        return False


def seconds_until_it_answers(t, port, limit=10):
    start = time.monotonic()
    while not answers(t, port):
        expect(time.monotonic() - start < limit, "nothing answers")
    return time.monotonic() - start


def pids(g):
    return sorted(pid for found in g.children().values() for pid in found)


@test("each process but the data plane may be killed: live sessions go on, new ones come at once")
def kill_each(t):
    g = t.terminate(t.server().address, args=("--workers", "2"))
    with connect(t, g.port) as live:
        echoes(live)
        for program, victims in sorted(g.children().items()):
            if program == "penstock-dataplane":
                continue
            for victim in victims:
                before = pids(g)
                os.kill(victim, signal.SIGKILL)
                echoes(live, os.urandom(30000))
                expect(seconds_until_it_answers(t, g.port) < 5, "%s is back" % program)
                g.wait(lambda b=before, v=victim: len(pids(g)) == len(b) and v not in pids(g), what="a new " + program)
                equal(len(set(before) - set(pids(g))), 1, "processes replaced")
                echoes(live)


@test("a killed data plane is back at once with the same ports, and the others are not touched")
def kill_dataplane(t):
    g = t.terminate(t.server().address, args=("--workers", "2"))
    before = g.children()
    os.kill(before["penstock-dataplane"][0], signal.SIGKILL)
    expect(seconds_until_it_answers(t, g.port) < 5, "the data plane is back")
    after = g.children()
    expect(after.pop("penstock-dataplane") != before.pop("penstock-dataplane"), "a new data plane")
    equal({k: sorted(v) for k, v in after.items()}, {k: sorted(v) for k, v in before.items()})


@test("all processes killed at a time come back as one working gateway", timeout=90)
def kill_all(t):
    g = t.terminate(t.server().address, args=("--workers", "2"))
    for _ in range(3):
        for pid in pids(g):
            os.kill(pid, signal.SIGKILL)
        expect(seconds_until_it_answers(t, g.port) < 10, "the gateway is back")
        g.ctl("sessions", "--json")


@test("a management process that came back answers for the revision that runs, and can change it")
def kill_mgmt(t):
    g = t.terminate(t.server().address)
    before = g.children()["penstock-mgmt"]
    os.kill(before[0], signal.SIGKILL)
    g.wait(lambda: g.children().get("penstock-mgmt", before) != before, what="a new penstock-mgmt")
    g.wait(lambda: g.ctl("status", check=False).returncode == 0, what="its answer")
    expect("revision" in g.ctl("status"), "the status names the revision")
    equal(g.reload(), "applied")
    expect(answers(t, g.port), "it answers")


@test("reloads lose no connection: every one that is made meanwhile is served")
def reloads(t):
    g = t.terminate(t.server().address)
    with connect(t, g.port) as live:
        for _ in range(5):
            g.proc.send_signal(signal.SIGHUP)
            for _ in range(10):
                with connect(t, g.port) as s:
                    echoes(s)
            echoes(live)
        g.wait_event("revision_applied", count=6)


def key_config(t, key):
    config = t.terminate_config("127.0.0.1:9", free_port())
    config["identities"]["gw"]["key"] = key
    return config


@test("a key that is not the certificate's ends the start with status 2 and one clear line")
def wrong_key(t):
    g = Gateway(t.dir, key_config(t, t.pki.client.key), name="wrong", wait=False)
    equal(g.proc.wait(20), 2)
    lines = [line for line in g.log().splitlines() if line.startswith("penstockd: ")]
    equal(len(lines), 1)
    expect("/identities/gw/key: the private key does not match its certificate" in lines[0], lines[0])
    expect(g.config_path in lines[0], lines[0])


@test("an encrypted key is refused on reload with its pointer, and the running one goes on")
def encrypted_key(t):
    g = t.terminate(t.server().address)
    path = os.path.join(t.dir, "encrypted.key")
    subprocess.run(["openssl", "pkey", "-in", t.pki.gw.key, "-aes256", "-passout", "pass:x", "-out", path],
                   check=True, capture_output=True)
    equal(g.reload(key_config(t, path)), "refused")
    reason = g.events("revision_refused")[-1]["reason"]
    expect(reason.startswith("/identities/gw/key: the key is encrypted"), reason)
    expect(answers(t, g.port), "it answers")


@test("a key file that others may read is warned of, and a key changed on disk does not touch what runs")
def key_file(t):
    g = t.terminate(t.server().address)
    os.chmod(t.pki.gw.key, 0o644)
    with open(t.pki.gw.key) as f:
        text = f.read()
    try:
        equal(g.reload(), "applied")
        g.wait_event("key_file_open_to_others", mode="0644")
        with open(t.pki.gw.key, "w") as f:
            f.write("gone\n")
        before = g.children()["penstock-keyring"]
        os.kill(before[0], signal.SIGKILL)
        g.wait(lambda: g.children().get("penstock-keyring", before) != before, what="a new keyring")
        seconds_until_it_answers(t, g.port)
        equal(g.reload(), "refused")
        expect(answers(t, g.port), "it answers")
    finally:
        with open(t.pki.gw.key, "w") as f:
            f.write(text)
        os.chmod(t.pki.gw.key, 0o600)


@test("an address that another program uses ends the start with status 2 and the link's pointer")
def address_in_use(t):
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    config = t.terminate_config("127.0.0.1:9", taken.getsockname()[1])
    g = Gateway(t.dir, config, name="taken", wait=False)
    equal(g.proc.wait(20), 2)
    expect("/listen/address: can not listen on 127.0.0.1:%d" % taken.getsockname()[1] in g.log(), g.log())
    taken.close()


@test("a unix target is dialled through the launcher")
def unix_target(t):
    path = os.path.join(t.dir, "backend.sock")
    t.server(path=path)
    os.chmod(path, 0o600)
    g = t.terminate("unix:" + path)
    with connect(t, g.port) as s:
        echoes(s, os.urandom(50000))


@test("--version and --help end with status 0, a bad option with 2 and one line")
def options(t):
    daemon = os.path.join(BIN, "penstockd")
    for option in ("--version", "--help"):
        equal(subprocess.run([daemon, option], capture_output=True).returncode, 0)
    r = subprocess.run([daemon, "--frobnicate"], capture_output=True, text=True)
    equal((r.returncode, len(r.stderr.splitlines())), (2, 1))
