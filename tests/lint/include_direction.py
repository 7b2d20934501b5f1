#!/usr/bin/python3
"""Prove the house: every #include "folder/file.h" points to the right, never to the left.

    daemon -> api -> gc -> heap -> heap/base          client -> api/wire.h

Prints each include that points the wrong way, or is not written folder-first; exits 1 if there is one."""
import pathlib
import re
import sys

ROOMS = ["heap/base", "heap", "gc", "api", "daemon"]  # from the floor up
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def rank(path):
    """Height of the room that a file is in; -1: in none of them."""
    inside = [i for i, room in enumerate(ROOMS) if path.startswith(room + "/")]
    return min(inside) if inside else -1


def complaint(source, target):
    if "/" not in target:
        return "is not written folder-first"
    if source.startswith("client/"):
        return None if target.startswith("client/") or target == "api/wire.h" else "is not the client's to know"
    if rank(target) > rank(source) >= 0:
        return "points to the left"
    return None


def main(top):
    wrong = []
    for folder in ("heap", "gc", "api", "daemon", "client"):
        for path in sorted((top / folder).rglob("*.[ch]")):
            source = path.relative_to(top).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                why = found and complaint(source, found[1])
                if why:
                    wrong.append(f'{source}:{number}: "{found[1]}" {why}')
    print("\n".join(wrong) if wrong else "every include points to the right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(__file__).resolve().parents[2]))
