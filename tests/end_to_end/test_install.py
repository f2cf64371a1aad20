"""What `make install` leaves, and that others can build with it: pkg-config, CMake, headers, moved trees."""
import os
import re
import shlex
import shutil
import subprocess
import unittest
from pathlib import Path

import installation
from harness import PPROFC, ROOT, EndToEnd, clean_environment
from installation import LIBDIR

TIME_LIMIT_S = 600

HEADERS = sorted(path.name for path in (ROOT / "include/pprofc").iterdir())
VERSION = re.search(r"^  version: '(.*)',$", (ROOT / "meson.build").read_text(), re.M).group(1)
MAN_PAGES = {"man1/pprofc.1", "man1/pprofc-bench.1", "man1/pprofc-run.1", "man1/pprofc-report.1", "man1/pprofc-convert.1",
             "man1/pprofc-diff.1", "man1/pprofc-serve.1", "man1/pprofc-history.1",
             "man1/pprofc-leaks.1", "man1/pprofc-merge.1", "man1/pprofc-off.1", "man1/pprofc-overhead.1", "man1/pprofc-push.1", "man1/pprofc-stacks.1", "man1/pprofc-symbolize.1", "man3/pprofc.3",
             "man7/pprofc.7"}
FUNCTIONS = sorted(set(re.findall(r"^(?:int|void|const void \*|struct \w+) ?\*?(pprofc_\w+)\(",
                                  "".join(path.read_text() for path in (ROOT / "include/pprofc").glob("*.h")), re.M)))

WRAPPED = ("pthread_create sigaction signal malloc free calloc realloc reallocarray memalign aligned_alloc posix_memalign valloc "
           "pvalloc free_sized free_aligned_sized mmap mmap64 munmap mremap").split()

# Calls nothing of ours: linked only to be switched on by the environment.
IDLE = "int main(void) { return 0; }\n"
# Burns a second of CPU in a thread and leaves the recording at argv[1].
BUSY = r"""
#include <pprofc/pprofc.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

static volatile unsigned sink;

__attribute__((noinline)) static void burn(void)
{
    for (unsigned i = 0; i < 1000000; i++)
        sink += i;
}

static void *work(void *unused)
{
    struct timespec now;
    do {
        burn();
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while (now.tv_sec == 0 && now.tv_nsec < 400000000);
    return unused;
}

int main(int argc, char **argv)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err;
    pthread_t thread;

    options.frequency_hz = PPROFC_MODE_HIGH;
    if (argc < 2 || pprofc_start(&options, &err) != 0)
        return 2;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    if (pprofc_stop(&recording, &err) != 0 || pprofc_recording_write(recording, argv[1], &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        return 3;
    }
    pprofc_recording_free(recording);
    return 0;
}
"""
# Calls malloc but nothing of ours, and keeps four mebibytes of a thousand objects.
HOARDER = r"""
#include <stdlib.h>
#include <string.h>

static char *kept[1000];

__attribute__((noinline)) static void hoard(int i)
{
    kept[i] = malloc(4096);
    memset(kept[i], i, 4096);
}

int main(void)
{
    for (int i = 0; i < 1000; i++)
        hoard(i);
    return kept[999][4095] == (char)999 ? 0 : 1;
}
"""
# Reads a profile and writes it again.
READER = r"""
#include <pprofc/profile.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    if (argc < 3 || pprofc_profile_read(argv[1], &profile, &err) != 0 || pprofc_profile_write(profile, argv[2], &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    pprofc_profile_free(profile);
    return 0;
}
"""


# Every macro of pprofc.h, as C99 and C++17 know it.
MACROS = r"""
#include <pprofc/pprofc.h>

const char *version(void);
const char *version(void) { return PPROFC_VERSION; }

double rates(void);
double rates(void)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_cursor cursor = PPROFC_CURSOR_INIT;
    PPROFC_PROFILE_SCOPE("one.svg");
    PPROFC_PROFILE_SCOPE("two.svg");
    options.kinds = PPROFC_KIND_CPU;
    return PPROFC_MODE_LOW + PPROFC_MODE_STANDARD + PPROFC_MODE_HIGH + (double)(cursor.session + options.kinds);
}
"""


def has(*programs):
    return all(shutil.which(program) for program in programs)


