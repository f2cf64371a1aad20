"""Libraries with much unwind information."""
import glob
import json
import os
import sys
import unittest

from harness import EndToEnd

MOST_MS = 50
LARGE = ("/usr/lib/llvm-*/lib/libclang-cpp.so.*", "/usr/lib/x86_64-linux-gnu/libLLVM-*.so.*")


class HelperAnswers(EndToEnd):
    """A table of megabytes is made in pieces: whoever asks the helper for something meanwhile does not wait for its end."""

    def test_questions_while_a_table_grows(self):
        """Between a question and its answer the helper uses 50 ms of CPU at most, in all more than that for the table."""
        library = next((path for pattern in LARGE for path in sorted(glob.glob(pattern)) if os.path.getsize(path) > 48 << 20), None)
        if library is None:
            self.skipTest("no library of 48 MiB or more")
        finished = self.run_command(self.program("big_table"), library)
        self.assertEqual(finished.status, 0, finished.err)
        found = json.loads(finished.out)
        print(library, found, file=sys.stderr)
        self.assertGreater(found["table_bytes"], 8 << 20)
        self.assertGreater(found["helper_ms"], MOST_MS)
        self.assertLessEqual(found["most_ms"], MOST_MS)


if __name__ == "__main__":
    unittest.main()
