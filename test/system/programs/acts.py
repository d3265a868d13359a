"""Tries what a unit's sandbox is there to refuse; prints a JSON object of "done" or why not, by the directive meant."""
import ctypes
import errno
import json
import mmap
import os
import platform
import socket
import time

libc = ctypes.CDLL(None, use_errno=True)
# System calls that Python has no function for.
NUMBERS = {
    "x86_64": {"ptrace": 101, "personality": 135, "add_key": 248, "mount": 165, "unshare": 272, "mlock": 149,
               "setpriority": 141, "setreuid": 113},
    "aarch64": {"ptrace": 117, "personality": 92, "add_key": 217, "mount": 40, "unshare": 97, "mlock": 228,
                "setpriority": 140, "setreuid": 145},
}[platform.machine()]


def call(name, *args):
    ctypes.set_errno(0)
    if libc.syscall(NUMBERS[name], *args) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def write(path):
    with open(path, "w"):
        pass
    os.remove(path)


def read(path):
    with open(path, "rb") as f:
        f.read(1)


def same(path):
    """Writes to a file of the kernel what is in it already."""
    with open(path) as f:
        value = f.read()
    with open(path, "w") as f:
        f.write(value)


def suid():
    path = "/tmp/acts-suid"
    write_file(path)
    try:
        os.chmod(path, 0o4755)
        if not os.stat(path).st_mode & 0o4000:
            raise PermissionError(errno.EPERM, "the bit is not set")
    finally:
        os.remove(path)


def write_file(path):
    with open(path, "w"):
        pass


def executable_memory():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.close()


def others_processes():
    owners = {os.stat(f"/proc/{p}").st_uid for p in os.listdir("/proc") if p.isdigit()}
    if not owners - {os.geteuid()}:
        raise PermissionError(errno.EPERM, "none are seen")


def no_new_privileges():
    with open("/proc/self/status") as f:
        if "NoNewPrivs:\t1" in f.read():
            raise PermissionError(errno.EPERM, "no new privileges")


def capability(number):
    with open("/proc/self/status") as f:
        bounding = next(line for line in f if line.startswith("CapBnd"))
    if not int(bounding.split()[1], 16) >> number & 1:
        raise PermissionError(errno.EPERM, "not in the bounding set")


def control_group():
    path = "/sys/fs/cgroup/acts"
    os.mkdir(path)
    os.rmdir(path)


def realtime():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


ACTS = {
    "ProtectSystem /usr": lambda: write("/usr/acts"),
    "ProtectSystem /etc": lambda: write("/etc/acts"),
    "ProtectSystem /var": lambda: write("/var/lib/acts"),
    "ProtectHome": lambda: os.stat("/root/x"),
    "PrivateTmp": lambda: os.stat("/tmp/acts-outside"),
    "PrivateDevices": lambda: os.stat("/dev/acts"),
    "InaccessiblePaths /etc/everspot": lambda: read("/etc/everspot/boot.json"),
    "InaccessiblePaths /opt/everspot": lambda: os.stat("/opt/everspot/x"),
    "InaccessiblePaths /run/dbus": lambda: os.stat("/run/dbus/acts"),
    "ProtectControlGroups": control_group,
    "ProtectKernelTunables": lambda: same("/proc/sys/kernel/domainname"),
    "ProtectKernelLogs": lambda: read("/dev/kmsg"),
    "ProtectHostname": lambda: socket.sethostname(socket.gethostname()),
    "ProtectProc": others_processes,
    "NoNewPrivileges": no_new_privileges,
    "LockPersonality": lambda: call("personality", 0x0040000),
    "MemoryDenyWriteExecute": executable_memory,
    "RestrictRealtime": realtime,
    "RestrictSUIDSGID": suid,
    "RestrictAddressFamilies AF_PACKET": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "RestrictAddressFamilies AF_NETLINK": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "RestrictAddressFamilies AF_INET6": lambda: socket.socket(socket.AF_INET6).close(),
    "RestrictAddressFamilies AF_ALG": lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close(),
    "RestrictNamespaces user": lambda: call("unshare", 0x10000000),
    "RestrictNamespaces net": lambda: call("unshare", 0x40000000),
    "RestrictNamespaces mnt": lambda: call("unshare", 0x00020000),
    "RestrictNamespaces pid": lambda: call("unshare", 0x20000000),
    "RestrictNamespaces ipc": lambda: call("unshare", 0x08000000),
    "RestrictNamespaces uts": lambda: call("unshare", 0x04000000),
    "RestrictNamespaces cgroup": lambda: call("unshare", 0x02000000),
    "SystemCallFilter @debug": lambda: call("ptrace", 0, 0, 0, 0),
    "SystemCallFilter @mount": lambda: call("mount", b"none", b"/mnt", b"tmpfs", 0, None),
    "SystemCallFilter @clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "SystemCallFilter @keyring": lambda: call("add_key", b"user", b"acts", b"x", 1, -1),
    "SystemCallFilter @memlock": lambda: call("mlock", ctypes.create_string_buffer(16), 16),
    "SystemCallFilter @resources": lambda: call("setpriority", 0, 0, 1),
    "SystemCallFilter @privileged": lambda: call("setreuid", os.getuid(), os.getuid()),
    "CapabilityBoundingSet CAP_SYS_ADMIN": lambda: capability(21),
    "CapabilityBoundingSet CAP_SYS_PTRACE": lambda: capability(19),
    "CapabilityBoundingSet CAP_NET_ADMIN": lambda: capability(12),
    "CapabilityBoundingSet CAP_NET_RAW": lambda: capability(13),
    "CapabilityBoundingSet CAP_KILL": lambda: capability(5),
    "CapabilityBoundingSet CAP_SYS_BOOT": lambda: capability(22),
    "CapabilityBoundingSet CAP_SYS_RESOURCE": lambda: capability(24),
    "CapabilityBoundingSet CAP_LINUX_IMMUTABLE": lambda: capability(9),
    "CapabilityBoundingSet CAP_SETUID": lambda: capability(7),
    "CapabilityBoundingSet CAP_DAC_OVERRIDE": lambda: capability(1),
}


def outcome(act):
    """In a process of its own: some acts change the one that does them."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
            said = "done"
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    said = os.read(reading, 500).decode()
    os.close(reading)
    return said or f"ended by {status}"


print("ACTS " + json.dumps({name: outcome(act) for name, act in ACTS.items()}))
