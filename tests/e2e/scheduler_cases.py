"""The scheduler as a user sees it with stock kubectl. No kubelet: Nodes are objects made here."""
import json

from kubectl_cases import Kubectl, find_kubectl
from support import Cluster, wait_for

NODE = """
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{disk: {disk}}}}}
spec: {{taints: [{taint}]}}
status: {{capacity: {{cpu: "2", memory: 4Gi, pods: "10"}}}}
"""
TAINT = "{key: key, value: value, effect: NoSchedule}"
NO_VICTIMS = "1 No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"


class Scene:
    """A cluster with a kubectl in a namespace of its own."""

    def __init__(self, cluster):
        self.k = Kubectl(cluster, find_kubectl("1.33"), "1.33")
        self.k(f"create namespace {self.k.ns}")
        wait_for("the ServiceAccount",
                 lambda: "default" in self.k("get serviceaccounts -o name"))

    def node(self, name, disk="hdd", taint=""):
        self.k("apply -f -", f"node/{name} created",
               stdin=NODE.format(name=name, disk=disk, taint=taint))

    def pod(self, name, cpu="100m", **spec):
        container = {"name": "main", "image": "nginx:1",
                     "resources": {"requests": {"cpu": cpu}}}
        self.k("create -f -", "created", stdin=json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [container], **spec}}))

    def on(self, name, node):
        wait_for(f"pod {name} on {node}", lambda: self.k(
            f"get pod {name} -o jsonpath={{.spec.nodeName}}") == node)

    def waiting(self, name, message):
        """Condition and event say the same."""
        path = "{.status.conditions[?(@.type==\"PodScheduled\")].message}"
        wait_for(f"pod {name}: {message}", lambda: self.k(
            f"get pod {name} -o jsonpath='{path}'") == message)
        wait_for("its event", lambda: message in self.k(f"describe pod {name}"))


def from_no_nodes_to_bound():
    with Cluster() as cluster:
        scene = Scene(cluster)
        scene.pod("web-1")
        scene.waiting("web-1", "no nodes available to schedule pods")
        scene.node("node-1")
        scene.on("web-1", "node-1")
        scene.k("get pod web-1 -o wide", "Pending", "node-1")
        wait_for("the event", lambda: (
            f"Successfully assigned {scene.k.ns}/web-1 to node-1" in
            scene.k("describe pod web-1")))
        scene.k("describe pod web-1", "Scheduled", "default-scheduler", "PodScheduled")
        scene.k("get events --field-selector reason=Scheduled", "Normal", "pod/web-1")


def words_of_what_is_missing():
    with Cluster() as cluster:
        scene = Scene(cluster)
        scene.node("small")
        scene.node("kept-1", taint=TAINT)
        scene.node("kept-2", taint=TAINT)
        scene.pod("there", cpu="1500m")
        scene.on("there", "small")
        scene.pod("more", cpu="1")
        scene.waiting("more", "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had "
                      "untolerated taint {key: value}. preemption: 0/3 nodes are available: "
                      f"{NO_VICTIMS}, 2 {NOT_HELPFUL}.")
        scene.pod("tolerant", cpu="1", tolerations=[{"key": "key", "operator": "Exists"}])
        wait_for("a tainted node for it", lambda: scene.k(
            "get pod tolerant -o jsonpath={.spec.nodeName}").startswith("kept-"))
        scene.k("taint node kept-1 kept-2 key-", "untainted")
        wait_for("the other", lambda: scene.k(
            "get pod more -o jsonpath={.spec.nodeName}").startswith("kept-"))


def cordon_and_labels():
    with Cluster() as cluster:
        scene = Scene(cluster)
        scene.node("a", disk="ssd")
        scene.node("b")
        scene.pod("fast", nodeSelector={"disk": "ssd"})
        scene.on("fast", "a")
        scene.k("cordon a b", "node/a cordoned", "node/b cordoned")
        scene.pod("late")
        scene.waiting("late", "0/2 nodes are available: 2 node(s) were unschedulable. preemption: "
                      f"0/2 nodes are available: 2 {NOT_HELPFUL}.")
        scene.k("uncordon b", "node/b uncordoned")
        scene.on("late", "b")
        scene.pod("picky", nodeSelector={"disk": "nvme"})
        scene.waiting("picky", "0/2 nodes are available: 1 node(s) didn't match Pod's node "
                      "affinity/selector, 1 node(s) were unschedulable. preemption: 0/2 nodes are "
                      f"available: 2 {NOT_HELPFUL}.")
        scene.k("label node b disk=nvme --overwrite", "node/b labeled")
        scene.on("picky", "b")


def gates_and_other_schedulers():
    with Cluster() as cluster:
        scene = Scene(cluster)
        scene.node("a")
        scene.pod("gated", schedulingGates=[{"name": "example.com/wait"}])
        scene.pod("foreign", schedulerName="another")
        scene.pod("plain")
        scene.on("plain", "a")
        scene.k("get pods", "SchedulingGated")
        scene.k("patch pod gated --type=json -p "
                "'[{\"op\": \"remove\", \"path\": \"/spec/schedulingGates\"}]'", "patched")
        scene.on("gated", "a")
        if scene.k("get pod foreign -o jsonpath={.spec.nodeName}{.status.conditions}"):
            raise AssertionError("a pod of another scheduler was touched")
        scene.k("get events --field-selector involvedObject.name=foreign", "No resources found")


def cases():
    return [(f"scheduler: {case.__name__.replace('_', ' ')}", case)
            for case in (from_no_nodes_to_bound, words_of_what_is_missing, cordon_and_labels,
                         gates_and_other_schedulers)]