class Installed(EndToEnd):
    """Base: an installation in a prefix, and compilers that are told of it."""
    TIMEOUT_S = 120

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = installation.prefix()

    def run_ok(self, *argv, **more):
        finished = self.run_command(*argv, **more)
        self.assertEqual(finished.status, 0, f"{argv}\n{finished.out}{finished.err}")
        return finished

    def pkg_config(self, *args, root=None):
        """What pkg-config says of the installation, as words."""
        if not has("pkg-config"):
            self.skipTest("there is no pkg-config")
        environment = installation.user_environment(root or self.prefix)
        return shlex.split(self.run_ok("pkg-config", *args, env=environment).out)

    def source(self, text, name="program.c"):
        path = self.folder / name
        path.write_text(text)
        return path

    def needed(self, binary):
        return re.findall(r"\(NEEDED\).*\[(.*)\]", self.run_ok("readelf", "-dW", binary).out)

    def assert_hot(self, recording, function="burn"):
        """The recording, read by the installed command, has the function at the top."""
        report = self.run_ok(self.prefix / "bin/pprofc", "report", "--top", "3", recording)
        self.assertIn(function, report.out)


class Files(Installed):
    """The list of what is installed: nothing is missing, nothing strange is there, and it goes away again."""

    def expected(self):
        wanted = {"bin/pprofc", "share/bash-completion/completions/pprofc", "share/zsh/site-functions/_pprofc",
                  *(f"{LIBDIR}/pprofc/libpprofc-preload{kinds}.so" for kinds in ("", "-heap", "-wait", "-all")),
                  f"{LIBDIR}/pkgconfig/pprofc.pc", f"{LIBDIR}/pkgconfig/pprofc-report.pc",
                  f"{LIBDIR}/cmake/pprofc/pprofcConfig.cmake", f"{LIBDIR}/cmake/pprofc/pprofcConfigVersion.cmake"}
        for library in ("libpprofc", "libpprofc-report"):
            wanted |= {f"{LIBDIR}/{library}{end}" for end in (".a", ".so", ".so.0", f".so.{VERSION}")}
        wanted |= {f"include/pprofc/{name}" for name in HEADERS}
        wanted |= {f"share/man/{page}" for page in MAN_PAGES}
        if shutil.which("musl-gcc"):
            wanted.add(f"{LIBDIR}/libpprofc-musl.a")
        return wanted | {f"share/man/man3/{name}.3" for name in [*FUNCTIONS, "PPROFC_PROFILE_SCOPE", "PPROFC_SCOPE"]}

    def test_list(self):
        """make install DESTDIR= puts exactly these files below PREFIX, and make uninstall takes every one away."""
        destdir = self.folder / "root"
        installation.make("install", self.prefix, destdir)
        inside = destdir / str(self.prefix).lstrip("/")
        self.assertEqual(installation.files_below(inside), self.expected())
        self.assertEqual(installation.files_below(destdir),
                         {str(self.prefix / name).lstrip("/") for name in self.expected()}, "files outside of PREFIX")
        installation.make("uninstall", self.prefix, destdir)
        self.assertEqual(installation.files_below(destdir), set())

    def test_sonames_and_modes(self):
        """lib.so leads to lib.so.0 and that to the versioned file, whose soname is lib.so.0; programs alone are executable by all."""
        for library in ("libpprofc", "libpprofc-report"):
            folder = self.prefix / LIBDIR
            self.assertEqual(os.readlink(folder / f"{library}.so"), f"{library}.so.0")
            self.assertEqual(os.readlink(folder / f"{library}.so.0"), f"{library}.so.{VERSION}")
            self.assertIn(f"[{library}.so.0]", self.run_ok("readelf", "-dW", folder / f"{library}.so").out)
        for name in self.expected():
            mode = (self.prefix / name).stat().st_mode & 0o777
            self.assertIn(mode, {0o755, 0o644}, name)
            self.assertEqual(mode == 0o755, name == "bin/pprofc" or ".so" in name, f"{name} has mode {mode:o}")

    def test_no_trace_of_the_build(self):
        """No installed binary has a run path, and no text names the build folder."""
        for name in self.expected():
            path = self.prefix / name
            if name == "bin/pprofc" or ".so" in name:
                self.assertNotRegex(self.run_ok("readelf", "-dW", path).out, r"R(UN)?PATH", name)
            elif not name.endswith(".a"):
                self.assertNotIn(str(ROOT / "src"), path.read_text(), name)
                self.assertNotIn(str(installation.FOLDER / "build"), path.read_text(), name)

    def test_exports(self):
        """The installed libraries export pprofc_* alone: the version script was used."""
        for library in ("libpprofc", "libpprofc-report"):
            names = re.findall(r"^\S+ [A-Z] ([^\s@]+)", self.run_ok("nm", "-D", "--defined-only",
                                                                   self.prefix / LIBDIR / f"{library}.so").out, re.M)
            self.assertEqual([name for name in names if not name.startswith("pprofc_")], [])
            self.assertNotEqual(names, [])

    def test_man_finds_them(self):
        """man finds each page, also by the name of a function."""
        if not has("man"):
            self.skipTest("there is no man")
        for page in ("pprofc", "pprofc-run", "pprofc_start", "pprofc_profile_read", "PPROFC_PROFILE_SCOPE"):
            shown = self.run_command("man", "-M", self.prefix / "share/man", page, env=clean_environment(MANPAGER="cat", PAGER="cat"))
            if "not found or not installed" in shown.err or "minimized" in shown.out:
                self.skipTest("man shows no pages on this system")
            self.assertEqual(shown.status, 0, f"{page}: {shown.err}")
            self.assertIn("pprofc", shown.out)


