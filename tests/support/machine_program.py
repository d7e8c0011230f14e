"""What a local machine runs in tests, in place of the agent: it answers on its address and waits to be ended."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

with open(sys.argv[sys.argv.index("--config") + 1]) as opened:  # noqa: PTH123  (starts in half the time without pathlib)
    config = json.load(opened)
habits = config.get("habits", {})

with open(os.path.join(config["folder"], "starts"), "a") as starts:  # noqa: PTH118, PTH123
    starts.write(f"{os.getpid()}\n")

only = open(os.path.join(config["folder"], "only"), "w")  # noqa: PTH118, PTH123, SIM115  (held as long as this lives)
try:
    fcntl.flock(only, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    with open(os.path.join(config["folder"], "doubles"), "a") as doubles:  # noqa: PTH118, PTH123
        doubles.write(f"{os.getpid()}\n")

if habits.get("ignores_term"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if habits.get("has_children"):
    sleep = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    home = {"HOME": os.environ["HOME"]}
    subprocess.Popen([sys.executable, "-IS", "-c", sleep])
    subprocess.Popen([sys.executable, "-IS", "-c", sleep], env={})
    subprocess.Popen([sys.executable, "-IS", "-c", sleep], env=home, start_new_session=True)
if habits.get("ends_at_once"):
    sys.exit(3)


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(config["instance_id"].encode())

    def log_message(self, *_: object) -> None:
        pass


host, _, port = config["listen"].rpartition(":")
print("listening", config["listen"], flush=True)
HTTPServer((host, int(port)), Page).serve_forever()
time.sleep(600)
