#!/usr/bin/env python3
"""kist image pull against a registry that behaves and one that does not, on loopback.

Each case is one image of a registry of our own; its name tells the server how to misbehave.
Usage: image_pull.py KIST
"""
import gzip
import hashlib
import http.server
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

KIST = sys.argv[1]
USER, PASSWORD, TOKEN = "user", "secret", "t0ken"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(name, size):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = size
        tar.addfile(info, io.BytesIO(os.urandom(size)))
    return out.getvalue()


PLAIN = [layer("a", 3_000_000), layer("b", 100_000)]
BLOBS = {}


def blob(data, media_type):
    BLOBS[digest(data)] = data
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def image(architecture="amd64", **changes):
    config = {"os": "linux", "architecture": architecture, "config": {"Cmd": ["sh"]},
              "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in PLAIN]}}
    layers = [blob(gzip.compress(each, 1), "application/vnd.oci.image.layer.v1.tar+gzip") for each in PLAIN]
    manifest = {"schemaVersion": 2, "layers": layers,
                "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")}
    manifest.update(changes)
    return json.dumps(manifest).encode()


GOOD = image()
BIG_LAYER = json.loads(GOOD)["layers"][0]["digest"]
WRONG = json.loads(GOOD)
WRONG["layers"][1] = blob(gzip.compress(PLAIN[0] + b"x"), "application/vnd.oci.image.layer.v1.tar+gzip")
OTHER = image(architecture="s390x")
for each in (GOOD, OTHER):
    BLOBS[digest(each)] = each
INDEX = json.dumps({"schemaVersion": 2, "manifests": [
    {"digest": digest(OTHER), "size": len(OTHER), "platform": {"os": "linux", "architecture": "s390x"}},
    {"digest": digest(GOOD), "size": len(GOOD), "platform": {"os": "linux", "architecture": "amd64"}}]}).encode()
MANIFESTS = {"index": INDEX, "wrong-layer": json.dumps(WRONG).encode(),
             "no-platform": json.dumps({"schemaVersion": 2, "manifests": json.loads(INDEX)["manifests"][:1]}).encode(),
             "huge-manifest": b"{" + b" " * (9 << 20) + b"}", "not-json": b"<html>"}
broken_once = set()
requests = []


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body=b"", **headers):
        self.send_response(status)
        headers.setdefault("Content_Length", len(body))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def refused(self, name):
        given = self.headers.get("Authorization", "")
        host = f"http://127.0.0.1:{self.server.server_port}"
        if name == "token" and given != "Bearer " + TOKEN:
            self.send(401, WWW_Authenticate=f'Bearer realm="{host}/token",service="s",scope="repository:token:pull"')
            return True
        if name == "basic" and not given.startswith("Basic dXNlcjpzZWNyZXQ="):
            self.send(401, WWW_Authenticate='Basic realm="r"')
            return True
        return False

    def do_GET(self):
        requests.append(self.path)
        if self.path.startswith("/token?"):
            return self.send(200, json.dumps({"token": TOKEN}).encode())
        name, kind, what = self.path.split("?")[0].removeprefix("/v2/").rsplit("/", 2)
        if self.refused(name):
            return None
        if name == "redirects":
            return self.send(302, Location=self.path)
        if kind == "manifests":
            return self.manifest(name, what)
        return self.blob(name, what)

    def manifest(self, name, what):
        if what.startswith("sha256:"):
            return self.send(200, BLOBS[what])
        if name == "absent":
            return self.send(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
        return self.send(200, MANIFESTS.get(name, GOOD))

    def blob(self, name, what):
        data = BLOBS[what]
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if what != BIG_LAYER:
            return self.send(200, data)
        if name == "corrupt":
            return self.send(200, data[:-1] + b"x")
        if name == "announces-more":
            return self.send(200, data + b"behind")
        if name == "cut-always" or (name in ("cut-once", "no-ranges") and name not in broken_once):
            broken_once.add(name)
            self.send(200, data[:len(data) // 2] if begin == 0 else b"", Content_Length=len(data) - begin)
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if name == "stalls":
            self.send(200, data[:1000], Content_Length=len(data))
            return time.sleep(6)
        if begin > 0 and name != "no-ranges":
            return self.send(206, data[begin:], Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")
        return self.send(200, data)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # clients hang up on purpose


def leftovers(directory):
    """What a failed pull must not leave: layers, records, workspaces."""
    images = directory + "/images"
    return [name for part in ("layers", "images", "tmp") for name in os.listdir(f"{images}/{part}")]


# name of the image, flags, a part of the error (None: it works)
CASES = [
    ("plain", [], None), ("index", [], None), ("token", [], None), ("cut-once", [], None), ("no-ranges", [], None),
    ("basic", ["--private-registry", "CREDENTIALS"], None),
    ("mirrored", ["--private-registry", "MIRROR"], None),
    ("basic", [], "wants credentials"),
    ("absent", [], "MANIFEST_UNKNOWN manifest unknown"),
    ("wrong-layer", [], "but the config says"),
    ("corrupt", [], "sha256:"),
    ("announces-more", [], "the registry announces"),
    ("cut-always", [], "transfer closed with"),
    ("stalls", ["--stall-timeout", "1"], "Operation too slow"),
    ("redirects", [], "Maximum (10) redirects followed"),
    ("no-platform", ["--platform", "linux/amd64"], "no image for platform linux/amd64, only for linux/s390x"),
    ("huge-manifest", [], "more than 8388608 bytes"),
    ("not-json", [], "invalid JSON"),
]


def run_case(name, flags, error, port):
    with tempfile.TemporaryDirectory(prefix="kist-pull.") as directory:
        files = {"CREDENTIALS": f'configs: {{"127.0.0.1:{port}": {{auth: {{username: {USER}, password: {PASSWORD}}}}}}}',
                 "MIRROR": f'mirrors: {{"example.invalid": {{endpoint: ["http://127.0.0.1:1", "http://127.0.0.1:{port}"],'
                           ' rewrite: {"^team/(.*)$": "mirror/$1"}}}'}
        for key, text in files.items():
            with open(f"{directory}/{key}", "w", encoding="utf-8") as file:
                file.write(text)
        flags = [f"{directory}/{flag}" if flag in files else flag for flag in flags]
        host = "example.invalid/team" if name == "mirrored" else f"127.0.0.1:{port}"
        done = subprocess.run([KIST, "image", "pull", "--data-dir", directory, *flags, f"{host}/{name}:v1"],
                              capture_output=True, text=True, timeout=60, check=False)
        if error is None:
            check = subprocess.run([KIST, "image", "check", "--data-dir", directory], capture_output=True, text=True,
                                   check=False)
            ok = done.returncode == 0 and check.stdout == "sound\n"
            ok = ok and (name != "mirrored" or "/v2/mirror/mirrored/manifests/v1?ns=example.invalid" in requests)
        else:
            ok = done.returncode == 1 and error in done.stderr and not leftovers(directory)
        print(f"{'ok' if ok else 'FAILED':7}{name} {' '.join(flags[:1])}")
        if not ok:
            print(done.stdout, done.stderr)
        return ok


def main():
    server = Server(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    results = [run_case(*case, server.server_port) for case in CASES]
    print(f"{sum(results)} of {len(results)} cases passed")
    return 0 if all(results) else 1


sys.exit(main())
