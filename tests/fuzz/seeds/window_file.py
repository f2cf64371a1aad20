"""Writes a file of the upload queue to begin with: a gzip member whose extra field says what is sent with it."""
import gzip
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from protobuf_fields import field  # noqa: E402


parts = (b"service.name=orders", b"orders{host=a}", b"counts", b"span")
record = (field(1, bytes(range(16))) + field(2, b"cpu") + field(3, 1764201600000000000) + field(4, 1764201660000000000)
          + b"".join(field(16 + i, part) for i, part in enumerate(parts)))
member = gzip.compress(b"a profile", mtime=0)
subfield = b"PP" + struct.pack("<H", len(record)) + record
with open(sys.argv[1], "wb") as file:
    file.write(member[:3] + b"\4" + member[4:10] + struct.pack("<H", len(subfield)) + subfield + member[10:])
