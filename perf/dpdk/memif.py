"""The DPDK engine between the two ends of penstock-load-dpdk, over shared memory (net_memif): no kernel, no card.

The generator is the server of both interfaces and starts first; the gateway is the client, whose packets are shared
without a copy on its side."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from gateway import BIN, Gateway, idle_share  # noqa: E402

METERED = os.path.join(os.path.dirname(BIN), "release", "perf", "bin", "penstock-dataplane-dpdk")
LOAD = os.path.join(BIN, "penstock-load-dpdk")
GATEWAY_AT, SERVER_AT = "10.77.1.1:8443", "10.77.2.2:9000"
SIDES = ("outside", "inside")


def starts(program):
    """Is it built, and are its libraries here?"""
    return os.path.exists(program) and \
        subprocess.run([program, "--no-such-option", "1"], capture_output=True).returncode == 2


def why_not():
    """What this machine lacks, or None."""
    if not starts(LOAD) or not starts(METERED):
        return "this build is without the DPDK engine, or its libraries are missing"
    return None if os.geteuid() == 0 else "it takes root"


def device(number, role, top, mtu, copy):
    room = 2048 if mtu <= 1500 else 10240
    return "net_memif%d,role=%s,id=%d,socket=%s/%s.sock,socket-abstract=no,bsize=%d,rsize=10%s" % (
        number, role, number, top, SIDES[number], room, "" if copy or role == "server" else ",zero-copy=yes")


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(p) for p in f.read().split()]


def before_all(pid, polls):
    """Its threads run before all else of their processors, those that poll behind those that they wait for."""
    for tid in map(int, os.listdir("/proc/%d/task" % pid)):
        os.sched_setscheduler(tid, os.SCHED_FIFO, os.sched_param(10 if polls(tid) else 11))


def is_worker(pid, tid):
    """Of the data plane: neither its main thread nor one of DPDK's own."""
    with open("/proc/%d/task/%d/comm" % (pid, tid)) as f:
        return tid != pid and f.read().startswith("penstock")


class Bench:
    """One gateway and one generator; they end together."""

    def __init__(self, top, pki, mtu=1500, memory=256, hugepages=False, copy=False, metered=False, urgent=False, cpus=None,
                 name="memif", suite=None, crypto=None):
        self.top = tempfile.mkdtemp(prefix=name + "-", dir=top)  # with sockets of its own
        os.chmod(self.top, 0o755)
        self.pki, self.mtu, self.memory, self.hugepages = pki, mtu, memory, hugepages
        self.copy, self.metered, self.urgent, self.name, self.suite = copy, metered, urgent, name, suite
        self.crypto = {"crypto": crypto} if crypto else {}
        cpus = cpus or sorted(os.sched_getaffinity(0))
        self.gateway_cpu, self.load_cpu = cpus[0], cpus[-1]
        self.gateway = self.load = None

    def device(self, number, role):
        return device(number, role, self.top, self.mtu, self.copy)

    def config(self):
        ports = {side: {"device": self.device(i, "client"),
                        "addresses": ["10.77.%d.1/24" % (i + 1)], "mtu": self.mtu} for i, side in enumerate(SIDES)}
        link = {"listen": {"address": [GATEWAY_AT], "tls": {"identity": "gw", "trust": "partners",
                                                            "peers": [{"uri": "spiffe://partner.example/*"}]}},
                "forward": {"to": [SERVER_AT]}, "engine": "dpdk",
                "limits": {"sessions": 10000, "handshakes_per_second": 100000, "handshakes_per_source": 100000,
                           "sessions_per_peer": 10000, "handshake_s": 60}}
        return {"identities": {"gw": {"certificate": self.pki.gw.chain, "key": self.pki.gw.key}},
                "trust": {"partners": self.pki.trust()}, "links": {"in": link},
                "dpdk": {"lcores": [self.gateway_cpu], "memory_mb": self.memory, "hugepages": self.hugepages,
                         "ports": ports, **self.crypto}}

    def programs(self):
        """The product's programs, the data plane with clocks in it."""
        d = os.path.join(self.top, "bin")
        if not self.metered:
            return BIN
        if not os.path.exists(d):
            shutil.copytree(BIN, d)
            shutil.copy(METERED, d)
        return d

    def start_gateway(self, wait=True):
        self.gateway = Gateway(self.top, self.config(), name=self.name, args=["--workers", "1"], programs=self.programs(),
                               wait=False)
        if wait:
            self.gateway.wait_ready(60)

    def start(self, mode, *args):
        c = self.pki.client
        self.json = os.path.join(self.top, "load.json")
        words = [LOAD, "--mtu", str(self.mtu), "--memory", str(self.memory), "--hugepages",
                 "yes" if self.hugepages else "no"]
        for i, side in enumerate(SIDES):
            words += ["--" + side, self.device(i, "server")]
        words += ["--", mode, "--connect", GATEWAY_AT, "--name", "gw.test", "--ca", self.pki.root.pem, "--cert", c.chain,
                  "--key", c.key, "--json", self.json, "--pin", str(self.load_cpu), "--quiet"]
        if self.suite:
            words += ["--suites", self.suite]
        self.load = subprocess.Popen([*words, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.load.stderr:
            said.append(line)
            if line.startswith("ports are open"):
                break
        else:
            raise RuntimeError("penstock-load-dpdk did not open its ports: " + "".join(said))
        self.start_gateway()

    def hurry(self):
        """Both ends before all else of their processors."""
        for name, pids in self.gateway.children().items():
            for pid in pids:
                before_all(pid, lambda tid: name == "penstock-dataplane-dpdk" and is_worker(pid, tid))
        for pid in children(self.load.pid):
            before_all(pid, lambda tid: tid == pid)

    def finish(self, timeout=120):
        if self.urgent:
            self.hurry()
        out, err = self.load.communicate("go\n", timeout=timeout)
        if self.load.returncode:
            raise RuntimeError("penstock-load-dpdk: " + err + out)
        with open(self.json) as f:
            return json.load(f)

    def spent(self, result):
        """What the data plane's clocks say of the window: cycles of each section, frames and bytes of records."""
        begin = result["begin_s"] * 1000
        lines = [{k: int(v) for k, v in e.items() if v.isdigit()} for e in self.gateway.events("meter")]
        lines = [x for x in lines if begin <= x["mono_ms"] <= begin + result["seconds"] * 1000]
        if len(lines) < 2:
            raise RuntimeError("the window is too short")
        return {k: lines[-1][k] - lines[0][k] for k in lines[0]}

    def run(self, mode, *args, timeout=120):
        """What one run of the generator found, as its JSON says; with "spent" if metered."""
        try:
            self.start(mode, *args)
            result = self.finish(timeout)
            if self.metered:
                result["spent"] = self.spent(result)
            return result
        finally:
            self.close()

    def idle_share(self):
        """What part of a processor the data plane uses while the other end is there and sends nothing."""
        self.start("idle", "--sessions", "1", "--duration", "1")
        return idle_share(self.gateway)

    def close(self):
        if self.gateway:
            self.gateway.stop(expect=None)
        if self.load and self.load.poll() is None:
            self.load.kill()
            self.load.wait()
        self.gateway = self.load = None


class Virtio(Bench):
    """The same by virtio: the generator is what a guest runs on (vhost-user), the gateway the guest (virtio-user)."""

    def device(self, number, role):
        sock = os.path.join(self.top, SIDES[number] + ".sock")
        return ("net_vhost%d,iface=%s" if role == "server" else "net_virtio_user%d,path=%s") % (number, sock)
