"""gRPC against Google's own server, whose statuses and RetryInfo are obeyed; and TLS, with certificates of both sides."""
import base64
import concurrent.futures
import ssl
import subprocess
import time
import unittest

import otlp_peer
from harness import EndToEnd, clean_environment

try:
    import grpc
    WHY_NOT = otlp_peer.WHY_NOT
except ImportError as error:
    WHY_NOT = f"no grpcio ({error}): scripts/peers proto gets it"

SERVICE = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
# google.rpc.Status{8, "busy", RetryInfo{1.5 s}}
RETRY_INFO = base64.b64decode("CAgSBGJ1c3kaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIARCAyrXuAQ==")


def make_certificates(folder):
    """An authority, and certificates of a server at 127.0.0.1 and of a client, by it."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
                "-days", "2", "-extfile", "ext")


class Pushing(EndToEnd):
    def setUp(self):
        super().setUp()
        (self.folder / "a.folded").write_text("main;heavy 60\nmain;light 30\n")

    def push(self, url, *options, status=0, **env):
        finished = self.pprofc("push", self.folder / "a.folded", "--to", url, *options, env=clean_environment(**env))
        self.assertEqual(finished.status, status, finished.err)
        return finished

    def tls(self):
        return {"OTEL_EXPORTER_OTLP_CERTIFICATE": self.folder / "ca.pem",
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": self.folder / "client.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": self.folder / "client.key"}


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Grpc(Pushing):
    def setUp(self):
        super().setUp()
        self.calls = []  # (time, message, metadata)
        self.answers = []  # functions of the context, before anything is accepted

        def export(request, context):
            self.calls.append((time.monotonic(), request, dict(context.invocation_metadata())))
            if self.answers:
                self.answers.pop(0)(context)
            return otlp_peer.profiles_service_pb2.ExportProfilesServiceResponse()

        handler = grpc.unary_unary_rpc_method_handler(
            export, request_deserializer=otlp_peer.profiles_service_pb2.ExportProfilesServiceRequest.FromString,
            response_serializer=lambda response: response.SerializeToString())
        service, method = SERVICE.strip("/").split("/")
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        self.addCleanup(lambda: self.server.stop(None).wait())

    def begin(self):
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        return f"grpc://127.0.0.1:{port}"

    def refuse(self, code, text, details=None):
        def answer(context):
            if details:
                context.set_trailing_metadata((("grpc-status-details-bin", details),))
            context.abort(code, text)
        return answer

    def test_accepted(self):
        """Message, headers, time limit; several calls of one process, compressed and not."""
        url = self.begin()
        for compression in ("none", "gzip"):
            self.push(url, OTEL_EXPORTER_OTLP_COMPRESSION=compression, OTEL_EXPORTER_OTLP_HEADERS="x-key=value")
        for _, message, metadata in self.calls:
            self.assertEqual(otlp_peer.profile_problems(message), [])
            self.assertEqual(metadata["x-key"], "value")
            self.assertTrue(metadata["user-agent"].startswith("OTel-OTLP-Exporter-c/"))
        self.assertEqual(len(self.calls), 2)

    def test_statuses(self):
        """UNAVAILABLE and its like are tried again; INVALID_ARGUMENT is not, and what it says is shown, decoded."""
        url = self.begin()
        for code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED):
            self.calls.clear()
            self.answers = [self.refuse(code, "later")]
            self.push(url)
            self.assertEqual(len(self.calls), 2, code)
        for code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED):
            self.calls.clear()
            self.answers = [self.refuse(code, "not so: 5 % ü")]
            finished = self.push(url, status=1)
            self.assertEqual(len(self.calls), 1, code)
            self.assertIn(f"gRPC status {code.value[0]}: not so: 5 % ü; it is not sent again", finished.err)

    def test_retry_info(self):
        """RESOURCE_EXHAUSTED with RetryInfo is tried again, no sooner than it says."""
        url = self.begin()
        self.answers = [self.refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", RETRY_INFO)]
        self.push(url)
        self.assertGreaterEqual(self.calls[1][0] - self.calls[0][0], 1.45)

    def test_tls(self):
        """With certificates of both sides; without the client's, and with an authority that is not known, refused."""
        make_certificates(self.folder)
        read = lambda name: (self.folder / name).read_bytes()  # noqa: E731
        port = self.server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(
            [(read("server.key"), read("server.pem"))], root_certificates=read("ca.pem"), require_client_auth=True))
        self.server.start()
        self.push(f"grpcs://127.0.0.1:{port}", **self.tls())
        self.assertEqual(len(self.calls), 1)
        self.push(f"grpcs://127.0.0.1:{port}", "--timeout", "2s", status=1, OTEL_EXPORTER_OTLP_CERTIFICATE=self.folder / "ca.pem")
        self.assertEqual(len(self.calls), 1)


@unittest.skipIf(otlp_peer.WHY_NOT, otlp_peer.WHY_NOT)
class Https(Pushing):
    def test_both_sides(self):
        """A server with a certificate is believed by its authority alone, and ours is shown to it."""
        make_certificates(self.folder)
        server = otlp_peer.Server()
        self.addCleanup(server.close)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        context.load_verify_locations(self.folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http://", "https://")
        self.push(url, **self.tls())
        self.assertEqual(len(server.requests), 1)
        finished = self.push(url, status=1)
        self.assertRegex(finished.err, "(?i)certificate.*it is not sent again")
        self.assertEqual(len(server.requests), 1)


if __name__ == "__main__":
    unittest.main()
