"""Software TPMs for the tests: swtpm in a directory of the case's own, and tpm2-tools to look into it."""
import os
import shutil
import socket
import subprocess
import threading
import time

from harness import free_port, need


def port_pair():
    """A port whose next one is free too: swtpm's control channel has to be there."""
    while True:
        port = free_port()
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


class SoftTPM:
    """What it keeps is below .path; start() is a start of its machine: its PCRs begin at zero."""

    def __init__(self, t, name="tpm"):
        need(shutil.which("swtpm") and shutil.which("tpm2_pcrextend"), "no software TPM here (swtpm, tpm2-tools)")
        self.path = os.path.join(t.dir, name)
        os.makedirs(self.path)
        self.proc = self.port = None
        t.defer(self.stop)

    def start(self):
        self.stop()
        while True:  # somebody may take the ports meanwhile
            self.port = port_pair()
            at = "type=tcp,bindaddr=127.0.0.1,port=%d"
            self.proc = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.path, "--server", at % self.port,
                                          "--ctrl", at % (self.port + 1), "--flags", "not-need-init,startup-clear"],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if self.answers():
                return self

    def answers(self):
        while self.proc.poll() is None:
            try:  # the control channel: the other ends with its first connection
                socket.create_connection(("127.0.0.1", self.port + 1), 5).close()
                return True
            except OSError:
                time.sleep(0.02)
        return False

    def stop(self):
        if self.proc:
            self.proc.terminate()
            self.proc.wait(10)
            self.proc = None

    def conf(self, port=None):
        return "swtpm:host=127.0.0.1,port=%d" % (port or self.port)

    def tool(self, *words, check=True):
        r = subprocess.run(words, capture_output=True, text=True, timeout=60, env={**os.environ, "TPM2TOOLS_TCTI": self.conf()})
        if check and r.returncode:
            raise RuntimeError("%s: %s%s" % (" ".join(words), r.stdout, r.stderr))
        return r.stdout if check else r

    def measure(self, what):
        """As the firmware does with the state of Secure Boot."""
        self.tool("tpm2_pcrextend", "7:sha256=" + what * 64)


class Sniffer:
    """Both channels of a TPM through here; .seen is every byte that crossed. The first `cuts` connections for commands end without an answer."""

    def __init__(self, t, tpm, cuts=0):
        self.seen, self.cuts = bytearray(), cuts
        self.port, self.commands = port_pair(), tpm.port
        for i in (0, 1):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", self.port + i))
            s.listen(8)
            t.defer(s.close)
            threading.Thread(target=self.accept, args=(s, tpm.port + i), daemon=True).start()

    def accept(self, s, to):
        while True:
            try:
                here = s.accept()[0]
                if to == self.commands and self.cuts:
                    self.cuts -= 1
                    threading.Thread(target=self.cut, args=(here,), daemon=True).start()
                    continue
                there = socket.create_connection(("127.0.0.1", to), 10)
            except OSError:
                return
            for a, b in ((here, there), (there, here)):
                threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    def cut(self, here):
        here.recv(65536)
        here.close()

    def carry(self, a, b):
        try:
            while data := a.recv(65536):
                self.seen += data
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass
