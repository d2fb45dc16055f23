#!/usr/bin/env python3
"""Makes schema/<group>_<version>.json from the founders' table of API facts.

  import.py FACTS_DIR [OUT_DIR]

FACTS_DIR is shared/api. Takes the root kinds of ROOTS and every type they reach, without fields that
came after Kubernetes RELEASE. Docs (`doc`) that are in OUT_DIR already are kept: they are ours and
written by hand. The format is described in src/api/README.md.
"""
import json
import pathlib
import sys

RELEASE = (1, 33)

ROOTS = {
    "core/v1": ["Pod", "PodTemplate", "Service", "Endpoints", "ConfigMap", "Secret", "Namespace",
                "Node", "Event", "ServiceAccount", "Binding", "PodStatusResult", "SerializedReference",
                "PodLogOptions", "PodExecOptions", "PodAttachOptions", "PodPortForwardOptions",
                "PodProxyOptions", "ServiceProxyOptions", "NodeProxyOptions"],
    "apps/v1": ["Deployment", "ReplicaSet", "ControllerRevision"],
    "discovery/v1": ["EndpointSlice"],
    "events/v1": ["Event"],
    "coordination/v1": ["Lease"],
    "autoscaling/v1": ["Scale"],
    "policy/v1": ["Eviction"],
    "authentication/v1": ["TokenRequest", "TokenReview", "SelfSubjectReview"],
    "authorization/v1": ["SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview",
                         "LocalSubjectAccessReview"],
    "apidiscovery/v2": ["APIGroupDiscovery"],
    "meta/v1": None,  # all
    "runtime": ["Unknown"],
}

# Defaults that facts list by kind and that belong to a type which only this kind has.
KIND_DEFAULTS = ["core/v1.Secret", "core/v1.Service", "core/v1.Endpoints", "apps/v1.Deployment",
                 "apps/v1.ReplicaSet"]


def release(text):
    return tuple(int(part) for part in text.split("."))


def too_new(record):
    return "since" in record and release(record["since"]) > RELEASE


def split_type(text):
    """'[]core/v1.Pod' -> ('[]', 'core/v1.Pod')"""
    prefix = ""
    while True:
        if text.startswith("[]"):
            prefix, text = prefix + "[]", text[2:]
        elif text.startswith("map["):
            # keys are all strings in JSON, whatever their Go name
            prefix, text = prefix + "map[]", text[text.index("]") + 1:]
        else:
            return prefix, text


class Facts:
    def __init__(self, folder):
        self.packages = {}
        for path in sorted((folder / "types").glob("*.json")):
            package = json.loads(path.read_text())
            self.packages[package["package"]] = package
        self.defaults = {}
        self.read_defaults(json.loads((folder / "defaults.json").read_text()))

    def type(self, name):
        package, _, short = name.rpartition(".")
        return self.packages[package]["types"].get(short) if package in self.packages else None

    def read_defaults(self, facts):
        for type_name, rows in facts["by_type"].items():
            for path, value, when in rows:
                if when not in ("", "when 0", "empty text set") or "[" in path or path == "*":
                    continue
                if not isinstance(value, dict) or value == {}:
                    self.defaults[self.owner(type_name, path), path] = value
        for kind in KIND_DEFAULTS:
            for path, value, when in facts["by_kind"][kind]:
                owner, field = self.walk(kind, path)
                if when == "" and not isinstance(value, (dict, list)):
                    self.defaults[owner, field] = value

    def owner(self, name, field):
        """The type that declares `field`: `name` or one that stands inline in it."""
        fields = self.type(name)["fields"]
        if not any(f.get("n") == field for f in fields):
            for inline in (f["t"] for f in fields if f.get("inl")):
                if any(f.get("n") == field for f in self.type(inline)["fields"]):
                    return inline
        return name

    def walk(self, name, path):
        """The type and field at a path such as spec.ports[].protocol below a kind."""
        steps = [step.removesuffix("[]") for step in path.split(".")]
        for step in steps[:-1]:
            field = next(f for f in self.type(name)["fields"] if f.get("n") == step)
            name = split_type(field["t"])[1]
        return name, steps[-1]

    def reach(self, roots):
        found, todo = set(), list(roots)
        while todo:
            name = todo.pop()
            record = self.type(name)
            if name in found or record is None or too_new(record):
                continue
            found.add(name)
            if "of" in record:
                todo.append(split_type(record["of"])[1])
            for field in record.get("fields", []):
                if not too_new(field):
                    todo.append(split_type(field["t"])[1])
        return found


