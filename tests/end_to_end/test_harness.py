"""What the other tests rely on: a child's output is read while it writes, and nothing of it is lost."""
import subprocess

from harness import EndToEnd, unittest


class Output(EndToEnd):
    def test_read_while_written(self):
        child = self.start("sh", "-c", "i=0; while [ ! -e stop ]; do i=$((i+1)); echo $i; done")
        for _ in range(1000):
            so_far = self.text(child, 0)
            self.assertEqual(so_far[:2], "1\n"[:len(so_far)])
        (self.folder / "stop").touch()
        lines = self.finish(child).out.split()
        self.assertEqual(lines, [str(i + 1) for i in range(len(lines))])

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
