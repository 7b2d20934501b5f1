"""README's walks with curl, run line by line: what it says heapd answers is what heapd answers."""
import pathlib
import re
import subprocess
import unittest

from heapd_test import HeapdTest

README = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()
LEAK = "## Find a leak in five minutes"
MARK = "\036"


def between(begin, end):
    return README[README.index(begin):README.index(end)]


def is_whole(command):
    """False: for a shell, more lines belong to it."""
    return subprocess.run(["sh", "-n"], input=command, text=True, stderr=subprocess.DEVNULL).returncode == 0


def steps_of(text):
    """[(command, [expected answers])] of its sh blocks; a line that is only a comment is an answer; it may say ... for anything."""
    steps = []
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in block.splitlines():
            command, _, comment = line.partition("# ")
            if command.strip() and steps and not is_whole(steps[-1][0]):
                steps[-1][0] += "\n" + command.rstrip()
            elif command.strip():
                steps.append([command.rstrip(), []])
            if comment.startswith(("{", "null", "410")) or not command.strip() and comment:
                steps[-1][1].append(comment.strip())
    return steps


def pattern(answer):
    status, _, body = answer.rpartition(": {")
    body = "{" + body if status == "410" else answer
    return re.escape(body).replace(r"\.\.\.", ".*") + r"\s*"


class Readme(HeapdTest):
    fresh = True

    def walk(self, text, seconds):
        steps = steps_of(text)
        self.assertGreater(len(steps), 20)
        script = "".join(f"{command}\nprintf '\\n{MARK}\\n'\n" for command, _ in steps)
        script = script.replace("127.0.0.1:4327", f"{self.daemon.host}:{self.daemon.port}")
        ran = subprocess.run(["sh", "-eu"], input=script, text=True, capture_output=True, timeout=seconds)
        self.assertEqual(ran.returncode, 0, (ran.stderr, ran.stdout[-2000:]))
        answers = ran.stdout.split(MARK)
        for (command, expected), answer in zip(steps, answers):
            lines = answer.strip().splitlines()
            for said, got in zip(expected, lines):
                self.assertRegex(got, "^" + pattern(said) + "$", command)
            self.assertGreaterEqual(len(lines), len(expected), command)
            self.assertNotIn('"status":5', answer, command)

    def test_every_answer_of_the_tour_is_as_the_readme_says(self):
        self.walk(between("## Five minutes with curl", LEAK) + between("## What happens", "## Limits"), 60)

    def test_a_leak_is_found_and_mended_as_the_readme_says(self):
        self.walk(between(LEAK, "## What happens"), 250)


if __name__ == "__main__":
    unittest.main()
