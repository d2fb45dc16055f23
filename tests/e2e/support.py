"""A kist server of a test's own: started on a free port in a temporary directory, stopped by pid."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

BINARY = ""
START_SECONDS_MAX = 60  # sanitizer builds are slow
RUNNING = []


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """`flags` are added to the server's own. Use as a context manager."""

    def __init__(self, *flags, data_dir=None, env=None, start=True, prefix=()):
        self.directory = tempfile.mkdtemp(prefix="kist-e2e.")
        self.data_dir = data_dir or self.directory + "/data"
        self.kubeconfig = self.directory + "/kist.yaml"
        self.port = free_port()
        self.flags, self.env, self.prefix = list(flags), env or {}, list(prefix)
        self.process = None
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def command(self):
        return self.prefix + [
            BINARY, "server", "--disable-agent", "--data-dir", self.data_dir, "--bind-address",
            "127.0.0.1", "--https-listen-port", str(self.port), "--write-kubeconfig",
            self.kubeconfig] + self.flags

    def launch(self):
        self.log = open(self.directory + "/server.log", "ab")
        environment = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log,
                                        env={**environment, **self.env})
        RUNNING.append(self)

    def start(self):
        begin = time.monotonic()
        self.launch()
        while time.monotonic() - begin < START_SECONDS_MAX:
            if self.process.poll() is not None:
                raise Failure(f"server ended with {self.process.returncode}:\n{self.log_text()}")
            if os.path.exists(self.kubeconfig):
                try:
                    if self.request("GET", "/readyz")[0] == 200:
                        return time.monotonic() - begin
                except OSError:
                    pass
            time.sleep(0.01)
        raise Failure(f"not ready after {START_SECONDS_MAX} s:\n{self.log_text()}")

    def log_text(self):
        with open(self.directory + "/server.log", errors="replace") as file:
            return file.read()[-4000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self):
        """Ends the server as systemd would; a server that does not end, or not well, fails."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure("did not stop within 30 s of SIGTERM")
        self.log.close()
        if code != 0:
            raise Failure(f"server ended with {code}:\n{self.log_text()}")

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self in RUNNING:
            RUNNING.remove(self)

    def tls(self):
        text = open(self.kubeconfig).read()
        pem = {name: base64.b64decode(data)
               for name, data in re.findall(r"(\S+)-data: (\S+)", text)}
        with tempfile.NamedTemporaryFile(dir=self.directory) as pair:
            pair.write(pem["client-certificate"] + pem["client-key"])
            pair.flush()
            context = ssl.create_default_context(cadata=pem["certificate-authority"].decode())
            context.load_cert_chain(pair.name)
        return context

    def connection(self, timeout=30):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls(),
                                           timeout=timeout)

    def request(self, method, path, body=None, content_type="application/json", headers=None,
                connection=None):
        """(status, decoded JSON or text)."""
        link = connection or self.connection()
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        link.request(method, path, body, {"Content-Type": content_type, **(headers or {})})
        answer = link.getresponse()
        text = answer.read().decode(errors="replace")
        if not connection:
            link.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def expect(self, status, method, path, body=None, **more):
        got, answer = self.request(method, path, body, **more)
        if got != status:
            raise Failure(f"{method} {path}: {got} instead of {status}: {answer}")
        return answer


def stop_all():
    for cluster in list(RUNNING):
        cluster.close()


def run(command, env=None, timeout=60, stdin=None):
    done = subprocess.run(command, env={**os.environ, **(env or {})}, input=stdin, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace")
    return done.returncode, done.stdout, done.stderr


def config_map(name, data="x"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": {"k": data}}


def wait_for(what, condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise Failure(f"not within {seconds} s: {what}")
