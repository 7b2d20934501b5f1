#!/usr/bin/python3
"""Add up what the test runner logged, and say it in one line: "N passed, M failed[, K skipped]"."""
import json
import sys


def main(logs):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for log in logs:
        for line in open(log):
            result = json.loads(line)["result"]
            counts["passed" if result in ("OK", "EXPECTEDFAIL") else "skipped" if result == "SKIP" else "failed"] += 1
    print(f"{counts['passed']} passed, {counts['failed']} failed" + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
