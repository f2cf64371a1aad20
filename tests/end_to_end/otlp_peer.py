"""A strict collector for tests: decodes what it is sent by opentelemetry-proto (scripts/peers proto) and checks what the
real Collector does not: that every index of the profiles' tables is in range, element 0 of each is the zero value, nothing
stands twice and nothing is an orphan.
"""
import base64
import collections
import gzip
import http.server
import json
import os
import re
import socket
import struct
import sys
import threading
from pathlib import Path

PROTO_VERSION = re.search(r"^proto=(\S+)", (Path(__file__).resolve().parent.parent.parent / "scripts/peers").read_text(), re.M).group(1)
CACHE = Path(os.environ.get("PPROFC_CACHE") or Path.home() / ".cache" / "pprof-c-ci")
PROTO = CACHE / f"otel-proto-{PROTO_VERSION}"

if PROTO.is_dir():
    sys.path.insert(0, str(PROTO))
try:
    from google.protobuf import json_format
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
    from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    WHY_NOT = None
except ImportError as error:
    WHY_NOT = f"no opentelemetry-proto ({error}): scripts/peers proto gets it"


def request_types():
    return {"/v1/metrics": metrics_service_pb2.ExportMetricsServiceRequest,
            "/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
            "/v1development/profiles": profiles_service_pb2.ExportProfilesServiceRequest}


def hex_to_base64(value):
    """OTLP's JSON has hexadecimal ids where protobuf's own has base64."""
    if isinstance(value, list):
        return [hex_to_base64(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: base64.b64encode(bytes.fromhex(one)).decode() if key in ("traceId", "spanId", "parentSpanId", "profileId")
            else hex_to_base64(one) for key, one in value.items()}


def decode(path, body, content_type):
    message = request_types()[path]()
    if content_type == "application/json":
        return json_format.ParseDict(hex_to_base64(json.loads(body)), message)
    message.ParseFromString(body)
    return message


def profile_problems(request):
    """Every rule of the tables that a request breaks."""
    found = []
    tables = {field.name: getattr(request.dictionary, field.name) for field in request.dictionary.DESCRIPTOR.fields}
    used = {name: {0} for name in tables}

    def use(table, index, where):
        used[table].add(index)
        if not 0 <= index < len(tables[table]):
            found.append(f"{where}: index {index} of {table}, which has {len(tables[table])}")

    for name, table in tables.items():
        if len(table) == 0:
            found.append(f"{name} is empty: element 0 is missing")
            continue
        zero = table[0]
        if zero not in ("",) and not (name == "link_table" and (zero.trace_id, zero.span_id) in ((bytes(16), bytes(8)), (b"", b""))) and \
                (isinstance(zero, str) or (name != "link_table" and zero.ByteSize() != 0)):
            found.append(f"{name}[0] is not zero: {zero}")
        values = [one if isinstance(one, str) else one.SerializeToString() for one in table]
        found += [f"{name}: {value!r} stands {n} times" for value, n in collections.Counter(values).items() if n > 1]
    for i, one in enumerate(tables["mapping_table"]):
        use("string_table", one.filename_strindex, f"mapping {i}")
    for i, one in enumerate(tables["function_table"]):
        for index in (one.name_strindex, one.system_name_strindex, one.filename_strindex):
            use("string_table", index, f"function {i}")
    for i, one in enumerate(tables["attribute_table"]):
        use("string_table", one.key_strindex, f"attribute {i}")
        use("string_table", one.unit_strindex, f"attribute {i}")
        if i > 0 and one.key_strindex == 0:
            found.append(f"attribute {i} has no key")
    for i, one in enumerate(tables["location_table"]):
        use("mapping_table", one.mapping_index, f"location {i}")
        for line in one.lines:
            use("function_table", line.function_index, f"location {i}")
    for i, one in enumerate(tables["stack_table"]):
        for index in one.location_indices:
            use("location_table", index, f"stack {i}")
    for name in ("mapping_table", "location_table"):
        for i, one in enumerate(tables[name]):
            for index in one.attribute_indices:
                use("attribute_table", index, f"{name} {i}")
    for resource in request.resource_profiles:
        for holder in (resource.resource, *(scope.scope for scope in resource.scope_profiles)):
            for one in holder.attributes:  # the Collector refers to the table here
                use("string_table", one.key_strindex, "a resource or scope")
                use("string_table", one.value.string_value_strindex, "a resource or scope")
        for scope in resource.scope_profiles:
            for profile in scope.profiles:
                found += sample_problems(profile, use)
    for name, table in tables.items():
        orphans = set(range(len(table))) - used[name]
        if orphans:
            found.append(f"{name}: nothing leads to {sorted(orphans)[:5]}")
    return found


def sample_problems(profile, use):
    found = []
    seen = set()
    if len(profile.profile_id) not in (0, 16):
        found.append(f"profile_id has {len(profile.profile_id)} bytes")
    for value_type in (profile.sample_type, profile.period_type):
        use("string_table", value_type.type_strindex, "a type")
        use("string_table", value_type.unit_strindex, "a type")
    for index in profile.attribute_indices:
        use("attribute_table", index, "a profile")
    for sample in profile.samples:
        use("stack_table", sample.stack_index, "a sample")
        use("link_table", sample.link_index, "a sample")
        for index in sample.attribute_indices:
            use("attribute_table", index, "a sample")
        identity = (sample.stack_index, frozenset(sample.attribute_indices), sample.link_index)
        if identity in seen:
            found.append(f"the sample {identity} stands twice")
        seen.add(identity)
        if not sample.values and not sample.timestamps_unix_nano:
            found.append("a sample without values and times")
        if sample.values and sample.timestamps_unix_nano and len(sample.values) != len(sample.timestamps_unix_nano):
            found.append("values and times of a sample differ in number")
    return found


class Server(http.server.ThreadingHTTPServer):
    """Answers each POST as 'answer(handler, path, body)' says; None: it is decoded, checked and accepted."""
    daemon_threads = True

    def __init__(self, answer=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.requests = []  # (path, message or body, headers)
        self.problems = []
        self.n_resets = 0  # so many requests are cut off
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def messages(self, path):
        with self.lock:
            return [message for one, message, _ in self.requests if one == path]

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # clients that are killed


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reset(self):
        """End the connection as a crash does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_POST(self):
        if self.server.n_resets > 0:  # in the middle of the request's body
            self.server.n_resets -= 1
            self.rfile.read(100)
            return self.reset()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.answer and self.server.answer(self, self.path, body):
            return
        self.accept(body)

    def accept(self, body):
        content_type = self.headers["Content-Type"]
        if self.path not in request_types():
            return self.reply(404, b"404 page not found")
        if content_type not in ("application/x-protobuf", "application/json"):
            return self.reply(415)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            message = decode(self.path, body, content_type)
        except Exception as error:  # whatever a decoder raises is a refusal
            self.server.problems.append(f"{self.path}: {error}")
            return self.reply(400, str(error).encode())
        problems = profile_problems(message) if self.path.endswith("profiles") else []
        with self.server.lock:
            self.server.problems += problems
            self.server.requests.append((self.path, message, dict(self.headers)))
        is_json = content_type == "application/json"
        # As the Collector answers: a partial success that is there, but empty.
        return self.reply(200, b'{"partialSuccess":{}}' if is_json else b"\x0a\x00", Content_Type=content_type)
