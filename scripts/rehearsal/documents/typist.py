"""Runs a command in a terminal, and types what a person would where it asks.

    typist.py SECONDS ANSWERS COMMAND...

ANSWERS is a JSON list of [expression, what is typed]. What the command shows goes to stdout; the exit code is the
command's, 124 when it took longer than SECONDS. The first expression that fits what was shown since the last answer is
answered; an answer that is "y" as often as it fits, any other once.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


def main(seconds: float, answers: list[list[str]], command: list[str]) -> int:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    deadline = time.monotonic() + seconds
    seen = ""
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return 124
        try:
            shown = os.read(terminal, 65536)
        except OSError:
            # As Linux says that the last program of the terminal has ended.
            shown = b""
        if not shown:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.buffer.write(shown)
        sys.stdout.flush()
        seen += ESCAPES.sub("", shown.decode("utf-8", "replace"))
        for answer in answers:
            if re.search(answer[0], seen):
                os.write(terminal, answer[1].encode())
                seen = ""
                if answer[1] != "y":
                    answers.remove(answer)
                break


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]))
