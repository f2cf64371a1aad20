"""What the built libraries show to the programs they are loaded into."""
import re
import subprocess
import unittest

from tree import ROOT, built

MAX_TLS_BYTES = 128
LIBC = {"libc.so.6", "ld-linux-x86-64.so.2"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def exported(library):
    return set(re.findall(r"^\S+ [A-Z] ([^\s@]+)", run("nm", "-D", "--defined-only", str(library)), re.M))


def needed(library):
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", str(library))))


def version_script_names(path):
    """The global names of a version script, as regular expressions."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    block = re.search(r"global:(.*?)(local:|\})", text, re.S)
    return [re.escape(name).replace(r"\*", ".*") for name in re.findall(r"[\w*]+", block.group(1))]


class Built(unittest.TestCase):
    def library(self, name):
        return built(name)

    def check_guest(self, library):
        """Rules for what is loaded into other people's processes."""
        self.assertLessEqual(needed(library), LIBC)
        dynamic = run("readelf", "-dW", str(library))
        headers = run("readelf", "-lW", str(library))
        self.assertRegex(dynamic, r"FLAGS.*NOW", "bound at load: a handler must never enter the loader")
        self.assertRegex(dynamic, r"NODELETE", "handlers outlive dlclose")
        self.assertNotIn("TEXTREL", dynamic)
        self.assertNotRegex(headers, r"GNU_STACK.*RWE")
        self.assertNotRegex(run("readelf", "-rW", str(library)), r"DTPMOD|DTPOFF|TLSDESC", "thread-locals are initial-exec")
        tls = re.search(r"^\s+TLS\s+\S+ \S+ \S+ \S+ (\S+)", headers, re.M)
        if tls:
            self.assertLess(int(tls.group(1), 16), MAX_TLS_BYTES)

    def test_libpprofc(self):
        """libpprofc needs libc alone, exports pprofc_* alone and takes little of the static TLS."""
        library = self.library("libpprofc.so")
        self.assertEqual([name for name in exported(library) if not name.startswith("pprofc_")], [])
        self.check_guest(library)
        self.assertIn("[libpprofc.so.0]", run("readelf", "-dW", str(library)))

    def test_command(self):
        """What the command links is loaded at each of its starts: GnuTLS, by libmicrohttpd, or libcurl would be half of that."""
        linked = {re.sub(r"\.so.*", "", name) for name in needed(self.library("pprofc"))} - {"ld-linux-x86-64"}
        self.assertEqual(linked, {"libdw", "libelf", "libdeflate", "libzstd", "libjansson", "libm", "libc"})

    def test_static_libpprofc(self):
        """libpprofc.a puts no name outside our two families into a program, but those of --wrap where it is used."""
        names = re.findall(r"^\S+ [A-Z] (\S+)$", run("nm", "-g", "--defined-only", str(self.library("libpprofc.a"))), re.M)
        self.assertEqual([name for name in names if not name.startswith(("pprofc_", "pp_", "__wrap_"))], [])

    def test_preload(self):
        """The preload library exports what its version script names, all of it and nothing more."""
        library = self.library("libpprofc-preload.so")
        patterns = version_script_names(ROOT / "src/capture/preload.map")
        names = exported(library)
        self.assertEqual([name for name in names if not any(re.fullmatch(p, name) for p in patterns)], [])
        missing = [p for p in patterns if not any(re.fullmatch(p, name) for name in names)]
        self.assertEqual(missing, [], "named in preload.map but not there")
        self.check_guest(library)

    def test_preloads_for_waits(self):
        """Those that interpose waits export libc's names beside, no helper of theirs; conditions as the newer of two kinds,
        where libc has two."""
        waits = re.findall(r"PP_WAIT_NAME\((\w+)\)", (ROOT / "src/capture/wait_names.def").read_text())
        for variant, names in (("wait", "preload.map"), ("all", "preload_heap.map")):
            with self.subTest(variant=variant):
                library = self.library(f"libpprofc-preload-{variant}.so")
                patterns = version_script_names(ROOT / "src/capture" / names) + waits
                found = exported(library) - {"GLIBC_2.3.2"}
                self.assertEqual([name for name in found if not any(re.fullmatch(p, name) for p in patterns)], [])
                self.assertEqual([p for p in patterns if not any(re.fullmatch(p, name) for name in found)], [])
                versions = dict(re.findall(r"(\w+)(@+[\w.]+)", run("nm", "-D", "--defined-only", str(library))))
                libc = run("nm", "-D", "--defined-only", next(word for word in run("ldd", str(library)).split() if word.startswith("/") and "libc.so" in word))
                kinds = {name: {where for where, _, named in re.findall(rf"^(\S+) (\S) ({name})@", libc, re.M)} for name in waits}
                self.assertEqual(sorted(versions), sorted(name for name, places in kinds.items() if len(places) > 1))
                self.check_guest(library)

    def test_libpprofc_report(self):
        """libpprofc-report exports pprofc_* alone: no libiberty, no names of ours across files."""
        library = self.library("libpprofc-report.so")
        self.assertEqual([name for name in exported(library) if not name.startswith("pprofc_")], [])
        self.assertNotIn("TEXTREL", run("readelf", "-dW", str(library)))


if __name__ == "__main__":
    unittest.main()
