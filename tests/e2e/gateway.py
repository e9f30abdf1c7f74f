"""Running a real penstockd and asking it what it did."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("PENSTOCK_BIN", os.path.join(ROOT, "build", "bin"))


def fields(line):
    """key=value pairs of a log line; quoted values are unquoted."""
    out = {}
    for m in re.finditer(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)', line):
        v = m.group(2)
        if v.startswith('"'):
            v = re.sub(r"\\x([0-9a-f]{2})", lambda h: chr(int(h.group(1), 16)), v[1:-1])
            v = v.replace('\\"', '"').replace("\\\\", "\\")
        out[m.group(1)] = v
    return out


class LocalConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("penstock", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Gateway:
    """One penstockd. Use as a context manager; .log_path holds everything it said."""

    def __init__(self, directory, config, name="gw", args=(), wait=True, prefix=(),
                 programs=BIN):
        self.dir = os.path.join(directory, name)
        os.makedirs(self.dir, exist_ok=True)
        self.config_path = os.path.join(self.dir, "penstock.json")
        self.state = os.path.join(self.dir, "state")
        self.log_path = os.path.join(self.dir, "log")
        self.write(config)
        self.log_file = open(self.log_path, "ab")
        self.log_from = self.log_file.tell()  # what an earlier daemon of the same name said is not ours
        self.proc = subprocess.Popen(
            [*prefix, os.path.join(programs, "penstockd"), "--config", self.config_path, "--state", self.state, *args],
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file)
        if wait:
            self.wait_ready()

    def write(self, config):
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        with open(self.config_path + ".new", "w") as f:
            f.write(text)
        os.rename(self.config_path + ".new", self.config_path)

    def log(self):
        with open(self.log_path, "rb") as f:
            f.seek(self.log_from)
            return f.read().decode(errors="replace")

    def wait_ready(self, timeout=90 if os.environ.get("PENSTOCK_VM") else 20):
        self.wait(lambda: "penstock ready revision=" in self.log() or self.proc.poll() is not None, timeout)
        if "penstock ready revision=" not in self.log():
            raise AssertionError("penstockd did not become ready (exit %s):\n%s" % (self.proc.poll(), self.log()))

    @staticmethod
    def wait(condition, timeout=10, what="condition"):
        """Three times `timeout` in fact: a busy machine is no defect of the gateway."""
        end = time.monotonic() + 3 * timeout
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("timed out waiting for " + what)
            time.sleep(0.01)

    def events(self, event, **match):
        """Fields of every log line of that event whose fields match."""
        found = []
        for line in self.log().splitlines():
            f = fields(line)
            if f.get("event") == event and all(f.get(k) == str(v) for k, v in match.items()):
                found.append(f)
        return found

    def wait_event(self, event, timeout=10, count=1, **match):
        """The last of at least `count` such lines, waiting for it."""
        try:
            self.wait(lambda: len(self.events(event, **match)) >= count, timeout)
        except AssertionError:
            raise AssertionError("no event=%s %s in:\n%s" % (event, match, self.log()[-4000:])) from None
        return self.events(event, **match)[-1]

    def reload(self, config=None):
        """SIGHUP; returns "applied" or "refused" as soon as the log tells."""
        if config is not None:
            self.write(config)
        before = len(self.events("revision_applied")), len(self.events("revision_refused"))
        self.proc.send_signal(signal.SIGHUP)
        self.wait(lambda: (len(self.events("revision_applied")), len(self.events("revision_refused"))) != before,
                  20, "the answer to SIGHUP in:\n" + self.log()[-3000:])
        return "applied" if len(self.events("revision_applied")) > before[0] else "refused"

    def ctl(self, *args, check=True):
        r = subprocess.run([os.path.join(BIN, "penstockctl"), "--state", self.state, *args],
                           capture_output=True, text=True, timeout=30)
        if check and r.returncode:
            raise AssertionError("penstockctl %s: exit %d %s" % (args, r.returncode, r.stderr))
        return r.stdout if check else r

    def api_start(self, method, path, body=None, headers=None):
        """A request over the local socket that is on its way."""
        conn = LocalConnection(os.path.join(self.state, "penstock.sock"))
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        conn.request(method, path, body, headers or {})
        return conn

    def api(self, method, path, body=None, headers=None):
        """(status, headers, JSON body or None) of a request over the local socket."""
        conn = None
        try:
            conn = self.api_start(method, path, body, headers)
            answer = conn.getresponse()
            if answer.headers.get("Content-Type") == "text/event-stream":  # without an end
                return answer.status, answer.headers, None
            text = answer.read()
        except (OSError, http.client.HTTPException) as e:
            return 0, {}, str(e)
        finally:
            if conn:
                conn.close()
        if not answer.headers.get("Content-Type", "").endswith("json"):
            return answer.status, answer.headers, text.decode() if text else None
        return answer.status, answer.headers, json.loads(text) if text else None

    def status(self):
        return self.api("GET", "/api/v1/status")[2]

    def sessions(self):
        return json.loads(self.ctl("sessions", "--json"))["sessions"]

    def children(self):
        """{name: [pid...]} of the daemon's processes."""
        out = {}
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % pid) as f:
                    stat = f.read()
                if int(stat.rsplit(")", 1)[1].split()[1]) != self.proc.pid:
                    continue
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    name = os.path.basename(f.read().split(b"\0")[0].decode())
            except (OSError, ValueError):
                continue
            out.setdefault(name, []).append(int(pid))
        return out

    def stop(self, expect=0, timeout=20):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        try:
            code = self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise AssertionError("penstockd did not stop:\n" + self.log()[-3000:]) from None
        self.log_file.close()
        if expect is not None and code != expect:
            raise AssertionError("penstockd exited with %d:\n%s" % (code, self.log()[-3000:]))
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
            return
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(5)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.log_file.close()


def idle_share(g, workers=1):
    """What part of a processor each of the engine's workers uses when nothing comes."""
    pid = g.children()["penstock-dataplane-dpdk"][0]

    def ticks():
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(1)
    before, start = ticks(), time.monotonic()
    time.sleep(3)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - start) / workers
