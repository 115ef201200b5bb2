"""The lab's network: each member of etcd is on a machine of its own, and every line can be cut, one way or both.

All that they say passes this machine, on which coordinators are. To one another members are 10.77.0.1, 10.77.0.2
and so on; the first coordinator asks them at 10.77.1.1, 10.77.1.2, the second one at 10.77.2.1, 10.77.2.2. So the
firewall knows of each packet from whom it is and to whom.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.etcd import Home

LIMIT = 60.0  # seconds for one command
HERE = "10.77.255.{member}"  # this end of the line to a member
HOOKS = ("input", "output", "forward")


def address(member: int, asker: int = 0) -> str:
    """Return where a member (from 1) is asked by a coordinator (from 1), or by other members and by us (0)."""
    return f"10.77.{asker}.{member}"


@contextlib.contextmanager
def machines(members: int, coordinators: int) -> Iterator[Sequence[Home]]:
    """Make a network namespace for each member, with a line to ours, which has to be nobody else's."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    with contextlib.ExitStack() as stack:
        homes = []
        for member in range(1, members + 1):
            holder = stack.enter_context(_namespace())
            within = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
            _connect(member, [address(member, asker) for asker in range(coordinators + 1)], within)
            homes.append(Home(address(member), within))
        yield homes


@contextlib.contextmanager
def _namespace() -> Iterator[subprocess.Popen[bytes]]:
    """Hold a network namespace until the end, or ours."""
    words = ["unshare", "--net", "sh", "-c", "echo ready && exec cat"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"ready\n":
            raise RuntimeError("there is no further network namespace to be had")
        yield holder  # it ends when its standard input does


def _connect(member: int, addresses: Sequence[str], within: Sequence[str]) -> None:
    line, here = f"member{member}", HERE.format(member=member)
    ours = [
        f"link add {line} type veth peer name line netns {within[1].split('/')[2]}",
        f"addr add {here}/32 dev {line}",
        f"link set {line} up",
        *(f"route add {one}/32 dev {line} src {here}" for one in addresses),
    ]
    theirs = [
        "link set lo up",
        *(f"addr add {one}/32 dev line" for one in addresses),
        "link set line up",
        f"route add {here}/32 dev line src {addresses[0]}",
        f"route add default via {here} src {addresses[0]}",
    ]
    _ip(ours)
    _ip(theirs, within)


def _ip(lines: Sequence[str], within: Sequence[str] = ()) -> None:
    text = "".join(f"{line}\n" for line in lines)
    subprocess.run([*within, "ip", "-batch", "-"], input=text, text=True, check=True, timeout=LIMIT)


def firewall(rules: Sequence[str]) -> None:
    """Have these rules hold for all packets, in place of those before."""
    lines = ["table ip chaos", "delete table ip chaos"]
    if rules:
        chains = (f"chain {hook} {{ type filter hook {hook} priority 0; {'; '.join(rules)}; }}" for hook in HOOKS)
        lines += ["table ip chaos {", *chains, "}"]
    text = "\n".join([*lines, ""])
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True, timeout=LIMIT)
