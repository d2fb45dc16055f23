#!/usr/bin/env python3
"""Pull and unpack of a 200 MB image from docker-registry on loopback: kist against skopeo with umoci.

Usage: image_bench.py KIST [ROUNDS]. Wants root, skopeo, umoci and docker-registry. Each figure is the median of ROUNDS;
"written" is what the kernel says the processes sent to the disk (rusage's ru_oublock), over the size of the unpacked files.
"""
import gzip
import hashlib
import io
import json
import os
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

KIST = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
LAYERS, FILES, FILE_BYTES = 4, 500, 100 * 1024


def layer(number):
    """Half of each file is random, half text: it compresses about as programs do."""
    source = random.Random(number)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for i in range(FILES):
            info = tarfile.TarInfo(f"layer{number}/dir{i % 20}/file{i}")
            data = source.randbytes(FILE_BYTES // 2) + (f"line {i} of {number}\n".encode() * FILE_BYTES)[:FILE_BYTES // 2]
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def make_layout(directory):
    os.makedirs(directory + "/blobs/sha256")

    def blob(data, media_type):
        with open(f"{directory}/blobs/sha256/{digest(data)[7:]}", "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    plain = [layer(i) for i in range(LAYERS)]
    config = {"os": "linux", "architecture": "amd64", "config": {},
              "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in plain]}}
    manifest = {"schemaVersion": 2, "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                "layers": [blob(gzip.compress(each, 6), "application/vnd.oci.image.layer.v1.tar+gzip") for each in plain]}
    top = blob(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    top["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    for name, value in (("index.json", {"schemaVersion": 2, "manifests": [top]}), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
        with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
            json.dump(value, file)


def start_registry(directory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open(directory + "/registry.yml", "w", encoding="utf-8") as file:
        file.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {directory}/registry}}}}\n"
                   f"http: {{addr: 127.0.0.1:{port}}}\n")
    process = subprocess.Popen(["docker-registry", "serve", directory + "/registry.yml"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.05)
    raise SystemExit("docker-registry did not start")


def measure(commands, directory):
    """Wall and CPU seconds of the commands in turn, everything on disk at the end, and bytes sent there."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    os.sync()
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sync()
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return (wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            (after.ru_oublock - before.ru_oublock) * 512)


def main():
    with tempfile.TemporaryDirectory(prefix="kist-image-bench.") as top:
        make_layout(top + "/oci")
        registry, port = start_registry(top)
        try:
            subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", f"oci:{top}/oci:v1",
                            f"docker://127.0.0.1:{port}/bench:v1"], check=True)
            work = top + "/work"
            peers = {
                "kist": [[KIST, "image", "pull", "--data-dir", work, f"127.0.0.1:{port}/bench:v1"]],
                "kist, without --parallel": [[KIST, "image", "pull", "--parallel", "1", "--data-dir", work,
                                              f"127.0.0.1:{port}/bench:v1"]],
                "skopeo + umoci": [["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false",
                                    f"docker://127.0.0.1:{port}/bench:v1", f"oci:{work}/o:v1"],
                                   ["umoci", "unpack", "--image", f"{work}/o:v1", f"{work}/bundle"]],
            }
            unpacked = LAYERS * FILES * FILE_BYTES
            print(f"{unpacked / 1e6:.0f} MB in {LAYERS} layers, {LAYERS * FILES} files")
            rounds = {name: [] for name in peers}
            for _ in range(ROUNDS):  # in turns, so that a busy machine is unfair to all alike
                for name, commands in peers.items():
                    rounds[name].append(measure(commands, work))
            for name, figures in rounds.items():
                wall, cpu, written = (statistics.median(column) for column in zip(*figures))
                print(f"{name:26} wall {wall:6.2f} s   CPU {cpu:6.2f} s   written {written / unpacked:5.2f} of unpacked")
        finally:
            registry.terminate()
            registry.wait()


main()
