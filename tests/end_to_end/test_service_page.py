"""docs/service.md, block by block: what can be run is run as it stands there, on other ports and in less time; what it shows comes."""
import os
import re
import shutil
import ssl
import unittest
import urllib.request

from harness import PPROFC, ROOT, clean_environment, free_ports
from test_orders import LOAD, SERVICE, Page

NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else None)
# Each block of the page: its language, how it begins, and which test below is about it.
BLOCKS = (("c", "#include <pprofc/serve.h>", "test_begin"),
          ("", "cd examples/orders && make", "test_begin"), ("", "orders: serving at", "test_begin"),
          ("sh", "go tool pprof -top -cum '", "test_commands"), ("", "      flat  flat%", "test_commands"),
          ("sh", "curl -sSf '", "test_commands"), ("", "           |json~|", "test_commands"),
          ("", "3000 requests in", "test_begin"),
          ("sh", "curl -sSf '", "test_commands"), ("sh", "curl -sS -d", "test_commands"), ("", '{"status":"ok"', "test_commands"),
          ("sh", "curl -sS http://127.0.0.1:8080/metrics", "test_commands"),
          ("", "ssh -N -L", "test_tunnel"), ("", "head -c 24 /dev/urandom", "test_token"),
          ("", "PPROFC_TLS_CERT=orders.crt", "test_tls_and_scrapers"),
          ("nginx", "server {", "test_nginx"), ("", "curl -sSf -u oncall", "test_nginx"), ("", "openssl req -x509", "test_nginx"),
          ("yaml", "scrape_configs:", "test_tls_and_scrapers"), ("yaml", "scrape_configs:", "test_tls_and_scrapers"),
          ("alloy", "pyroscope.scrape", "test_tls_and_scrapers"))


def pattern_of(text):
    """What is shown, as a pattern of what comes: other numbers, and any room between words."""
    parts = [re.sub(r"[\d.]*\d", lambda _: r"[\d.]*\d", re.escape(word).replace(r"\.", ".")) for word in text.split()]
    return r"\s+".join(parts)


class Service(Page):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if shutil.which("curl") is None:
            raise unittest.SkipTest("no curl, which is the page's client")
        text = (ROOT / "docs/service.md").read_text()
        cls.blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)

    def block(self, begins, language=""):
        return next(text for one, text in self.blocks if one == language and text.startswith(begins))

    def test_every_block_is_known(self):
        """A block that is added to the page is run by a test too."""
        found = [(language, text) for language, text in self.blocks]
        self.assertEqual(len(found), len(BLOCKS), [text.partition("\n")[0] for _, text in found])
        for (language, text), (wanted, begins, test) in zip(found, BLOCKS):
            self.assertEqual((language, text[:len(begins)]), (wanted, begins))
            self.assertTrue(hasattr(self, test), test)

    def test_commands(self):
        """Each of its commands succeeds; the functions and messages that it shows are what comes."""
        said = self.follow("service.md")
        for line in self.block('{"status":"ok"').splitlines():
            self.assertRegex(said, pattern_of(line))
        self.assertIn("profiling_samples_total", said)
        table = [line.split()[5:] for line in self.block("      flat  flat%").splitlines()[1:]]
        for name in ("price_of", "json_loads"):
            self.assertIn(name, [row[0] for row in table])
            if shutil.which("go"):
                self.assertRegex(said, rf"(?m)%  {name}( \(inline\))?$")
        for name in ("cpu.pb.gz", "after.pb.gz"):
            self.assertGreater(self.share(self.stacks(self.folder / name), "price_of"), 0.4)
        picture = (self.folder / "orders.svg").read_text()
        for name in ("price_of", "add_up", "read_order", "orders_create", "answer_request", "run_worker"):
            self.assertIn(f"|{name} ", self.block("           |json~|"))
            self.assertIn(f"<title>{name} (", picture)

    def here(self):
        """The service and the load script where the page has them, and the page's certificate."""
        for path in (SERVICE, LOAD):
            os.symlink(path, self.folder / path.name)
        if shutil.which("openssl"):
            self.assertEqual(self.run_command("sh", "-c", self.block("openssl req")).status, 0)

    def run_line(self, line, **variables):
        """A service that a line of the page starts, on free ports and for this machine alone."""
        words = re.sub(r"(0\.0\.0\.0|127\.0\.0\.1):\d+", "127.0.0.1:0", line)
        service = self.start("sh", "-c", f"exec env {words} --port 0", env=clean_environment(PPROFC_COMMAND=PPROFC, **variables))
        self.addCleanup(self.end, service)
        service.port = self.port_said(service, 0, r"at http://127\.0\.0\.1:(\d+)/api/orders")
        service.profile_port = self.port_said(service, 1, r"at https?://127\.0\.0\.1:(\d+)/debug/pprof/")
        return service

    def curl_line(self, line, port):
        """The page's own client, for a shorter while."""
        line = re.sub(r"//host:\d+", f"//127.0.0.1:{port}", re.sub(r"localhost:\d+", f"localhost:{port}", line))
        return self.run_command("sh", "-c", line.replace("seconds=5", "seconds=1&frequency=1000"))

    def test_begin(self):
        """The two lines compile; what is started says what the page shows; the load's last line is of the shown form."""
        lines = self.block("#include", "c").splitlines()
        source = self.folder / "two_lines.c"
        source.write_text("\n".join([lines[0], "int main(void)", "{", *lines[1:], "}", ""]))
        done = self.run_command("gcc", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT / 'include'}", source)
        self.assertEqual(done.status, 0, done.err)
        self.here()
        make, service_line, load_line = self.block("cd examples/orders").splitlines()
        self.assertEqual(make, "cd examples/orders && make")  # test_examples.py
        service = self.run_line(service_line.removesuffix(" &"), ORDERS_PROFILE="127.0.0.1:0")
        shown = self.block("orders: serving at").splitlines()
        self.assertRegex(self.text(service, 0), pattern_of(shown[0]))
        self.assertRegex(self.text(service, 1), pattern_of(shown[1]))
        words = load_line.removesuffix(" &").replace("--seconds 60", "--requests 50")
        said = self.run_command("sh", "-c", f"{words} http://127.0.0.1:{service.port}/api/orders")
        self.assertEqual(said.status, 0, said.err)
        for line in self.block("3000 requests").splitlines():
            self.assertRegex(said.out + said.err, pattern_of(line))

    def test_tunnel(self):
        """ssh understands the tunnel as it is meant.  It is not made: that takes an sshd."""
        if shutil.which("ssh") is None:
            self.skipTest("no ssh")
        words = self.block("ssh -N").split()
        said = self.run_command("ssh", "-G", *words[1:])
        self.assertEqual(said.status, 0, said.err)
        self.assertRegex(said.out, r"(?m)^localforward 8080 \[127\.0\.0\.1\]:8080$")

    def test_token(self):
        """The token's three lines; without it the answer is 401."""
        self.here()
        make, service_line, curl = self.block("head -c 24").splitlines()
        self.assertEqual(self.run_command("sh", "-c", make).status, 0)
        self.assertEqual(os.stat(self.folder / "token").st_mode & 0o777, 0o600)
        service = self.run_line(service_line)
        self.load(service, "--seconds", "30", "--clients", "8")
        self.await_orders(service, 50)
        taken = self.curl_line(curl, service.profile_port)
        self.assertEqual(taken.status, 0, taken.err)
        self.assertGreater(self.share(self.stacks(self.folder / "cpu.pb.gz"), "price_of"), 0.4)
        self.assertEqual(self.ask(service.profile_port, "/debug/pprof/")[0], 401)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_tls_and_scrapers(self):
        """HTTPS by the library, for curl; and what each scraper's configuration asks for is there, with its token and its
        certificate: profiles for Parca and Alloy, OpenMetrics for Prometheus."""
        self.here()
        self.assertEqual(self.run_command("sh", "-c", self.block("head -c 24").splitlines()[0]).status, 0)
        service_line, curl = self.block("PPROFC_TLS_CERT").splitlines()
        service = self.run_line(service_line, PPROFC="cpu,heap")
        self.load(service, "--seconds", "30", "--clients", "8")
        self.await_orders(service, 50)
        taken = self.curl_line(curl, service.profile_port)
        self.assertEqual(taken.status, 0, taken.err)
        self.assertGreater(self.share(self.stacks(self.folder / "cpu.pb.gz"), "price_of"), 0.4)
        found = {}
        for language, text in self.blocks:
            if language in ("yaml", "alloy"):
                found.update(self.scrape(text, service.profile_port))
        self.assertEqual(sorted(found), ["/debug/pprof/allocs", "/debug/pprof/goroutine", "/debug/pprof/profile", "/metrics"])
        self.assertTrue(found["/metrics"].endswith(b"# EOF\n"))
        for path, types in (("/debug/pprof/profile", ["samples", "cpu"]), ("/debug/pprof/goroutine", ["threads"]),
                            ("/debug/pprof/allocs", ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"])):
            file = self.folder / "scraped.pb.gz"
            file.write_bytes(found[path])
            profile = self.read_profile(file)
            self.assertEqual([one for one, _ in profile.sample_types], types, path)
            self.assertGreater(len(profile.samples), 0, path)

    def scrape(self, text, port):
        """{path: answer} of all that a configuration names, by what it says of the target and of who asks."""
        def said(pattern):
            return re.search(pattern, text).group(1)

        self.assertEqual(said(r'"(localhost:\d+)"'), "localhost:8443")
        context = ssl.create_default_context(cafile=str(self.folder / said(r'ca_file\W+([\w.]+)')))
        token = (self.folder / said(r'(?:credentials|bearer_token)_file\W+(\w+)')).read_text().strip()
        scheme, answers = said(r'scheme\W+(https)'), {}
        for path in re.findall(r'path\W*?(/[\w/]+)', text):
            url = f"{scheme}://localhost:{port}{path}" + "?seconds=1" * path.endswith("/profile")
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"})
            with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                self.assertEqual((answer.status, answer.headers["Content-Encoding"]), (200, None), path)
                answers[path] = answer.read()
        return answers

    @unittest.skipUnless(shutil.which("openssl") and NGINX, "no openssl or nginx")
    def test_nginx(self):
        """The proxy's configuration: HTTPS and a password, for curl and for go tool pprof, and a refusal without."""
        service = self.serve("--payment-ms", "0")
        self.load(service, "--seconds", "60", "--clients", "2")
        self.await_orders(service, 50)
        self.assertEqual(self.run_command("sh", "-c", self.block("openssl req")).status, 0)
        configuration = self.block("server {", "nginx")
        users = re.search(r"# (printf .*)$", configuration, re.M).group(1).replace("openssl passwd -6", "openssl passwd -6 secret")
        self.assertEqual(self.run_command("sh", "-c", f"{users} > orders.users").status, 0)
        [port] = free_ports()
        server = configuration.replace("/etc/nginx", str(self.folder))
        server = server.replace("8443", f"127.0.0.1:{port}").replace("127.0.0.1:8080", f"127.0.0.1:{service.profile_port}")
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(f"daemon off; master_process off; pid {self.folder}/pid; error_log stderr;\n"
                                                f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{server}}}\n")
        nginx = self.start(NGINX, "-c", self.folder / "nginx.conf")
        curl = ["curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "--cacert", "orders.crt", "-w", "%{http_code}"]
        refused = self.run_command(*curl, "-o", "refused", f"https://localhost:{port}/debug/pprof/")
        self.assertEqual(refused.out, "401", refused.err + self.text(nginx, 1))
        fetch, top = self.block("curl -sSf -u oncall").splitlines()
        taken = self.curl_line(fetch.replace("-u oncall", "-u oncall:secret --cacert orders.crt"), port)
        self.assertEqual(taken.status, 0, taken.err)
        self.assertGreater(self.share(self.stacks(self.folder / "cpu.pb.gz"), "price_of"), 0.4)
        if shutil.which("go"):
            line = top.replace("PASSWORD", "secret").replace(":8443", f":{port}").replace("seconds=5", "seconds=0.5")
            said = self.run_command("sh", "-c", line, env=clean_environment(PPROF_TMPDIR=self.folder))
            self.assertEqual(said.status, 0, said.err)


if __name__ == "__main__":
    unittest.main()
