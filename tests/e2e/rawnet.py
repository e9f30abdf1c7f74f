"""Frames made by hand: a stranger on a test's network who has an address, no kernel, and no manners."""
import array
import socket
import struct
import threading
import time

from harness import expect

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ETH_IP, ETH_ARP, ETH_IP6 = 0x0800, 0x0806, 0x86dd
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def packed(address):
    return socket.inet_pton(family(address), address)


def sum_of(data):
    """The Internet checksum; zero over what has a right one."""
    total = sum(array.array("H", data + b"\0" if len(data) % 2 else data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return socket.htons(~total & 0xffff)


def pseudo(source, target, protocol, n):
    """What TCP and ICMPv6 sum up of the packet around them; addresses as on the wire."""
    if len(source) == 4:
        return source + target + struct.pack("!BBH", 0, protocol, n)
    return source + target + struct.pack("!IHBB", n, 0, 0, protocol)


def ethernet(to, source, kind, payload):
    return to + source + struct.pack("!H", kind) + payload


def ip4(source, target, payload, protocol=TCP, options=b"", offset=0, length=None, words=None, wrong=0):
    """wrong: added to the right checksum."""
    words = (20 + len(options)) // 4 if words is None else words
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, length or 20 + len(options) + len(payload), 1, offset, 64,
                       protocol, 0, packed(source), packed(target)) + options
    return head[:10] + struct.pack("!H", (sum_of(head) + wrong) & 0xffff) + head[12:] + payload


def ip6(source, target, payload, protocol=TCP, length=None, hops=255):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload) if length is None else length, protocol, hops,
                       packed(source), packed(target)) + payload


def tcp(source, target, ports, flags, seq=0, ack=0, window=65535, data=b"", options=b"", words=None, urgent=0, wrong=0):
    """A segment with its checksum; source and target are addresses, ports a pair."""
    words = (20 + len(options)) // 4 if words is None else words
    head = struct.pack("!HHIIBBHHH", *ports, seq & 0xffffffff, ack & 0xffffffff, words << 4, flags, window, 0, urgent)
    whole = head + options + data
    value = (sum_of(pseudo(packed(source), packed(target), TCP, len(whole)) + whole) + wrong) & 0xffff
    return whole[:16] + struct.pack("!H", value) + whole[18:]


def icmp(kind, code, rest, payload):
    body = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return body[:2] + struct.pack("!H", sum_of(body)) + body[4:]


def icmp6(source, target, kind, code, rest, payload):
    body = struct.pack("!BBHI", kind, code, 0, rest) + payload
    value = sum_of(pseudo(packed(source), packed(target), ICMP6, len(body)) + body)
    return body[:2] + struct.pack("!H", value) + body[4:]


class Heard:
    """A TCP segment that went by."""

    def __init__(self, source, target, segment):
        self.source, self.target = source, target
        self.ports = struct.unpack_from("!HH", segment)
        self.seq, self.ack, words, self.flags, self.window = struct.unpack_from("!IIBBH", segment, 4)
        self.data = segment[words >> 4 << 2:]
        self.next = (self.seq + len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)) & 0xffffffff


def taken_apart(packet):
    """(Heard or None, None or what is wrong with its sums) of an IP packet with TCP in it."""
    if packet[0] >> 4 == 4:
        if packet[9] != TCP:
            return None, None
        segment, ends = packet[20:struct.unpack_from("!H", packet, 2)[0]], (packet[12:16], packet[16:20])
        if sum_of(packet[:20]):
            return None, "an IPv4 header"
    else:
        if packet[6] != TCP:
            return None, None
        segment, ends = packet[40:40 + struct.unpack_from("!H", packet, 4)[0]], (packet[8:24], packet[24:40])
    if sum_of(pseudo(*ends, TCP, len(segment)) + segment):
        return None, "a TCP segment"
    return Heard(*ends, segment), None


class Listener(threading.Thread):
    """Hears every frame on an interface, keeps the gateway's segments, and checks their sums."""

    def __init__(self, net, side, end, mac):
        super().__init__(daemon=True)
        with net.inside(side):
            self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.raw.bind((end, 0))
        self.raw.settimeout(0.2)
        self.mac, self.segments, self.wrong, self.frames, self.ended = mac, [], [], 0, False

    def run(self):
        while not self.ended:
            try:
                frame = self.raw.recv(65536)
            except socket.timeout:
                continue
            except OSError:
                return
            if frame[6:12] != self.mac or frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
                continue
            heard, wrong = taken_apart(frame[14:])
            self.frames += 1
            if wrong:
                self.wrong.append(wrong)
            elif heard:
                self.segments.append(heard)

    def wait(self, match, what, limit=15):
        """The first segment that fits; what came before it has been heard too."""
        end, at = time.monotonic() + limit, 0
        while time.monotonic() < end:
            for at in range(at, len(self.segments)):
                if match(self.segments[at]):
                    return self.segments[at]
            time.sleep(0.005)
        raise AssertionError("never heard: " + what)

    def close(self):
        self.ended = True
        self.join(2)
        self.raw.close()


PROBES = 62000  # our ports from here on only ask whether what was sent before is done with


class Stranger:
    """Has an address (IPv4 or IPv6) and a hardware address on the gateway's network."""

    mac = b"\x02\x00\x00\x00\x00\x66"

    def __init__(self, net, side, end, address, gateway, port):
        self.address, self.gateway, self.port = address, gateway, port
        with net.inside(side):
            self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0))
        self.raw.bind((end, 0))
        self.gateway_mac = self.ask_mac(net, side, end)
        self.listener = Listener(net, side, end, self.gateway_mac)
        self.listener.start()
        self.next_port, self.next_probe, self.mark = 20000, PROBES, 0
        self.announce()

    def ask_mac(self, net, side, end):
        """Who has the gateway's address? In the course of it the gateway learns ours."""
        with net.inside(side):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        raw.bind((end, 0))
        raw.settimeout(1)
        try:
            for _ in range(20):
                self.announce()
                try:
                    frame = raw.recv(2048)
                    while frame[:6] != self.mac:
                        frame = raw.recv(2048)
                    return frame[6:12]
                except socket.timeout:
                    pass
        finally:
            raw.close()
        raise AssertionError("nobody has " + self.gateway)

    def announce(self):
        if family(self.address) == socket.AF_INET:
            self.frame(b"\xff" * 6, ETH_ARP, struct.pack("!HHBBH6s4s6s4s", 1, ETH_IP, 6, 4, 1, self.mac,
                                                        packed(self.address), bytes(6), packed(self.gateway)))
            return
        group = "ff02::1:ff%02x:%02x%02x" % tuple(packed(self.gateway)[13:])
        ask = icmp6(self.address, group, 135, 0, 0, packed(self.gateway) + b"\1\1" + self.mac)
        self.frame(b"\x33\x33" + packed(group)[12:], ETH_IP6, ip6(self.address, group, ask, ICMP6))

    def frame(self, to, kind, payload):
        self.raw.send(ethernet(to, self.mac, kind, payload).ljust(60, b"\0"))

    def packet(self, payload, to=None):
        self.frame(to or self.gateway_mac, ETH_IP if payload[0] >> 4 == 4 else ETH_IP6, payload)

    def segment(self, flags, ports=None, source=None, **tcp_fields):
        """A segment in an ordinary packet; from another's address if asked for."""
        source = source or self.address
        body = tcp(source, self.gateway, ports or (self.new_port(), self.port), flags, **tcp_fields)
        self.packet((ip4 if family(source) == socket.AF_INET else ip6)(source, self.gateway, body))

    def new_port(self):
        self.next_port += 1
        return self.next_port

    def settle(self):
        """All that was sent is done with: a SYN that came after it has been answered. What was heard since then."""
        ports = (self.next_probe, self.port)
        self.next_probe += 1
        for _ in range(10):
            self.segment(SYN, ports=ports, seq=7)
            try:
                self.listener.wait(lambda h: self.is_ours(h, ports) and h.flags & SYN, "an answer to a SYN", 3)
                self.segment(RST, ports=ports, seq=8)
                break
            except AssertionError:
                self.announce()
        else:
            raise AssertionError("the gateway answers no more")
        since, self.mark = self.mark, len(self.listener.segments)
        return [h for h in self.listener.segments[since:self.mark] if h.ports[1] < PROBES]

    def is_ours(self, h, ports):
        return h.ports == ports[::-1] and h.target == packed(self.address)

    def opened(self, seq=1000, options=b"\2\4\5\xb4"):
        """A connection of our own: (ports, our next number, the gateway's)."""
        ports = (self.new_port(), self.port)
        self.segment(SYN, ports=ports, seq=seq, options=options)
        answer = self.listener.wait(lambda h: self.is_ours(h, ports) and h.flags & SYN, "SYN and ACK")
        self.segment(ACK, ports=ports, seq=seq + 1, ack=answer.next)
        return ports, seq + 1, answer.next

    def close(self):
        self.listener.close()
        self.raw.close()
        expect(not self.listener.wrong, "the gateway sent wrong sums: %s" % self.listener.wrong[:3])
