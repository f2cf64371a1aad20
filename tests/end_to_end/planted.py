"""A planted change of what something takes, held against the limits that the tool itself gives."""
import math


def assert_planted(test, figures, least, most=None):
    """What the machine's own changes of speed leave in doubt is in the 95 % limits: of 8 runs a side 2.5 times these are left once in 10 000,
    of 10 pairs once in 3 000.  With 'most' anything between is right."""
    low, high = (math.log(limit / figures["ratio"]) for limit in figures["ratio_95"])
    test.assertLess(2.5 * low, math.log((most or least) / figures["ratio"]), figures)
    test.assertLess(math.log(least / figures["ratio"]), 2.5 * high, figures)
