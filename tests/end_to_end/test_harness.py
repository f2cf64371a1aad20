"""What the other tests rely on: a child's output is read while it writes, and nothing of it is lost."""
import subprocess

from harness import EndToEnd, unittest


class Output(EndToEnd):
    def test_read_while_written(self):
        n_lines = 20000
        child = self.start("sh", "-c", f"i=0; while [ $i -lt {n_lines} ]; do i=$((i+1)); echo $i; done")
        n_reads = 0
        while child.poll() is None:
            so_far = self.text(child, 0)
            self.assertEqual(so_far[:2], "1\n"[:len(so_far)])
            n_reads += 1
        self.assertGreater(n_reads, 10)
        self.assertEqual(self.finish(child).out.split(), [str(i) for i in range(1, n_lines + 1)])

    def test_dialogue(self):
        child = self.start("sh", "-c", "while read line; do echo $line; done", stdin=subprocess.PIPE)
        self.addCleanup(child.stdin.close)
        expected = ""
        for i in range(1000):
            child.stdin.write(f"{i}\n".encode())
            child.stdin.flush()
            expected += f"{i}\n"
            so_far = ""
            while so_far != expected:
                self.assertIsNone(child.poll())
                so_far = self.text(child, 0)
                self.assertTrue(expected.startswith(so_far), f"after {i} lines: {so_far!r}")


if __name__ == "__main__":
    unittest.main()
