"""Reads pprof files with nothing but the standard library, apart from all code that writes them.

Field numbers are those of the published profile.proto; unknown fields are skipped, as protobuf wants.
"""
import gzip
from dataclasses import dataclass, field


class PprofError(ValueError):
    """The bytes are no pprof profile."""


@dataclass
class Frame:
    function: str  # "" where there is no name
    file: str
    line: int
    start_line: int
    module: str
    address: int  # in the process
    mapping: "Mapping"
    is_inlined: bool  # not the outermost function at its address


@dataclass
class Sample:
    frames: list  # leaf first, inlined ones too
    values: list
    labels: dict  # text or number by name


@dataclass
class Mapping:
    start: int = 0
    limit: int = 0
    offset: int = 0
    file: str = ""
    build_id: str = ""


@dataclass
class Profile:
    sample_types: list = field(default_factory=list)  # (type, unit)
    samples: list = field(default_factory=list)
    mappings: list = field(default_factory=list)
    comments: list = field(default_factory=list)
    period: int = 0
    period_type: tuple = ("", "")
    time_ns: int = 0
    duration_ns: int = 0
    default_type: str = ""

    def type_index(self, name):
        names = [type_name for type_name, _ in self.sample_types]
        return names.index(name)


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise PprofError(f"bad number at byte {at}")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def fields(data):
    """(number, value) of a message: an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire in (1, 5, 2):
            if wire == 2:
                n_bytes, at = varint(data, at)
            else:
                n_bytes = 8 if wire == 1 else 4
            if at + n_bytes > len(data):
                raise PprofError(f"field {number} runs over the end at byte {at}")
            value = data[at:at + n_bytes]
            at += n_bytes
        else:
            raise PprofError(f"wire type {wire} at byte {at}")
        yield number, value


def numbers(value):
    """A repeated number, packed or not."""
    if isinstance(value, int):
        return [value]
    result, at = [], 0
    while at < len(value):
        one, at = varint(value, at)
        result.append(one)
    return result


def message(data, names):
    """The last value of each scalar field and the list of each repeated one ('*' before its name)."""
    result = {name.lstrip("*"): [] if name.startswith("*") else 0 for name in names.values()}
    for number, value in fields(data):
        name = names.get(number)
        if name is None:
            continue
        if name.startswith("*"):
            result[name[1:]].append(value)
        else:
            result[name] = value
    return result


PROFILE = {1: "*sample_types", 2: "*samples", 3: "*mappings", 4: "*locations", 5: "*functions", 6: "*strings",
           9: "time_ns", 10: "duration_ns", 11: "period_type", 12: "period", 13: "*comments", 14: "default_type"}


def read(path):
    with open(path, "rb") as file:
        return parse(file.read())


def parse(data):
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    raw = message(data, PROFILE)
    strings = [text.decode("utf-8", "surrogateescape") for text in raw["strings"]]
    if not strings or strings[0] != "":
        raise PprofError("the string table does not begin with an empty string")
    parser = Parser(raw, strings)
    return parser.profile()


class Parser:
    def __init__(self, raw, strings):
        self.raw = raw
        self.strings = strings
        self.mappings = {}
        self.functions = {}
        self.locations = {}

    def profile(self):
        raw = self.raw
        self.read_tables()
        profile = Profile(mappings=list(self.mappings.values()), time_ns=raw["time_ns"], duration_ns=raw["duration_ns"],
                          period=signed(raw["period"]), default_type=self.strings[raw["default_type"]])
        profile.sample_types = [self.value_type(one) for one in raw["sample_types"]]
        profile.period_type = self.value_type(raw["period_type"] or b"")
        profile.comments = [self.strings[i] for one in raw["comments"] for i in numbers(one)]
        profile.samples = [self.sample(one, len(profile.sample_types)) for one in raw["samples"]]
        return profile

    def value_type(self, data):
        one = message(data, {1: "type", 2: "unit"})
        return self.strings[one["type"]], self.strings[one["unit"]]

    def read_tables(self):
        for data in self.raw["mappings"]:
            one = message(data, {1: "id", 2: "start", 3: "limit", 4: "offset", 5: "file", 6: "build_id"})
            self.take(self.mappings, one["id"], Mapping(one["start"], one["limit"], one["offset"],
                                                        self.strings[one["file"]], self.strings[one["build_id"]]))
        for data in self.raw["functions"]:
            one = message(data, {1: "id", 2: "name", 3: "system_name", 4: "file", 5: "start_line"})
            self.take(self.functions, one["id"], (self.strings[one["name"]], self.strings[one["file"]], one["start_line"]))
        for data in self.raw["locations"]:
            one = message(data, {1: "id", 2: "mapping", 3: "address", 4: "*lines"})
            self.take(self.locations, one["id"], self.frames(one))

    @staticmethod
    def take(table, key, value):
        if key == 0 or key in table:
            raise PprofError(f"id {key} is 0 or used twice")
        table[key] = value

    def frames(self, location):
        """The functions at one address, the innermost first."""
        mapping = self.mappings.get(location["mapping"]) or Mapping()
        lines = [message(data, {1: "function", 2: "line"}) for data in location["lines"]]
        frames = []
        for i, line in enumerate(lines):
            if line["function"] not in self.functions:
                raise PprofError(f"no function {line['function']}")
            name, file, start_line = self.functions[line["function"]]
            frames.append(Frame(name, file, line["line"], start_line, mapping.file, location["address"], mapping,
                                i + 1 < len(lines)))
        return frames or [Frame("", "", 0, 0, mapping.file, location["address"], mapping, False)]

    def sample(self, data, n_values):
        one = message(data, {1: "*locations", 2: "*values", 3: "*labels"})
        values = [signed(value) for packed in one["values"] for value in numbers(packed)]
        if len(values) != n_values:
            raise PprofError(f"a sample has {len(values)} values, the profile {n_values} types")
        frames = []
        for location in (i for packed in one["locations"] for i in numbers(packed)):
            if location not in self.locations:
                raise PprofError(f"no location {location}")
            frames += self.locations[location]
        labels = {}
        for data_of_label in one["labels"]:
            label = message(data_of_label, {1: "key", 2: "text", 3: "number"})
            labels[self.strings[label["key"]]] = self.strings[label["text"]] or signed(label["number"])
        return Sample(frames, values, labels)
