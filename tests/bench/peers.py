"""
peers.py - the servers that are measured, each started here on a free port of 127.0.0.1 and ended here, by its pid.

Two cores where there are two: servers run on the first, what asks them on the second, so that one never waits for the
other's time slice. It is the same for every server, so it favours none.
"""
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

WAIT = 60
NICEST = -20  # not in real time: programs with threads of their own spin until those have had a turn, which then never comes
RUN_SECONDS_MAX = 1800


@dataclass
class Row:
    what: str
    ours: str
    theirs: str = ""
    ratio: float | None = None
    bar: str = ""
    met: bool | None = None
    aimed: bool | None = None  # more than the bar asks for
    note: str = ""
    measured: dict = field(default_factory=dict)


class Failed(SystemExit):
    """Something could not be measured: says what, and ends the run with status 1."""

    def __init__(self, sentence):
        super().__init__(f"bench: {sentence}")


median = statistics.median


def in_turn(rounds, *actions):
    """Each action once a round, in turn; for each the list of what it answered."""
    said = [[action() for action in actions] for _ in range(rounds)]
    return list(zip(*said))


class Place:
    """Where the programs are, how large things are, a folder for what peers write, and the cores."""

    def __init__(self, build, quick):
        self.build, self.quick, self.stack = Path(build).resolve(), quick, ExitStack()
        self.urgent = False  # before what else the machine has to do, where that is allowed
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.client_core = cores[0], cores[-1]

    def __enter__(self):
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="heapd-bench-")))
        return self

    def __exit__(self, *error):
        self.stack.close()

    def size(self, whole, quick):
        return quick if self.quick else whole

    def settle_on(self, core):
        """For a process that has just begun, before it becomes what it shall be."""
        os.sched_setaffinity(0, {core})
        if self.urgent:
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, 0, NICEST)

    def run(self, core, *command):
        """Run a program on one core; what it printed."""
        done = subprocess.run([str(c) for c in command], text=True, timeout=RUN_SECONDS_MAX, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, preexec_fn=lambda: self.settle_on(core))
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def client(self, *command):
        return self.run(self.client_core, *command)

    def start(self, core, *command, stdin=False):
        """A program on one core that goes on until whoever started it ends it."""
        return subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                                stdout=subprocess.PIPE, preexec_fn=lambda: self.settle_on(core))

    def built(self, name):
        return self.build / "tests/bench" / name

    def program(self, name, *args):
        """One of our C programs: the JSON it printed."""
        return json.loads(self.client(self.built(name), *args))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A process on the server's core, from `with` to its end. `preload`: a library that stands before all others."""

    def __init__(self, place, command, port, preload=None):
        self.port = port
        self.log = open(place.folder / f"{Path(command[0]).name}.log", "ab")
        self.process = subprocess.Popen(
            [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
            env={**os.environ, "LD_PRELOAD": str(preload)} if preload else None,
            preexec_fn=lambda: place.settle_on(place.server_core))
        self.worker = self.process.pid

    def wait_until_it_listens(self):
        end = time.monotonic() + WAIT
        while not listens(self.port):
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{self.process.args[0]} does not listen: {Path(self.log.name).read_text()[-2000:]}")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def loop_seconds(self):
        """CPU time of its first thread, to the nanosecond."""
        return int(Path(f"/proc/{self.worker}/schedstat").read_text().split()[0]) / 1e9

    def cpu_seconds(self):
        """User and system time of the process that serves."""
        after_name = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


class Heapd(Server):
    def __init__(self, place, *options, preload=None):
        super().__init__(place, [place.build / "daemon/heapd", "--listen", "127.0.0.1:0", *options], 0, preload)
        ready = self.process.stdout.readline().decode()
        if not (m := re.fullmatch(r"heapd ready http://127\.0\.0\.1:(\d+)\n", ready)):
            self.__exit__()
            raise Failed(f"heapd did not start: {Path(self.log.name).read_text()[-2000:]}")
        self.port = int(m[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)

    def is_ready(self):
        self.http.request("GET", "/readyz")
        answer = self.http.getresponse()
        answer.read()
        return answer.status == 200

    def ask(self, method, path, body=None):
        self.http.request(method, path, None if body is None else json.dumps(body))
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise Failed(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None

    def connections(self):
        """How many it has, this one too."""
        self.http.request("GET", "/metrics")
        return int(re.search(r"^heapd_connections (\d+)$", self.http.getresponse().read().decode(), re.M)[1])

    def settle(self):
        """Until the batch before has let go of all but the root, and the collector has nothing to do."""
        end = time.monotonic() + WAIT
        root = self.ask("GET", "/v1/roots/bench")["$ref"]
        while not self.is_at_rest(root):
            if time.monotonic() > end:
                raise Failed("heapd does not come to rest")
            time.sleep(0.05)

    def is_at_rest(self, root):
        gc = self.ask("GET", "/v1/gc")
        return gc["phase"] == "idle" and gc["doomed"] == 0 and self.ask("GET", f"/v1/objects/{root}")["refs"] == 1


class Nginx(Server):
    """One worker that answers every request with the same `body_bytes` bytes, but for /large, and has as much patience with
    heads that do not end as heapd."""

    def __init__(self, place, body_bytes, large_bytes=0, head_seconds=60):
        port, folder = free_port(), place.folder / "nginx"
        folder.mkdir(exist_ok=True)
        (folder / "large").write_text("x" * large_bytes)
        (folder / "nginx.conf").write_text(self.config(folder, port, "x" * body_bytes, head_seconds))
        super().__init__(place, ["/usr/sbin/nginx", "-p", folder, "-e", folder / "error.log", "-c", "nginx.conf"], port)
        self.url = f"http://127.0.0.1:{port}/"
        self.wait_until_it_listens()
        self.worker = self.only_child()

    def only_child(self):
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def connections(self):
        """How many it has, this one too."""
        with socket.create_connection(("127.0.0.1", self.port), WAIT) as s:
            s.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            return int(re.search(rb"Active connections: (\d+)", b"".join(iter(partial(s.recv, 4096), b"")))[1])

    @staticmethod
    def config(folder, port, body, head_seconds):
        user = "user root;" if os.geteuid() == 0 else ""
        temp = "".join(f"{t}_temp_path {folder}/{t};" for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return (f"daemon off; {user} worker_processes 1; pid {folder}/pid; events {{ worker_connections 20000; }}\n"
                f"http {{ access_log off; {temp} keepalive_requests 1000000000; default_type application/json;\n"
                f"  client_header_timeout {head_seconds}s;\n"
                f'  server {{ listen 127.0.0.1:{port}; root {folder}; location / {{ return 200 "{body}"; }}\n'
                f"    location = /large {{ }} location = /status {{ stub_status; }} }} }}\n")


class Redis(Server):
    """`durable`: the directory where every write is before it is answered."""

    def __init__(self, place, durable=None, preload=None):
        port = free_port()
        kept = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
        super().__init__(place, ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", *kept,
                                 "--dir", durable or place.folder, "--logfile", place.folder / "redis.log"], port, preload)
        self.wait_until_it_listens()

    def say(self, line):
        """The first line of what it answers."""
        with socket.create_connection(("127.0.0.1", self.port), WAIT) as s:
            s.sendall(f"{line}\r\n".encode())
            return s.makefile("rb").readline().decode().strip()

    def set(self, key, value):
        if self.say(f"SET {key} {value}") != "+OK":
            raise Failed("redis refused a SET")

    def used_memory(self):
        with socket.create_connection(("127.0.0.1", self.port), WAIT) as s:
            s.sendall(b"INFO memory\r\n")
            said = b""
            while b"used_memory_human" not in said:
                said += s.recv(65536)
        return int(re.search(rb"used_memory:(\d+)", said)[1])


class Node(Server):
    """edge_node.js: objects in a Map, over HTTP."""

    def __init__(self, place):
        super().__init__(place, ["node", Path(__file__).with_name("edge_node.js")], 0)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"


class Webdis(Server):
    """Redis by HTTP; its `url` answers with a JSON text of about `body_bytes` bytes."""

    def __init__(self, place, redis, body_bytes):
        port, config = free_port(), place.folder / "webdis.json"
        config.write_text(json.dumps({"redis_host": "127.0.0.1", "redis_port": redis.port, "http_host": "127.0.0.1",
                                      "http_port": port, "threads": 1, "daemonize": False, "verbosity": 0,
                                      "logfile": str(place.folder / "webdis.log")}))
        redis.set("object", "x" * (body_bytes - len('{"GET":""}')))
        super().__init__(place, ["webdis", config], port)
        self.url = f"http://127.0.0.1:{port}/GET/object"
        self.wait_until_it_listens()
