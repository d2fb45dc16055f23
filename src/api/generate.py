#!/usr/bin/env python3
"""Makes constant C++ tables from schema/*.json (see README.md for their form).

  generate.py OUT_CC SCHEMA_JSON...

Everything is checked here, so that a wrong schema fails the build and not a server: unknown keys,
types that do not exist, protobuf numbers used twice, merge and map keys that are no members.
"""
import json
import pathlib
import re
import sys

SCALARS = {"string": "kString", "bool": "kBool", "int32": "kInt32", "int64": "kInt64",
           "float64": "kFloat64", "bytes": "kBytes", "any": "kAny", "meta/v1.Time": "kTime",
           "meta/v1.MicroTime": "kMicroTime", "meta/v1.Duration": "kDuration",
           "quantity.Quantity": "kQuantity", "intstr.IntOrString": "kIntOrString",
           "runtime.RawExtension": "kAny", "meta/v1.FieldsV1": "kAny",
           "apiextensions/v1.JSON": "kAny"}
SHAPES = {"": "kSingle", "[]": "kList", "map[]": "kMap", "[][]": "kListOfLists",
          "map[][]": "kMapOfLists"}
GO_NAMES = {"bytes": "[]uint8", "any": "interface {}", "quantity.Quantity": "resource.Quantity"}
FIELD_KEYS = {"pb", "type", "always", "required", "default", "list", "patch", "atomic",
              "deprecated", "nullable", "doc"}
TYPE_KEYS = {"is", "enum", "known", "message", "kind", "list_of", "atomic", "protobuf", "fields",
             "doc", "deprecated"}


def text(value):
    return json.dumps(value, ensure_ascii=True) if value.isascii() else '"' + "".join(
        c if c.isascii() and c not in '"\\' else "".join(f"\\{b:03o}" for b in c.encode())
        for c in value) + '"'


def split_type(full):
    match = re.match(r"((?:\[\]|map\[\])*)(.*?)(\??)$", full)
    return match.groups()


class Schema:
    def __init__(self, paths):
        self.types = {}  # "core/v1.Pod" -> record, with its package's head under "package"
        for path in sorted(paths):
            package = json.loads(pathlib.Path(path).read_text())
            for name, record in package["types"].items():
                if set(record) - TYPE_KEYS:
                    sys.exit(f"{path}: {name}: unknown keys {set(record) - TYPE_KEYS}")
                self.types[f"{package['package']}.{name}"] = dict(record, package=package, short=name)

    def resolve(self, name, package):
        if name in SCALARS or name in self.types:
            return name
        full = f"{package}.{name}"
        if full not in self.types:
            sys.exit(f"schema: no type {name} in {package}")
        return full

    def structs(self):
        return [n for n, record in self.types.items() if "fields" in record]


class Field:
    """One row of a type's table, its references resolved."""

    def __init__(self, schema, owner, key, record):
        package = schema.types[owner]["package"]["package"]
        if set(record) - FIELD_KEYS:
            sys.exit(f"schema: {owner}.{key}: unknown keys {set(record) - FIELD_KEYS}")
        self.record, self.inline = record, key.startswith("...")
        self.name = "" if self.inline else key
        prefix, name, pointer = split_type(key[3:] if self.inline else record["type"])
        self.pointer = bool(pointer)
        self.target = schema.resolve(name, package)
        self.go_type = prefix.replace("map[]", "map[string]") + self.go_name(self.target, package)
        self.enum, self.wrapped = (), False
        # named lists, maps and strings stand for what they are made of
        while self.target in schema.types and "is" in schema.types[self.target]:
            target = schema.types[self.target]
            self.enum = target.get("enum", self.enum)
            self.wrapped |= target.get("message", False)
            if self.target in SCALARS:
                break
            more, inner, _ = split_type(target["is"])
            prefix += more
            self.target = schema.resolve(inner, target["package"]["package"])
        self.shape = SHAPES[prefix]
        self.struct = self.target not in SCALARS
        self.atomic = record.get("atomic") or (self.struct and schema.types[self.target].get("atomic"))

    def go_name(self, target, package):
        if target in GO_NAMES:
            return GO_NAMES[target]
        return target.split("/")[-1] if "." in target else target

    def flags(self):
        patch = self.record.get("patch", "").split(":")[0].split(",")
        chosen = [("kPointer", self.pointer),
                  ("kOmitEmpty", not self.inline and not self.record.get("always")),
                  ("kRequired", self.record.get("required")), ("kPatchMerge", "merge" in patch),
                  ("kPatchReplaceKeys", "retainKeys" in patch), ("kMapAtomic", self.atomic),
                  ("kInline", self.inline), ("kDeprecated", self.record.get("deprecated")),
                  ("kNullable", self.record.get("nullable")), ("kListMessage", self.wrapped)]
        return "|".join(name for name, on in chosen if on) or "0"

    def row(self):
        parts = [f".name={text(self.name)}"]
        scalar = "kStruct" if self.struct else SCALARS[self.target]
        kind, _, keys = self.record.get("list", "").partition(":")
        merge_key = self.record.get("patch", "").partition(":")[2]
        parts.append(f".scalar=Scalar::{scalar}")
        parts.append(f".shape=Shape::{self.shape}")
        if kind:
            parts.append(f".list_type=ListType::k{kind.capitalize()}")
        parts.append(f".flags={self.flags()}")
        parts.append(f".number={self.record.get('pb', 0)}")
        if self.struct:
            parts.append(f".type=&{symbol(self.target)}")
        parts.append(f".go_type={text(self.go_type)}")
        if merge_key:
            parts.append(f".merge_key={text(merge_key)}")
        if keys:
            parts.append(f".map_keys={texts(keys.split(','))}")
        if "default" in self.record:
            parts.append(f".default_json={text(json.dumps(self.record['default']))}")
        if self.enum:
            parts.append(f".enum_values={texts(self.enum)}")
        if "doc" in self.record:
            parts.append(f".doc={text(self.record['doc'])}")
        return "  {" + ", ".join(parts) + "},"


