#!/usr/bin/env python3
"""End to end: the real binary on a free port, driven by stock kubectl and other people's clients.

    tests/e2e/run.py --binary build/src/cli/kist [--only WORD] [--keep]

Every case is a named function that uses a Cluster; a case prints its time. What this machine lacks
(a kubectl version, python3-kubernetes, npm, root) is skipped aloud. The last line counts.
"""
import argparse
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import client_cases  # noqa: E402
import fault_cases  # noqa: E402
import kubectl_cases  # noqa: E402
import kubectl_verb_cases  # noqa: E402
import readme_cases  # noqa: E402
import stream_cases  # noqa: E402
import scheduler_cases  # noqa: E402
import support  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="build/src/cli/kist")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    arguments = parser.parse_args()
    support.BINARY = str(pathlib.Path(arguments.binary).resolve())
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failures = []
    for name, case in (kubectl_cases.cases() + kubectl_verb_cases.cases() + stream_cases.cases() +
                       scheduler_cases.cases() + client_cases.cases() + fault_cases.cases() +
                       readme_cases.cases()):
        if arguments.only not in name:
            continue
        begin = time.monotonic()
        try:
            case()
            verdict = "passed"
        except support.Skip as why:
            verdict, text = "skipped", str(why)
        except Exception as error:  # a case may fail in any way; the others still run
            verdict, text = "failed", f"{error}"
            if not isinstance(error, support.Failure):
                text += "\n" + traceback.format_exc(limit=-3)
        counts[verdict] += 1
        print(f"{verdict:8} {time.monotonic() - begin:7.2f} s  {name}", flush=True)
        if verdict != "passed":
            print("    " + text.replace("\n", "\n    "), flush=True)
        if verdict == "failed":
            failures.append(name)
    support.stop_all()
    for name in failures:
        print("FAILED", name)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if failures or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
