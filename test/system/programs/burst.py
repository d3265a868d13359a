"""Writes numbered lines at an even pace, as an app does (stdout) or as nginx does (/dev/log, without waiting)."""
import socket
import sys
import time

how, count, a_second = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if how == "nginx":
    log.connect("/dev/log")
    log.setblocking(False)
began = time.monotonic()
for i in range(count):
    if how == "nginx":
        try:
            log.send(b"<190>Nov 26 10:00:00 access: GET /%d" % i)
        except BlockingIOError:
            pass
    else:
        print(f"line {i}", flush=True)
    if i % 25 == 0:
        time.sleep(max(0, began + i / a_second - time.monotonic()))
# journald asks the kernel which unit a line is from.
time.sleep(3)
