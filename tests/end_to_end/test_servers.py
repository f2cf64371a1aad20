"""Servers and programs of many processes: nginx, redis, git, python3, node, Rust and bash do under us what they do without."""
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

from harness import PPROFC, EndToEnd, clean_environment, free_ports, long_or

TIME_LIMIT_S = 1200


def need(program):
    return unittest.skipUnless(shutil.which(program), f"no {program}")


class Processes(EndToEnd):
    """What the classes below share."""

    def setUp(self):
        super().setUp()
        self.profiles = self.folder / "profiles"
        self.profiles.mkdir()

    def start_profiled(self, *command, options=("--follow",), **more):
        """The command under `pprofc run` at 1000 Hz, profiles into a folder."""
        return self.start(PPROFC, "run", "-F", "1000", *options, "-o", self.profiles, "--", *command, **more)

    def assert_same(self, *command, options=("--follow",), **more):
        """Standard output and status are those of an unprofiled run; gives both runs."""
        plain = self.run_command(*command, **more)
        profiled = self.finish(self.start_profiled(*command, options=options, **more))
        self.assertEqual((profiled.status % 256, profiled.out), (plain.status % 256, plain.out), profiled.err)
        theirs = [line for line in profiled.err.splitlines() if not line.startswith(("pprofc:", "  "))]
        # Shells name processes by their numbers.
        self.assertEqual([re.sub(r"\d+", "#", line) for line in theirs], [re.sub(r"\d+", "#", line) for line in plain.err.splitlines()])
        return plain, profiled

    def wait_until(self, look, what):
        for _ in range(1000):
            if look():
                return
            time.sleep(0.02)
        self.fail(f"{what} did not happen in 20 s")

    @staticmethod
    def answers(port):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    def files_of(self, name):
        return sorted(self.profiles.glob(f"{name}.*.pb.gz"))

    def module_share(self, path, pattern):
        profile = self.read_profile(path)
        index = profile.type_index("cpu")
        total = sum(sample.values[index] for sample in profile.samples)
        return sum(sample.values[index] for sample in profile.samples
                   if any(re.search(pattern, frame.module) for frame in sample.frames)) / total

    def assert_sane(self, finished):
        """Each line of quality: nothing lost, and at least 80 % of the CPU, a few ms apart, in samples of any process."""
        lines = re.findall(r"([\d.]+) (ms|s) of ([\d.]+) (ms|s) CPU .*?, ([\d ]+) lost", finished.err)
        self.assertGreater(len(lines), 0, finished.err)
        for sampled, sampled_unit, cpu, cpu_unit, n_lost in lines:
            sampled_s, cpu_s = (float(number) / (1000 if unit == "ms" else 1)
                                for number, unit in ((sampled, sampled_unit), (cpu, cpu_unit)))
            self.assertEqual(int(n_lost.replace(" ", "")), 0, finished.err)
            self.assertGreaterEqual(sampled_s, 0.8 * cpu_s - 0.02, finished.err)


