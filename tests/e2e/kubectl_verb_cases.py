"""The rest of kubectl's verbs, option by option, on a server of their own. See kubectl_cases.py for
the form of a step."""
import os
import shlex

from kubectl_cases import DEPLOYMENT, settle, step_cases
from support import wait_for


def editor(k, script):
    """An EDITOR that runs a sed script over the file."""
    path = k.file("editor", f"#!/bin/sh\nsed -i {shlex.quote(script)} \"$1\"\n")
    os.chmod(path, 0o755)
    return {"EDITOR": path, "KUBE_EDITOR": path}


def generators(k):
    k(f"create namespace {k.ns}")
    certificate, key = k.file("tls.crt", "c"), k.file("tls.key", "k")
    env = k.file("app.env", "A=1\nB=two\n")
    k("create deployment web --image=nginx:1 --replicas=2 --port=80", "deployment.apps/web created")
    k("create service clusterip s1 --tcp=80:8080", "service/s1 created")
    k("create service clusterip s5 --clusterip=None --tcp=80", "service/s5 created")
    k("create service nodeport s2 --tcp=80", "service/s2 created")
    k("create service loadbalancer s3 --tcp=80", "service/s3 created")
    k("create service externalname s4 --external-name=example.com", "service/s4 created")
    k("create secret docker-registry d1 --docker-username=a --docker-password=b --docker-server=c",
      "secret/d1 created")
    k(f"create secret generic g1 --from-literal=a=b --from-file={env}", "secret/g1 created")
    k(f"create secret generic g2 --from-env-file={env} --type=a/b", "secret/g2 created")
    k(f"create configmap c1 --from-env-file={env}", "configmap/c1 created")
    k(f"create configmap c2 --from-file={certificate} --from-file=other={key}", "created")
    k(f"create secret tls bad --cert={certificate} --key={key}", "failed to find any PEM data",
      fails=True)
    k("get secret d1 -o jsonpath={.type}", "kubernetes.io/dockerconfigjson")
    k("get secret g2 -o jsonpath={.type}{.data.B}", "a/bdHdv")
    k("get configmap c2 -o jsonpath={.data}", '"other":"k"', '"tls.crt":"c"')
    k("get service s3", "LoadBalancer", "<pending>", "80:3")
    k("get service s4", "ExternalName", "example.com", "<none>")
    k("get service s5", "ClusterIP", "None", "80/TCP")
    k("create service nodeport s6 --tcp=80 --node-port=80", "provided port is not in the valid "
      "range. The range of valid ports is 30000-32767", fails=True)


def getting(k):
    k("get deploy,svc -o name", "deployment.apps/web", "service/s1")
    k("get pods --show-labels", "LABELS", "app=web,pod-template-hash=")
    k("get pods -L app", "APP", "web")
    k("get pods --no-headers --sort-by=.metadata.creationTimestamp", "Pending")
    k("get svc s1 s2", "s1", "s2")
    k("get svc/s1 deploy/web", "service/s1", "deployment.apps/web")
    k("get svc s1 -o jsonpath-as-json={.spec.ports}", '"targetPort": 8080')
    k("get svc -o custom-columns=NAME:.metadata.name,TYPE:.spec.type", "s4     ExternalName")
    columns = k.file("columns", "NAME          KIND\nmetadata.name kind\n")
    k(f"get svc s1 -o custom-columns-file={columns}", "s1     Service")
    template = k.file("template", "{{range .items}}{{.metadata.name}} {{end}}")
    k(f"get svc -o go-template-file={template}", "s1 s2 s3 s4 s5 ")
    k("get svc --chunk-size=2 -o name", "service/s5")
    k("get pods --field-selector status.phase=Running", "No resources found")
    k("get pods --field-selector status.phase!=Running -o name", "pod/web-")
    k("get pods --field-selector nothing=1", "field label not supported: nothing", fails=True)
    k("get pods -l 'app in (web),!none' -o name", "pod/web-")
    k("get pods -l 'a b'", "unable to parse requirement: found 'b', expected:", fails=True)
    k("get pods --all-namespaces -l app=web", "NAMESPACE", k.ns)
    k("get pods nothing", 'Error from server (NotFound): pods "nothing" not found', fails=True)
    k("get pods nothing --ignore-not-found")
    k("get --raw /api/v1/namespaces/default", '"phase":"Active"')
    if k.minor >= 24:
        k("get deploy web --subresource=status", "0/2")
        k("get deploy web --subresource=scale", "DESIRED", "AVAILABLE")


