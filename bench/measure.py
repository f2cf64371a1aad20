"""Figures from repeated, alternating measurements, and the table they are shown in."""
import math
import statistics
from dataclasses import asdict, dataclass, field


@dataclass
class Row:
    """One line of the table; without a bar it is there for information."""
    name: str
    value: float
    unit: str
    bar: str = ""
    is_ok: bool = None  # None: nothing to pass
    detail: str = ""
    data: dict = field(default_factory=dict)


def binomial_upper(n, quantile):
    """The smallest k of which a fair coin's n throws show at most k heads with this probability."""
    total = 0.0
    for k in range(n + 1):
        total += math.comb(n, k) / 2 ** n
        if total >= quantile:
            return k
    return n


def walsh_averages(values):
    return sorted((values[i] + values[k]) / 2 for i in range(len(values)) for k in range(i + 1))


def paired_estimate(values):
    """(Hodges-Lehmann estimate, 95 % lower, 95 % upper limit, each one-sided) of what paired differences centre on.

    Few pairs and long tails, as on a shared machine, are what Wilcoxon's limits stand better than a mean does.
    """
    n = len(values)
    averages = walsh_averages(values)
    centre = statistics.median(averages)
    if n < 6:
        return centre, averages[0], averages[-1]
    spread = 1.645 * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    rank = max(int(math.floor(n * (n + 1) / 4 - spread)), 0)
    return centre, averages[rank], averages[-1 - rank]


def show_table(rows):
    width = max(len(row.name) for row in rows)
    lines = [f"{'':{width}}  {'value':>10} {'bar':>14}"]
    for row in rows:
        verdict = "" if row.is_ok is None else "ok" if row.is_ok else "MISSED"
        value = f"{row.value:.4g}{row.unit}" if row.value is not None else "-"
        lines.append(f"{row.name:{width}}  {value:>10} {row.bar:>14}  {verdict:<4} {row.detail}".rstrip())
    return "\n".join(lines)


def as_json(rows):
    return [asdict(row) for row in rows]
