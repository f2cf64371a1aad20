"""The example service, examples/orders: its answers, its profiles under load, its end; and docs/incident.md, which is about it."""
import http.client
import json
import math
import os
import re
import shutil
import time
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, ROOT, EndToEnd, built, clean_environment

SERVICE = BUILD / "examples" / "orders"
LOAD = ROOT / "examples" / "orders" / "load"
ORDER = {"customer": "ann", "items": [{"sku": "P-003", "quantity": 2}, {"sku": "P-010", "quantity": 1}]}


class Orders(EndToEnd):
    """Base: services on free ports, each with its profiles on another one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        built("examples/orders")

    def serve(self, *options, **variables):
        """A started service, with the ports it said."""
        service = self.start(SERVICE, "--port", "0", "--profile", "127.0.0.1:0", *options,
                             env=clean_environment(PPROFC_COMMAND=PPROFC, **variables))
        service.port = self.port_said(service, 0, r"at http://127\.0\.0\.1:(\d+)/api/orders")
        service.profile_port = self.port_said(service, 1, r"at http://127\.0\.0\.1:(\d+)/debug/pprof/")
        self.addCleanup(self.end, service)
        return service

    @staticmethod
    def end(service):
        """In peace: one that is killed leaves its recording in /dev/shm."""
        if service.poll() is None:
            service.terminate()
            service.wait(30)

    def port_said(self, service, stream, pattern):
        deadline_s = time.monotonic() + 30
        while (found := re.search(pattern, self.text(service, stream))) is None:
            self.assertIsNone(service.poll(), self.text(service, 1))
            self.assertLess(time.monotonic(), deadline_s, self.text(service, 1))
            time.sleep(0.02)
        return int(found.group(1))

    def load(self, service, *options):
        """The load script, started."""
        return self.start(LOAD, *options, f"http://127.0.0.1:{service.port}/api/orders")

    def await_orders(self, service, n_orders):
        deadline_s = time.monotonic() + 30
        while json.loads(self.ask(service.port, "/api/orders")[1])["n_orders"] < n_orders:
            self.assertLess(time.monotonic(), deadline_s, "no orders come")
            time.sleep(0.02)

    def ask(self, port, path, method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stop(self, service):
        service.terminate()
        started_s = time.monotonic()
        finished = self.finish(service)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertRegex(finished.err, r"\Approfc: serving at \S+\n\Z")
        return time.monotonic() - started_s


class Api(Orders):
    def test_answers(self):
        """An order costs what the list says and is listed; what is wrong with a request is said."""
        service = self.serve("--payment-ms", "0")

        def api(method, body=None, path="/api/orders"):
            status, answer = self.ask(service.port, path, method, body)
            return status, json.loads(answer)

        made = {"id": 1, "customer": "ann", "items": 2, "total_cents": 2 * 103 + 110}
        self.assertEqual(api("GET"), (200, {"n_orders": 0, "last": []}))
        self.assertEqual(api("POST", json.dumps(ORDER)), (201, made))
        self.assertEqual(api("GET"), (200, {"n_orders": 1, "last": [made]}))
        for body in ("", "{", "[]", "{}", '{"customer": 7, "items": []}', json.dumps({**ORDER, "customer": "x" * 40}),
                     json.dumps({**ORDER, "items": []}), json.dumps({**ORDER, "items": [{"sku": "Q", "quantity": 1}]}),
                     json.dumps({**ORDER, "items": [{"sku": "P-001"}]}), "\0"):
            status, answer = api("POST", body)
            self.assertEqual((status, list(answer)), (400, ["error"]), body)
        self.assertEqual(api("DELETE")[0], 405)
        self.assertEqual(api("GET", path="/")[0], 404)
        self.assertEqual(api("POST", " " * 70000)[0], 413)
        self.assertEqual(api("GET")[1]["n_orders"], 1)
        self.stop(service)

    def test_taken_ports(self):
        """Without its own port it does not start; without the one for profiles it serves all the same."""
        service = self.serve()
        again = self.run_command(SERVICE, "--port", service.port, "--profile", "off")
        self.assertEqual(again.status, 1)
        self.assertIn("orders: cannot serve", again.err)
        other = self.start(SERVICE, env=clean_environment(ORDERS_PORT=0, ORDERS_PROFILE=f"127.0.0.1:{service.profile_port}"))
        port = self.port_said(other, 0, r"at http://127\.0\.0\.1:(\d+)/api/orders")
        self.port_said(other, 1, r"orders: no profiles: cannot listen at .*?:(\d+)")
        self.assertEqual(self.ask(port, "/api/orders")[0], 200)
        other.terminate()
        self.assertEqual(self.finish(other).status, 0)


class HotPath(Orders):
    N_PARTS, N_REQUESTS = 12, 34

    def send(self, service, n_requests):
        """Orders of eight products, one after the other."""
        order = json.dumps({"customer": "ann", "items": [{"sku": f"P-{i:03d}", "quantity": 1} for i in range(0, 96, 12)]})
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        for _ in range(n_requests):
            connection.request("POST", "/api/orders", order)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 201)
        connection.close()

    @staticmethod
    def cpu_s(service):
        """CPU time of the whole process, by the kernel (its clock's number is made of the pid)."""
        return time.clock_gettime(~service.pid << 3 | 2)

    @staticmethod
    def kernel_share(service):
        """Share of the kernel in the process's CPU time."""
        fields = Path(f"/proc/{service.pid}/stat").read_text().rpartition(")")[2].split()
        user, kernel = int(fields[11]), int(fields[12])
        return kernel / (user + kernel)

    def test_it_is_found_at_its_share(self):
        """price_of() has the share of CPU that the repaired service does without, or more by what the kernel used: its time is
        booked on the user code that follows.  Sampling is switched on and off by requests."""
        services = [self.serve("--payment-ms", "0"), self.serve("--payment-ms", "0", "--parse-once")]
        for service in services:
            self.send(service, self.N_REQUESTS)  # warms up
        port = services[0].profile_port
        self.assertEqual(self.ask(port, "/sampling/stop")[0], 404)
        self.assertEqual(self.ask(port, "/sampling/start", "POST", '{"frequency": 1000}')[0], 200)
        self.assertEqual(self.ask(port, "/sampling/start", "POST", '{"frequency": 1000}')[0], 409)
        # The profile is of the very requests whose cost is compared.  Each is first in turn: what the machine does to the one
        # meanwhile it does to the other in the next pair.
        used_s = [[], []]
        for part in range(self.N_PARTS):
            for service, used in list(zip(services, used_s))[::-1 if part % 2 == 1 else 1]:
                before_s = self.cpu_s(service)
                self.send(service, self.N_REQUESTS)
                used.append(self.cpu_s(service) - before_s)
        saved = [1 - fast / slow for slow, fast in zip(*used_s)]
        status, body = self.ask(port, "/sampling/stop?format=pprof")
        self.assertEqual(status, 200, body[:200])
        path = self.folder / "hot.pb.gz"
        path.write_bytes(body)

        stacks = self.stacks(path)
        weights = [stack.weight for stack in stacks.stacks if not stack.is_unsampled]
        n_effective = sum(weights) ** 2 / sum(weight ** 2 for weight in weights)
        found = self.share(stacks, "price_of")
        sd = math.sqrt(found * (1 - found) / n_effective)
        kernel = self.kernel_share(services[0])
        shown = (f"price_of: {found:.3f} found, {min(saved):.3f} to {max(saved):.3f} saved by the repair,"
                 f" {kernel:.3f} in the kernel, 1 sd is {sd:.3f}")
        print(shown, flush=True)
        self.assertTrue(min(saved) - 4 * sd < found < max(saved) + kernel + 4 * sd, shown)


class Readers(Orders):
    def test_each(self):
        """Under load go tool pprof, curl and the table find the hot function, which is inlined."""
        service = self.serve()
        self.load(service, "--seconds", "60", "--clients", "4")
        url = f"http://127.0.0.1:{service.profile_port}/debug/pprof"
        if shutil.which("go"):
            said = self.run_command("go", "tool", "pprof", "-top", "-cum", f"{url}/profile?seconds=1&frequency=1000",
                                    env=clean_environment(PPROF_TMPDIR=self.folder))
            self.assertEqual(said.status, 0, said.err)
            self.assertRegex(said.out, r"(?m)%  price_of( \(inline\))?$")
        else:
            print("readers: no go: its pprof is not tried")
        if shutil.which("curl"):
            picture = self.run_command("curl", "-sSf", f"{url}/flamegraph?seconds=1&frequency=1000&block=libc,libjansson").out
        else:
            picture = self.ask(service.profile_port, "/debug/pprof/flamegraph?seconds=1&frequency=1000")[1].decode()
        self.assertTrue("<title>price_of (" in picture, picture[:500])
        self.assertIn("malloc", self.ask(service.profile_port, "/debug/pprof/top")[1].decode())

    def test_beside_it(self):
        """The same without a line in the program: it is served by `pprofc run --http` just as well."""
        served = self.start(PPROFC, "run", "-q", "-F", "1000", "--http", "127.0.0.1:0", "-o", self.folder / "whole.pb.gz", "--", SERVICE,
                            "--port", "0", "--profile", "off")
        port = self.port_said(served, 0, r"at http://127\.0\.0\.1:(\d+)/api/orders")
        found = self.finish(self.start(LOAD, "--requests", "100", f"http://127.0.0.1:{port}/api/orders"))
        self.assertEqual(found.status, 0, found.err)
        served.terminate()
        self.assertEqual(self.finish(served).status, 0)
        self.assertGreater(self.share(self.stacks(self.folder / "whole.pb.gz"), "price_of"), 0.4)


@unittest.skipUnless(shutil.which("curl"), "no curl")
class End(Orders):
    def test_under_load_and_profile(self):
        """TERM ends it at once, with clients that go on asking and a profile that has just begun; each request has an answer."""
        service = self.serve()
        self.load(service, "--seconds", "60", "--clients", "32")
        profile = self.start("curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{service.profile_port}/debug/pprof/profile?seconds=60")
        deadline_s = time.monotonic() + 30
        while b"} 100\n" not in self.ask(service.profile_port, "/metrics")[1]:
            self.assertLess(time.monotonic(), deadline_s, "no profile has begun")
            time.sleep(0.05)
        self.await_orders(service, 100)
        self.assertLess(self.stop(service), 10)  # the profile had nearly 60 to go: it held nothing up
        self.assertIsNotNone(profile.wait(30))


class Page(Orders):
    """A page of docs/ whose commands work as they stand there, on other ports and in less time."""

    def follow(self, page):
        """Every line of its sh blocks, in one shell, on a service under load; gives what they printed."""
        service = self.serve("--payment-ms", "0")
        self.load(service, "--seconds", "100", "--clients", "2")  # keeps it busy, and leaves room for the rest
        self.await_orders(service, 100)
        lines = "\n".join(re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.M | re.S)).splitlines()
        if not shutil.which("go"):
            print(f"{page}: no go: its pprof is not tried")
            lines = [line for line in lines if not line.startswith("go ")]
        script = re.sub(r"seconds=\d+", "seconds=0.4&frequency=1000", "\n".join(lines)).replace('"frequency": 100,', '"frequency": 1000,')
        script = script.replace("127.0.0.1:8080", f"127.0.0.1:{service.profile_port}").replace("sleep 60", "sleep 0.25")
        environment = clean_environment(PATH=f"{BUILD}:{os.environ['PATH']}", PPROF_TMPDIR=self.folder)
        done = self.run_command("bash", "-e", "-o", "pipefail", "-c", script, env=environment)
        self.assertEqual(done.status, 0, done.out + done.err)
        return done.out


class Incident(Page):
    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_incident(self):
        """Each of its commands succeeds, in its order, and at its end nothing is sampled."""
        said = self.follow("incident.md")
        self.assertTrue(said.startswith("ok\n"), said)
        self.assertRegex(said, r"profiling_frequency_hertz\{.*\} 0\n")
        self.assertGreater(self.share(self.stacks(self.folder / "whole.pb.gz"), "price_of"), 0.4)


if __name__ == "__main__":
    unittest.main()
