"""Reads the CPU profile that gperftools writes: 64-bit words, then the process's memory map as text."""
import bisect
import re
import struct
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MAP_LINE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \S+ +(/.*)$")


@dataclass
class GperftoolsProfile:
    period_ns: int
    samples: list  # (count, names leaf first)


@lru_cache(maxsize=None)
def functions_of(path):
    """Addresses and names of a file's own functions, by address."""
    listed = subprocess.run(["nm", "--defined-only", path], capture_output=True, text=True).stdout
    found = sorted((int(address, 16), name) for address, kind, name in
                   (line.split(maxsplit=2) for line in listed.splitlines() if line.count(" ") == 2) if kind in "tTwW")
    return [address for address, _ in found], [name for _, name in found]


class Names:
    """Names of addresses by a memory map; where a file has no symbol, the file's own name."""

    def __init__(self, text):
        self.ranges, self.bases = [], {}
        for line in text.splitlines():
            found = MAP_LINE.match(line)
            if found:
                start, end, offset = (int(number, 16) for number in found.group(1, 2, 3))
                self.bases.setdefault(found[4], start - offset)
                self.ranges.append((start, end, found[4]))
        self.ranges.sort()

    def name(self, pc):
        at = bisect.bisect_right(self.ranges, (pc, 1 << 64, "")) - 1
        if at < 0 or pc >= self.ranges[at][1]:
            return f"{pc:#x}"
        path = self.ranges[at][2]
        addresses, names = functions_of(path)
        # Objects that are not position-independent have their addresses in the file already.
        i = bisect.bisect_right(addresses, pc - self.bases[path]) - 1
        return names[i] if i >= 0 else Path(path).name


def read(path):
    data = Path(path).read_bytes()
    words = struct.unpack_from("<5Q", data)
    if words[0] != 0 or words[1] < 3 or words[2] != 0:
        raise ValueError(f"{path} is no CPU profile of gperftools")
    at = 8 * (2 + words[1])
    records = []
    while True:
        count, depth = struct.unpack_from("<2Q", data, at)
        pcs = struct.unpack_from(f"<{depth}Q", data, at + 16)
        at += 16 + 8 * depth
        if count == 0 and depth == 1 and pcs == (0,):  # the trailer
            break
        records.append((count, pcs))
    names = Names(data[at:].decode(errors="replace"))
    # Every address but the first is where a call returns to.
    samples = [(count, [names.name(pc - (i > 0)) for i, pc in enumerate(pcs)]) for count, pcs in records]
    return GperftoolsProfile(words[3] * 1000, samples)
