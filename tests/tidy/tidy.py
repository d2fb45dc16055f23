#!/usr/bin/env python3
"""Checks what a compiler cannot: include ranks, forbidden headers, forgotten READMEs, the format.

Includes only go down a rank and equals never include each other (ARCHITECTURE.md, "The tree").
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RANK = {"base": 0, "api": 1, "net": 1, "datastore": 1, "runtime": 1, "cni": 1, "client": 2,
        "apiserver": 2, "controllers": 3, "scheduler": 3, "proxy": 3, "dns": 3, "ingress": 3,
        "kubelet": 3, "roles": 4, "cli": 5}
FORBIDDEN = {"regex": "5 s a file to compile, and it crashes on long input", "iostream": "static init"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
TODO = re.compile(r"\bTODO\b(?!\(#\d+\))")


def component_of(path):
    """The component that a file of the tree (or an include path) belongs to, or None."""
    parts = path.split("/")
    if parts[0] == "include":
        parts = parts[1:]
    if parts[0] in ("src", "kist"):
        parts = parts[1:]
    return parts[0] if len(parts) > 1 and parts[0] in RANK else None


def check_include(here, target):
    if here is None or target is None or here == target:
        return None
    if RANK[target] < RANK[here]:
        return None
    return f"{here} (rank {RANK[here]}) includes {target} (rank {RANK[target]})"


def check_file(name):
    here = component_of(name)
    lines = (ROOT / name).read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, 1):
        if TODO.search(line):
            yield f"{name}:{number}: TODO without an issue number"
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        if quote == "<" and target in FORBIDDEN and not name.startswith("tests/"):
            yield f"{name}:{number}: <{target}>: {FORBIDDEN[target]}"
        problem = check_include(here, component_of(target) if quote == '"' else None)
        if problem:
            yield f"{name}:{number}: {problem}"
    if name.endswith(".h") and "#pragma once" not in lines:
        yield f"{name}: no #pragma once"


def check_format(files):
    """What clang-format 14 (Debian 12's; other versions format otherwise) would change."""
    tool = shutil.which("clang-format-14")
    if tool is None:
        return ["clang-format-14 is missing: apt-get install clang-format-14"]
    run = subprocess.run([tool, "--dry-run", "--Werror", *files], cwd=ROOT, capture_output=True, text=True)
    wrong = sorted({line.split(":")[0] for line in run.stderr.split("\n") if " error: " in line})
    return [f"{name}: not formatted: clang-format-14 -i {name}" for name in wrong]


def main():
    files = subprocess.run(["git", "ls-files", "*.cc", "*.h"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split()
    problems = [problem for name in files for problem in check_file(name)]
    problems += check_format(files)
    for folder in sorted({(p.split("/")[0] if p.split("/")[0] in RANK else "/".join(p.split("/")[:2]))
                          for p in files if component_of(p) and not p.startswith(("include", "tests"))}):
        if not (ROOT / folder / "README.md").exists():
            problems.append(f"{folder}: no README.md")
    for problem in problems:
        print(problem)
    print(f"{len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