def symbol(name):
    return "kType_" + re.sub(r"\W", "_", name)


ARRAYS = {}  # tuple of texts -> name of its constant


def texts(values):
    return ARRAYS.setdefault(tuple(values), f"kTexts{len(ARRAYS)}")


def members(fields, owner):
    """(type, index) of all JSON members in output order, inline ones in place."""
    found = []
    for index, field in enumerate(fields[owner]):
        found += members(fields, field.target) if field.inline else [(owner, index)]
    return found


def check(schema, fields, owner):
    names = [fields[t][i].name for t, i in members(fields, owner)]
    numbers = [f.record["pb"] for f in fields[owner] if "pb" in f.record]
    if len(set(names)) != len(names) or len(set(numbers)) != len(numbers):
        sys.exit(f"schema: {owner}: a name or number is used twice")
    for field in fields[owner]:
        keys = field.record.get("list", "").partition(":")[2].split(",")
        keys.append(field.record.get("patch", "").partition(":")[2])
        inner = [fields[t][i].name for t, i in members(fields, field.target)] if field.struct else []
        if any(key and key not in inner for key in keys):
            sys.exit(f"schema: {owner}.{field.name}: a key is no member of {field.target}")


def write_type(out, schema, fields, owner):
    record, id_ = schema.types[owner], re.sub(r"\W", "_", owner)
    flat = members(fields, owner)
    by_name = sorted(range(len(flat)), key=lambda i: fields[flat[i][0]][flat[i][1]].name)
    numbered = sorted((f.record["pb"], i) for i, f in enumerate(fields[owner]) if "pb" in f.record)
    parts = [f".name={text(record['package']['prefix'] + record['short'])}",
             f".go_name={text(owner.split('/')[-1])}"]
    if "doc" in record:
        parts.append(f".doc={text(record['doc'])}")
    if flat:
        out.append(f"constexpr const Field* kMembers_{id_}[] = {{" + ", ".join(
            f"&kFields_{re.sub(r'[^A-Za-z0-9_]', '_', t)}[{i}]" for t, i in flat) + "};")
        out.append(f"constexpr uint16_t kByName_{id_}[] = {{{', '.join(map(str, by_name))}}};")
        parts += [f".fields=kFields_{id_}", f".members=kMembers_{id_}", f".by_name=kByName_{id_}"]
    if numbered:
        out.append(f"constexpr uint16_t kByNumber_{id_}[] = {{"
                   f"{', '.join(str(i) for _, i in numbered)}}};")
        parts.append(f".by_number=kByNumber_{id_}")
    if record.get("protobuf") is False:
        parts.append(".protobuf=false")
    out.append(f"constexpr Type {symbol(owner)} = {{{', '.join(parts)}}};")


def kinds(schema):
    """(group, version, kind, type, list kind or None); meta/v1 kinds also in the core group."""
    rows = []
    for name in schema.structs():
        record = schema.types[name]
        if not record.get("kind") and name not in ("meta/v1.List", "meta/v1.WatchEvent"):
            continue
        groups = [record["package"]["group"]]
        if groups == ["meta.k8s.io"]:
            groups.append("")
        list_name = record["short"] + "List"
        has_list = schema.types.get(name + "List", {}).get("list_of") == record["short"]
        for group in groups:
            rows.append((group, record["package"]["version"], record["short"], name,
                         list_name if has_list else None))
    return sorted(rows)


def main():
    out_path, paths = sys.argv[1], sys.argv[2:]
    schema = Schema(paths)
    owners = sorted(schema.structs())
    fields = {o: [Field(schema, o, k, r) for k, r in schema.types[o]["fields"].items()]
              for o in owners}
    rows = []
    for owner in owners:
        check(schema, fields, owner)
        if fields[owner]:
            rows.append(f"constexpr Field kFields_{re.sub(chr(92) + 'W', '_', owner)}[] = {{")
            rows += [field.row() for field in fields[owner]] + ["};"]
    out = ["// Generated by src/api/generate.py from src/api/schema: do not edit.",
           '#include "api/schema_tables.h"', "namespace kist::api {", "namespace {"]
    for values, name in ARRAYS.items():
        out.append(f"constexpr std::string_view {name}[] = {{{', '.join(map(text, values))}}};")
    out.append("}  // namespace")
    out += [f"extern const Type {symbol(owner)};" for owner in owners]
    out.append("namespace {")
    out += rows
    out.append("}  // namespace")
    for owner in owners:
        write_type(out, schema, fields, owner)
    table = kinds(schema)
    positions = {row[:3]: index for index, row in enumerate(table)}
    out.append(f"constexpr Kind kKinds[{len(table)}] = {{")
    for group, version, kind, name, list_kind in table:
        pointer = f"&kKinds[{positions[group, version, list_kind]}]" if list_kind else "nullptr"
        out.append(f"  {{{text(group)}, {text(version)}, {text(kind)}, &{symbol(name)}, {pointer}}},")
    out.append("};")
    by_name = sorted(owners, key=lambda o: schema.types[o]["package"]["prefix"] +
                     schema.types[o]["short"])
    out.append(f"constexpr const Type* kTypes[] = {{{', '.join('&' + symbol(o) for o in by_name)}}};")
    out += ["std::span<const Kind> table_kinds() { return kKinds; }",
            "std::span<const Type* const> table_types() { return kTypes; }",
            "}  // namespace kist::api", ""]
    pathlib.Path(out_path).write_text("\n".join(out))


if __name__ == "__main__":
    main()
