"""Writes what a collector answers in protobuf, to begin with: a partial success, a refusal, and a refusal that says when to come
again, as gRPC has it in a header."""
import base64
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from protobuf_fields import field  # noqa: E402


def status(code, message, *details):
    """google.rpc.Status; details are (type, bytes) of google.protobuf.Any."""
    return field(1, code) + field(2, message) + b"".join(
        field(3, field(1, b"type.googleapis.com/" + kind) + field(2, value)) for kind, value in details)


INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 3, 8
duration = field(1, 1) + field(2, 500_000_000)  # 1.5 s

seeds = {
    "partial": field(1, field(1, 5) + field(2, b"why")),  # partial_success: rejected items, error message
    "status": status(INVALID_ARGUMENT, b"unexpected EOF"),
    "retry_info": base64.b64encode(status(RESOURCE_EXHAUSTED, b"busy", (b"google.rpc.RetryInfo", field(1, duration)))),
}
for name, seed in seeds.items():
    with open(f"{sys.argv[1]}-{name}", "wb") as file:
        file.write(seed)
