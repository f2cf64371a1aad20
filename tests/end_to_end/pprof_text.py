"""Reads what `pprof` prints: -top, -tree and -peek, -traces, -tags, -dot, -callgrind; values become whole numbers, rounded as it rounded them."""
import re

FACTORS = {"": 1, "B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "mins": 60 * 10**9,
           "hrs": 3600 * 10**9}


class Value:
    """A value as printed: equal to every number that would be printed so."""

    def __init__(self, text):
        digits, unit = re.fullmatch(r"(-?[0-9.]+)([a-zA-Z]*)", text).groups()
        self.text, factor = text, FACTORS[unit]
        self.number = float(digits) * factor
        self.slack = 0.0051 * factor if factor > 1 else 0

    def __eq__(self, other):
        return abs(self.number - other) <= self.slack

    def __repr__(self):
        return self.text


def body_of(text):
    """Behind the lines about the file."""
    lines = text.splitlines()
    return lines[next(i for i, line in enumerate(lines) if re.match(r"\s+flat\s+flat%", line)) + 1:]


def name_of(text):
    return re.sub(r" \((partial-)?inline\)$", "", text.strip())


def top(text):
    """{name: (flat, cum)}."""
    rows = {}
    for line in body_of(text):
        flat, _, _, cum, _, name = line.split(None, 5)
        rows[name_of(name)] = (Value(flat), Value(cum))
    return rows


def calls(text):
    """{name: (flat, cum, {caller: value}, {callee: value})}."""
    found, block = {}, ({}, {})
    main = None
    for line in [*body_of(text), "---"]:
        if line.startswith("---"):
            if main:
                found[main[0]] = (*main[1:], *block)
            main, block = None, ({}, {})
            continue
        left, _, name = line.partition("|")
        words = left.split()
        if len(words) == 5:
            main = (name_of(name), Value(words[0]), Value(words[3]))
        else:
            block[0 if main is None else 1][name_of(name)] = Value(words[0])
    return found


def traces(text):
    """[(labels, value, [frame])], a frame with whether it is inlined."""
    found = []
    for block in re.split(r"(?m)^-{5,}\+-+$", text)[1:-1]:
        labels, frames, value = {}, [], None
        for line in block.strip("\n").splitlines():
            label = re.match(r"\s*(\S+):  (.*)$", line) if value is None else None
            if label and not re.match(r"\s*[0-9.-]+[a-zA-Z]*   ", line):
                labels[label.group(1)] = label.group(2)
                continue
            if value is None:
                value = Value(line.split()[0])
                line = " " * 13 + line.split(None, 1)[1]
            frames.append((name_of(line), line.endswith(" (inline)")))
        found.append((labels, value, frames))
    return found


def tags(text):
    """{key: {value: carried}}."""
    found = {}
    for line in text.splitlines():
        head = re.match(r"\s*(\S.*): Total ", line)
        row = re.match(r"\s*(\S+) \(.*?%\): (.*)$", line)
        if head:
            key = found.setdefault(head.group(1), {})
        elif row:
            key[row.group(2)] = Value(row.group(1))
    return found


def dot(text):
    """A call tree: the sorted [(path of names from the root, value of the last call, whether it goes by others)]; ours reads so too."""
    names, caller = {}, {}
    for node, attributes in re.findall(r"(?m)^ *([nN]\d+) \[(.*)\]$", text):
        name = re.search(r'tooltip="((?:[^"\\]|\\.)*)"', attributes).group(1)
        names[node] = re.sub(r" \(-?[\d.]+[a-zA-Z]*\)$", "", name)
    for before, node, attributes in re.findall(r"(?m)^ *([nN]\d+) -> ([nN]\d+) \[(.*)\]$", text):
        value = re.search(r'label=" (-?[\d.]+) ?([a-zA-Z]*)', attributes)
        caller[node] = (before, Value("".join(value.groups())).number, "style=\"dotted\"" in attributes or "style=dotted" in attributes)

    def path_of(node):
        path = [names[node]]
        while node in caller:
            node = caller[node][0]
            path.append(names[node])
        return tuple(reversed(path))
    return sorted((path_of(node), *caller[node][1:]) for node in caller), sorted(path_of(node) for node in names)


def callgrind(text):
    """({function: own cost}, {(caller, callee): cost of the calls}), by names, whoever wrote it."""
    known, own, calls = {}, {}, {}
    now, callee, is_call = None, None, False
    for line in text.splitlines():
        name = re.match(r"(c?)(ob|fl|fi|fn)=(?:\((\d+)\))? ?(.*)$", line)
        if name:
            kind = "fl" if name.group(2) == "fi" else name.group(2)
            full = known.setdefault((kind, name.group(3)), name.group(4)) if name.group(3) else name.group(4)
            if kind == "fn":
                now, callee = (now, full) if name.group(1) else (full, callee)
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[-+*\dx]", line):
            cost = int(line.split()[-1])
            sums, key = (calls, (now, callee)) if is_call else (own, now)
            sums[key] = sums.get(key, 0) + cost
            is_call = False
    return own, calls