def short_type(text, package, pointer):
    prefix, name = split_type(text)
    if name.startswith(package + "."):
        name = name[len(package) + 1:]
    return prefix + name + ("?" if pointer else "")


def make_field(facts, package, type_name, record, docs):
    field = {}
    if "pb" in record:
        field["pb"] = record["pb"]
    if "n" in record:
        field["type"] = short_type(record["t"], package, record.get("ptr"))
        if not record.get("oe"):
            field["always"] = True
    if record.get("req35", record.get("req")):
        field["required"] = True
    default = facts.defaults.get((package + "." + type_name, record.get("n")), record.get("def"))
    if default is not None:
        field["default"] = default
    if record.get("lt") in ("set", "map"):
        field["list"] = record["lt"] + (":" + ",".join(record["lmk"]) if "lmk" in record else "")
    if "ps" in record:
        field["patch"] = record["ps"] + (":" + record["pmk"] if "pmk" in record else "")
    if record.get("mt") == "atomic" or record.get("st") == "atomic":
        field["atomic"] = True
    for ours, theirs in (("deprecated", "dep"), ("nullable", "nullable")):
        if record.get(theirs):
            field[ours] = True
    if docs.get(record.get("n")):
        field["doc"] = docs[record["n"]]
    return field


def make_type(facts, package, name, record, old):
    made = {}
    if old.get("doc"):
        made["doc"] = old["doc"]
    if record["kind"] in ("string", "alias", "list", "map", "special"):
        if record["kind"] == "string":
            made["is"] = "string"
            values = [v for v in record.get("consts", [])
                      if release(record.get("const_since", {}).get(v, "1.0")) <= RELEASE]
            if record.get("enum_closed"):
                made["enum"] = values
            elif values:
                made["known"] = values
        elif record["kind"] == "special":
            made["is"] = "special"
        else:
            made["is"] = short_type(record["of"], package, False)
            if "items" in record.get("pbmsg", {}):
                made["message"] = True
        return made
    for ours, theirs in (("kind", "gvk"), ("deprecated", "dep")):
        if record.get(theirs):
            made[ours] = True
    if "list" in record:
        made["list_of"] = record["list"]
    if record.get("st") == "atomic":
        made["atomic"] = True
    if record.get("has_pb") == 0:
        made["protobuf"] = False
    old_docs = {n: f.get("doc") for n, f in old.get("fields", {}).items()}
    made["fields"] = {
        field.get("n", "..." + short_type(field["t"], package, field.get("ptr"))):
            make_field(facts, package, name, field, old_docs)
        for field in record["fields"] if not too_new(field)}
    return made


def write(path, head, types):
    lines = ["{"] + [f' "{k}": {json.dumps(v)},' for k, v in head.items()] + [' "types": {']
    for number, (name, made) in enumerate(types.items()):
        end = "," if number + 1 < len(types) else ""
        fields = made.pop("fields", None)
        text = json.dumps(made, ensure_ascii=False)
        if fields is None:
            lines.append(f'  "{name}": {text}{end}')
            continue
        lines.append(f'  "{name}": {text[:-1]}{", " if made else ""}"fields": {{')
        rows = [f'    {json.dumps(n)}: {json.dumps(f, ensure_ascii=False)}' for n, f in fields.items()]
        lines.append(",\n".join(rows) + "}}" + end if rows else "  }}" + end)
    path.write_text("\n".join(lines + [" }", "}", ""]))


def main():
    facts = Facts(pathlib.Path(sys.argv[1]))
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent
    roots = []
    for package, names in ROOTS.items():
        for name in names or facts.packages[package]["types"]:
            roots.append(f"{package}.{name}")
            if facts.type(f"{package}.{name}List"):
                roots.append(f"{package}.{name}List")
    found = facts.reach(roots)
    for package, content in facts.packages.items():
        names = [n for n in content["types"] if f"{package}.{n}" in found]
        if not names:
            continue
        path = out / (package.replace("/", "_") + ".json")
        old = json.loads(path.read_text())["types"] if path.exists() else {}
        head = {"package": package, "group": content["group"], "version": content["version"],
                "prefix": content["openapi_prefix"]}
        write(path, head, {n: make_type(facts, package, n, content["types"][n], old.get(n, {}))
                           for n in names})


main()