@need("nginx")
class Nginx(Processes):
    """A master and its workers, reloaded under load: every request is answered and every worker has its profile."""
    N_WORKERS = 2
    N_REQUESTS = long_or(20000, 400)

    def configure(self):
        [self.port] = free_ports()
        (self.folder / "logs").mkdir()
        (self.folder / "index.html").write_text(" ".join(str(i * 7919 % 65521) for i in range(2000)))
        user = "user root;" if os.geteuid() == 0 else ""
        path = self.folder / "nginx.conf"
        # Compressing each answer is what the workers spend their time in.  With a socket each, the kernel deals connections out
        # by their ports; from one socket the worker that is awake takes them all.
        path.write_text(f"""{user} daemon off; worker_processes {self.N_WORKERS}; pid {self.folder}/pid; error_log {self.folder}/error;
events {{ worker_connections 64; }}
http {{ access_log off; gzip on; gzip_comp_level 9; gzip_types *; client_body_temp_path {self.folder}/a; proxy_temp_path {self.folder}/b;
fastcgi_temp_path {self.folder}/c; uwsgi_temp_path {self.folder}/d; scgi_temp_path {self.folder}/e;
server {{ listen 127.0.0.1:{self.port} reuseport; root {self.folder}; }} }}
""")
        return ["nginx", "-p", str(self.folder), "-e", str(self.folder / "error"), "-c", str(path)]

    def fetch(self, number):
        for _ in range(number):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            connection.request("GET", "/index.html", headers={"Accept-Encoding": "gzip", "Connection": "close"})
            answer = connection.getresponse()
            self.assertEqual((answer.status, len(answer.read()) > 20), (200, True))
            connection.close()

    def test_prefork_and_reload(self):
        """Requests, `nginx -s reload`, requests, `nginx -s quit`: status 0, and four workers' profiles with deflate in them."""
        command = self.configure()
        server = self.start_profiled(*command)
        self.wait_until(lambda: self.answers(self.port), "listening")
        self.fetch(self.N_REQUESTS // 2)
        master = int((self.folder / "pid").read_text())
        before = self.workers(master)
        self.assertEqual(self.run_command(*command, "-s", "reload").status, 0)
        self.wait_until(lambda: len(self.workers(master)) == self.N_WORKERS and not self.workers(master) & before, "the reload")
        self.fetch(self.N_REQUESTS // 2)
        workers = before | self.workers(master)
        self.assertEqual(self.run_command(*command, "-s", "quit").status, 0)
        finished = self.finish(server)
        self.assertEqual(finished.status, 0, finished.err)
        self.assert_sane(finished)
        files = {int(path.name.split(".")[1]): path for path in self.files_of("nginx")}
        self.assertEqual((len(workers), (workers | {master}) - set(files)), (2 * self.N_WORKERS, set()), finished.err)
        in_zlib = [self.module_share(files[pid], r"/libz\.") for pid in workers]
        self.assertGreater(min(in_zlib), 0.3, in_zlib)

    @staticmethod
    def workers(master):
        """Of the master's children those that work; one that has ended meanwhile is none."""
        found = set()
        for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            try:
                title = Path(f"/proc/{pid}/cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"worker process" in title and b"shutting" not in title:
                found.add(int(pid))
        return found


@need("redis-server")
class Redis(Processes):
    """A server with helper threads that forks to save: its answers and its file are right, and so is its profile."""

    def cli(self, *words):
        finished = self.run_command("redis-cli", "-p", self.port, *words)
        self.assertEqual(finished.status, 0, finished.err)
        return finished.out.strip()

    def test_load_bgsave_shutdown(self):
        """redis-benchmark, BGSAVE in a forked child, SHUTDOWN: status 0, the dump is read again, and processCommand is hot."""
        self.port = str(*free_ports())
        server = self.start_profiled("redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                                     "--dbfilename", "dump.rdb", "--enable-debug-command", "yes")
        self.wait_until(lambda: self.answers(int(self.port)), "listening")
        self.assertEqual(self.cli("DEBUG", "POPULATE", str(long_or(2000000, 200000)), "key", "100"), "OK")
        load = self.run_command("redis-benchmark", "-p", self.port, "-n", long_or(500000, 10000), "-t", "set,get,lpush", "-q", "-r", "1000")
        self.assertEqual(load.status, 0, load.err)
        self.cli("BGSAVE")
        self.wait_until(lambda: "rdb_bgsave_in_progress:0" in self.cli("INFO", "persistence"), "the end of BGSAVE")
        self.assertIn("rdb_last_bgsave_status:ok", self.cli("INFO", "persistence"))
        n_keys = self.cli("DBSIZE")
        self.run_command("redis-cli", "-p", self.port, "SHUTDOWN", "NOSAVE")
        finished = self.finish(server)
        self.assertEqual(finished.status, 0, finished.err)
        self.assert_sane(finished)
        self.assertTrue((self.folder / "dump.rdb").read_bytes().startswith(b"REDIS"))
        in_redis = [self.module_share(path, r"/redis-") for path in self.files_of("redis-*")]
        print(f"redis: {n_keys} keys, {len(in_redis)} profiles", flush=True)
        self.assertGreaterEqual(len(in_redis), 2, "the server's and its saving child's")
        self.assertGreater(min(in_redis), 0.5)


@need("git")
class Git(Processes):
    """git starts itself and helpers through exec chains: clone and gc leave what they leave without us."""

    def make_repository(self, path):
        script = f"""set -e; git init -q -b main {path}; cd {path}; git config user.email a@b; git config user.name a
for i in 1 2 3 4 5 6 7 8; do seq $i $((i * 2000)) >file$i; git add .; git commit -q -m $i; done"""
        made = self.run_command("sh", "-c", script, env=self.git_environment())
        self.assertEqual(made.status, 0, made.err)

    def git_environment(self):
        return clean_environment(HOME=self.folder, GIT_CONFIG_NOSYSTEM=1, GIT_AUTHOR_DATE="1700000000 +0000",
                                 GIT_COMMITTER_DATE="1700000000 +0000", LC_ALL="C")

    def test_clone_and_gc(self):
        """Followed and not: the same output, status and head; pack-objects is among the followed."""
        self.make_repository(self.folder / "repository")
        for number, options in enumerate((("--follow",), ())):
            for where in ("plain", "profiled"):
                words = ["git", "clone", "-q", "--no-local", self.folder / "repository", self.folder / f"{where}{number}"]
                finished = self.run_command(*words, env=self.git_environment()) if where == "plain" else \
                    self.finish(self.start_profiled(*words, options=options, env=self.git_environment()))
                self.assertEqual(finished.status, 0, finished.err)
            _, profiled = self.assert_same("git", "-C", self.folder / f"profiled{number}", "gc", "-q", "--aggressive",
                                           options=options, env=self.git_environment())
            checked = self.run_command("git", "-C", self.folder / f"profiled{number}", "fsck", "--strict", env=self.git_environment())
            self.assertEqual(checked.status, 0, checked.err)
        heads = {self.run_command("git", "-C", self.folder / name, "rev-parse", "HEAD", env=self.git_environment()).out
                 for name in ("repository", "plain0", "profiled0", "profiled1")}
        self.assertEqual(len(heads), 1)
        self.assertGreaterEqual(len(self.files_of("git")), 3)


class Python(Processes):
    """The interpreter's own ways to make processes and threads."""

    def python(self, code, *options):
        path = self.folder / "program.py"
        path.write_text(code)
        return self.assert_same("/usr/bin/python3", path, options=options)

    def test_subprocess_and_spawn(self):
        """subprocess in its several ways (vfork, fork with a function before, pipes, failing) prints what it prints without us."""
        self.python("""import os, subprocess, sys
for keep in (True, False):
    subprocess._USE_VFORK = keep
    print(subprocess.run(["sh", "-c", "echo $0 $PPROFC$LD_PRELOAD; exit 3"], capture_output=True))
    print(subprocess.run(["cat"], input=b"through", capture_output=True))
    print(subprocess.check_output("echo shell | tr a-z A-Z", shell=True))
    try: subprocess.run(["/no/such/program"])
    except FileNotFoundError as error: print(error)
print(subprocess.run(["true"], preexec_fn=os.getpid).returncode, os.system("exit 4"), os.popen("echo popen").read())
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], os.environ)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
try: print(os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn("/bin/true", ["true"], None), 0)[1]))
except TypeError as error: print(error)
sys.stdout.flush()
os.execv("/bin/echo", ["echo", "the end"])
""")

    def test_threads_and_multiprocessing(self):
        """Threads, a fork pool, a spawn pool and fork while threads run: the same sums, and the workers have profiles."""
        _, profiled = self.python(f"""import multiprocessing, os, threading
def work(n):
    return sum(i * i % 7 for i in range({long_or(2000000, 200000)})) + n
def run(results, n): results[n] = work(n)
if __name__ == "__main__":
    results = {{}}
    threads = [threading.Thread(target=run, args=(results, n)) for n in range(4)]
    for thread in threads: thread.start()
    pid = os.fork()
    if pid == 0: os._exit(work(0) % 100)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    for thread in threads: thread.join()
    print(sorted(results.items()))
    for way in ("fork", "spawn"):
        with multiprocessing.get_context(way).Pool(2) as pool: print(way, pool.map(work, range(6)))
""", "--follow")
        self.assert_sane(profiled)
        self.assertGreaterEqual(len(self.files_of("python3*")), 5, profiled.err)


class Scripting(Processes):
    """Shells, node and perl."""

    @need("bash")
    def test_bash(self):
        """Pipes, subshells, process substitution, traps, jobs and exec: the same output and status, followed or not."""
        script = self.folder / "work.sh"
        script.write_text("""#!/bin/bash
exec 2>/dev/null
trap 'echo trapped USR1' USR1
trap 'echo at exit $?' EXIT
seq 1 2000 | while read -r n; do echo $((n * n)); done | tail -1
(cd / && pwd; exit 3); echo "subshell $?"
diff <(seq 3) <(seq 4); echo "diff $?"
kill -USR1 $$
for i in 1 2 3; do (exit $i) & done; wait; echo "jobs done"
sleep 30 & pid=$!; sleep 0.2; kill -TERM $pid; wait $pid; echo "killed $?"
x=0; for ((i = 0; i < 30000; i++)); do ((x += i)); done; echo $x
bash -c 'exec -a other sh -c "echo \\$0; exit 9"'; echo "exec $?"
no-such-command; echo "missing $?"
exec 3>&1; echo third >&3; exit 6
""")
        script.chmod(0o755)
        for options in (("--follow",), ()):
            plain, _ = self.assert_same(script, options=options)
            self.assertEqual(plain.status, 6)

    @need("perl")
    def test_perl(self):
        """fork, pipes, signals, and death by a signal."""
        code = """$| = 1; my $s = 0; $s += $_ * $_ for 1..200000; print "$s\\n";
for my $i (1..5) { my $p = fork; if (!$p) { $s += $_ for 1..50000; exit $i } waitpid $p, 0; print $? >> 8, "\\n" }
print `echo from the shell`; open my $f, "-|", "seq 3"; print <$f>; close $f;
$SIG{ALRM} = sub { print "alarm\\n" }; alarm 1; select undef, undef, undef, 5; system "exit 7"; print $? >> 8, "\\n";
kill TERM => $$; sleep 5;"""
        plain = self.run_command("perl", "-e", code)
        profiled = self.finish(self.start_profiled("perl", "-e", code))
        self.assertEqual(plain.status, -signal.SIGTERM)
        self.assertEqual((profiled.status, profiled.out), (128 + signal.SIGTERM, plain.out), profiled.err)

    @need("node")
    def test_node(self):
        """A JIT, worker threads, child processes and a timer: the same output and status, and time in its main thread."""
        path = self.folder / "work.js"
        path.write_text(f"""const {{ Worker, isMainThread, parentPort }} = require('worker_threads');
const child = require('child_process');
function work() {{ let x = 0; for (let i = 0; i < {long_or(300000000, 20000000)}; i++) x = (x * 31 + i) | 0; return x; }}
if (!isMainThread) {{ parentPort.postMessage(work()); }} else {{
  console.log(work());
  console.log(child.execFileSync('sh', ['-c', 'echo child; exit 0']).toString());
  const workers = [1, 2].map(() => new Promise(done => new Worker(__filename).on('message', done)));
  Promise.all(workers).then(all => {{ console.log(all); setTimeout(() => process.exit(3), 20); }});
}}
""")
        _, profiled = self.assert_same("node", path)
        self.assert_sane(profiled)


@need("rustc")
class Rust(Processes):
    """Threads and panics that are caught."""

    def test_threads_and_panics(self):
        """panic=unwind through catch_unwind in four threads while sampled: the same output and status; work() is hot."""
        source = self.folder / "work.rs"
        source.write_text(f"""use std::{{panic, thread}};
#[inline(never)] fn work(n: u64) -> u64 {{ let mut x = n | 1; for _ in 0..{long_or(200_000_000, 20_000_000)} {{ x ^= x << 13; x ^= x >> 7; x ^= x << 17; }} x }}
#[inline(never)] fn fail(n: u64) -> u64 {{ if n % 2 == 0 {{ panic!("even") }} n }}
fn main() {{
    panic::set_hook(Box::new(|_| {{}}));
    let threads: Vec<_> = (0..4).map(|t| thread::spawn(move || {{
        let caught = (0..2000).filter(|n| panic::catch_unwind(|| fail(*n)).is_err()).count();
        (work(t), caught) }})).collect();
    for thread in threads {{ println!("{{:?}}", thread.join().unwrap()); }}
    let child = std::process::Command::new("sh").args(["-c", "exit 4"]).status().unwrap();
    println!("{{child}}"); std::process::exit(6);
}}
""")
        built = subprocess.run(["rustc", "-O", "-g", "-o", self.folder / "work", source], capture_output=True, text=True, cwd=self.folder)
        self.assertEqual(built.returncode, 0, built.stderr)
        _, profiled = self.assert_same(self.folder / "work")
        self.assert_sane(profiled)
        main = self.files_of("work")[0]
        self.assertGreater(self.share(self.stacks(main), re.compile(r"work::work")), 0.8)


if __name__ == "__main__":
    unittest.main()