def describing(k):
    for kind, words in [("deployment web", ("StrategyType:           RollingUpdate",
                                            "25% max unavailable, 25% max surge",
                                            "MinimumReplicasUnavailable",
                                            "ScalingReplicaSet", "deployment-controller")),
                        ("rs", ("Controlled By:  Deployment/web", "2 current / 2 desired",
                                "SuccessfulCreate", "Created pod: web-")),
                        ("pods", ("Controlled By:", "QoS Class:", "BestEffort",
                                  "kube-api-access-", "node.kubernetes.io/not-ready:NoExecute "
                                  "op=Exists for 300s", "TokenExpirationSeconds:  3607")),
                        ("svc s2", ("NodePort:", "80/TCP", "Session Affinity:")),
                        ("sa default", ("Name:                default",)),
                        ("secret d1", ("kubernetes.io/dockerconfigjson", ".dockerconfigjson:")),
                        ("cm c2", ("tls.crt:\n----\nc",)),
                        ("ns default", ("Status:       Active",)),
                        ("endpoints s1", ("Subsets",))]:
        k("describe " + kind, *words)
    if k.minor >= 21:  # 1.20 asks for v1beta1, which 1.25 removed
        k("describe endpointslices", "AddressType:", "IPv4")
    k("describe pod nothing", 'pods "nothing" not found', fails=True)


def applying(k):
    path = k.file("web.yaml", DEPLOYMENT)
    k(f"apply -f {path} --dry-run=server", "(server dry run)")
    k(f"apply -f {path}", "deployment.apps/web configured", "service/web created")
    k(f"apply view-last-applied -f {path}", "image: nginx:1")
    k("apply view-last-applied deployment/web -o json", '"replicas": 2')
    k("create configmap bare --from-literal=a=1")
    bare = k.file("bare.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bare}\n"
                  "data: {a: '2'}\n")
    k(f"apply set-last-applied -f {bare} --create-annotation", "configured")
    k(f"apply -f {bare}", "configmap/bare configured")
    directory = os.path.join(k.directory, "set")
    os.makedirs(directory, exist_ok=True)
    for name in ("p1", "p2"):
        k.file(f"set/{name}.yaml", f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"
               "  labels: {set: pruned}\ndata: {a: '1'}\n")
    k(f"apply -f {directory} -l set=pruned", "configmap/p1 created", "configmap/p2 created")
    os.remove(os.path.join(directory, "p2.yaml"))
    allow = "--prune-whitelist" if k.minor < 26 else "--prune-allowlist"
    k(f"apply -f {directory} -l set=pruned --prune {allow}=core/v1/ConfigMap",
      "configmap/p1 unchanged", "configmap/p2 pruned")
    k(f"diff -f {path}")
    changed = k.file("changed.yaml", DEPLOYMENT.replace("color: blue", "color: red"))
    k(f"diff -f {changed}", "-  color: blue", "+  color: red", fails=True)
    k("edit deploy web", "deployment.apps/web edited", env=editor(k, "s/replicas: 2/replicas: 1/"))
    k("edit deploy web", "Edit cancelled, no changes made.", env=editor(k, "s/nothing/at all/"))
    k("edit svc web", "is invalid", fails=True, env=editor(k, "s/port: 80/port: 99999/"))
    k(f"replace -f {path}", "deployment.apps/web replaced", "service/web replaced")
    k(f"replace --force --grace-period=0 -f {path}", "deleted", "replaced")
    k("patch deploy web -p '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"main\","
      "\"image\":\"nginx:9\"}]}}}}'", "patched")
    k("get deploy web -o jsonpath={.spec.template.spec.containers[*].image}", "nginx:9")
    k("patch deploy web -p '{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"x\"}}}}'",
      "field is immutable", fails=True)
    k("patch deploy web --type=json -p '[{\"op\":\"test\",\"path\":\"/spec/paused\",\"value\":true}"
      "]'", fails=True)
    k("patch cm bare --type=merge -p '{\"data\":{\"a\":null}}' --dry-run=server -o yaml",
      "name: bare")
    k("label cm bare a=b c=d", "labeled")
    k("label cm bare a=e", "--overwrite is false", fails=True)
    k("label cm bare a=e --overwrite", "labeled")
    k("label cm bare a- c-", "unlabeled" if k.minor >= 22 else "labeled")
    k("label cm --all every=one")
    k("label cm bare 'b ad=x'", fails=True)
    k("annotate cm bare x=y")
    k("annotate cm bare --list", "x=y")
    k("annotate cm bare x-")


