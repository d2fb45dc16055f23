"""Runs under Debian's python3-kubernetes: what a script of an operator would do."""
import sys

from kubernetes import client, config, watch

config.load_kube_config(sys.argv[1])
core, apps = client.CoreV1Api(), client.AppsV1Api()
assert {n.metadata.name for n in core.list_namespace().items} >= {"default", "kube-system"}

core.create_namespaced_config_map("default", client.V1ConfigMap(
    metadata=client.V1ObjectMeta(name="a"), data={"k": "1"}))
patched = core.patch_namespaced_config_map("a", "default", {"data": {"k": "2"}})
assert patched.data == {"k": "2"}, patched.data

seen = []
for event in watch.Watch().stream(core.list_namespaced_config_map, "default", timeout_seconds=10):
    seen.append((event["type"], event["object"].metadata.name))
    if seen[-1] == ("ADDED", "a"):
        core.delete_namespaced_config_map("a", "default")
    if seen[-1] == ("DELETED", "a"):
        break
assert ("DELETED", "a") in seen, seen

labels = {"app": "py"}
apps.create_namespaced_deployment("default", client.V1Deployment(
    metadata=client.V1ObjectMeta(name="py"),
    spec=client.V1DeploymentSpec(
        replicas=1, selector=client.V1LabelSelector(match_labels=labels),
        template=client.V1PodTemplateSpec(
            metadata=client.V1ObjectMeta(labels=labels),
            spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="i")])))))
scaled = apps.patch_namespaced_deployment_scale("py", "default", {"spec": {"replicas": 2}})
assert scaled.spec.replicas == 2
try:
    core.read_namespaced_pod("none", "default")
    raise SystemExit("a pod that is not there was read")
except client.exceptions.ApiException as error:
    assert error.status == 404, error
print("all well")
