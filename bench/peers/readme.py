"""The README's table of peers, made of what 'bench/run --long --json FILE peers' has written."""
import json
import re
from pathlib import Path

from .cells import METRICS

BEGIN = "<!-- bench/readme_table writes from here -->"
END = "<!-- to here -->"
HEADING = "## Performance"
NEXT_HEADING = "## Read on"
FLOOR = "A/A: CPU added to the work by nothing"
NOTHING_TO_TELL = "-"


class CannotMake(ValueError):
    """The file holds no table, with the reason."""


def load(path):
    data = json.loads(Path(path).read_text())
    if not any(row["data"].get("metric") for row in data["rows"]):
        raise CannotMake(f"{path} holds no measurement of peers: bench/run --long --json {path} peers")
    return data


def columns(data):
    """(key, heading) of each profiler that was there, in the order of the bench."""
    found = {}
    for row in data["rows"]:
        about = row["data"]
        if "label" in about and not about.get("missing"):
            found[about["tool"]] = f"{about['label']} {about['version']}".strip()
    return list(found.items())


def machine_line(data):
    about = data["about"]
    floor = next((row["value"] for row in data["rows"] if row["name"] == FLOOR), None)
    form = "" if about["is_long"] else "Short form, nothing close is decided. "
    said = "" if floor is None else f" Work measured against itself (A/A) differs by {floor:+.2f} %."
    return (f"{form}Measured on {about['date']}: {about['processor']}, {about['n_cpus']} processors,"
            f" Linux {about['kernel']}, load {about['load_before'][0]:.1f} before.{said}")


class Notes:
    """Reasons, numbered as they come."""

    def __init__(self):
        self.reasons = []

    def mark(self, reason):
        if reason not in self.reasons:
            self.reasons.append(reason)
        return f"{NOTHING_TO_TELL} ({self.reasons.index(reason) + 1})"

    def lines(self):
        return [f"{i}. {reason}" for i, reason in enumerate(self.reasons, 1)]


def table(data):
    """The lines of the table and those of its notes."""
    cells = {(row["data"]["metric"], row["data"]["tool"]): row["data"]
             for row in data["rows"] if row["data"].get("metric")}
    heads, notes = columns(data), Notes()
    lines = ["| | " + " | ".join(head for _, head in heads) + " |", "|---|" + "---|" * len(heads)]
    for metric, label in METRICS.items():
        shown = []
        for tool, _ in heads:
            one = cells.get((metric, tool), {"text": None, "reason": "not measured in this run"})
            shown.append(one["text"] if one["text"] is not None else notes.mark(one["reason"]))
        lines.append(f"| {label} | " + " | ".join(shown) + " |")
    return lines, notes.lines()


def block(data):
    """Everything between the two markers, these included."""
    lines, notes = table(data)
    command = "bench/run --long peers" if data["about"]["is_long"] else "bench/run peers"
    how = (f"Alternating runs of the same work by `{command}`; in brackets 95 % limits."
           " Where perf walks frame pointers the program was compiled with them.")
    parts = [BEGIN, machine_line(data), how, "", *lines, ""]
    return "\n".join(parts + ([*notes, ""] if notes else []) + [END])


def block_of(readme):
    """The block that a README holds, or None."""
    found = re.search(f"{re.escape(BEGIN)}.*?{re.escape(END)}", readme, re.S)
    return found[0] if found else None


def with_block(readme, new):
    """The README with this block in the place of the old one; the first goes before the last heading."""
    old = block_of(readme)
    if old is not None:
        return readme.replace(old, new)
    if f"\n{NEXT_HEADING}\n" not in readme:
        raise CannotMake(f"the README has no '{NEXT_HEADING}' to put the table before")
    return readme.replace(f"\n{NEXT_HEADING}\n", f"\n{HEADING}\n\n{new}\n\n{NEXT_HEADING}\n")


def shape(text):
    """What stays the same whatever the figures are: row names, numbers of cells, profilers, the machine's line."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith("|") and not line.startswith("|---")]
    head = [re.sub(r"[\d.]+$", "VERSION", cell) for cell in rows[0]] if rows else []
    machine = re.search(r"Measured on \d{4}-\d\d-\d\d: .+, \d+ processors, Linux \S+, load [\d.]+ before\.", text)
    empty = [row[0] for row in rows[1:] if any(cell == "" for cell in row[1:])]
    return {"head": head, "rows": [(row[0], len(row)) for row in rows[1:]], "has_machine": machine is not None,
            "empty": empty}
