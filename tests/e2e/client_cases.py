"""Other people's clients: python3-kubernetes and @kubernetes/client-node list, watch and patch."""
import os
import pathlib
import shutil

import support
from support import Cluster, Failure, Skip, run

HERE = pathlib.Path(__file__).resolve().parent


def python_client():
    python = "/usr/bin/python3"  # Debian's, for which python3-kubernetes is packaged
    if run([python, "-c", "import kubernetes"])[0] != 0:
        raise Skip("python3-kubernetes is not installed")
    with Cluster("--ephemeral") as cluster:
        code, out, err = run([python, str(HERE / "client.py"), cluster.kubeconfig], timeout=60)
        if code != 0 or "all well" not in out:
            raise Failure(out + err)


def node_client():
    if not shutil.which("npm"):
        raise Skip("npm is not installed")
    place = pathlib.Path(support.BINARY).parents[2] / "tools/node"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "node_modules/@kubernetes/client-node").exists():
        code, out, err = run(["npm", "install", "--prefix", str(place), "--no-audit", "--no-fund",
                              "@kubernetes/client-node@1"], timeout=300)
        if code != 0:
            raise Skip("npm cannot install @kubernetes/client-node: " + (out + err)[-300:])
    shutil.copy(HERE / "client.mjs", place / "client.mjs")
    with Cluster("--ephemeral") as cluster:
        code, out, err = run(["node", str(place / "client.mjs"), cluster.kubeconfig],
                             env={**os.environ}, timeout=60)
        if code != 0 or "all well" not in out:
            raise Failure(out + err)


def cases():
    return [("python3-kubernetes: list, watch, patch", python_client),
            ("@kubernetes/client-node: list, informer, patch", node_client)]
