"""Linux namespaces that end with the test, however it ends: nothing of them has a name, a file or saved state.

Each is held by a process that reads a pipe from us and is the first of its own process namespace. When we end or
are killed, the kernel closes the pipe, the holder ends, and the kernel kills every process inside and takes the
network down. So labs of parallel tests cannot clash, and none can be left behind.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from tests.support.line_program import LIMIT, LineProgram

ROOT = Path(__file__).parents[2]
PROGRAMS = ("ip", "nft", "nsenter", "sysctl", "tc", "unshare")

# No DNS inside: look-ups fail at once instead of after ten seconds.
HOLD = """
set -e
mount -t tmpfs netlab /mnt
printf 'nameserver 127.0.0.1\\noptions timeout:1 attempts:1\\n' > /mnt/resolv.conf
printf '127.0.0.1 localhost\\n::1 localhost\\n' > /mnt/hosts
for file in resolv.conf hosts; do
    if [ -e "/etc/$file" ]; then mount --bind "/mnt/$file" "/etc/$file"; fi
done
umount -l /mnt
ip link set lo up
echo ready
exec cat
"""


class NetlabError(RuntimeError):
    """Something in the lab cannot be done, in the words of the program that refused."""


def why_impossible() -> str | None:
    """Return why this machine cannot have a lab, or None where it can."""
    if sys.platform != "linux":
        return "needs Linux's network namespaces"
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return "needs " + ", ".join(missing)
    try:
        with closing(Namespace("try")) as space:
            space.nft("netlab_try", "chain try { }")
    except NetlabError as error:
        return f"this machine lets root make no network namespaces (a container without --privileged?): {error}"
    return None


class Guest(LineProgram):
    """A program that runs in a namespace, to be stopped, killed or frozen."""

    def stop(self, grace: float = 20.0) -> int:
        """Ask it to end, kill it if it does not; return its exit code."""
        self.thaw()
        self._signal(signal.SIGTERM)
        try:
            return self.process.wait(grace)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        self._signal(signal.SIGKILL)
        return self.process.wait(LIMIT)

    def freeze(self) -> None:
        """Stop it as closing a laptop's lid does: the world goes on without it."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # nsenter stops with its child

    def _signal(self, number: signal.Signals) -> None:
        pid = self._pid()
        if pid is not None:
            os.kill(pid, number)

    def _pid(self) -> int | None:
        """Return the pid of the program itself, the only child of nsenter, or None when it has ended."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        end = time.monotonic() + LIMIT
        while self.process.poll() is None:
            pids = children.read_text().split()
            if pids:
                return int(pids[0])
            if time.monotonic() > end:
                raise NetlabError("the program in the namespace never started")
            time.sleep(0.005)
        return None


class Namespace:
    """A network of its own with processes of its own; `close` ends both and may be called again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._guests: list[Guest] = []
        flags = ("--net", "--pid", "--mount-proc", "--fork", "--kill-child")
        self._holder = subprocess.Popen(
            ["unshare", *flags, "sh", "-c", HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            raise NetlabError(f"no namespace for {name}: {self._end().strip()}")

    @property
    def pid(self) -> int:
        """Return the pid of the holder, by which `ip` knows the namespace."""
        return self._holder.pid

    def run(
        self, *argv: str, check: bool = True, feed: str | None = None, limit: float = LIMIT
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside and wait for it; raise NetlabError where it fails and `check` is set."""
        return self._done(*argv, enter=self._enter(), check=check, feed=feed, limit=limit)

    def spawn(self, *argv: str, log: Path | None = None, talk: bool = False) -> Guest:
        """Start a program inside, which ends with the namespace; what it says goes to `log`.

        With `talk` its stdin and stdout are pipes instead.
        """
        with (Path(os.devnull) if log is None else log).open("a", encoding="utf-8") as out:
            process = subprocess.Popen(
                [*self._enter(), *argv],
                stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talk else out,
                stderr=out,
                text=True,
            )
        self._guests.append(Guest(process, log))
        return self._guests[-1]

    def ip(self, *argv: str) -> None:
        """Run `ip` on this network, but with everybody's pids, so that a cable can lead into another namespace."""
        self._done("ip", *argv, enter=("nsenter", f"--net=/proc/{self.pid}/ns/net", "--"))

    def sysctl(self, key: str, value: int, *, check: bool = True) -> None:
        self.run("sysctl", "-qw", f"{key}={value}", check=check)

    def nft(self, table: str, chains: str) -> None:
        """Replace an nftables table; without chains it is removed."""
        text = f"table ip {table}\ndelete table ip {table}\n"
        if chains:
            text += f"table ip {table} {{\n{chains}\n}}\n"
        self.run("nft", "-f", "-", feed=text)

    def name_hosts(self, addresses: Mapping[str, str]) -> None:
        """Give names to addresses, for programs inside."""
        lines = ["127.0.0.1 localhost", *(f"{ip} {host}" for host, ip in addresses.items())]
        self.run("sh", "-c", "cat > /etc/hosts", feed="\n".join(lines) + "\n")

    def close(self) -> None:
        self._end()
        for guest in self._guests:
            guest.close()

    def _enter(self) -> Sequence[str]:
        here = f"/proc/{self._holder.pid}/ns"
        spaces = (f"--net={here}/net", f"--mount={here}/mnt", f"--pid={here}/pid_for_children")
        return ("nsenter", *spaces, f"--wdns={ROOT}", "--")

    def _done(
        self, *argv: str, enter: Sequence[str], check: bool = True, feed: str | None = None, limit: float = LIMIT
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*enter, *argv], input=feed, text=True, capture_output=True, timeout=limit, check=False
        )
        if check and done.returncode:
            raise NetlabError(f"{self.name}: {shlex.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def _end(self) -> str:
        """Let the holder end, and with it everything inside; return what it complained about."""
        if self._holder.poll() is not None and self._holder.stdin is not None and self._holder.stdin.closed:
            return ""
        try:
            _, said = self._holder.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            _, said = self._holder.communicate(timeout=LIMIT)
        return said