class PkgConfig(Installed):
    """pkg-config's flags are all that a program needs, and keep the library that a program is linked with."""

    def test_versions(self):
        """Both packages have the project's version."""
        self.assertEqual(self.pkg_config("--modversion", "pprofc", "pprofc-report"), [VERSION, VERSION])

    def test_dynamic_program(self):
        """A program built with --cflags --libs profiles itself; the recording is sound."""
        flags = self.pkg_config("--cflags", "--libs", "pprofc")
        self.run_ok("gcc", "-O2", "-g", self.source(BUSY), *flags, f"-Wl,-rpath,{self.prefix / LIBDIR}", "-o", self.folder / "busy")
        self.run_ok(self.folder / "busy", self.folder / "busy.ppc")
        self.assert_hot(self.folder / "busy.ppc")

    def test_static_program(self):
        """A -static program built with --static --libs profiles itself, its threads found at their birth by the linker's wrapping."""
        flags = self.pkg_config("--static", "--cflags", "--libs", "pprofc")
        self.assertIn("-Wl,-u,pprofc_start,-u,pprofc_profile_call,-u,__wrap_malloc,-u,__wrap_mmap,--eh-frame-hdr," + ",".join(f"--wrap={name}" for name in WRAPPED), flags)
        self.run_ok("gcc", "-O2", "-g", "-static", self.source(BUSY), *flags, "-o", self.folder / "busy")
        self.assertNotIn("NEEDED", self.run_ok("readelf", "-dW", self.folder / "busy").out)
        self.assertIn("__wrap_pthread_create", self.run_ok("nm", self.folder / "busy").out)
        self.run_ok(self.folder / "busy", self.folder / "busy.ppc")
        self.assert_hot(self.folder / "busy.ppc")
        self.run_ok("gcc", "-O2", "-g", "-static", self.source(HOARDER), *flags, "-o", self.folder / "hoarder")
        self.run_ok(self.folder / "hoarder", env=clean_environment(PPROFC="heap", PPROFC_OUTPUT=self.folder / "heap.ppc"))
        self.assert_hot(self.folder / "heap.ppc", "hoard")

    def test_report_library(self):
        """A program built with pprofc-report's flags reads a recording and writes a flame graph."""
        flags = self.pkg_config("--cflags", "--libs", "pprofc-report")
        self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "0.3", output="in.pb.gz")
        self.run_ok("gcc", "-O2", self.source(READER), *flags, f"-Wl,-rpath,{self.prefix / LIBDIR}", "-o", self.folder / "reader")
        self.run_ok(self.folder / "reader", self.folder / "in.pb.gz", self.folder / "out.svg")
        self.assertIn("heavy", (self.folder / "out.svg").read_text())

    def test_hazard_36_unused_library_is_kept(self):
        """A program that calls nothing of ours keeps libpprofc with pkg-config's flags, whatever the toolchain does by itself."""
        flags = self.pkg_config("--libs", "pprofc")
        linkers = {"gcc": ["gcc"], "gcc --as-needed": ["gcc", "-Wl,--as-needed"]}
        if has("clang"):
            linkers["clang"] = ["clang"]
        if has("ld.lld"):
            linkers["lld --as-needed"] = ["gcc", "-fuse-ld=lld", "-Wl,--as-needed"]
        for name, command in linkers.items():
            with self.subTest(name):
                self.run_ok(*command, self.source(IDLE), f"-L{self.prefix / LIBDIR}", "-lpprofc", "-o", self.folder / "plain")
                is_kept = "libpprofc.so.0" in self.needed(self.folder / "plain")
                print(f"hazard 36: {name}: plain -lpprofc is {'kept' if is_kept else 'dropped'}, pkg-config's is kept", flush=True)
                self.run_ok(*command, self.source(IDLE), *flags, "-o", self.folder / "linked")
                self.assertIn("libpprofc.so.0", self.needed(self.folder / "linked"))

    def test_flags_do_not_leak(self):
        """What is linked after ours is as needed as it was before: the flags restore the linker's state."""
        flags = self.pkg_config("--libs", "pprofc")
        self.run_ok("gcc", "-Wl,--as-needed", self.source(IDLE), *flags, "-lm", "-o", self.folder / "linked")
        self.assertNotIn("libm.so.6", self.needed(self.folder / "linked"))

    def test_headers(self):
        """Each installed header alone is clean: gcc and clang, C99, C11 and C17, C++17 and C++20, -pedantic -Wall -Wextra -Werror; so is
        the use of every macro."""
        n_compiled = 0
        for compiler, standards in (("gcc", ("c99", "c11", "c17")), ("clang", ("c99", "c11", "c17")),
                                    ("g++", ("c++17", "c++20")), ("clang++", ("c++17", "c++20"))):
            if not has(compiler):
                print(f"headers: no {compiler} here")
                continue
            for header in HEADERS:
                is_cpp = "++" in compiler
                if header.endswith(".hpp") and not is_cpp:
                    continue
                text = f"#include <pprofc/{header}>\n#include <pprofc/{header}>\n" + (MACROS if header == "pprofc.h" else "")
                source = self.source(text, "one.cc" if is_cpp else "one.c")
                for standard in standards:
                    self.run_ok(compiler, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                                *self.pkg_config("--cflags", "pprofc"), source)
                    n_compiled += 1
        print(f"headers: {n_compiled} times compiled alone")


