"""README.md tells the truth: its terminal recording is played again, line by line.

Hashes, times and the place of files differ from run to run; all else must be as printed there.
"""
import os
import pathlib
import re
import shlex

import support

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
# What may differ, and what stands for it.
VARIABLE = [
    (re.compile(r"^.*info: ready url=.*$", re.M), "READY"),
    (re.compile(r"-[bcdf0-9]{8,10}-[a-z0-9]{5}\b"), "-HASH-POD"),
    (re.compile(r"-[bcdf0-9]{8,10}\b"), "-HASH"),
    (re.compile(r"\b\d+(ms|s|m|h)\b"), "AGE"),
    (re.compile(r" +"), " "),
    (re.compile(r" +$", re.M), ""),
]


def normal(text):
    for pattern, stand_in in VARIABLE:
        text = pattern.sub(stand_in, text)
    return text.strip()


def recording():
    """[(command, output)] of the README's first block that begins with a prompt."""
    for block in re.findall(r"^```\w*\n(.*?)^```", README.read_text(), re.M | re.S):
        if block.startswith("$ "):
            parts = re.split(r"^\$ (.*)\n", block, flags=re.M)[1:]
            return list(zip(parts[::2], parts[1::2]))
    raise support.Failure("README.md has no terminal recording")


def replay(cluster, command):
    if command.startswith("kist server"):
        wanted = set(shlex.split(command)[2:])
        missing = wanted - set(cluster.command())
        if missing:
            raise support.Failure(f"the test's server has no {missing}")
        return cluster.log_text().splitlines()[0]
    if command.startswith("export "):
        return ""
    code, out, err = support.run(shlex.split(command), env={"KUBECONFIG": cluster.kubeconfig})
    if code != 0:
        raise support.Failure(f"{command}: {err}")
    return out


def recording_is_true():
    steps = recording()
    if not any(command.startswith("kubectl") for command, _ in steps):
        raise support.Failure("the recording shows no kubectl")
    with support.Cluster() as cluster:
        for command, printed in steps:
            seen = []

            def same():
                seen[:] = [normal(replay(cluster, command))]
                return seen[0] == normal(printed)

            if command.startswith("kubectl get"):  # controllers may need a moment
                try:
                    support.wait_for(command, same)
                except support.Failure:
                    pass
            else:
                same()
            if seen[0] != normal(printed):
                raise support.Failure(f"README.md shows for {command}:\n{normal(printed)}\n"
                                      f"but it prints:\n{seen[0]}")


def commands_exist():
    """The commands of the "fresh machine" block are files that can be run."""
    root = README.parent
    for block in re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.M | re.S):
        for line in block.splitlines():
            program = root / line.split()[0]
            if not os.access(program, os.X_OK):
                raise support.Failure(f"README.md names {program}, which cannot be run")


def cases():
    return [("readme: the recording is true", recording_is_true),
            ("readme: its commands exist", commands_exist)]
