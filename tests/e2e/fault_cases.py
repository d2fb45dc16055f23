"""What goes wrong in the world: kills, full and read-only disks, damage, wrong clocks, hostile peers."""
import glob
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import threading
import time

import support
from support import Cluster, Failure, Skip, config_map, run

HERE = pathlib.Path(__file__).resolve().parent
MAPS = "/api/v1/namespaces/default/configmaps"


def kill_under_load(rounds=6):
    """kill -9 at random moments: what was answered is there, revisions go on, nothing is half."""
    with Cluster() as cluster:
        acknowledged, revision = {}, 0
        for round_number in range(rounds):
            stop = threading.Event()

            def write(worker):
                link, i = cluster.connection(), 0
                while not stop.is_set():
                    name = f"r{round_number}-{worker}-{i}"
                    try:
                        code, answer = cluster.request("POST", MAPS, config_map(name, name * 20),
                                                       connection=link)
                    except OSError:
                        return
                    except Exception:  # half an answer: not acknowledged
                        return
                    if code == 201:
                        acknowledged[name] = int(answer["metadata"]["resourceVersion"])
                    i += 1

            workers = [threading.Thread(target=write, args=(n,)) for n in range(6)]
            for worker in workers:
                worker.start()
            time.sleep(random.uniform(0.05, 0.6))
            cluster.kill()
            stop.set()
            for worker in workers:
                worker.join()
            cluster.start()
            answer = cluster.expect(200, "GET", MAPS)
            found = {i["metadata"]["name"]: i for i in answer["items"]}
            lost = [name for name in acknowledged if name not in found]
            if lost:
                raise Failure(f"round {round_number}: lost {len(lost)} acknowledged: {lost[:5]}")
            for name, wanted in acknowledged.items():
                item = found[name]
                if int(item["metadata"]["resourceVersion"]) != wanted or item["data"]["k"] != name * 20:
                    raise Failure(f"{name} is not what was acknowledged: {item}")
            now = int(answer["metadata"]["resourceVersion"])
            if now < revision or now < max(acknowledged.values(), default=0):
                raise Failure(f"the revision went back to {now}")
            revision = now
        if not acknowledged:
            raise Failure("nothing was written")


def watch_resumes():
    """A client that watched before a kill resumes: every event after, or an honest 410."""
    with Cluster() as cluster:
        cluster.expect(201, "POST", MAPS, config_map("before"))
        revision = cluster.expect(200, "GET", MAPS)["metadata"]["resourceVersion"]
        cluster.kill()
        cluster.start()
        cluster.expect(201, "POST", MAPS, config_map("after"))
        link = cluster.connection()
        link.request("GET", f"{MAPS}?watch=1&resourceVersion={revision}&timeoutSeconds=3")
        answer = link.getresponse()
        event = json.loads(answer.readline())
        expired = event["type"] == "ERROR" and event["object"]["code"] == 410
        if not expired and event["object"]["metadata"]["name"] != "after":
            raise Failure(f"resumed with {answer.status} {event}")


