"""What is measured, one job after the other: each is a load against each of its gateways in turn, round after round, and
yields one or more figures. What the figures must reach stands in lines.py."""
import statistics
import time

from gateways import SUITES, Haproxy, Hitch, Nginx, Penstock, Relay, Stunnel
from machine import private_kb

FEW = 10          # sessions in bulk
AT_ONCE = 32      # handshakes under way
TRIP_RATE = 2000  # requests a second
STORM_RATE = 200  # the same while handshakes storm,
STORM_SECONDS = 5 # for so long at least: a hundredth of few is one that had bad luck
WORKER_RATE = 400 # handshakes a second for each worker
WARMUP = 0.4      # seconds
WARMUP_MANY = 2   # until thousands of queues are as full as they stay
LARGE = 262144    # the buffers of the peers' variants for bulk


class Job:
    """One measurement of every gateway a round. `kinds`: who takes part, as (class, name, settings)."""
    kinds = ()
    rounds = None    # at most
    fresh = False    # each sample wants a gateway that was just started
    alone = True     # the gateway's processors are its own, so who else used them can be told

    def __init__(self, name, **settings):
        self.name = name
        self.__dict__.update(settings)

    def prepare(self, world):
        """Before each round."""

    def measure(self, world, gateway):
        """{figure: value} and the generator's report."""
        raise NotImplementedError


PENSTOCK = (Penstock, "penstock", {})
PEERS = ((Haproxy, "haproxy", {}), (Nginx, "nginx", {}), (Hitch, "hitch", {}), (Stunnel, "stunnel", {}))
LARGE_PEERS = ((Haproxy, "haproxy 256k", {"buffer": LARGE}), (Nginx, "nginx 256k", {"buffer": LARGE}))
RELAY = (Relay, "relay", {"method": "copy"})
RELAYS = (RELAY, (Relay, "relay uring", {"method": "uring"}))


def seconds(world, warmup=WARMUP):
    return ("--duration", world.options.seconds, "--warmup", warmup)


class Bulk(Job):
    """As many bytes as go through a few sessions."""
    kinds = (PENSTOCK, *PEERS, *LARGE_PEERS, *RELAYS)
    suite, sessions = SUITES[0], FEW

    def measure(self, world, gateway):
        suites = [] if gateway.plain else ["--suites", self.suite]
        r = world.load(gateway, "bulk", "--direction", self.direction, "--sessions", self.sessions, *suites, *seconds(world))
        return {self.name: r["gateway"]["cpu_s_per_gb"]}, r


class Many(Bulk):
    """The same with thousands of sessions, all of them active, over that with few. The first run with thousands counts for nothing:
    it takes gigabytes for its queues, which a virtual machine's host may have to find first, page by page."""
    kinds = (PENSTOCK, *PEERS[:2], *RELAYS[:1])

    def measure(self, world, gateway):
        figures = []
        for count in (FEW, world.options.sessions, world.options.sessions):
            suites = [] if gateway.plain else ["--suites", self.suite]
            r = world.load(gateway, "bulk", "--direction", self.direction, "--sessions", count, "--concurrency", 64,
                           "--timeout", 60, *suites, *seconds(world, WARMUP_MANY))
            figures.append(r["gateway"]["cpu_s_per_gb"])
        return {self.name: figures[-1] / figures[0]}, r


class Handshakes(Job):
    """Full handshakes, so many at once, each session ended once it is up."""
    kinds = (PENSTOCK, *PEERS, RELAY)

    def measure(self, world, gateway):
        r = world.load(gateway, "handshakes", "--concurrency", AT_ONCE, *seconds(world))
        return {self.name: r["gateway"]["cpu_us_each"]}, r


class NewPeers(Handshakes):
    """The same, each with a certificate that the gateway has never seen."""
    kinds = (PENSTOCK, *PEERS)

    def prepare(self, world):
        self.count = int(world.options.most_handshakes * (world.options.seconds + WARMUP))
        self.clients = world.new_clients(self.count)

    def measure(self, world, gateway):
        r = world.load(gateway, "handshakes", "--concurrency", AT_ONCE, *seconds(world), clients=self.clients)
        if r["total"]["attempts"] > self.count:
            r["doubts"].append("peers came again: raise --most-handshakes")
        return {self.name: r["gateway"]["cpu_us_each"]}, r