class CMakePackage(Installed):
    """find_package(pprofc) works, wherever the tree lies."""

    PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES C)
find_package(pprofc {request} REQUIRED {components})
add_executable(busy busy.c)
target_link_libraries(busy PRIVATE pprofc::pprofc)
add_executable(idle idle.c)
target_link_libraries(idle PRIVATE pprofc::pprofc m)
add_executable(busy_static busy.c)
target_link_options(busy_static PRIVATE -static)
target_link_libraries(busy_static PRIVATE pprofc::pprofc_static)
add_executable(reader reader.c)
target_link_libraries(reader PRIVATE pprofc::report)
"""

    def configure(self, root, request="", components=""):
        if not has("cmake"):
            self.skipTest("there is no cmake")
        shutil.rmtree(self.folder / "user", ignore_errors=True)
        project = self.folder / "user"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(self.PROJECT.format(request=request, components=components))
        for name, text in (("busy.c", BUSY), ("idle.c", IDLE), ("reader.c", READER)):
            (project / name).write_text(text)
        return self.run_command("cmake", "-S", project, "-B", project / "build", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                                env=installation.user_environment(root, LDFLAGS="-Wl,--as-needed"))

    def test_moved_tree(self):
        """In a tree that was moved, all four targets build and run; the library that nothing calls is kept, its neighbour is not."""
        moved = self.folder / "moved here"
        shutil.copytree(self.prefix, moved, symlinks=True)
        configured = self.configure(moved, VERSION, "COMPONENTS report")
        self.assertEqual(configured.status, 0, configured.err)
        build = self.folder / "user/build"
        self.run_ok("cmake", "--build", build)
        for name in ("busy", "busy_static"):
            self.run_ok(build / name, self.folder / f"{name}.ppc")
            self.assert_hot(self.folder / f"{name}.ppc")
        self.run_ok(build / "reader", self.folder / "busy.ppc", self.folder / "busy.svg")
        self.assertIn("burn", (self.folder / "busy.svg").read_text())
        self.assertIn("libpprofc.so.0", self.needed(build / "idle"))
        self.assertNotIn("libm.so.6", self.needed(build / "idle"))
        self.assertIn(str(moved), self.run_ok("readelf", "-dW", build / "busy").out, "the run path of the build")

    def test_versions(self):
        """The same minor version is taken, another one refused; so is a component that there is not."""
        major, minor, _ = VERSION.split(".")
        for request in ("", f"{major}.{minor}", VERSION):
            self.assertEqual(self.configure(self.prefix, request).status, 0, request)
        for request in (f"{major}.{int(minor) + 1}", f"{int(major) + 1}.0"):
            refused = self.configure(self.prefix, request)
            self.assertNotEqual(refused.status, 0, request)
            self.assertIn(f"version: {VERSION}", refused.err)
        refused = self.configure(self.prefix, "", "COMPONENTS charts")
        self.assertNotEqual(refused.status, 0)
        self.assertIn("charts", refused.err)


class PreloadIsFound(Installed):
    """An installed `pprofc run` finds its preload in LIBDIR/pprofc."""

    def assert_profiles(self, command):
        finished = self.run_command(command, "run", "--strict", "-F", "1000", "-o", self.folder / "out.pb.gz", "-f", "--",
                                    self.program("two_to_one"), "0.3")
        self.assertEqual(finished.status, 0, finished.err)
        self.assertGreater(self.quality(finished)["n_samples"], 100)

    def preloaded(self, command):
        """The library that a program started by 'command' has mapped."""
        maps = self.run_ok(command, "run", "-q", "-o", self.folder / "maps.pb.gz", "-f", "--", "cat", "/proc/self/maps").out
        return {Path(line.split(maxsplit=5)[5]) for line in maps.splitlines() if "libpprofc-preload" in line}

    def test_prefix(self):
        """In PREFIX, where it was installed to, also by a symbolic link to the command."""
        self.assert_profiles(self.prefix / "bin/pprofc")
        link = self.folder / "link"
        link.symlink_to(self.prefix / "bin/pprofc")
        library = (self.prefix / LIBDIR / "pprofc/libpprofc-preload.so").resolve()
        self.assertEqual(self.preloaded(link), {library})

    def test_moved(self):
        """In a tree that was moved, its own library is the one that is used."""
        moved = self.folder / "moved"
        shutil.copytree(self.prefix, moved, symlinks=True)
        self.assert_profiles(moved / "bin/pprofc")
        self.assertEqual(self.preloaded(moved / "bin/pprofc"), {moved / LIBDIR / "pprofc/libpprofc-preload.so"})

    def test_command_alone(self):
        """A command that was copied away alone finds the library where it was installed to."""
        shutil.copy(self.prefix / "bin/pprofc", self.folder / "pprofc")
        library = (self.prefix / LIBDIR / "pprofc/libpprofc-preload.so").resolve()
        self.assertEqual(self.preloaded(self.folder / "pprofc"), {library})

    def test_usr_and_usr_local(self):
        """For the prefixes /usr and /usr/local, staged by DESTDIR as a package is: LIBDIR is below them, and the paths inside the
        files are those of the final place."""
        for prefix in ("/usr/local", "/usr"):
            with self.subTest(prefix):
                destdir = self.folder / ("root" + prefix.replace("/", "-"))
                installation.make("install", prefix, destdir)
                root = destdir / prefix.lstrip("/")
                self.assertEqual(self.preloaded(root / "bin/pprofc"), {root / LIBDIR / "pprofc/libpprofc-preload.so"})
                self.assertIn(f"prefix={prefix}\n", (root / LIBDIR / "pkgconfig/pprofc.pc").read_text())
                self.assertIn(f"{prefix}/{LIBDIR}/pprofc", self.run_ok("strings", root / "bin/pprofc").out)

    def test_nowhere(self):
        """Without the library the program runs all the same, after one line that says where it was looked for."""
        moved = self.folder / "moved"
        shutil.copytree(self.prefix, moved, symlinks=True)
        (moved / LIBDIR / "pprofc/libpprofc-preload.so").unlink()
        kept = self.prefix / LIBDIR / "pprofc/libpprofc-preload.so"
        hidden = kept.with_name("hidden.so")
        kept.rename(hidden)
        try:
            finished = self.run_command(moved / "bin/pprofc", "run", "--", "echo", "ran")
        finally:
            hidden.rename(kept)
        self.assertEqual((finished.status, finished.out), (0, "ran\n"), finished.err)
        self.assertEqual(len(finished.own_lines), 1, finished.err)
        self.assertIn(f"{LIBDIR}/pprofc", finished.err)


if __name__ == "__main__":
    unittest.main()