def refused(cluster, *fragments):
    """The server says why it does not start, and ends."""
    cluster.launch()
    try:
        code = cluster.process.wait(timeout=support.START_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Failure("started all the same")
    text = cluster.log_text()
    if code == 0 or code < 0:
        raise Failure(f"ended with {code}: {text}")
    for fragment in fragments:
        if fragment not in text:
            raise Failure(f"without {fragment!r}: {text}")


def port_in_use():
    with Cluster("--ephemeral") as first, Cluster("--ephemeral", start=False) as second:
        second.port = first.port
        refused(second, str(first.port), "--https-listen-port")


def data_dir_in_use():
    with Cluster() as first, Cluster(data_dir=first.data_dir, start=False) as second:
        refused(second, first.data_dir, "another")
        first.expect(200, "GET", "/readyz")


def read_only_directory():
    if os.geteuid() != 0:
        with Cluster(data_dir="/proc/kist", start=False) as cluster:
            refused(cluster, "--data-dir")
        return
    with Cluster(start=False) as cluster:
        os.makedirs(cluster.data_dir)
        run(["mount", "-t", "tmpfs", "-o", "ro", "none", cluster.data_dir])
        if not os.path.ismount(cluster.data_dir):
            raise Skip("mount is not permitted here")
        try:
            refused(cluster, cluster.data_dir, "--data-dir")
        finally:
            run(["umount", cluster.data_dir])


def disk_full():
    if os.geteuid() != 0:
        raise Skip("needs root to mount a small tmpfs")
    with Cluster(start=False) as cluster:
        os.makedirs(cluster.data_dir)
        run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", cluster.data_dir])
        if not os.path.ismount(cluster.data_dir):
            raise Skip("mount is not permitted here")
        try:
            cluster.start()
            acknowledged, code = [], 201
            for i in range(200):
                code, answer = cluster.request("POST", MAPS, config_map(f"big{i}", "y" * 400_000))
                if code != 201:
                    break
                acknowledged.append(f"big{i}")
            if code < 500 or answer.get("kind") != "Status":
                raise Failure(f"a full disk was answered {code}: {str(answer)[:300]}")
            cluster.expect(200, "GET", f"{MAPS}/{acknowledged[0]}")
            run(["mount", "-o", "remount,size=96m", cluster.data_dir])
            support.wait_for("writes again once there is space", lambda: cluster.request(
                "POST", MAPS, config_map(f"again{time.time_ns()}"))[0] == 201)
            cluster.stop()
            cluster.start()
            for name in acknowledged:
                cluster.expect(200, "GET", f"{MAPS}/{name}")
            cluster.stop()
        finally:
            if cluster.process and cluster.process.poll() is None:
                cluster.kill()
            run(["umount", cluster.data_dir])


def corrupted_page():
    """A damaged file: the last good backup is taken, and the log says so."""
    with Cluster() as cluster:
        for i in range(200):
            cluster.expect(201, "POST", MAPS, config_map(f"c{i}", "z" * 2000))
        cluster.stop()  # a clean stop makes a backup
        database = cluster.data_dir + "/db/kist.db"
        with open(database, "r+b") as file:
            size = os.path.getsize(database)
            for offset in range(4096, size - 4096, 16384):
                file.seek(offset)
                file.write(os.urandom(2048))
        cluster.start()
        found = cluster.expect(200, "GET", MAPS)["items"]
        if len(found) < 200:
            raise Failure(f"{len(found)} of 200 are back: {cluster.log_text()}")
        if "backup" not in cluster.log_text():
            raise Failure("nothing was said: " + cluster.log_text())


def clock_at_1970():
    """A board without RTC: starts, serves, and goes on when the clock becomes right."""
    if not shutil.which("cc"):
        raise Skip("no C compiler for the fake clock")
    with Cluster(start=False) as cluster:
        library, offset = cluster.directory + "/clock.so", cluster.directory + "/offset"
        code, _, err = run(["cc", "-shared", "-fPIC", "-O1", "-o", library, str(HERE / "clock.c")])
        if code != 0:
            raise Failure(err)
        pathlib.Path(offset).write_text(str(-int(time.time()) + 100))
        cluster.env = {"LD_PRELOAD": library, "KIST_TEST_CLOCK_OFFSET_FILE": offset}
        cluster.start()
        made = cluster.expect(201, "POST", MAPS, config_map("old"))
        if not made["metadata"]["creationTimestamp"].startswith("1970-01-01"):
            raise Skip("the fake clock has no effect on this binary")
        for jump in (0, 86_400, -86_400):
            pathlib.Path(offset).write_text(str(jump))
            cluster.expect(201, "POST", MAPS, config_map(f"jump{jump}".replace("-", "m")))
        cluster.kill()
        cluster.start()
        cluster.expect(200, "GET", MAPS + "/old")


HOSTILE = [
    ("two lengths", b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
    ("length and chunks", b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("header flood", b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(20000))
     + b"\r\n", 431),
    ("long line", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414),
    ("no HTTP", b"\x00\x01\x02 nonsense\r\n\r\n", 400),
    ("huge length", b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: a\r\n"
     b"Content-Length: 99999999999\r\n\r\n", 413),
]


def hostile_input():
    with Cluster("--ephemeral") as cluster:
        for name, text, status in HOSTILE:
            with socket.create_connection(("127.0.0.1", cluster.port), timeout=20) as raw:
                with cluster.tls().wrap_socket(raw, server_hostname="localhost") as tls:
                    try:
                        tls.sendall(text)
                    except OSError:
                        pass  # answered and closed before we had said all
                    try:
                        answer = tls.recv(4096)
                    except OSError:
                        answer = b""
            if answer and not answer.startswith(b"HTTP/1.1 %d" % status):
                raise Failure(f"{name}: {answer[:200]!r}")
            cluster.expect(200, "GET", "/readyz")
        bodies = [("{", 400), ('{"kind":"ConfigMap","apiVersion":"v1","metadata":[]}', 400),
                  ("[" * 100_000, 400), ('{"a":"\xff"}'.encode("latin-1"), 400)]
        for body, status in bodies:
            answer = cluster.expect(status, "POST", MAPS, body)
            if answer.get("kind") != "Status":
                raise Failure(f"{body[:40]!r}: {answer}")
        try:
            cluster.expect(413, "POST", MAPS, json.dumps(config_map("big", "x" * 4_000_000)))
        except OSError:
            pass  # answered and closed while we were still sending
        cluster.expect(404, "GET", MAPS + "/big")
        for path in ("/api/v1/namespaces/default/configmaps/%2e%2e", "/../../etc/passwd",
                     "/api/v1/namespaces//configmaps", "/%00", "/api/v1/namespaces/a%2Fb"):
            code, _ = cluster.request("GET", path)
            if code not in (400, 403, 404, 301):
                raise Failure(f"{path}: {code}")
        cluster.expect(400, "GET", MAPS + "?labelSelector=" + "%28" * 1000)
        cluster.expect(400, "GET", MAPS + "?continue=forged&limit=1")


def strangers():
    with Cluster("--ephemeral") as cluster:
        link = cluster.connection()
        context = support.ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, support.ssl.CERT_NONE
        link = support.http.client.HTTPSConnection("127.0.0.1", cluster.port, context=context)
        for headers, status in (({}, (401, 403)), ({"Authorization": "Bearer wrong"}, (401,))):
            code, answer = cluster.request("GET", MAPS, headers=headers, connection=link)
            if code not in status or answer.get("kind") != "Status":
                raise Failure(f"{headers}: {code} {answer}")


def graceful_stop():
    with Cluster() as cluster:
        link = cluster.connection()
        link.request("GET", MAPS + "?watch=1")
        begin = time.monotonic()
        link.getresponse()
        cluster.stop()
        if time.monotonic() - begin > 10:
            raise Failure("took %.1f s" % (time.monotonic() - begin))


def command_line():
    def kist(*arguments, code=0, fragments=()):
        got, out, err = run([support.BINARY, *arguments])
        if got != code or any(f not in out + err for f in fragments):
            raise Failure(f"kist {' '.join(arguments)}: {got}, not {code} {fragments}\n{out}{err}")
        return out
    kist("--help", fragments=["server", "db check"])
    kist("version", fragments=["kubernetes v1.33"])
    kist("server", "--help", fragments=["--data-dir DIR", "[6443]"])
    kist("server", "--date-dir", "/x", code=2, fragments=["did you mean --data-dir?"])
    kist("sevrer", code=2, fragments=['did you mean "server"?'])
    kist("db", code=2, fragments=["db backup"])
    kist("server", "--https-listen-port", "many", code=2, fragments=["is not a number"])
    script = kist("completion", "bash")
    if run(["bash", "-n"], stdin=script)[0] != 0:
        raise Failure("the bash completion does not parse")
    with Cluster("--ephemeral", start=False) as cluster:
        config = cluster.directory + "/config.yaml"
        os.makedirs(config + ".d")
        pathlib.Path(config).write_text("tls-san: [one.example]\nlog-format: json\n")
        pathlib.Path(config + ".d/10.yaml").write_text("tls-san+: [two.example]\n")
        cluster.flags += ["--config", config]
        cluster.start()
        pem = support.ssl.get_server_certificate(("127.0.0.1", cluster.port))
        text = run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], stdin=pem)[1]
        if text and not ("one.example" in text and "two.example" in text):
            raise Failure(text)
        if '"msg":"ready"' not in cluster.log_text():
            raise Failure("no JSON log: " + cluster.log_text())
        cluster.stop()
        pathlib.Path(config).write_text("tls-sam: [one.example]\n")
        refused(cluster, 'did you mean "tls-san"?')


