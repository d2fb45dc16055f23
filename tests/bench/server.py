"""A kist server under measurement: the real binary, what the kernel says about it, and its API."""
import glob
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import time

from peers import Peer, free_port, h2load

TOKEN = "benchbenchbench"
AUTHORIZATION = f"authorization: Bearer {TOKEN}"


def cpu_seconds(pid):
    """Of all threads, to the nanosecond; those of the processes measured here do not end."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total / 1e9


def pss_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss: *(\d+) kB", file.read(), re.M).group(1)) * 1024


def written_bytes(pid):
    with open(f"/proc/{pid}/io") as file:
        return int(re.search(r"^write_bytes: (\d+)", file.read(), re.M).group(1))


def settled_pss(pid, seconds):
    time.sleep(seconds)
    return pss_bytes(pid)


class Kist(Peer):
    def __init__(self, binary, directory):
        self.binary, self.directory = binary, directory
        self.data_dir = os.path.join(directory, "data")
        self.kubeconfig = os.path.join(directory, "kist.yaml")
        self.port = free_port()
        with open(os.path.join(directory, "tokens.csv"), "w") as file:
            file.write(f'{TOKEN},bench,1,"system:masters"\n')
        self.anonymous = ssl.create_default_context()
        self.anonymous.check_hostname, self.anonymous.verify_mode = False, ssl.CERT_NONE
        self.start_ms = self.start()

    def start(self):
        """Milliseconds from exec to the first 200 of /readyz."""
        self.log = open(os.path.join(self.directory, "server.log"), "ab")
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            [self.binary, "server", "--disable-agent", "--data-dir", self.data_dir,
             "--bind-address", "127.0.0.1", "--https-listen-port", str(self.port),
             "--write-kubeconfig", self.kubeconfig, "--token-auth-file",
             os.path.join(self.directory, "tokens.csv")],
            stdout=self.log, stderr=self.log)
        while time.perf_counter() - begin < 60:
            if self.process.poll() is not None:
                raise RuntimeError("kist ended:\n" + open(self.log.name).read()[-2000:])
            try:
                link = self.connection(self.anonymous)
                link.request("GET", "/readyz")
                if link.getresponse().status == 200:
                    return (time.perf_counter() - begin) * 1000
            except OSError:
                pass
            finally:
                link.close()
            time.sleep(0.001)
        raise RuntimeError("kist is not ready after 60 s")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.log.close()

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.stop()

    def url(self, path):
        return f"https://127.0.0.1:{self.port}{path}"

    def connection(self, context=None):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60,
                                           context=context or self.anonymous)

    def request(self, method, path, body=None):
        link = self.connection()
        link.request(method, path, body and json.dumps(body),
                     {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
        answer = link.getresponse()
        text = answer.read()
        link.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]}")
        return text

    def load(self, path, requests, clients, data=None):
        """h2load of `path`, and the CPU of ours for each request in microseconds."""
        headers = [AUTHORIZATION] + (["content-type: application/json"] if data else [])
        before = cpu_seconds(self.pid)
        load = h2load(self.directory, self.url(path), requests, clients, headers, data)
        return load, (cpu_seconds(self.pid) - before) * 1e6 / requests

    def watch(self, path):
        """An open watch's answer, which gives lines."""
        link = self.connection()
        link.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        return link.getresponse()


# What `kubectl create deployment` users run: probes, resources, a volume.
CONTAINER = {
    "name": "web", "image": "registry.example.com/shop/web:1.27.3",
    "args": ["--listen=:8080", "--workers=4"],
    "ports": [{"name": "http", "containerPort": 8080}],
    "env": [{"name": "MODE", "value": "production"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
    "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5},
    "volumeMounts": [{"name": "config", "mountPath": "/etc/web"}],
}
POD_SPEC = {"containers": [CONTAINER],
            "volumes": [{"name": "config", "configMap": {"name": "web-config"}}]}
LABELS = {"app": "web", "tier": "frontend"}


def pod():
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "web-", "namespace": "default", "labels": LABELS},
            "spec": POD_SPEC}


def deployment(replicas):
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": LABELS},
                     "template": {"metadata": {"labels": LABELS}, "spec": POD_SPEC}}}
