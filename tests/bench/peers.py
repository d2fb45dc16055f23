"""What kist is measured against, and with: nginx, etcd and the disk; h2load makes the load.

The same generator drives kist (HTTP/1.1 over TLS) and its peers (nginx the same way, etcd over its
own gRPC without TLS), so what the generator takes from the machine it takes from all of them.
"""
import collections
import os
import re
import shutil
import socket
import statistics
import subprocess
import time

Load = collections.namedtuple("Load", "per_second p50_us p99_us requests")


class Missing(Exception):
    """A peer or tool that is not installed: the row goes without it."""


def which(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        raise Missing(f"no {name}")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * percent // 100)]


def h2load(directory, url, requests, clients, headers=(), data=None, http1=True):
    """Closed loop: each client sends its next request when the last is answered."""
    log = os.path.join(directory, "h2load.log")
    if os.path.exists(log):
        os.remove(log)
    command = [which("h2load"), "-n", str(requests), "-c", str(min(clients, requests)), "-t", "1",
               "--log-file", log]
    command += ["--h1"] if http1 else ["-m", "1"]
    command += ["-d", data] if data else []
    for header in headers:
        command += ["-H", header]
    output = subprocess.run(command + [url], capture_output=True, text=True, check=True).stdout
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", output)
    good = re.search(r"status codes: (\d+) 2xx", output)
    if not rate or not good or int(good.group(1)) != requests:
        raise RuntimeError(f"h2load {url}:\n{output}")
    times = [int(line.split("\t")[2]) for line in open(log)]
    return Load(float(rate.group(1)), percentile(times, 50), percentile(times, 99), requests)


def fdatasync_p50_us(directory, rounds=300):
    """One 4 KiB block that the file already has, as a commit into an allocated WAL."""
    path = os.path.join(directory, "sync")
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    block = b"b" * 4096
    for i in range(rounds):
        os.pwrite(fd, block, i * 4096)
    os.fsync(fd)
    times = []
    for i in range(rounds):
        begin = time.perf_counter()
        os.pwrite(fd, block, i * 4096)
        os.fdatasync(fd)
        times.append((time.perf_counter() - begin) * 1e6)
    os.close(fd)
    os.remove(path)
    return statistics.median(times)


class Peer:
    """A process of ours: started in its directory, ended by its id."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()

    def wait_for_port(self, port):
        for _ in range(2000):
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.005)
        raise RuntimeError(f"nothing listens on port {port}")


class Nginx(Peer):
    """One worker that serves the files of `directory` over TLS 1.3."""

    def __init__(self, directory, certificate, key):
        self.port = free_port()
        config = os.path.join(directory, "nginx.conf")
        with open(config, "w") as file:
            file.write(
                f"daemon off; master_process off; pid {directory}/nginx.pid;"
                " error_log stderr crit;\n"
                "events { worker_connections 4096; }\n"
                "http { access_log off; keepalive_requests 1000000000; sendfile on;"
                " default_type application/json; open_file_cache max=16;\n"
                f"server {{ listen 127.0.0.1:{self.port} ssl; ssl_protocols TLSv1.3;"
                f" ssl_certificate {certificate}; ssl_certificate_key {key};"
                f" root {directory}; }} }}\n")
        super().__init__([which("nginx"), "-p", directory, "-c", config, "-e", "stderr"])
        self.wait_for_port(self.port)

    def url(self, path):
        return f"https://127.0.0.1:{self.port}{path}"


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class Etcd(Peer):
    def __init__(self, directory):
        self.directory = directory
        self.port, peer_port = free_port(), free_port()
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.port, peer_port))
        self.begin = time.perf_counter()
        super().__init__([
            which("etcd"), "--data-dir", directory + "/etcd", "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer])
        self.wait_healthy()

    def wait_healthy(self):
        import urllib.request
        for _ in range(2000):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health") as answer:
                    if b"true" in answer.read():
                        self.start_ms = (time.perf_counter() - self.begin) * 1000
                        return
            except OSError:
                pass
            time.sleep(0.002)
        raise RuntimeError("etcd does not become healthy")

    def puts(self, value_bytes, requests, clients):
        """etcdserverpb.KV/Put: one key, a value of that many bytes, one call a stream."""
        key = b"/registry/pods/default/web"
        message = (b"\x0a" + varint(len(key)) + key + b"\x12" + varint(value_bytes) +
                   b"v" * value_bytes)
        path = os.path.join(self.directory, "put.bin")
        with open(path, "wb") as file:
            file.write(b"\0" + len(message).to_bytes(4, "big") + message)
        return h2load(self.directory, f"http://127.0.0.1:{self.port}/etcdserverpb.KV/Put",
                      requests, clients, ["content-type: application/grpc", "te: trailers"], path,
                      http1=False)
