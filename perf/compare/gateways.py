"""The gateways that are compared, and the bare relays under them: how each is configured, started and stopped.

All take the same certificates, TLS 1.3, the same two suites and X25519 only, want a client certificate below the same root
and, where they can (hitch can not), current CRLs; none resumes sessions or logs one (Penstock does); plain to the backend.
"""
import json
import os
import shutil
import signal
import subprocess
import sys

from machine import tree
from world import BIN, PERF, ROOT, file_limit, free_port, wait_for_port

sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from gateway import Gateway as Penstockd  # noqa: E402

SUITES = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def joined(path, *sources):
    with open(path, "w") as out:
        for s in sources:
            with open(s) as f:
                out.write(f.read())
    return path


class Gateway:
    """One gateway on its processors. `name` is its column; `peer` the program that it is (a peer may have variants)."""
    plain = False
    program = None

    def __init__(self, world, name=None, cpus=None, **settings):
        self.world, self.settings = world, settings
        self.name = name or self.peer
        self.cpus = cpus or world.gateway_cpus
        self.dir = os.path.join(world.dir, self.name.replace(" ", "-"))
        self.proc = None

    @classmethod
    def present(cls):
        return find(cls.program) is not None

    def pinned(self):
        return ["taskset", "-c", ",".join(map(str, self.cpus))]

    def command(self):
        raise NotImplementedError

    def start(self):
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)  # hitch and stunnel read theirs as somebody else
        self.port = free_port()
        with open(os.path.join(self.dir, "log"), "wb") as log:
            self.proc = subprocess.Popen([*self.pinned(), *self.command()], stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=subprocess.STDOUT)
        if not wait_for_port(self.port, self.proc):
            with open(os.path.join(self.dir, "log"), errors="replace") as f:
                raise SystemExit("%s does not start:\n%s" % (self.name, f.read()[-2000:]))

    @property
    def pid(self):
        return self.proc.pid

    def stop(self):
        if not self.proc:
            return
        pids = tree(self.proc.pid)
        self.proc.terminate()
        try:
            self.proc.wait(3)
        except subprocess.TimeoutExpired:
            for p in pids:
                try:
                    os.kill(p, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.proc.wait()
        self.proc = None

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def crls(self):
        pki = self.world.pki
        return joined(os.path.join(self.dir, "crls.pem"), pki.root_crl, pki.inter_crl)


class Penstock(Gateway):
    peer = "penstock"

    @classmethod
    def present(cls):
        return True

    def config(self):
        pki = self.world.pki
        limits = {"handshakes_per_second": 1000000, "handshakes_per_source": 1000000, "sessions": 1000000}
        return {
            "identities": {"gw": {"certificate": pki.gw.chain, "key": pki.gw.key}},
            "trust": {"partners": pki.trust()},
            "profiles": {"p": {"suites": SUITES, "groups": ["X25519"]}},
            "links": {"in": {"listen": {"address": ["127.0.0.1:%d" % self.port],
                                        "tls": {"identity": "gw", "trust": "partners", "profile": "p",
                                                "peers": [{"uri": ["spiffe://partner.example/client",
                                                                   "spiffe://partner.example/client/*"]}]}},
                             "forward": {"to": [self.world.backend]}, "engine": self.settings.get("engine", "soft"),
                             "limits": limits}},
            **self.settings.get("top", {})}

    def start(self):
        os.makedirs(self.dir, exist_ok=True)
        self.port = free_port()
        try:
            self.daemon = Penstockd(self.world.dir, self.config(), name=os.path.basename(self.dir), prefix=self.pinned(),
                                    args=("--workers", str(self.settings.get("workers", 1))))
        except AssertionError as e:
            raise SystemExit("%s does not start: %s" % (self.name, e)) from None
        self.proc = self.daemon.proc

    def stop(self):
        if self.proc:
            self.daemon.stop(expect=None)
        self.proc = None

    def accepts(self):
        """Does this build know the settings?"""
        os.makedirs(self.dir, exist_ok=True)
        self.port = free_port()
        path = self.file("check.json", json.dumps(self.config()))
        return subprocess.run([os.path.join(BIN, "penstockctl"), "check", "--config", path],
                              capture_output=True).returncode == 0


class Haproxy(Gateway):
    peer = program = "haproxy"

    def command(self):
        pki = self.world.pki
        cert = joined(os.path.join(self.dir, "gw.pem"), pki.gw.chain, pki.gw.key)
        text = ("global\n nbthread %d\n maxconn %d\n tune.ssl.cachesize 0\n tune.ssl.lifetime 1\n tune.bufsize %d\n%s"
                "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n"
                "frontend f\n bind 127.0.0.1:%d backlog 4096 ssl crt %s ca-file %s crl-file %s verify required"
                " ssl-min-ver TLSv1.3 ciphersuites %s curves X25519 no-tls-tickets%s\n default_backend b\n"
                "backend b\n server s %s\n"
                % (len(self.cpus), (file_limit() - 500) // 2, self.settings.get("buffer", 16384), self.settings.get("global", ""), self.port, cert,
                   pki.root.pem, self.crls(), ":".join(SUITES), self.settings.get("bind", ""), self.world.backend))
        return [find("haproxy"), "-db", "-f", self.file("conf", text)]


class Nginx(Gateway):
    peer = "nginx"
    program = "nginx"
    MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"

    @classmethod
    def present(cls):
        return find("nginx") is not None and os.path.exists(cls.MODULE)

    def command(self):
        pki, d = self.world.pki, self.dir
        text = ("load_module %s;\n%s daemon off; worker_processes %d; pid %s/pid; error_log %s/err crit;\n"
                "events { worker_connections %d; }\n"
                "stream { server { listen 127.0.0.1:%d ssl backlog=4096 reuseport; proxy_pass %s;\n"
                " proxy_buffer_size %d; proxy_timeout 1h; tcp_nodelay on; ssl_handshake_timeout 60s;\n"
                " ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites %s; ssl_ecdh_curve X25519;\n"
                " ssl_session_tickets off; ssl_session_cache off; ssl_certificate %s; ssl_certificate_key %s;\n"
                " ssl_client_certificate %s; ssl_verify_client on; ssl_verify_depth 3; ssl_crl %s; %s } }\n"
                % (self.MODULE, "user root;" if os.getuid() == 0 else "", len(self.cpus), d, d, file_limit() - 500, self.port, self.world.backend,
                   self.settings.get("buffer", 16384), ":".join(SUITES), pki.gw.chain, pki.gw.key, pki.root.pem,
                   self.crls(), self.settings.get("server", "")))
        return [find("nginx"), "-p", d, "-c", self.file("conf", text), "-e", os.path.join(d, "err")]


class Hitch(Gateway):
    """Knows no CRL, and so has less to do."""
    peer = program = "hitch"

    def command(self):
        pki = self.world.pki
        pem = joined(os.path.join(self.dir, "gw.pem"), pki.gw.key, pki.gw.chain)
        host, port = self.world.backend.split(":")
        text = ('frontend = "[127.0.0.1]:%d"\nbackend = "[%s]:%s"\npem-file = "%s"\nclient-verify = required\n'
                'client-verify-ca = "%s"\ntls-protos = TLSv1.3\nciphersuites = "%s"\necdh-curve = "X25519"\n'
                'workers = %d\nbacklog = 4096\ndaemon = off\nsyslog = off\nlog-level = 0\nocsp-dir = ""\n%s'
                % (self.port, host, port, pem, pki.root.pem, ":".join(SUITES), len(self.cpus),
                   'user = "nobody"\n' if os.getuid() == 0 else ""))
        return [find("hitch"), "--config=" + self.file("conf", text)]


class Stunnel(Gateway):
    """A thread for each session."""
    peer = "stunnel"
    program = "stunnel4"

    def command(self):
        pki = self.world.pki
        text = ("foreground = yes\npid =\ndebug = err\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
                "[in]\naccept = 127.0.0.1:%d\nconnect = %s\ncert = %s\nkey = %s\nCAfile = %s\nCRLfile = %s\n"
                "verifyChain = yes\nrequireCert = yes\nsslVersionMin = TLSv1.3\nciphersuites = %s\ncurves = X25519\n"
                "options = NO_TICKET\nsessionResume = no\nTIMEOUTclose = 1\n"
                % (self.port, self.world.backend, pki.gw.chain, pki.gw.key, pki.root.pem, self.crls(), ":".join(SUITES)))
        return [find("stunnel4"), self.file("conf", text)]


class Relay(Gateway):
    """The floor: bytes from one socket to the other, without TLS."""
    peer = "floor"
    plain = True

    @classmethod
    def present(cls):
        return True

    def command(self):
        return [os.path.join(PERF, "relay"), self.settings["method"], "127.0.0.1:%d" % self.port, self.world.backend]
