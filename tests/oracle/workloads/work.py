"""JSON, regular expressions, hashes of a loaded library, deep recursion, callbacks from C; repeated argv[1] times."""
import hashlib
import json
import re
import sys


class Key:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return self.value < other.value


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


for _ in range(int(sys.argv[1])):
    table = {str(i): [i, {"a": i * 2, "b": "x" * (i % 50)}] for i in range(20000)}
    for _ in range(4):
        table = json.loads(json.dumps(table, indent=1, sort_keys=True))
    text = json.dumps(table)
    print(len(re.findall(r'(x+)"\}\], "(\d+)', text)), hashlib.sha256(text.encode() * 20).hexdigest())
    print(fib(24), sum(deep(400) for _ in range(800)))
    print(len(sorted(Key((i * 7919) % 10007) for i in range(40000))))