def database_care():
    def db(*arguments, code=0):
        got, out, err = run([support.BINARY, "db", *arguments, "--data-dir", cluster.data_dir])
        if got != code:
            raise Failure(f"kist db {arguments}: {got}\n{out}{err}")
        return out
    with Cluster() as cluster:
        cluster.expect(201, "POST", MAPS, config_map("kept"))
        db("stat")
        backup = cluster.directory + "/backup.db"
        db("backup", backup)
        cluster.expect(201, "POST", MAPS, config_map("later"))
        revision = int(cluster.expect(200, "GET", MAPS)["metadata"]["resourceVersion"])
        db("check", code=1)  # the server holds the file
        cluster.stop()
        if "sound" not in db("check"):
            raise Failure("not sound")
        db("compact")
        db("restore", backup)
        cluster.start()
        cluster.expect(200, "GET", MAPS + "/kept")
        cluster.expect(404, "GET", MAPS + "/later")
        if int(cluster.expect(200, "GET", MAPS)["metadata"]["resourceVersion"]) < revision:
            raise Failure("the revision went back after a restore")
        if not glob.glob(cluster.data_dir + "/db/*"):
            raise Failure("no database")


def service_manager():
    """READY=1 and STOPPING=1 reach the socket of systemd."""
    with Cluster("--ephemeral", start=False) as cluster:
        path = cluster.directory + "/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(path)
            listener.settimeout(20)
            cluster.env = {"NOTIFY_SOCKET": path}
            cluster.start()
            if listener.recv(100) != b"READY=1":
                raise Failure("READY=1 did not come first")
            cluster.stop()
            if listener.recv(100) != b"STOPPING=1":
                raise Failure("no STOPPING=1")


def cases():
    listed = [command_line, service_manager, graceful_stop, port_in_use, data_dir_in_use,
              database_care, strangers, hostile_input, kill_under_load, watch_resumes,
              read_only_directory, disk_full, corrupted_page, clock_at_1970]
    return [(case.__name__.replace("_", " "), case) for case in listed]
