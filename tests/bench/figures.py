"""The promises, one function for each group: what it measures, and against which limit.

A function gets a Bench and yields Rows. It starts what it needs in a directory of its own, so any
of them runs alone (`tests/bench/run start memory`).
"""
import collections
import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import time

import peers
from server import (AUTHORIZATION, Kist, cpu_seconds, deployment, pod, pss_bytes, settled_pss,
                    written_bytes)

# `limit` is the most (with `at_least` the least) that keeps the promise; None: for information.
Row = collections.namedtuple("Row", "what value unit limit peer at_least",
                             defaults=(None, "", False))

MIB = 1 << 20
PODS = "/api/v1/namespaces/default/pods"
Scale = collections.namedtuple(
    "Scale", "starts idle_seconds gets creates_one creates_many listed watches stored replicas")
FULL = Scale(5, 60, 20_000, 2_000, 10_000, 1_000, 2_000, 20_000, 1_000)
QUICK = Scale(1, 1, 50, 10, 64, 20, 20, 50, 10)


class Bench:
    def __init__(self, build, scale, directory):
        self.build, self.scale, self.root = build, scale, directory
        self.count = 0

    def directory(self):
        self.count += 1
        path = os.path.join(self.root, str(self.count))
        os.mkdir(path)
        return path

    def kist(self, directory=None):
        return Kist(os.path.join(self.build, "src/cli/kist"), directory or self.directory())

    def tool(self, name, *arguments):
        path = os.path.join(self.build, "tests/bench", name)
        return subprocess.run([path, *arguments], capture_output=True, text=True,
                              check=True).stdout

    def body(self, directory):
        path = os.path.join(directory, "pod.json")
        with open(path, "w") as file:
            json.dump(pod(), file)
        return path


def peer(measure, text):
    """What `text` makes of the peer's figure, or why there is none."""
    try:
        return text(measure())
    except peers.Missing as missing:
        return str(missing)


def start(bench):
    first, again, etcd = [], [], []
    for _ in range(bench.scale.starts):
        with bench.kist() as kist:
            first.append(kist.start_ms)
            kist.stop()
            again.append(kist.start())

    def etcd_start():
        for _ in range(bench.scale.starts):
            with peers.Etcd(bench.directory()) as server:
                etcd.append(server.start_ms)
        return statistics.median(etcd)
    beside = peer(etcd_start, lambda ms: f"etcd {ms:.0f} ms")
    yield Row("exec to /readyz, first time", statistics.median(first), "ms", 200, beside)
    yield Row("exec to /readyz, again", statistics.median(again), "ms", 60)


def idle(bench):
    """Nothing to do for a while; etcd rests beside it."""
    seconds = bench.scale.idle_seconds
    with bench.kist() as kist:
        time.sleep(min(5, seconds))

        def rest(pid):
            cpu, written = cpu_seconds(pid), written_bytes(pid)
            time.sleep(seconds)
            return (pss_bytes(pid) / MIB, (cpu_seconds(pid) - cpu) / seconds * 100,
                    (written_bytes(pid) - written) / 1024 * 60 / seconds)
        pss, cpu, written = rest(kist.pid)

    def etcd_rest():
        with peers.Etcd(bench.directory()) as server:
            time.sleep(min(5, seconds))
            return rest(server.pid)
    figures = []
    missing = peer(etcd_rest, lambda found: figures.extend(found) or "")
    beside = [f"etcd {figures[i]:.{d}f}" if figures else missing for i, d in ((0, 0), (1, 2), (2, 0))]
    yield Row("idle memory (PSS)", pss, "MiB", 12, beside[0])
    yield Row("idle CPU", cpu, "% of a core", 0.1, beside[1])
    yield Row("written while idle", written, "KiB/min", 4, beside[2])


def nginx_cpu_us(bench, kist, body, requests, clients):
    """CPU of nginx for a GET of the same bytes, with the same certificate."""
    directory = bench.directory()
    with open(os.path.join(directory, "body.json"), "wb") as file:
        file.write(body)
    tls = os.path.join(kist.data_dir, "server/tls")
    with peers.Nginx(directory, tls + "/server.crt", tls + "/server.key") as nginx:
        before = cpu_seconds(nginx.pid)
        peers.h2load(directory, nginx.url("/body.json"), requests, clients)
        return (cpu_seconds(nginx.pid) - before) * 1e6 / requests


