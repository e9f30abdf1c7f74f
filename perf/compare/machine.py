"""What the kernel says of processes and processors: CPU by the scheduler's own clock, private memory, and who else was busy."""
import os
import platform
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """A process and all below it."""
    pids, found = [pid], []
    while pids:
        p = pids.pop()
        found.append(p)
        try:
            for t in os.listdir("/proc/%d/task" % p):
                with open("/proc/%d/task/%s/children" % (p, t)) as f:
                    pids += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return found


def cpu_s(pid):
    """Seconds of CPU that a tree has used, by threads that have ended too (clock_getcpuclockid(3))."""
    total = 0.0
    for p in tree(pid):
        try:
            total += time.clock_gettime(~p << 3 | 2)
        except OSError:
            pass
    return total


def private_kb(pid):
    """Pages that a tree has for itself. Pages shared within the tree but dirty count: nobody else has them."""
    total = 0
    for p in tree(pid):
        try:
            with open("/proc/%d/smaps_rollup" % p) as f:
                for line in f:
                    if line.startswith(("Private_Dirty:", "Private_Clean:", "Shared_Dirty:")):
                        total += int(line.split()[1])
        except OSError:
            pass
    return total


def tcp_drops():
    """Segments that the kernel dropped because it had no more memory for TCP (net.ipv4.tcp_mem)."""
    with open("/proc/net/netstat") as f:
        names, values = [line.split() for line in f if line.startswith("TcpExt:")]
    return int(dict(zip(names, values)).get("TCPRcvQDrop", 0))


def busy_s(cpus):
    """Seconds that these processors were not idle, stolen time included."""
    total = 0
    with open("/proc/stat") as f:
        for line in f:
            name, *ticks = line.split()
            if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cpus:
                total += sum(int(t) for t in ticks[:3] + ticks[5:8])
    return total / TICK


def version(*command):
    """The first line that names a version."""
    try:
        r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
    except OSError:
        return "none"
    lines = [line for line in r.stdout.splitlines() if any(c.isdigit() for c in line)]
    return lines[0].strip() if lines else "unknown"


def describe():
    """This machine, for the head of every result."""
    model = "unknown"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"processor": model, "processors": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "openssl": version("openssl", "version"), "haproxy": version("haproxy", "-v"),
            "nginx": version("nginx", "-v"), "hitch": version("hitch", "--version"),
            "stunnel": version("stunnel4", "-version")}
