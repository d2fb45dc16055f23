"""exec, attach, cp, port-forward and logs of stock kubectl, with processes in place of containers.

tests/e2e/stream_node.cc is API server and node; each kubectl version meets it in its own way: SPDY
(1.20, 1.27), WebSocket (1.30 and later).
"""
import hashlib
import http.client
import http.server
import os
import pathlib
import pty
import subprocess
import tempfile
import threading

import support
from kubectl_cases import find_kubectl
from support import Failure, Skip

VERSIONS = ["1.20", "1.27", "1.30", "1.33"]


class Node:
    def __init__(self):
        program = pathlib.Path(support.BINARY).parents[2] / "tests/e2e/stream_node"
        if not program.exists():
            raise Skip(f"{program} is not built")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.home = tempfile.TemporaryDirectory(prefix="kist-e2e.")

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.home.cleanup()


class Kubectl:
    def __init__(self, node, version):
        self.command = [find_kubectl(version), f"--server=https://127.0.0.1:{node.port}",
                        "--insecure-skip-tls-verify", "--token=secret"]
        self.home = node.home.name
        self.env = {**os.environ, "HOME": self.home, "KUBECONFIG": "/dev/null"}

    def start(self, *words, **options):
        return subprocess.Popen([*self.command, *words], env=self.env, **options)

    def __call__(self, *words, stdin=b""):
        done = subprocess.run([*self.command, *words], env=self.env, input=stdin,
                              capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr


def expect(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: {str(got)[:1500]}, not {str(wanted)[:500]}")


def streams(kubectl):
    code, out, err = kubectl("exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    expect((code, out), (3, b"out\n"), "exec")
    if b"err\n" not in err or b"exit code 3" not in err:
        raise Failure(f"exec: stderr {err!r}")
    expect(kubectl("exec", "web", "--", "true")[0], 0, "exec true")


def input_of_megabytes(kubectl):
    data = os.urandom(8 * 1024 * 1024)
    # Through head, whose end is not that of the input: clients before v5 cannot end theirs.
    code, out, err = kubectl("exec", "-i", "web", "--", "head", "-c", str(len(data)), stdin=data)
    expect(code, 0, f"exec head: {err!r}")
    expect(hashlib.sha256(out).digest(), hashlib.sha256(data).digest(), "what came back")


def copies(kubectl):
    data = os.urandom(3 * 1024 * 1024)
    there, back = f"{kubectl.home}/there", f"{kubectl.home}/back"
    source = pathlib.Path(kubectl.home, "source")
    source.write_bytes(data)
    for line in (["cp", str(source), f"web:{there}"], ["cp", f"web:{there}", back]):
        code, _, err = kubectl(*line)
        expect(code, 0, f"{line}: {err!r}")
    expect(pathlib.Path(back).read_bytes() == data, True, "the copy is the same")
    os.remove(there)
    os.remove(back)


def terminals(kubectl):
    master, slave = pty.openpty()
    process = kubectl.start("exec", "-it", "web", "--", "sh", "-c", "tty -s && echo yes; exit 4",
                            stdin=slave, stdout=slave, stderr=slave)
    expect(process.wait(60), 4, "exit code of exec -it")
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:
        pass  # the last slave is closed
    os.close(master)
    if b"yes\r\n" not in shown:
        raise Failure(f"terminal: {shown!r}")


def attaches(kubectl):
    process = kubectl.start("attach", "-i", "web", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
    expect(process.stdout.readline(), b"attached\n", "attach")
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    expect(process.stdout.readline(), b"hello\n", "attach -i")
    process.kill()
    process.wait()


def ports(kubectl):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"x" * int(self.path[1:])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *unused):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = kubectl.start("port-forward", "pod/web", f":{server.server_port}",
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        line = process.stdout.readline().decode()  # Forwarding from 127.0.0.1:4711 -> 80
        local = int(line.split("->")[0].rsplit(":", 1)[1])
        for size in (5, 2_000_000, 5):
            client = http.client.HTTPConnection("127.0.0.1", local, timeout=30)
            client.request("GET", f"/{size}")
            expect(len(client.getresponse().read()), size, "page through port-forward")
            client.close()
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


def logs(kubectl):
    expect(kubectl("logs", "web", "--tail=5", "-c", "main")[1].startswith(b"log "), True, "logs")


def refusals(kubectl):
    code, _, err = kubectl("exec", "none", "--", "true")
    expect((code != 0, b'pods "none" not found' in err), (True, True), f"exec: {err!r}")
    code, _, err = kubectl("exec", "web", "-c", "other", "--", "true")
    expect((code != 0, b"other" in err), (True, True), f"exec -c: {err!r}")


STEPS = [streams, input_of_megabytes, copies, terminals, attaches, ports, logs, refusals]


def cases():
    shared = {}

    def step_case(version, step):
        def case():
            if "node" not in shared:
                shared["node"] = Node()
            try:
                step(Kubectl(shared["node"], version))
            finally:
                if (version, step) == (VERSIONS[-1], STEPS[-1]):
                    shared.pop("node").close()
        return case

    return [(f"streams of kubectl {version}: {step.__name__.replace('_', ' ')}",
             step_case(version, step)) for version in VERSIONS for step in STEPS]
