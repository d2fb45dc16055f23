"""Stock kubectl, several versions, each through the same steps in a namespace of its own.

A step is (command line, fragments its output must contain); "!" before the command: it must fail.
{ns} is the namespace. Validation is never switched off.
"""
import json
import os
import pathlib
import shlex
import subprocess
import tempfile
import time

import support
from support import Cluster, Failure, Skip, run, wait_for

VERSIONS = ["1.20", "1.27", "1.30", "1.33"]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: nginx:1
        ports: [{containerPort: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 80}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: blue}
"""


def find_kubectl(version):
    places = [f"/opt/kubectl-{version}/usr/bin/kubectl",
              f"/usr/lib/google-cloud-sdk/bin/kubectl.{version}",
              str(pathlib.Path(support.BINARY).parents[2] / f"tools/kubectl-{version}/usr/bin/kubectl"),
              "/usr/bin/kubectl", "/usr/local/bin/kubectl"]
    for place in places:
        if os.access(place, os.X_OK):
            code, out, _ = run([place, "version", "--client", "-o", "json"])
            if code == 0 and json.loads(out)["clientVersion"]["gitVersion"].startswith(f"v{version}."):
                return place
    if version == "1.20":
        return fetch_debian_kubectl()
    raise Skip(f"kubectl {version} is not on this machine")


def fetch_debian_kubectl():
    """Unpacked, not installed: another kubectl may own /usr/bin/kubectl."""
    tools = pathlib.Path(support.BINARY).parents[2] / "tools"
    tools.mkdir(exist_ok=True)
    code, out, err = run(["sh", "-c", f"cd {shlex.quote(str(tools))} && apt-get download -q "
                          "kubernetes-client && dpkg -x kubernetes-client_*.deb kubectl-1.20"],
                         timeout=300)
    if code != 0:
        raise Skip("kubectl 1.20 cannot be fetched from Debian: " + (err or out)[-300:])
    return str(tools / "kubectl-1.20/usr/bin/kubectl")


class Kubectl:
    def __init__(self, cluster, binary, version):
        self.cluster, self.binary, self.version = cluster, binary, version
        self.minor = int(version.split(".")[1])
        self.ns = "v" + version.replace(".", "-")
        self.env = {"KUBECONFIG": cluster.kubeconfig, "HOME": cluster.directory + "/" + self.ns}
        self.directory = self.env["HOME"]
        os.makedirs(self.directory, exist_ok=True)

    def file(self, name, text):
        path = f"{self.directory}/{name}"
        with open(path, "w") as file:
            file.write(text)
        return path

    def __call__(self, line, *fragments, stdin=None, fails=False, env=None, timeout=60):
        # `config` has a --namespace of its own.
        scope = [] if line.startswith("config ") else ["-n", self.ns]
        command = [self.binary] + scope + shlex.split(line)
        begin = time.monotonic()
        code, out, err = run(command, {**self.env, **(env or {})}, stdin=stdin, timeout=timeout)
        shown = f"kubectl {line}\n{out[-2500:]}{err[-2500:]}"
        if (code != 0) != fails:
            raise Failure(f"{'succeeded' if fails else f'failed with {code}'}: {shown}")
        for fragment in fragments:
            if fragment not in out + err:
                raise Failure(f"without {fragment!r}: {shown}")
        if os.environ.get("KIST_E2E_VERBOSE"):
            print(f"    {time.monotonic() - begin:6.2f} s  kubectl {line}", flush=True)
        return out

    def make_ready(self):
        """No kubelet runs pods here: says of each pod that it runs."""
        path = f"/api/v1/namespaces/{self.ns}/pods"
        for pod in self.cluster.expect(200, "GET", path)["items"]:
            status = {"status": {"phase": "Running", "podIP": "10.42.0.9",
                                 "podIPs": [{"ip": "10.42.0.9"}],
                                 "conditions": [{"type": "Ready", "status": "True"}]}}
            self.cluster.request("PATCH", f"{path}/{pod['metadata']['name']}/status", status,
                                 content_type="application/merge-patch+json")


def discovery(k):
    k("version", "+kist")
    k("cluster-info", "is running at")
    k("api-resources", "deployments", "deploy", "configmaps", "cm", "endpointslices", "leases")
    k("api-resources --namespaced=false -o name", "namespaces", "nodes")
    k("api-versions", "apps/v1", "v1", "coordination.k8s.io/v1", "discovery.k8s.io/v1")
    k("explain pod.spec.containers", "image", "name")
    k("explain deployment.spec.strategy --recursive", "rollingUpdate", "maxSurge")
    k("config view", "certificate-authority-data", "default")
    k("config current-context", "default")
    k("get --raw /healthz", "ok")
    k("get --raw /readyz?verbose", "readyz check passed")


def create_and_get(k):
    k(f"create namespace {k.ns}", f"namespace/{k.ns} created")
    k("get serviceaccounts", "default")
    k("get configmaps", "kube-root-ca.crt")
    k("create configmap one --from-literal=a=1", "configmap/one created")
    k("create configmap one --from-literal=a=1", "already exists", fails=True)
    k("create secret generic pw --from-literal=p=x", "secret/pw created")
    k("create serviceaccount robot", "serviceaccount/robot created")
    if k.minor >= 24:
        k("create token robot", "ey")
    k("create deployment made --image=nginx:1 --dry-run=client -o yaml", "kind: Deployment")
    k("create configmap two --from-literal=a=1 --dry-run=server", "configmap/two created")
    k("get configmap two", "NotFound", "not found", fails=True)
    k("get cm one", "NAME", "DATA", "AGE", "one")
    k("get cm one -o json", '"a": "1"')
    k("get cm one -o yaml", "a: \"1\"")
    k("get cm -o name", "configmap/one")
    k("get cm one -o wide", "one")
    k("get cm one -o jsonpath={.data.a}", "1")
    k("get cm one -o go-template={{.data.a}}", "1")
    k("get cm one -o custom-columns=N:.metadata.name,A:.data.a", "one")
    k("get cm -A", k.ns, "kube-system")
    k("get cm --field-selector metadata.name=one", "one")
    k("get cm --sort-by=.metadata.name", "one")
    k("get cm --chunk-size=1", "one", "kube-root-ca.crt")
    if k.minor >= 21:
        k("get cm one -o yaml --show-managed-fields", "name: one")
    k("get all,cm,secret", "configmap/one")
    k("get nosuchthing", "the server doesn't have a resource type", fails=True)
    k("describe cm one", "Name:", "one", "Data")
    k("describe secret pw", "1 bytes")
    k("describe namespace " + k.ns, "Active")
    k("label cm one tier=x", "labeled")
    k("get cm -l tier=x", "one")
    k("get cm -l 'tier notin (x)' -o name", "kube-root-ca.crt")
    k("annotate cm one note=hello", "annotate")  # 1.27 says "annotate", others "annotated"
    k("patch cm one -p '{\"data\":{\"b\":\"2\"}}'", "patched")
    k("patch cm one --type=merge -p '{\"data\":{\"c\":\"3\"}}'", "patched")
    k("patch cm one --type=json -p '[{\"op\":\"remove\",\"path\":\"/data/c\"}]'", "patched")
    k("get cm one -o jsonpath={.data}", '"a":"1"', '"b":"2"')
    editor = k.file("editor", "#!/bin/sh\nsed -i 's/b: \"2\"/b: \"22\"/' \"$1\"\n")
    os.chmod(editor, 0o755)
    k("edit cm one", "edited", env={"EDITOR": editor, "KUBE_EDITOR": editor})
    k("get cm one -o jsonpath={.data.b}", "22")
    bad = k.file("bad.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: Bad_Name}\n"
                 "spec: {ports: [{port: 99999}]}\n")
    k(f"create -f {bad}", "Invalid value", fails=True)
    typo = k.file("typo.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
                  "spec: {contaners: [{name: a, image: b}]}\n")
    k(f"create -f {typo}", "contaners", fails=True)


def apply_and_friends(k):
    path = k.file("web.yaml", DEPLOYMENT)
    k(f"apply -f {path}", "deployment.apps/web created", "service/web created")
    k(f"apply -f {path}", "deployment.apps/web unchanged", "service/web unchanged")
    changed = k.file("web2.yaml", DEPLOYMENT.replace("replicas: 2", "replicas: 3"))
    k(f"diff -f {changed}", "replicas: 3", fails=True)  # exit code 1: there is a difference
    k(f"apply -f {changed}", "deployment.apps/web configured")
    k(f"diff -f {changed}")
    k(f"replace -f {path}", "replaced")
    k("get deployment web -o jsonpath={.spec.replicas}", "2")
    wait_for("two pods", lambda: k("get pods -l app=web -o name").count("pod/") == 2)
    k.make_ready()
    k("wait --for=condition=Available deployment/web --timeout=20s", "condition met")
    k("get deployment web", "2/2")
    k("get pods -o wide", "Running", "10.42.0.9")
    k("get rs,deploy,svc,endpoints", "deployment.apps/web", "service/web", "10.42.0.9:80")
    k("get endpointslices -l kubernetes.io/service-name=web", "10.42.0.9")
    k("get pods --field-selector status.phase=Running -o name", "pod/web-")
    k("describe deployment web", "Replicas:", "2 desired", "RollingUpdateStrategy")
    k("describe pods -l app=web", "nginx:1")
    k("describe service web", "Endpoints", "10.42.0.9:80")
    k("get events", "ScalingReplicaSet")
    if k.minor >= 26:
        k("events", "ScalingReplicaSet")


def workloads(k):
    k("run solo --image=busybox:1 --labels=app=solo", "pod/solo created")
    k("get pod solo", "Pending")
    k("expose deployment web --name=web2 --port=81 --target-port=80", "service/web2 exposed")
    k("expose pod solo --port=82 --type=NodePort", "service/solo exposed")
    k("scale deployment web --replicas=3", "scaled")
    wait_for("three pods", lambda: k("get pods -l app=web -o name").count("pod/") == 3)
    k("scale deployment web --current-replicas=9 --replicas=1", fails=True)
    k("set image deployment/web main=nginx:2", "image updated")
    settle(k)
    k("rollout status deployment/web --timeout=30s", "successfully rolled out")
    k("rollout history deployment/web", "REVISION", "2")
    k("rollout history deployment/web --revision=2", "nginx:2")
    k("rollout undo deployment/web", "rolled back")
    settle(k)
    k("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}", "nginx:1")
    k("rollout pause deployment/web", "paused")
    k("rollout resume deployment/web", "resumed")
    k("rollout restart deployment/web", "restarted")
    settle(k)
    k("rollout status deployment/web --timeout=30s", "successfully rolled out")
    k("set env deployment/web MODE=test", "env updated")
    k("set resources deployment/web --limits=cpu=100m", "resource requirements updated")


def settle(k):
    """Pods become ready as they appear, until the rollout is through."""
    def through():
        k.make_ready()
        d = k.cluster.expect(200, "GET", f"/apis/apps/v1/namespaces/{k.ns}/deployments/web")
        status, wanted = d.get("status", {}), d["spec"]["replicas"]
        return (status.get("observedGeneration") == d["metadata"]["generation"]
                and status.get("updatedReplicas") == wanted == status.get("replicas")
                and status.get("availableReplicas") == wanted)
    wait_for("rollout of web", through, 30)


def watching(k):
    command = [k.binary, "-n", k.ns, "get", "cm", "-w", "-o", "name"]
    watch = subprocess.Popen(command, env={**os.environ, **k.env}, stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        k("create configmap seen --from-literal=a=1")
        lines = []
        while not lines or "seen" not in lines[-1]:
            line = watch.stdout.readline()
            if not line:
                raise Failure("the watch ended: " + "".join(lines))
            lines.append(line)
    finally:
        watch.kill()
        watch.wait()


def deleting(k):
    k("create configmap gone --from-literal=a=1")
    k("delete cm gone", "deleted")
    k("delete cm gone", "NotFound", fails=True)
    k("delete cm gone --ignore-not-found")
    k("delete pod solo --now", "deleted")
    k("delete cm one --dry-run=server", "server dry run")
    k("get cm one", "one")
    k("delete cm -l tier=x", "deleted")
    k("delete rs --all --cascade=orphan", "deleted")
    k("delete deployment web --cascade=foreground --timeout=30s", "deleted")
    k("create deployment bg --image=nginx:1 --replicas=2", "created")
    wait_for("pods of bg", lambda: k("get pods -l app=bg -o name").count("pod/") == 2)
    k("delete deployment bg --cascade=background", "deleted")
    wait_for("pods of bg gone", lambda: "pod/" not in k("get pods -l app=bg -o name"))
    k("delete pod --all --grace-period=0 --force")
    k("delete all --all --timeout=30s")
    k("get all", "No resources found")
    k(f"delete namespace {k.ns} --timeout=30s", "deleted")
    k(f"get namespace {k.ns}", "NotFound", fails=True)


STEPS = [discovery, create_and_get, apply_and_friends, workloads, watching, deleting]


def step_cases(title, steps):
    """One case for each version and step; all share a cluster, each version has a namespace."""
    shared = {}

    def step_case(version, step):
        def case():
            if "cluster" not in shared:
                shared["cluster"] = Cluster()
            if version not in shared:
                shared[version] = Kubectl(shared["cluster"], find_kubectl(version), version)
            step(shared[version])
        return case

    return [(f"{title} {version}: {step.__name__.replace('_', ' ')}", step_case(version, step))
            for version in VERSIONS for step in steps]


def cases():
    return step_cases("kubectl", STEPS)
