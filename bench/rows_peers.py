"""pprof-c beside gperftools, pprof-rs and perf: the same work, alternating runs.  bench/peers holds how each is run."""
import sys
import tempfile
from pathlib import Path

from measure import Row
from peers import cells, costs, handlers, reports, tools, truths

# Each may be run alone, as "peers-NAME"; "peers" is all of them.
GROUPS = {
    "handlers": handlers.handler_rows,
    "added-cpu": lambda here, is_long, folder: costs.Costs(here, is_long, folder).rows(),
    "start": lambda here, is_long, folder: costs.start_rows(here, is_long),
    "memory": costs.memory_rows,
    "samples": truths.sample_rows,
    "totals": lambda here, is_long, folder: truths.total_rows(here, is_long),
    "alias": lambda here, is_long, folder: truths.alias_rows(here, is_long),
    "stacks": lambda here, is_long, folder: truths.stack_rows(here, is_long),
    "reports": lambda here, is_long, folder: reports.report_rows(here, is_long),
    "rust": lambda here, is_long, folder: (costs.rust_rows(here, is_long, folder) +
                                           truths.rust_sample_rows(here, is_long, folder)),
}


def row_of_tool(tool, reason):
    """Its version, or why it is not here."""
    about = {"tool": tool.key, "label": tool.label, "version": "" if reason else tool.version(), "missing": reason}
    return Row(f"{'not measured' if reason else 'measured'}: {tool.label}", None, "", data=about,
               detail=reason or about["version"])


def peers(is_long):
    here, missing = tools.all_tools()
    rows = [row_of_tool(tool, "") for tool in here] + [row_of_tool(tool, reason) for tool, reason in missing]
    rows += measured(list(GROUPS), here, is_long)
    return rows + costs.sample_cost_rows(here, rows)


def measured(names, here, is_long):
    """These groups; one that fails is a failed row, for the others took minutes."""
    rows = []
    for name in names:
        print(f"bench: peers-{name} ..", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows += GROUPS[name](here, is_long, Path(folder))
            except cells.FAILURES as error:
                rows.append(Row(f"peers-{name}", None, "", "", False, f"failed: {cells.reason_of(error)}"))
    return rows


def part(name):
    return lambda is_long: measured([name], tools.all_tools()[0], is_long)


ALL = {"peers": peers, **{f"peers-{name}": part(name) for name in GROUPS}}
