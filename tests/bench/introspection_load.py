"""
introspection_load.py - a large graph in heapd with clients that change it (graph_load.c), and one who asks at a fixed rate
meanwhile (steady.c).

Both are told by a line what to do, and answer with a line of JSON of what was done since the line before.
"""
import json
from pathlib import Path

from peers import Failed


class Talker:
    """A program that answers each line with a line, from `with` to its end."""

    def __init__(self, place, program, *args, core=None):
        self.program = Path(program).name
        self.process = place.start(place.client_core if core is None else core, program, *args, stdin=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def hears(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.program} ended with {self.process.wait()}")
        return json.loads(line)

    def says(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        return self.hears()


class Graph(Talker):
    def __init__(self, place, heapd, objects, links):
        super().__init__(place, place.built("graph_load"), heapd.port, objects, links)
        self.objects, self.links = objects, links

    def __enter__(self):
        self.made = self.hears()
        return self


class Steady(Talker):
    def __init__(self, place, heapd, rate, path):
        super().__init__(place, place.built("steady"), heapd.port, rate, path)

    def during(self, action):
        """What the action says, and how long those waited who asked meanwhile."""
        self.says("now")
        said = action()
        return said, self.says("now")