def rolling(k):
    settle(k)
    k("set image deploy/web main=nginx:2", "deployment.apps/web image updated")
    k("set env deploy/web A=1 B=2", "env updated")
    k("set env deploy/web --list", "A=1", "B=2")
    k("set env deploy/web A- --from=configmap/settings", "env updated")
    k("get deploy web -o jsonpath={.spec.template.spec.containers[0].env}", '"name":"B"',
      '"configMapKeyRef":{"key":"color","name":"settings"}')
    k("set resources deploy/web --limits=cpu=200m,memory=64Mi --requests=cpu=100m",
      "resource requirements updated")
    k("set serviceaccount deploy/web default", "serviceaccount updated")
    k("set selector svc/web app=web,tier=x", "selector updated")
    k("get svc web -o jsonpath={.spec.selector}", '"tier":"x"')
    settle(k)
    k("rollout status deploy/web --timeout=20s", 'deployment "web" successfully rolled out')
    k("rollout history deploy/web", "REVISION", "CHANGE-CAUSE")
    k("annotate deploy/web kubernetes.io/change-cause=because")
    wait_for("the cause in the history", lambda: "because" in k("rollout history deploy/web"))
    k("rollout undo deploy/web --to-revision=1000", "unable to find specified revision", fails=True)
    k("rollout pause deploy/web", "paused")
    k("rollout pause deploy/web", "already paused", fails=True)
    k("rollout undo deploy/web", "cannot", fails=True)
    k("rollout resume deploy/web", "resumed")
    k("rollout restart deploy/web", "restarted")
    settle(k)
    k("rollout undo deploy/web", "rolled back")
    settle(k)
    k("scale deploy web --replicas=4 --current-replicas=2", "scaled")
    settle(k)
    k("get deploy web", "4/4")
    k("scale rs --all --replicas=0 --dry-run=client", "scaled")
    k("scale deploy nothing --replicas=1", "no objects passed to scale" if 27 <= k.minor < 33 else
      "not found", fails=True)
    k("expose deploy web --name=e1 --port=80 --target-port=8080 --type=NodePort", "exposed")
    k("expose svc web --name=e2 --port=443 --session-affinity=ClientIP", "exposed")
    k("autoscale deploy web --max=3 --dry-run=client -o name", "horizontalpodautoscaler")


def running(k):
    k("run r1 --image=busybox:1 --env=A=b --port=80 --labels=run=r1 -- sleep 1",
      "pod/r1 created")
    k("get pod r1 -o jsonpath={.spec.containers[0].args}{.spec.restartPolicy}",
      '["sleep","1"]Always')
    k("run r2 --image=busybox:1 --restart=Never --dry-run=client -o yaml", "restartPolicy: Never")
    k("run r3 --image=busybox:1 --restart=Never --dry-run=server -o name", "pod/r3")
    k("wait --for=jsonpath={.status.phase}=Pending pod/r1 --timeout=5s" if k.minor >= 23
      else "get pod r1")
    k("wait --for=condition=Ready pod/r1 --timeout=1s", "timed out waiting for the condition",
      fails=True)
    k.make_ready()
    k("wait --for=condition=Ready pod/r1 --timeout=5s", "pod/r1 condition met")
    k("patch pod r1 -p '{\"spec\":{\"containers\":[{\"name\":\"r1\",\"command\":[\"x\"]}]}}'",
      "pod updates may not change fields other than `spec.containers[*].image`", fails=True)
    if k.minor >= 26:
        k("events --for pod/r1", "FailedScheduling", "no nodes available to schedule pods")
        k("events --types=Normal", "ScalingReplicaSet")
    k("delete pod r1 --wait=false", "deleted")
    if k.minor >= 27:  # 1.20 fails when it is gone already
        k("wait --for=delete pod/r1 --timeout=10s")


def removing(k):
    k("delete cm bare --dry-run=client", "deleted (dry run)")
    k("delete cm,secret -l nothing=here", "No resources found")
    k("delete cm --field-selector metadata.name=bare", 'configmap "bare" deleted')
    k("delete svc/s1 svc/s2", "deleted")
    k("delete svc s3 s4 -o name", "service/s3", "service/s4")
    k(f"delete -f {k.directory}/web.yaml", 'deployment.apps "web" deleted', "deleted")
    k("delete svc nothing", "NotFound", fails=True)
    k("delete cm --all --cascade=" + ("background" if k.minor >= 20 else "true"), "deleted")
    wait_for("the root certificate again",
             lambda: "kube-root-ca.crt" in k("get cm -o name"))
    k("delete all --all --timeout=30s", "deleted")
    k(f"delete ns {k.ns} --timeout=30s", "deleted")


def configuring(k):
    k("version -o json", '"serverVersion"')
    k("cluster-info", "is running at")
    k("api-resources --verbs=list --namespaced -o name", "pods", "deployments.apps")
    k("api-resources --api-group=apps -o wide", "VERBS", "replicasets")
    k("api-versions", "events.k8s.io/v1")
    k("explain svc.spec.ports", "nodePort")
    k("explain deployment --api-version=apps/v1 --recursive", "topologySpreadConstraints")
    k("explain pod.nothing", 'field "nothing" does not exist', fails=True)
    k("config get-contexts", "default")
    k("config set-context other --cluster=default --user=default --namespace=kube-system",
      'Context "other" created.')
    k("config use-context other", 'Switched to context "other".')
    k("config use-context default")
    k("config delete-context other", "deleted context other")
    k("auth can-i create pods", "yes")


STEPS = [generators, getting, describing, applying, rolling, running, removing, configuring]


def cases():
    return step_cases("kubectl verbs", STEPS)