def reads(bench):
    scale = bench.scale
    with bench.kist() as kist:
        for _ in range(1 if scale is QUICK else 3):  # what the first requests allocate stays
            kist.load(PODS, 10, 2, bench.body(kist.directory))
        name = json.loads(kist.request("GET", PODS))["items"][0]["metadata"]["name"]
        path = f"{PODS}/{name}"
        kist.load(path, max(10, scale.gets // 10), 8)
        _, cpu_us = kist.load(path, scale.gets, 8)
        body = kist.request("GET", path)
        beside = peer(lambda: nginx_cpu_us(bench, kist, body, scale.gets, 8),
                      lambda us: f"nginx {us:.1f} us ({cpu_us / us:.2f} x)")
        yield Row("GET of a pod over TLS, CPU", cpu_us, "us", 40, beside)

        kist.load(PODS, scale.listed, 16, bench.body(kist.directory))
        before = settled_pss(kist.pid, 1)
        rounds = max(2, scale.gets // 200)
        _, cpu_us = kist.load("/api/v1/pods", rounds, 1)
        body = kist.request("GET", "/api/v1/pods")
        beside = peer(lambda: nginx_cpu_us(bench, kist, body, rounds, 1),
                      lambda us: f"nginx {us / 1000:.2f} ms ({cpu_us / us:.2f} x)")
        yield Row(f"LIST of {scale.listed} pods over TLS, CPU", cpu_us / 1000, "ms", 5, beside)
        grown = (settled_pss(kist.pid, 2) - before) / MIB
        yield Row("resident growth by the lists", grown, "MiB", 1)


def writes(bench):
    scale = bench.scale
    with bench.kist() as kist:
        data = bench.body(kist.directory)
        kist.load(PODS, max(10, scale.creates_one // 10), 4, data)
        sync_us = peers.fdatasync_p50_us(kist.directory)
        round_trip, _ = kist.load("/version", scale.creates_one, 1)
        one, one_cpu_us = kist.load(PODS, scale.creates_one, 1, data)
        base = sync_us + round_trip.p50_us
        yield Row("create by one client, p50 to fdatasync + TLS round trip", one.p50_us / base, "x",
                  1.5, f"{one.p50_us} us to {sync_us:.0f} + {round_trip.p50_us} us")
        many, many_cpu_us = kist.load(PODS, scale.creates_many, 64, data)
        stored = len(kist.request("GET", PODS + "?limit=1"))

    def etcd_puts():
        with peers.Etcd(bench.directory()) as server:
            server.puts(stored, max(10, scale.creates_one // 10), 1)
            before = cpu_seconds(server.pid)
            puts = server.puts(stored, scale.creates_many, 64)
            return puts, (cpu_seconds(server.pid) - before) * 1e6 / scale.creates_many
    found = []
    beside = peer(etcd_puts, lambda puts: found.append(puts) or
                  f"etcd {puts[1]:.0f} us, {puts[0].per_second:.0f}/s")
    yield Row("create by one client, CPU", one_cpu_us, "us", 100)
    yield Row("create by 64 clients, CPU", many_cpu_us, "us", 100, beside)
    if found:
        yield Row("durable creates to etcd's puts, 64 clients",
                  many.per_second / found[0][0].per_second, "x", 5,
                  f"{many.per_second:.0f}/s to {found[0][0].per_second:.0f}/s", True)


def watch_latency(bench):
    rounds = max(10, bench.scale.creates_one // 4)
    output = bench.tool("watch_bench", str(rounds))
    p50, p99 = (float(re.search(rf"{name} ([\d.]+)", output).group(1)) for name in ("p50", "p99"))
    yield Row("commit to watch event over TLS, p50", p50, "us", 150, f"p99 {p99:.0f} us")


def client_context(kist):
    """As a kubelet or kubectl connects: with the certificate of the kubeconfig."""
    import base64
    import tempfile
    text = open(kist.kubeconfig).read()
    pem = {key: base64.b64decode(value) for key, value in re.findall(r"(\S+)-data: (\S+)", text)}
    with tempfile.NamedTemporaryFile(dir=kist.directory) as pair:
        pair.write(pem["client-certificate"] + pem["client-key"])
        pair.flush()
        context = ssl.create_default_context(cadata=pem["certificate-authority"].decode())
        context.load_cert_chain(pair.name)
    return context


def watches(bench):
    request = (b"GET /api/v1/configmaps?watch=1&resourceVersion=%s HTTP/1.1\r\nHost: kist\r\n"
               b"User-Agent: kubectl/v1.33.0\r\nAccept: application/json\r\n\r\n")
    with bench.kist() as kist:
        context = client_context(kist)
        revision = json.loads(kist.request("GET", "/api/v1/configmaps"))["metadata"]
        request = request % revision["resourceVersion"].encode()

        def open_one():
            raw = socket.create_connection(("127.0.0.1", kist.port))
            link = context.wrap_socket(raw, server_hostname="localhost")
            link.sendall(request)
            if not link.recv(4096).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("watch refused")
            return link
        links = [open_one() for _ in range(20)]
        before = settled_pss(kist.pid, 1)
        links += [open_one() for _ in range(bench.scale.watches)]
        each = (settled_pss(kist.pid, 1) - before) / 1024 / bench.scale.watches
        cpu = cpu_seconds(kist.pid)
        seconds = min(10, bench.scale.idle_seconds)
        time.sleep(seconds)
        used = (cpu_seconds(kist.pid) - cpu) / seconds * 100
        for link in links:
            link.close()
    yield Row(f"idle TLS watch with client certificate, at {bench.scale.watches}", each, "KiB", 16)
    yield Row("CPU of all of them", used, "% of a core")


def stored_bytes(kist):
    """JSON of all pods, as stored; the list around them is a few bytes."""
    return len(kist.request("GET", "/api/v1/pods"))


def memory(bench):
    scale = bench.scale
    wait = min(5, scale.idle_seconds)
    with bench.kist() as kist:
        data = bench.body(kist.directory)
        empty = settled_pss(kist.pid, wait)
        for count, clients in ((scale.listed, 16), (scale.stored - scale.listed, 64)):
            kist.load(PODS, count, clients, data)
            pss = settled_pss(kist.pid, wait)
            used, text = pss - empty, stored_bytes(kist)
            name = "PSS for each byte of JSON, {} pods just created"
            yield Row(name.format(scale.listed if clients == 16 else scale.stored), used / text,
                      "x", 1.3, f"{used / MIB:.1f} MiB for {text / MIB:.1f}")
        kist.stop()
        again = kist.start()
        yield Row(f"start with {scale.stored} pods", again, "ms", 1000)
        used = settled_pss(kist.pid, wait) - empty
        yield Row("PSS for each byte of JSON, after the start", used / text, "x", 1.3,
                  f"{used / MIB:.1f} MiB for {text / MIB:.1f}")


def rollout(bench):
    replicas = bench.scale.replicas
    times, cpu = [], []
    for _ in range(1 if bench.scale is QUICK else 3):
        with bench.kist() as kist:
            time.sleep(0.2)
            stream = kist.watch("/api/v1/pods?watch=1")
            used = cpu_seconds(kist.pid)
            begin = time.perf_counter()
            kist.request("POST", "/apis/apps/v1/namespaces/default/deployments",
                         deployment(replicas))
            for _ in range(replicas):
                stream.readline()
            times.append((time.perf_counter() - begin) * 1000)
            cpu.append((cpu_seconds(kist.pid) - used) * 1000)
    yield Row(f"Deployment of {replicas}: all pod objects", statistics.median(times), "ms", 500,
              f"{statistics.median(cpu):.0f} ms CPU")


GROUPS = {"start": start, "idle": idle, "reads": reads, "writes": writes,
          "watch_latency": watch_latency, "watches": watches, "memory": memory, "rollout": rollout}
