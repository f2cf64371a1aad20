"""pprof files made by hand: what the goldens of google-pprof were made of, read off those that print all of it."""
import gzip

from protobuf_fields import field, varint

MS = 10**6


class Writer:
    """A profile under construction; encode() is the file."""

    def __init__(self, types, period_type=None, duration_ns=0, mapping="/path/to/testbinary", build_id="", comments=(),
                 drop_frames="", keep_frames=""):
        self.strings = {"": 0}
        self.functions, self.locations = {}, {}
        self.parts = [field(1, self.value_type(*one)) for one in types]
        self.has_mapping = bool(mapping)
        if mapping:
            self.parts.append(field(3, field(1, 1) + field(2, 0x1000) + field(3, 0x8000) + field(5, self.text(mapping))
                                    + field(6, self.text(build_id)) + field(7, 1) + field(8, 1) + field(9, 1) + field(10, 1)))
        if period_type:
            self.parts += [field(11, self.value_type(*period_type)), field(12, 1)]
        if duration_ns:
            self.parts.append(field(10, duration_ns))
        self.parts += [field(13, self.text(one)) for one in comments]
        self.parts += [field(7, self.text(drop_frames)), field(8, self.text(keep_frames))] if drop_frames else []

    def text(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def value_type(self, name, unit):
        return field(1, self.text(name)) + field(2, self.text(unit))

    def function(self, name, file):
        if (name, file) not in self.functions:
            number = self.functions[name, file] = len(self.functions) + 1
            self.parts.append(field(5, field(1, number) + field(2, self.text(name)) + field(3, self.text(name))
                                    + field(4, self.text(file))))
        return self.functions[name, file]

    def location(self, address, *lines):
        """Lines are (function, file, line), the innermost first."""
        key = (address, lines)
        if key not in self.locations:
            number = self.locations[key] = len(self.locations) + 1
            body = field(1, number) + (field(2, 1) if self.has_mapping else b"") + field(3, address)
            for name, file, line in lines:
                body += field(4, field(1, self.function(name, file)) + field(2, line))
            self.parts.append(field(4, body))
        return self.locations[key]

    def sample(self, locations, values, labels=()):
        """Labels are (key, text) or (key, number, unit)."""
        body = field(1, b"".join(varint(one) for one in locations)) + field(2, b"".join(varint(one) for one in values))
        for key, value, *unit in labels:
            body += field(3, field(1, self.text(key)) + (field(2, self.text(value)) if isinstance(value, str) else
                                                         field(3, value) + (field(4, self.text(unit[0])) if unit else b"")))
        self.parts.append(field(2, body))

    def encode(self):
        table = b"".join(field(6, text.encode()) for text in self.strings)
        return gzip.compress(b"".join(self.parts) + table, mtime=0)


def line_of(name, line):
    """"line3002" lies in file3000.src."""
    return name, f"testdata/file{name[4]}000.src", line


def cpu():
    """What pprof.cpu.* were made of, but in nanoseconds: pprof.cpu.addresses.traces has all of it."""
    made = Writer([("samples", "count"), ("cpu", "nanoseconds")], ("cpu", "nanoseconds"), duration_ns=10 * 10**9)
    one = made.location(0x1000, line_of("line1000", 1))
    two = made.location(0x2000, line_of("line2001", 9), line_of("line2000", 4))
    three = made.location(0x3000, line_of("line3002", 2), line_of("line3001", 5), line_of("line3000", 6))
    four = made.location(0x3001, line_of("line3001", 8), line_of("line3000", 9))
    five = made.location(0x3002, line_of("line3002", 5), line_of("line3000", 9))
    made.sample([one, two, three], [1000, 1000 * MS], [("key1", "tag1"), ("key2", "tag1")])
    made.sample([one, four], [100, 100 * MS], [("key1", "tag2"), ("key3", "tag2")])
    made.sample([two, five], [10, 10 * MS], [("key1", "tag3"), ("key2", "tag2")])
    made.sample([three], [10, 10 * MS], [("key1", "tag4"), ("key2", "tag1")])
    return made.encode()


def cpu_small():
    """pprof.cpusmall.flat.addresses.tree: addresses without functions; the fifth node has nothing of its own."""
    made = Writer([("samples", "count"), ("cpu", "nanoseconds")], ("cpu", "nanoseconds"), duration_ns=10 * 10**9)
    one, two, three, four, five = (made.location(0x1000 * i) for i in range(1, 6))
    made.sample([one, three], [1, 1000 * MS])
    made.sample([three], [1, 1000 * MS])
    made.sample([four, five], [1, 1000 * MS])
    made.sample([five, two], [1, 1000 * MS])
    return made.encode()


def heap(with_tags=False):
    """pprof.heap.*, and with a second label and a text on every other sample pprof.heap_tags.traces."""
    made = Writer([("inuse_objects", "count"), ("inuse_space", "bytes")], mapping="", comments=("comment",))
    one = made.location(0x1000, line_of("line1000", 1))
    two = made.location(0x2000, line_of("line2001", 2), line_of("line2000", 3))
    three = made.location(0x3000, line_of("line3002", 3), line_of("line3001", 2), line_of("line3000", 4))
    four = made.location(0x3001, line_of("line3001", 8), line_of("line3000", 9))
    five = made.location(0x3002, line_of("line3002", 3), line_of("line3000", 4))
    for i, (locations, n_objects, size) in enumerate((([one, two, three], 10, 102400), ([one, four], 20, 204800),
                                                      ([two, five], 40, 1638400), ([three], 80, 409600))):
        labels = [("bytes", size, "bytes")]
        if with_tags and i % 2 == 0:
            labels += [("request", size, "bytes"), ("key1", "tag")]
        made.sample(locations, [n_objects, n_objects * size], labels)
    return made.encode()


def long_names():
    made = Writer([("samples", "count"), ("cpu", "nanoseconds")], ("cpu", "nanoseconds"), duration_ns=10 * 10**9)
    one = made.location(0x1000, ("path/to/package1.object.function1", "path/to/package1.go", 1))
    two = made.location(0x2000, ("(anonymous namespace)::Bar::Foo", "a/long/path/to/package2.cc", 4))
    three = made.location(0x3000, ("java.bar.foo.FooBar.run(java.lang.Runnable)", "FooBar.java", 9))
    made.sample([one, two, three], [1000, 1000 * MS])
    made.sample([one, two], [100, 100 * MS])
    made.sample([three], [10, 10 * MS])
    return made.encode()


def recursive():
    """Inlining and recursion, drop_frames, a number written as text, no file: what the goldens lack."""
    made = Writer([("samples", "count"), ("cpu", "nanoseconds")], ("cpu", "nanoseconds"), drop_frames="alloc.*|new",
                  keep_frames="alloc_pool")
    main = made.location(0x1100, ("main", "main.c", 10))
    fib = made.location(0x1200, ("fib", "fib.c", 20))
    walk = made.location(0x1300, ("step", "walk.h", 3), ("walk(int)", "walk.c", 30))
    pool = made.location(0x1400, ("alloc_pool", "pool.c", 40))
    new = made.location(0x1500, ("alloc_inner", "alloc.c", 50), ("alloc", "alloc.c", 60))
    bare = made.location(0x1600)
    nameless = made.location(0x1700, ("nameless", "", 0))
    made.sample([fib, fib, fib, main], [3, 3000], [("thread_id", 7), ("request", 4096, "bytes"), ("name", "a")])
    made.sample([walk, fib, walk, fib, main], [2, 2000], [("thread_id", 8), ("request", 8192, "bytes"), ("name", "b")])
    made.sample([bare, new, pool, walk, main], [5, 5000], [("thread_id", 8), ("name", "b"), ("name", "c")])
    made.sample([nameless, walk, main], [7, 7000], [("id", "42")])
    made.sample([new, walk], [11, 11000])
    made.sample([bare], [13, 13000])
    return made.encode()


def one_line(file, line):
    """A sample of 7 at one line of work()."""
    writer = Writer([("samples", "count")], comments=["made by hand"])
    writer.sample([writer.location(0x1100, ("work", file, line))], [7])
    return writer.encode()


ALL = {"cpu": cpu, "cpusmall": cpu_small, "heap": heap, "heap_tags": lambda: heap(True), "long_name_funcs": long_names,
       "recursive": recursive}
