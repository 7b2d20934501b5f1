"""README's five minutes with curl, run line by line: what it says heapd answers is what heapd answers."""
import pathlib
import re
import subprocess
import unittest

from heapd_test import HeapdTest

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
MARK = "\036"


def tour():
    """[(command, [expected answers])] from the sh blocks of the tour; an answer may say ... for anything."""
    text = README.read_text()
    text = text[text.index("## Five minutes with curl"):text.index("## Limits")]
    steps = []
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in block.splitlines():
            command, _, comment = line.partition("# ")
            if command.strip() and steps and steps[-1][0].endswith("|"):
                steps[-1][0] += "\n" + command
            elif command.strip():
                steps.append([command.rstrip(), []])
            if comment.startswith(("{", "null", "410")):
                steps[-1][1].append(comment.strip())
    return steps


def pattern(answer):
    status, _, body = answer.rpartition(": {")
    body = "{" + body if status else answer
    return re.escape(body).replace(r"\.\.\.", ".*") + r"\s*"


class ReadmeTour(HeapdTest):
    def test_every_answer_is_as_the_readme_says(self):
        steps = tour()
        self.assertGreater(len(steps), 20)
        script = "".join(f"{command}\nprintf '\\n{MARK}\\n'\n" for command, _ in steps)
        script = script.replace("127.0.0.1:4327", f"{self.daemon.host}:{self.daemon.port}")
        ran = subprocess.run(["sh", "-eu"], input=script, text=True, capture_output=True, timeout=60)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        answers = ran.stdout.split(MARK)
        for (command, expected), answer in zip(steps, answers):
            lines = answer.strip().splitlines()
            for said, got in zip(expected, lines):
                self.assertRegex(got, "^" + pattern(said) + "$", command)
            self.assertGreaterEqual(len(lines), len(expected), command)
            self.assertNotIn('"status":5', answer, command)


if __name__ == "__main__":
    unittest.main()
