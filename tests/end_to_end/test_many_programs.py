"""300 programs of Debian, asked for their version: what they print and how they exit is the same with and without us."""
import os
import re
import stat
import struct
import subprocess
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, EndToEnd, clean_environment, kill_session, long_or

TIME_LIMIT_S = 1200

FOLDER = Path("/usr/bin")
N_PROGRAMS = 300
# Names that are not tried, and why.
SKIPPED = {
    r"^(kill|pkill|killall|skill|snice|slay)$": "ends processes",
    r"^(systemctl|loginctl|reboot|halt|poweroff|shutdown|init|telinit|runlevel)$": "acts on the machine",
    r"^(wall|write|mesg)$": "writes on terminals",
    r"^(chromium|firefox|google-chrome|X|Xorg|xvfb|x.*term)": "opens windows",
    r"^(ssh-agent|gpg-agent|dirmngr|dbus-daemon|dbus-launch|dbus-run-session)$": "leaves a daemon",
    r"^(tmux|screen|script|scriptreplay|scriptlive|vi|vim|nano|ex|view|less|more|top|htop|watch|slabtop)": "wants a terminal",
    r"^pprofc": "ourselves",
    r"^(groff|man|mandb)$": "its children print at the same time, in any order",
    r"^gpg": "makes its folder at the first run",
}
# What a program prints of its own process or of the moment.
CHANGING = [re.compile(pattern) for pattern in (rb"0x[0-9a-f]{6,}", rb"\b\d{1,2}:\d{2}:\d{2}(\.\d+)?\b", rb"\b\d+\.\d{3,}\b", rb"(?<=:)\d+(?=\): )")]


def is_dynamic(path):
    """A 64-bit x86 ELF program with a loader other than musl's, that takes no rights of another user."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_mode & (stat.S_ISUID | stat.S_ISGID) or not os.access(path, os.X_OK):
        return False
    with open(path, "rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", head, 18)[0] != 62:
            return False
        offset, = struct.unpack_from("<Q", head, 32)
        size, number = struct.unpack_from("<HH", head, 54)
        file.seek(offset)
        for _ in range(number):
            segment = file.read(size)
            if struct.unpack_from("<I", segment)[0] == 3:  # PT_INTERP
                return True
    return False


def candidates():
    """Every program of the folder that may be tried, by name; links to one that is there already are left out."""
    seen = set()
    for path in sorted(FOLDER.iterdir()):
        try:
            real = path.resolve(strict=True)
            if real in seen or any(re.search(pattern, path.name) for pattern in SKIPPED) or not is_dynamic(real):
                continue
        except OSError:
            continue
        seen.add(real)
        yield path


def spread(items, number):
    """'number' of the items, evenly spaced."""
    return [items[i * len(items) // number] for i in range(number)] if len(items) > number else items


class ManyPrograms(EndToEnd):
    """`PROGRAM --version`: standard output, standard error and status are those of a run without us."""
    ALONE_S = 10
    N_SHORT = 40

    def look(self, command, more):
        """(status, output, errors) of a command, or None when it does not end by itself."""
        environment = clean_environment(HOME=self.folder, LC_ALL="C", TERM="dumb", **more)
        environment.pop("DISPLAY", None)
        child = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=environment, cwd=self.work, start_new_session=True)
        try:
            out, err = child.communicate(timeout=self.ALONE_S)
        except subprocess.TimeoutExpired:
            kill_session(child.pid)
            child.communicate()
            return None
        self.left = Path(f"/dev/shm/pprofc.{os.geteuid()}.{child.pid}")
        for pattern in CHANGING:
            out, err = pattern.sub(b"#", out), pattern.sub(b"#", err)
        return child.returncode, out.replace(b"%d" % child.pid, b"#"), err.replace(b"%d" % child.pid, b"#")

    def ways(self):
        """name -> (words before the program, environment)"""
        by_hand = {"LD_PRELOAD": BUILD / "libpprofc-preload.so", "PPROFC": "cpu", "PPROFC_FREQUENCY": 1000,
                   "PPROFC_OUTPUT": self.folder / "by_hand.%p.ppc", "PPROFC_LOG": self.folder / "log"}
        command = [PPROFC, "run", "-q", "-f", "-F", "1000", "-o", self.folder / "x.ppc", "--"]
        return {"LD_PRELOAD": ([], by_hand), "pprofc run": (command, {})}

    def test_versions(self):
        """40 of the 300, evenly spaced; all of them in the long form."""
        self.work = self.folder / "work"
        self.work.mkdir()
        programs = spread(spread(list(candidates()), N_PROGRAMS), long_or(N_PROGRAMS, self.N_SHORT))
        changing, bad, silent = [], [], []
        for path in programs:
            plain = self.look([path, "--version"], {})
            if plain is None or plain != self.look([path, "--version"], {}):
                changing.append(path.name)
                continue
            for way, (words, more) in self.ways().items():
                seen = self.look([*words, path, "--version"], more)
                if seen != plain:
                    bad.append(f"{path.name} by {way}: {seen} instead of {plain}")
                # What leaves by _exit, as dash does, writes no file by hand: its recording stays.
                if not list(self.folder.glob("*.ppc")) and not self.left.exists():
                    silent.append(f"{path.name} by {way}")
                for file in (*self.folder.glob("*.ppc"), self.left):
                    file.unlink(missing_ok=True)
        n_compared = len(programs) - len(changing)
        print(f"{n_compared} programs compared, each by {' and '.join(self.ways())}; {len(changing)} say something else each time: "
              f"{' '.join(changing)}", flush=True)
        self.assertEqual(bad, [])
        self.assertEqual(silent, [], "no recording was left")
        self.assertGreater(n_compared, 0.9 * len(programs))


class Hazard39ManyProgramsWithHeap(ManyPrograms):
    """The same with every allocation followed: dlsym's own memory, early malloc and all."""
    N_SHORT = 20

    def ways(self):
        return {"heap": ([], {"LD_PRELOAD": BUILD / "libpprofc-preload-heap.so", "PPROFC": "heap", "PPROFC_HEAP_INTERVAL": 1,
                              "PPROFC_OUTPUT": self.folder / "heap.%p.ppc", "PPROFC_LOG": self.folder / "log"})}


if __name__ == "__main__":
    unittest.main()
