"""Soft and the DPDK engine on the same veth pairs in one run: bulk towards one curl, AES-256-GCM, MTU 1500.

Each round loads one link after the other from a web server inside, over packet sockets for the DPDK engine and through
the kernel's stack for soft."""
import os
import subprocess
import time

from gateway import Gateway
from harness import Context
from t_dpdk import Dpdk, OUT, why_not


def web(d, megabytes):
    root = os.path.join(d.dir, "www")
    os.makedirs(root)
    with open(os.path.join(root, "file"), "wb") as f:
        f.truncate(megabytes << 20)
    conf = os.path.join(d.dir, "nginx.conf")
    paths = " ".join("%s %s/%s;" % (p, d.dir, p) for p in ("client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path",
                                                           "uwsgi_temp_path", "scgi_temp_path"))
    with open(conf, "w") as f:
        f.write("daemon off; worker_processes 1; user root; pid %s/nginx.pid; error_log %s/nginx.log; events {} http { "
                "access_log off; sendfile on; %s server { listen 10.77.2.2:80; root %s; } }" % (d.dir, d.dir, paths, root))
    p = subprocess.Popen([*d.net.prefix_of("in"), "nginx", "-c", conf, "-e", d.dir + "/nginx.log"])
    d.defer(lambda: (p.terminate(), p.wait()))


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def download(d, pid):
    c = d.pki.client
    before, start = cpu(pid), time.monotonic()
    r = subprocess.run([*d.client_prefix, "curl", "-sS", "-o", "/dev/null", "-w", "%{size_download}", "--resolve",
                        "gw.test:8443:" + OUT, "--cacert", d.pki.root.pem, "--cert", c.chain, "--key", c.key,
                        "https://gw.test:8443/file"], capture_output=True, text=True, check=True)
    size = int(r.stdout)
    return size * 8 / (time.monotonic() - start) / 1e9, (cpu(pid) - before) / size * 1e9


def soft(d):
    """The same namespaces, with the kernel's stack in the middle."""
    link = d.outer(8443, "10.77.2.2:80", engine="soft")
    config = {"identities": {"gw": {"certificate": d.pki.gw.chain, "key": d.pki.gw.key}},
              "trust": {"partners": d.pki.trust()}, "links": {"in": link}}
    for number, end in ((1, "g0"), (2, "g1")):
        d.net.ip("gw", "addr", "add", "10.77.%d.1/24" % number, "dev", end)
    g = Gateway(d.dir, config, name="soft", args=["--workers", "1"], prefix=d.net.prefix_of("gw"))
    d.defer(lambda: g.stop(expect=None))
    return g.children()["penstock-dataplane"][0]


def dpdk(d):
    return d.terminate("10.77.2.2:80").children()["penstock-dataplane-dpdk"][0]


def measure(top, pki, megabytes, rounds):
    """Of "soft" and "dpdk": the best of the rounds: Gb/s, CPU seconds of the data plane's process per GB."""
    best = {}
    for name, start in (("soft", soft), ("dpdk", dpdk)):
        directory = os.path.join(top, name)
        os.makedirs(directory)
        t = Context(directory, pki)
        try:
            d = Dpdk(t)
            web(d, megabytes)
            pid = start(d)
            for _ in range(rounds):
                got = download(d, pid)
                old = best.get(name, (0, 1e9))
                best[name] = max(old[0], got[0]), min(old[1], got[1])
        finally:
            t.close()
    return best
