"""What all gateways of a run share: certificates, the backend, who runs on which processor, and the load that they get."""
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from machine import busy_s, cpu_s, tcp_drops, tree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from gateway import BIN  # noqa: E402
from harness import free_port  # noqa: E402,F401
from pki import PKI  # noqa: E402

LOAD = os.path.join(BIN, "penstock-load")
PERF = os.environ.get("PENSTOCK_PERF", os.path.join(ROOT, "build", "release", "perf", "bin"))
FILES = 100000


def wait_for_port(port, proc, seconds=10):
    """False if the process ended first or nobody listens in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and proc.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def raise_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, FILES), max(hard, FILES)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def file_limit():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def first_in_line():
    """For the one who measures time: run before everything else of this processor, if we may."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except OSError:
        pass


class Sink:
    def __init__(self, cpus):
        self.proc = subprocess.Popen(
            [LOAD, "sink", "--listen", "127.0.0.1:0", "--processes", str(len(cpus)), "--pin", ",".join(map(str, cpus))],
            stdout=subprocess.PIPE, text=True)
        self.address = self.proc.stdout.readline().split()[-1]

    @contextlib.contextmanager
    def urgent(self):
        """Meanwhile it too runs before everything else of its processors: a wait of its own is not the gateway's."""
        def schedule(policy, priority):
            for pid in tree(self.proc.pid):
                try:
                    os.sched_setscheduler(pid, policy, os.sched_param(priority))
                except OSError:
                    pass
        schedule(os.SCHED_FIFO, 10)
        try:
            yield
        finally:
            schedule(os.SCHED_OTHER, 0)

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        self.proc.stdout.close()


class World:
    def __init__(self, options):
        self.options = options
        raise_files()
        self.dir = tempfile.mkdtemp(prefix="penstock-perf-")
        os.chmod(self.dir, 0o755)
        self.pki = PKI(os.path.join(self.dir, "pki"))
        for ca in (self.pki.root, self.pki.inter):
            os.chmod(ca.pem, 0o644)
        cpus = sorted(os.sched_getaffinity(0))
        self.cpus = cpus
        self.gateway_cpus = cpus[:1]
        self.load_cpus = cpus[1:5] or cpus
        self.sink = Sink(self.load_cpus)
        self.backend = self.sink.address
        self.batches = 0
        self.loads = []  # that were started and have not been finished

    def close(self):
        for proc in self.loads:
            proc.terminate()
            proc.wait()
        self.sink.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def new_clients(self, count):
        """A directory with as many client certificates as nobody has seen yet."""
        self.batches += 1
        path = os.path.join(self.dir, "clients-%d" % self.batches)
        os.makedirs(path)
        subprocess.run([os.path.join(PERF, "certs"), self.pki.inter.chain, self.pki.inter.key, str(count), path,
                        "spiffe://partner.example/client"], check=True)
        return path

    def start(self, gateway, mode, *args, clients=None, cpus=None, sink=None, urgent=False):
        """The load generator against a gateway; to be given to finish()."""
        cpus = cpus or self.load_cpus
        sink = sink or self.sink
        self.batches += 1
        out = os.path.join(self.dir, "load-%d.json" % self.batches)
        who = ["--plain"] if gateway.plain else [
            "--name", "gw.test", "--ca", self.pki.root.pem,
            *(["--cert-dir", clients] if clients else ["--cert", self.pki.client.chain, "--key", self.pki.client.key])]
        command = [LOAD, mode, "--connect", "127.0.0.1:%d" % gateway.port, *who, "--json", out, "--quiet",
                   "--processes", str(len(cpus)), "--pin", ",".join(map(str, cpus)), "--gateway-pid", str(gateway.pid),
                   "--backend-pid", str(sink.proc.pid), *map(str, args)]
        before = busy_s(gateway.cpus), cpu_s(gateway.pid), time.monotonic(), tcp_drops()
        proc = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                preexec_fn=first_in_line if urgent else None)
        self.loads.append(proc)
        return gateway, mode, out, proc, before

    def finish(self, started):
        """The generator's report, with what else was found: `others`, the share of the gateway's processors that
        somebody else had, and `doubts`, why this figure may not be the gateway's."""
        gateway, mode, out, proc, before = started
        text = proc.communicate()[0]
        self.loads.remove(proc)
        if proc.returncode:
            raise SystemExit("%s, %s: the load generator failed:\n%s" % (gateway.name, mode, text))
        with open(out) as f:
            r = json.load(f)
        os.unlink(out)
        now = busy_s(gateway.cpus), cpu_s(gateway.pid), time.monotonic(), tcp_drops()
        busy, used, wall, drops = (b - a for a, b in zip(before, now))
        r["others"] = max(0.0, (busy - used) / (wall * len(gateway.cpus)))
        r["share"] = used / max(0.01, wall * len(gateway.cpus) - (busy - used))  # of the time that the others left
        r["doubts"] = self.doubts(r)
        if drops:
            r["doubts"].append("the kernel dropped %d segments for want of memory for TCP (net.ipv4.tcp_mem)" % drops)
        return r

    @staticmethod
    def doubts(r):
        found = []
        errors = {kind: n for kind, n in r["errors"].items() if kind != "close_timeout"}  # a late end, after the window
        if errors:
            found.append("errors: " + ", ".join("%s %d" % e for e in sorted(errors.items())))
        if r["bottleneck"] in ("generator", "backend"):
            found.append("the %s was the bottleneck" % r["bottleneck"])
        if r["unanswered"]:
            found.append("%d requests unanswered" % r["unanswered"])
        return found

    def load(self, gateway, mode, *args, **kw):
        return self.finish(self.start(gateway, mode, *args, **kw))


