"""Profiles that are fetched: what a server hands out, refuses, or never ends."""
import contextlib
import gzip
import http.server
import shutil
import ssl
import subprocess
import threading
import time
import unittest

from test_text_formats import Files


class Answers(http.server.BaseHTTPRequestHandler):
    """A server of profiles, of refusals and of detours."""
    FOLDED = b"main;parse 7\nmain;run 5\n"

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.asked.append(self.headers.get("User-Agent", ""))
        self.server.paths.append(self.path)
        if path == "/folded":
            self.answer(200, self.FOLDED)
        elif path == "/packed":
            self.answer(200, gzip.compress(self.FOLDED))
        elif path == "/moved":
            self.answer(302, b"", ("Location", "/folded"))
        elif path == "/away":
            self.answer(302, b"", ("Location", "file:///etc/hostname"))
        elif path == "/round":
            self.answer(302, b"", ("Location", "/round"))
        elif path == "/slow":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody waits for all of it
                for _ in range(40):
                    time.sleep(0.1)
                    self.wfile.write(b"main 1\n")
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(self.FOLDED)
        else:
            self.answer(404, b"no such profile\nsecond line\n")

    def answer(self, status, body, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Fetching(Files):
    def serve(self, tls=None):
        """A server of Answers, and its address."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        server.asked, server.paths = [], []
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, f"http{'s' if tls is not None else ''}://127.0.0.1:{server.server_address[1]}"

    def test_fetching(self):
        """report takes pprof's options for what is fetched: how long to measure, how long to wait."""
        server, base = self.serve()
        for address, asked in (("/folded", "/folded?seconds=7"), ("/folded?debug=1", "/folded?debug=1&seconds=7"),
                               ("/folded?seconds=1", "/folded?seconds=1"), ("/folded#part", "/folded?seconds=7")):
            done = self.pprofc("report", "-seconds", "7", "--json", base + address)
            self.assertEqual((done.status, server.paths[-1]), (0, asked), done.err)
        began = time.monotonic()
        done = self.pprofc("report", "-timeout=1", base + "/slow")
        self.assertLess(time.monotonic() - began, 2.5)
        self.assertEqual((done.status, len(done.err.splitlines())), (1, 1))
        self.assertRegex(done.err, "cannot fetch .*([Tt]imed out|[Tt]imeout)")

    def test_tls(self):
        """A server with a certificate of its own is trusted by --tls_ca, and is shown ours by --tls_cert and --tls_key."""
        if shutil.which("openssl") is None:
            self.skipTest("there is no openssl to make certificates with")
        for name in ("server", "client"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                            "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.folder / f"{name}.key",
                            "-out", self.folder / f"{name}.pem"], check=True, capture_output=True, timeout=60)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        tls.load_verify_locations(self.folder / "client.pem")
        tls.verify_mode = ssl.CERT_REQUIRED
        _, base = self.serve(tls)
        ours = ("-tls_cert=client.pem", "-tls_key=client.key")
        for options, status in ((("-tls_ca=server.pem", *ours), 0), (ours, 1), (("-tls_ca=server.pem",), 1)):
            done = self.pprofc("report", *options, base + "/folded")
            self.assertEqual(done.status, status, (options, done.err))
        self.assertIn("cannot fetch", done.err)

    def test_address(self):
        """http:// is fetched; what the server, the network or the address refuses is one line that says so."""
        server, base = self.serve()
        for path in ("/folded?seconds=1", "/packed", "/moved"):
            self.assertEqual(self.totals(self.convert(base + path)), [12])
        self.assertTrue(all(agent.startswith("pprofc/") for agent in server.asked))
        for path, said in (("/none", "the server answers 404: no such profile; check the address"),
                           ("/away", "file.*not supported"), ("/round", "redirects"), ("/cut", "cannot fetch")):
            self.convert(base + path, status=1)
            self.assertRegex(self.said.err, said)
            self.assertEqual(len(self.said.own_lines), 1, self.said.err)
        self.convert("http://127.0.0.1:1/x", status=1)
        self.assertRegex(self.said.err, "cannot fetch .*check the address")


if __name__ == "__main__":
    unittest.main()
