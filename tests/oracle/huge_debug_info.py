"""Writes an ELF file whose DWARF is of the slowest kinds: one unit of 100 000 functions, a line table of two million
rows, inlined calls in each function, 64 levels of them in every hundredth and 10 000 in one.  No code lies in it."""
import struct
import sys

N_FUNCTIONS = 100_000
N_FUNCTION_BYTES = 20  # a row of the line table for each
N_DEEP, N_DEEPEST = 64, 10_000
START = 0x400000
DEEPEST = START + 3  # an address in the function of 10 000 levels

ABBREVIATIONS = bytes([
    1, 0x11, 1, 0x03, 0x08, 0x10, 0x17, 0x11, 0x01, 0x12, 0x07, 0, 0,              # unit: name, stmt_list, low, high
    2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06, 0x3a, 0x0b, 0x3b, 0x06, 0, 0,  # function: name, low, high, file, line
    3, 0x1d, 1, 0x31, 0x13, 0x11, 0x01, 0x12, 0x06, 0x58, 0x0b, 0x59, 0x06, 0, 0,  # inlined: origin, low, high, file, line
    4, 0x2e, 0, 0x03, 0x08, 0x20, 0x0b, 0, 0,                                      # inline function: name, inline
    0])


def debug_info(n_functions):
    """One unit of version 4."""
    head = struct.pack("<HIB", 4, 0, 8)
    unit = b"\x01slow.c\0" + struct.pack("<IQQ", 0, START, n_functions * N_FUNCTION_BYTES)
    origin = 4 + len(head) + len(unit)
    parts = [head, unit, b"\x04inlined\0\x01"]
    for i in range(n_functions):
        low = START + i * N_FUNCTION_BYTES
        depth = N_DEEPEST if i == 0 else N_DEEP if i % 100 == 0 else 1
        parts.append(b"\x02function_%d\0" % i + struct.pack("<QIBI", low, N_FUNCTION_BYTES, 1, i + 1))
        parts.append((b"\x03" + struct.pack("<IQIBI", origin, low, N_FUNCTION_BYTES, 1, i + 2)) * depth)
        parts.append(b"\0" * (depth + 1))
    parts.append(b"\0")
    body = b"".join(parts)
    return struct.pack("<I", len(body)) + body


def debug_line(n_functions):
    """One sequence: each byte of code is a row, by the opcode that adds one to the address and one to the line."""
    lengths = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])
    tables = struct.pack("<BBBbBB", 1, 1, 1, -5, 14, 13) + lengths + b"\0slow.c\0\0\0\0\0"
    n_bytes = n_functions * N_FUNCTION_BYTES
    one_row = bytes([(1 + 5) + 14 * 1 + 13])
    program = b"\0\x09\x02" + struct.pack("<Q", START) + one_row * (n_bytes - 1) + b"\x02\x01\0\x01\x01"
    body = struct.pack("<HI", 4, len(tables)) + tables + program
    return struct.pack("<I", len(body)) + body


def write(path, n_functions=N_FUNCTIONS):
    """The file: an ELF head, one executable segment without bytes of its own, and the sections."""
    names = b"\0.text\0.debug_info\0.debug_abbrev\0.debug_line\0.shstrtab\0"
    contents = [(b".debug_info", debug_info(n_functions)), (b".debug_abbrev", ABBREVIATIONS), (b".debug_line", debug_line(n_functions)), (b".shstrtab", names)]
    n_code = n_functions * N_FUNCTION_BYTES
    offset = 64 + 56
    sections = [struct.pack("<IIQQQQIIQQ", *[0] * 10),
                struct.pack("<IIQQQQIIQQ", names.index(b".text"), 8, 6, START, offset, n_code, 0, 0, 16, 0)]
    body = b""
    for name, content in contents:
        sections.append(struct.pack("<IIQQQQIIQQ", names.index(name + b"\0"), 3 if name == b".shstrtab" else 1, 0, 0,
                                    offset + len(body), len(content), 0, 0, 1, 0))
        body += content
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, START, 64, offset + len(body), 0, 64, 56, 1, 64,
                       len(sections), len(sections) - 1)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, START, START, 0, n_code, 4096)
    with open(path, "wb") as file:
        file.write(head + segment + body + b"".join(sections))


if __name__ == "__main__":
    write(sys.argv[1])
