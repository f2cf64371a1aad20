"""TLS: what is served by HTTPS, and certificates and keys that cannot be used."""
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import unittest

import test_serve
from harness import PPROFC, EndToEnd, clean_environment


def make_pair(folder, name):
    """A certificate for localhost and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True, timeout=60)
    os.chmod(key, 0o600)
    return certificate, key


@unittest.skipUnless(shutil.which("openssl"), "no openssl: it makes the certificate")
class Tls(test_serve.Served):
    """Beside the program, with options."""

    def setUp(self):
        EndToEnd.setUp(self)
        self.certificate, self.key = make_pair(self.folder, "server")
        self.OPTIONS = ("--tls-cert", self.certificate, "--tls-key", self.key)
        super().setUp()

    def await_port(self):
        self.wait_for(lambda: " at " in self.text(self.server, 1) or self.server.poll() is not None)
        said = self.text(self.server, 1)
        self.assertRegex(said, r"at https://127\.0\.0\.1:\d+/")
        return int(said.partition("https://127.0.0.1:")[2].partition("/")[0])

    def curl(self, path, *words, host="localhost"):
        return self.run_command("curl", "-sS", *words, f"https://{host}:{self.port}{path}")

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl(self):
        """curl that knows the certificate has its answers; without it, or without TLS, nobody has any."""
        for host in ("localhost", "127.0.0.1"):
            said = self.curl("/healthz", "--cacert", self.certificate, host=host)
            self.assertEqual((said.status, said.out), (0, "ok\n"), said.err)
        said = self.curl("/debug/pprof/profile?seconds=1&frequency=500&format=folded", "--cacert", self.certificate)
        self.assertIn("heavy_50", said.out)
        self.assertEqual(self.curl("/healthz").status, 60)  # curl's word for a certificate that it does not know
        plain = self.run_command("curl", "-sS", f"http://localhost:{self.port}/healthz")
        self.assertNotEqual(plain.status, 0)
        self.assertEqual(plain.out, "")

    def test_gone_client(self):
        """A client that says goodbye in TLS before it closes ends its window within a second too."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        client = context.wrap_socket(socket.create_connection(("127.0.0.1", self.port)),
                                     server_hostname="localhost")
        client.sendall(b"GET /debug/pprof/profile?seconds=60&frequency=500 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.wait_for(lambda: self.rate_now() == 500)
        self.assert_leaving_ends_window(lambda: self.say_goodbye(client))
        self.wait_for(lambda: self.rate_now() == 10)

    @staticmethod
    def say_goodbye(client):
        try:
            client.setblocking(False)
            client.unwrap()
        except (OSError, ValueError):
            pass
        client.close()

    def ask(self, path, method="GET", body=None, timeout_s=60, **headers):
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=timeout_s, context=context)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def test_other_ways(self):
        """The environment does the same for run --http and in the program; a unix socket stays without TLS."""
        variables = {"PPROFC_TLS_CERT": self.certificate, "PPROFC_TLS_KEY": self.key}
        for words in ((PPROFC, "run", "-o", self.folder / "run.pb.gz", "--http", "127.0.0.1:0", "--",
                       self.program("shares_50_30_20"), test_serve.SPIN_S),
                      (self.program("serves_itself"), test_serve.SPIN_S, "127.0.0.1:0")):
            with self.subTest(str(words[0])):
                self.server = self.start(*words, stdin=subprocess.PIPE, env=clean_environment(**variables))
                self.addCleanup(self.server.stdin.close)
                self.port = self.await_port()
                self.wait_for(lambda: self.ask("/healthz")[0] == 200)
        path = self.folder / "socket"
        server = self.start(PPROFC, "serve", "-l", f"unix:{path}", self.target.pid, env=clean_environment(**variables))
        self.wait_for(lambda: f"unix:{path}/" in self.text(server, 1))
        if shutil.which("curl") is not None:
            self.assertEqual(self.run_command("curl", "-sS", "--unix-socket", path, "http://localhost/healthz").out, "ok\n")


@unittest.skipUnless(shutil.which("openssl"), "no openssl: it makes the certificate")
class Refusals(EndToEnd):
    """Each fault of a certificate or a key is one clear line, before anything is served."""

    def test_each(self):
        certificate, key = make_pair(self.folder, "one")
        _, other_key = make_pair(self.folder, "two")
        open_key = self.folder / "open-key.pem"
        shutil.copy(key, open_key)
        os.chmod(open_key, 0o644)
        no_pem = self.folder / "none.pem"
        no_pem.write_text("not a certificate\n")
        _, recording = self.run_profiled("--", self.program("shares_50_30_20"), "0.1", output="x.ppc")
        for words, status, text in ((("--tls-cert", certificate), 2, "give both"), (("--tls-key", key), 2, "give both"),
                                    (("--tls-cert", "/nowhere", "--tls-key", key), 2, "cannot read the certificate"),
                                    (("--tls-cert", certificate, "--tls-key", "/nowhere"), 2, "cannot read the key"),
                                    (("--tls-cert", no_pem, "--tls-key", key), 2, "is no certificate in PEM form"),
                                    (("--tls-cert", certificate, "--tls-key", open_key), 2, "open to everybody"),
                                    (("--tls-cert", certificate, "--tls-key", other_key), 1, "do not match")):
            with self.subTest(text):
                said = self.pprofc("serve", "-l", "127.0.0.1:0", *words, recording)
                self.assertEqual((said.status, len(said.own_lines)), (status, 1), said.err)
                self.assertIn(text, said.err)


if __name__ == "__main__":
    unittest.main()
