"""Goal: the network can be given from outside before anybody has access, and nothing else can."""
import os

from appliance import Appliance
from harness import equal, expect, free_port, test


@test("an address given as a credential counts in place of DHCP; a unit, an account or a setting given so is not taken", timeout=1800)
def credential(t):
    given = {"network.network.10-static": "[Match]\nType=ether\n[Network]\nAddress=10.0.2.77/24\nGateway=10.0.2.2\n",
             "systemd.extra-unit.evil.service": "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nStandardOutput=tty\n"
                                                "TTYPath=/dev/console\nExecStart=/usr/bin/systemctl --version\n",
             "systemd.unit-dropin.penstock.target": "[Unit]\nWants=evil.service\n",
             "passwd.plaintext-password.root": "evil",
             "sysctl.extra": "kernel.hostname=evil\n",
             "tmpfiles.extra": "w /dev/console - - - - evil-file\n"}
    files = {}
    for name, text in given.items():
        files[name] = os.path.join(t.dir, name)
        with open(files[name], "w", encoding="utf-8") as f:
            f.write(text)
    a = Appliance(t.dir, {free_port(): "10.0.2.77:9443"}, credentials=files)
    t.defer(a.kill)
    a.boot().wait(r"^address \S+ 10\.0\.2\.77$")
    r = a.enroll("ann", a.token())
    equal(r.returncode, 0, r.stderr)
    console = a.console()
    expect("10.0.2.15" not in console, "it asked for an address too")
    expect("evil" not in console and "systemd 25" not in console, "a credential gave orders:\n" + console)
