"""One hostile connection after the other to a gateway that serves somebody else all the while."""
import os
import struct

from gateway import Gateway, fields
from harness import equal, expect, free_port
from rawtls import ALERT, Alerted, Client, Ended, message, vec

OK = "ok"


def descriptors(g):
    """{pid: open descriptors} of the daemon's processes."""
    return {pid: len(os.listdir("/proc/%d/fd" % pid)) for pids in g.children().values() for pid in pids}


class Watch:
    """A gateway with a session that lives all the while; `end` says whether it was disturbed, and what is left over."""

    def __init__(self, t, names=None, **kw):
        port = free_port()
        config = t.terminate_config(t.server().address, port, **kw)
        if names:
            config["links"]["in"]["listen"]["server_names"] = names
        self.t, self.g = t, Gateway(t.dir, config)
        self.g.port = port
        t.defer(lambda: self.g.stop(expect=None))
        self.bad = []
        self.other = Client(t.connect(self.g.port), t.pki.client)
        self.other.connect()
        expect(self.other.echo(), "the first session")
        self.before = descriptors(self.g)
        self.seen = 0

    def play(self, name, script, wants, reasons=(), kind=Client):
        """script(c) speaks; then the alert (one of several), OK (data is echoed) or "closed"/"reset" is wanted."""
        c = kind(self.t.connect(self.g.port), self.t.pki.client)
        wanted = wants if isinstance(wants, tuple) else (wants,)
        try:
            try:
                script(c)
                got = OK if OK in wanted and c.echo() else c.end()
            except (Alerted, Ended) as e:
                got = e.args[0]
        except AssertionError as e:
            got = str(e)
        c.sock.close()
        reason = self.reason()
        if got not in wanted or (got != OK and reason not in (reasons if isinstance(reasons, tuple) else (reasons,))):
            self.bad.append("%s: %s as %s, not %s as %s" % (name, got, reason, wants, reasons))

    def reason(self):
        """Of the one event that this connection made."""
        found = []

        def more():
            text = self.g.log()
            whole = text.rfind("\n") + 1
            found.extend(f for f in map(fields, text[self.seen:whole].splitlines()) if f.get("event") in ("refused", "session_closed"))
            self.seen = whole
            return found
        self.g.wait(more, 10, "the end of the session")
        equal(len(found), 1, found)
        return found[0]["reason"]

    def end(self):
        expect(self.other.echo(), "the other session")
        self.g.wait(lambda: descriptors(self.g) == self.before, 10, "the descriptors to be as before: %s, %s" % (self.before, descriptors(self.g)))
        self.other.send(ALERT, b"\1\0")
        self.other.end()
        self.other.sock.close()
        expect(not self.g.events("child_died"), self.g.events("child_died"))
        equal(self.bad, [])


def hello_of(**kw):
    return lambda c: c.say(c.hello(**kw))


def record_of(data):
    return lambda c: c.raw(data)


def share(group, key):
    return struct.pack(">H", group) + vec(2, key)


def connected(c, pieces=None, **kw):
    c.say(c.hello(**kw), pieces=pieces)
    c.server()
    c.finish()


def flipped(m):
    return m[:-1] + bytes([m[-1] ^ 1])


def longer(m):
    return message(m[0], m[4:] + b"x")
