"""The lines of the report: what each figure is called, what it must reach, and what lies under it.

A line's ratio is Penstock's figure over the best of the peers in the same run (a peer's variants count as it), or, where the
figure itself is a ratio, that figure. Its floor is the least that the work can cost on this machine, from perf/micro and the
bare relays in the same run.
"""
import statistics

KEYS_KB = 0.25  # secrets, keys and IVs of both directions, two descriptors


class Line:
    def __init__(self, title, job, figure, unit, goal, floor=None, who="penstock", over="peers", of_floor=None):
        self.title, self.job, self.figure, self.unit, self.goal = title, job, figure, unit, goal
        self.floor, self.who, self.over, self.of_floor = floor, who, over, of_floor


def bulk_floor(direction, suite):
    """A relay, and the AEAD of one direction."""
    def floor(result, figure):
        relays = [m for m in (result.median(figure, "relay"), result.median(figure, "relay uring")) if m]
        aead = result.micro(("open " if direction == "up" else "seal ") + suite)
        return min(relays) + aead if relays and aead else None
    return floor


def handshake_floor(which):
    """The cryptography, and what the kernel takes for two connections."""
    def floor(result, figure):
        tcp = result.median("handshake-known", "relay")
        shake = result.micro(which)
        return tcp + shake if tcp and shake else None
    return floor


def relay_floor(figure):
    return lambda result, _: result.median(figure, "relay")


AES, CHACHA = "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"
LINES = (
    Line("CPU per GB, up, AES-256-GCM", "bulk-up", "bulk-up", "s", 0.70, bulk_floor("up", AES), of_floor=1.15),
    Line("CPU per GB, down, AES-256-GCM", "bulk-down", "bulk-down", "s", 0.70, bulk_floor("down", AES), of_floor=1.15),
    Line("CPU per GB, up, ChaCha20-Poly1305", "bulk-up-chacha", "bulk-up-chacha", "s", 0.85, bulk_floor("up", CHACHA)),
    Line("CPU per GB, down, ChaCha20-Poly1305", "bulk-down-chacha", "bulk-down-chacha", "s", 0.85, bulk_floor("down", CHACHA)),
    Line("CPU per full mTLS handshake, known peer", "handshake-known", "handshake-known", "us", 0.55, handshake_floor("known_us")),
    Line("CPU per full mTLS handshake, every peer new", "handshake-new", "handshake-new", "us", 0.70, handshake_floor("new_us")),
    Line("memory per idle session", "idle", "idle", "KB", 0.10, lambda result, _: KEYS_KB),
    Line("round trip p99 in a storm of handshakes", "storm", "storm", "us", 0.30, relay_floor("trip-p99")),
    Line("round trip p50, quiet", "trip", "trip-p50", "us", 1.00, relay_floor("trip-p50")),
    Line("round trip p99, quiet", "trip", "trip-p99", "us", 1.00, relay_floor("trip-p99")),
    Line("round trip p50, busy polling", "trip", "trip-p50", "us", 0.80, relay_floor("trip-p50"), who="penstock polling"),
    Line("round trip p99, busy polling", "trip", "trip-p99", "us", 0.80, relay_floor("trip-p99"), who="penstock polling"),
    Line("CPU per GB, up, many sessions over 10", "many-up", "many-up", "", 1.15, relay_floor("many-up"), over=None),
    Line("CPU per GB, down, many sessions over 10", "many-down", "many-down", "", 1.15, relay_floor("many-down"), over=None),
    Line("CPU per GB, two workers over one", "workers-bulk", "workers-bulk", "s", 1.10, who="penstock 2 workers", over="penstock"),
    Line("CPU per handshake, two workers over one, as many as they can", "workers-handshake", "workers-handshake", "us", 1.10,
         who="penstock 2 workers", over="penstock"),
    Line("CPU per handshake, two workers over one, the same load for each", "workers-handshake-rate", "workers-handshake-rate",
         "us", 1.10, who="penstock 2 workers", over="penstock"),
)


class Result:
    """The samples of a run: samples[figure][gateway] = [value of each round], singles[name] the same of perf/micro."""

    def __init__(self, document):
        self.samples, self.doubts, self.others = document["samples"], document["doubts"], document["others"]
        self.singles = document["micro"]

    def micro(self, name):
        return statistics.median(self.singles[name]) if name in self.singles else None

    def median(self, figure, gateway):
        values = self.samples.get(figure, {}).get(gateway)
        return statistics.median(values) if values else None

    def spread(self, figure, gateway):
        values = self.samples[figure][gateway]
        return min(values), max(values)

    def peers(self, figure, peer_of):
        """{peer: (median, gateway)} with the best variant of each."""
        best = {}
        for gateway in self.samples.get(figure, {}):
            peer = peer_of.get(gateway)
            value = self.median(figure, gateway)
            if peer not in ("penstock", "floor", None) and (peer not in best or value < best[peer][0]):
                best[peer] = value, gateway
        return best
