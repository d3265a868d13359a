"""
Writes numbered lines at an even pace, as an app does (stdout) or as nginx does (/dev/log, without waiting). What the
kernel does not take from nginx, as journald had no turn for too long, is lost to nginx, too: its numbers end up in
/run/not-taken.
"""
import socket
import sys
import time

how, count, a_second = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if how == "nginx":
    log.connect("/dev/log")
    log.setblocking(False)
not_taken = []
began = time.monotonic()
for i in range(count):
    if how == "nginx":
        try:
            log.send(b"<190>Nov 26 10:00:00 access: GET /%d" % i)
        except BlockingIOError:
            not_taken.append(i)
    else:
        print(f"line {i}", flush=True)
    if i % 25 == 0:
        time.sleep(max(0, began + i / a_second - time.monotonic()))
if how == "nginx":
    with open("/run/not-taken", "w") as file:
        file.writelines(f"{i}\n" for i in not_taken)
# journald asks the kernel which unit a line is from.
time.sleep(3)