class Idle(Job):
    """Private memory of all the gateway's processes for each of thousands of sessions that carry nothing."""
    kinds = (PENSTOCK, *PEERS)
    rounds, fresh = 1, True

    def measure(self, world, gateway):
        world.load(gateway, "handshakes", "--concurrency", AT_ONCE, "--duration", 0.3, "--warmup", 0)
        before = private_kb(gateway.pid)
        count = world.options.sessions
        started = world.start(gateway, "idle", "--sessions", count, "--concurrency", 64, "--timeout", 60, "--duration", 4,
                              "--warmup", 1)
        readings = []
        while started[3].poll() is None:
            readings.append((time.monotonic(), private_kb(gateway.pid)))
            time.sleep(0.3)
        r = world.finish(started)
        if r["most_open"] < count:
            r["doubts"].append("only %d sessions came up" % r["most_open"])
        # In the window all are up, and a second later what their handshakes took is given back or will not be.
        at_rest = [kb for at, kb in readings if r["begin_s"] + 1 <= at <= r["begin_s"] + r["seconds"]]
        return {self.name: (statistics.median(at_rest) - before) / max(1, r["most_open"]) if at_rest else 0}, r


class Trips(Job):
    """Round trips of 64 bytes at a fixed rate, counted from when each was due."""
    kinds = (PENSTOCK, (Penstock, "penstock polling", {"top": {"busy_poll_us": 1000}}), *PEERS, RELAY)

    def load(self, length, rate):
        return "--rate", rate, "--sessions", FEW, "--size", 64, "--duration", length, "--warmup", WARMUP

    def measure(self, world, gateway):
        with world.sink.urgent():
            r = world.load(gateway, "roundtrip", *self.load(max(2, world.options.seconds), TRIP_RATE), urgent=True)
        return {self.name + "-p50": r["exchange_us"]["p50"], self.name + "-p99": r["exchange_us"]["p99"]}, r


class Storm(Trips):
    """The same while others make handshakes as fast as they can."""
    kinds = (PENSTOCK, *PEERS)

    def measure(self, world, gateway):
        length = max(STORM_SECONDS, world.options.seconds)
        storm = world.start(gateway, "handshakes", "--concurrency", AT_ONCE, "--duration", length + 1, "--warmup", WARMUP)
        time.sleep(WARMUP)
        with world.sink.urgent():
            trip = world.load(gateway, "roundtrip", *self.load(length, STORM_RATE), urgent=True)
        r = world.finish(storm)
        if r["share"] < 0.85:
            r["doubts"].append("the gateway was busy for %.0f %% of the time: the storm could be stronger" % (100 * r["share"]))
        r["doubts"] += [d for d in trip["doubts"] if d not in r["doubts"]]
        return {self.name: trip["exchange_us"]["p99"]}, r


class Workers(Job):
    """What a unit of work costs with one worker and with two. On less than four processors the gateway's two are the
    generator's as well, both times: as many handshakes as they can are then hardly more for two workers than for one, and
    each of two has half of the load, which makes a handshake dearer for one worker too. So the same load for each worker is a
    row of its own."""
    kinds = ((Penstock, "penstock", {"pair": True, "workers": 1}), (Penstock, "penstock 2 workers", {"pair": True, "workers": 2}))
    alone = False

    def work(self, gateway):
        if self.name == "workers-bulk":
            return "bulk", "--direction", "both", "--sessions", 2 * FEW
        if self.name == "workers-handshake":
            return "handshakes", "--concurrency", AT_ONCE
        return "handshakes", "--rate", WORKER_RATE * gateway.settings["workers"], "--concurrency", 2 * AT_ONCE

    def measure(self, world, gateway):
        cpus = world.cpus[2:] if len(world.cpus) >= 4 else world.cpus[:2]
        r = world.load(gateway, *self.work(gateway), *seconds(world), cpus=cpus)
        if self.name == "workers-bulk":
            return {self.name: r["gateway"]["cpu_s_per_gb"]}, r
        came = r["per_second"]["handshakes"]
        if self.name == "workers-handshake-rate" and came < 0.95 * WORKER_RATE * gateway.settings["workers"]:
            r["doubts"].append("%.0f handshakes a second, less than was asked for" % came)
        return {self.name: r["gateway"]["cpu_us_each"]}, r


JOBS = (
    Bulk("bulk-up", direction="up"),
    Bulk("bulk-down", direction="down"),
    Bulk("bulk-up-chacha", direction="up", suite=SUITES[1]),
    Bulk("bulk-down-chacha", direction="down", suite=SUITES[1]),
    Handshakes("handshake-known"),
    NewPeers("handshake-new"),
    Idle("idle"),
    Storm("storm"),
    Trips("trip"),
    Many("many-up", direction="up"),
    Many("many-down", direction="down"),
    Workers("workers-bulk"),
    Workers("workers-handshake"),
    Workers("workers-handshake-rate"),
)
