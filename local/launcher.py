"""Runs a command as the leader of a session of its own and ends it, with everything it started,
when the other end of our standard input is closed: when whoever started us is gone, even by
kill -9. Usage: launcher.py PID_FILE COMMAND [ARGUMENT...]"""

import os
import select
import signal
import sys


def start(pid_file, command):
    """In the child: becomes the command."""
    os.setsid()
    with open(pid_file + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.replace(pid_file + ".new", pid_file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def main(pid_file, command):
    # A handled signal wakes the select below; the pipe stays readable until that happened.
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Not to be ended between the fork and the line that knows what to do about it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    child = os.fork()
    if child == 0:
        start(pid_file, command)

    def end(number):
        try:
            os.killpg(child, number)
        except (ProcessLookupError, PermissionError):
            return False  # nothing is left, or (macOS) about to be; or there is no group yet
        return True

    def terminate(*_):
        if not end(signal.SIGTERM):
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    while True:
        ready, _, _ = select.select([0, wake_read], [], [])
        if 0 in ready and not os.read(0, 4096):
            if not end(signal.SIGKILL):
                os.kill(child, signal.SIGKILL)
            os._exit(1)
        if wake_read in ready:
            os.read(wake_read, 4096)
            gone, status = os.waitpid(child, os.WNOHANG)
            if gone:
                end(signal.SIGKILL)  # what the command left behind
                code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
                os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
