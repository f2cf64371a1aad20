"""Writes protobuf messages field by field, for inputs that no library of the tests' own would make."""


def varint(number):
    """Negative numbers as int64 has them, in ten bytes."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, content):
    """A number, or bytes; a text is UTF-8."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content
