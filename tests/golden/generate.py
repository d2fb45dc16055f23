#!/usr/bin/env python3
"""Makes tests/golden/api: of each kind an object with every field set, as JSON and as protobuf.

  tests/golden/generate.py FACTS_DIR

FACTS_DIR is shared/api. Neither our schema nor our encoder has a part in it, except for the list of kinds:
what is wrong in one of them shows as a difference (tests/unit/api/golden_test.cc). Protobuf is kept as hex,
64 digits a line. Fields that came after Kubernetes RELEASE are left out, as in src/api/schema/import.py.
"""
import base64
import json
import pathlib
import struct
import sys

RELEASE = (1, 33)
ROOT = pathlib.Path(__file__).resolve().parents[2]
VARINT, FIXED64, BYTES = 0, 1, 2


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytearray([number]))


def field(number, wire, payload):
    return varint(number << 3 | wire) + (varint(len(payload)) + payload if wire == BYTES else payload)


class Maker:
    """Walks types and returns (JSON value, wire type, payload) for each; scalars count up."""

    def __init__(self, facts):
        self.types = {}
        for path in sorted(facts.glob("types/*.json")):
            package = json.loads(path.read_text())
            for name, record in package["types"].items():
                self.types[f"{package['package']}.{name}"] = record
        self.count = 0
        self.stack = []

    def next(self):
        self.count += 1
        return self.count

    def scalar(self, type_, name):
        n = self.next()
        if type_ == "string":
            return f"{name}-{n}", BYTES, f"{name}-{n}".encode()
        if type_ == "bool":
            return True, VARINT, varint(1)
        if type_ in ("int32", "int64"):
            return n, VARINT, varint(n)
        if type_ == "float64":
            return n + 0.5, FIXED64, struct.pack("<d", n + 0.5)
        if type_ == "bytes":
            raw = f"bytes {n}".encode()
            return base64.b64encode(raw).decode(), BYTES, raw
        raise KeyError(f"{name}: {type_}")

    def special(self, reference):
        n = self.next()
        kind = reference.split(".")[-1]
        seconds = 1767225600 + n  # 2026-01-01T00:00:00Z and n seconds
        clock = f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}"
        if kind == "Time":
            return clock + "Z", BYTES, field(1, VARINT, varint(seconds)) + field(2, VARINT, varint(0))
        if kind == "MicroTime":
            nanos = varint((n % 1000) * 1000)
            return f"{clock}.{n % 1000:06}Z", BYTES, field(1, VARINT, varint(seconds)) + field(2, VARINT, nanos)
        if kind == "Duration":
            return f"{n % 60 or 1}s", BYTES, field(1, VARINT, varint((n % 60 or 1) * 10**9))
        if kind == "Quantity":
            return f"{2 * n + 1}Mi", BYTES, field(1, BYTES, f"{2 * n + 1}Mi".encode())
        if kind == "IntOrString":
            number, text = (n, "") if n % 2 else (0, f"port-{n}")
            return (number or text), BYTES, (field(1, VARINT, varint(0 if number else 1)) +
                                             field(2, VARINT, varint(number)) + field(3, BYTES, text.encode()))
        if kind in ("RawExtension", "FieldsV1"):
            text = f'{{"n":{n}}}'
            return json.loads(text), BYTES, field(1, BYTES, text.encode())
        raise KeyError(reference)

    def value(self, type_, name):
        """Of a single element; lists and maps are their field's business."""
        if type_ not in self.types:
            return self.scalar(type_, name)
        record = self.types[type_]
        kind = record["kind"]
        if kind == "string":
            known = record.get("consts")
            if known:
                text = sorted(filter(None, known))[0]  # some allow an empty one: the field would be left out
                return text, BYTES, text.encode()
            return self.scalar("string", name)
        if kind == "alias":
            return self.value(record["of"], name)
        if kind == "special":
            return self.special(type_)
        if kind == "list":  # a message of its own
            items = [self.value(record["of"][2:], name) for _ in range(2)]
            return [i[0] for i in items], BYTES, b"".join(field(1, i[1], i[2]) for i in items)
        if kind == "struct":
            return self.struct(type_)
        raise KeyError(type_)

    def field_of(self, record):
        """(JSON value, [(wire, payload), ...]) of a field; None where a type would hold itself."""
        type_ = record["t"]
        name = record.get("n", "")
        known = self.types.get(type_)
        if known and known["kind"] == "map" or known and known["kind"] == "list" and "pbmsg" not in known:
            type_ = known["of"]
        element = type_.split("]", 1)[1] if type_.startswith(("[]", "map[")) else type_
        if element in self.stack:
            return None
        if type_.startswith("[]"):
            structs = self.types.get(element, {}).get("kind") == "struct"
            items = [self.value(element, name) for _ in range(1 if structs else 2)]
            return [i[0] for i in items], [i[1:] for i in items]
        if type_.startswith("map["):
            # keys sort as they were made: the same number of digits
            items = {f"key-{1000 + self.next()}": self.value(element, name) for _ in range(2)}
            return ({k: v[0] for k, v in items.items()},
                    [(BYTES, field(1, BYTES, k.encode()) + field(2, *v[1:])) for k, v in items.items()])
        made = self.value(type_, name)
        return made[0], [made[1:]]

    def struct(self, reference):
        self.stack.append(reference)
        members, wire = {}, []
        for record in self.types[reference]["fields"]:
            if "since" in record and tuple(map(int, record["since"].split("."))) > RELEASE:
                continue
            made = self.field_of(record)
            if made is None:
                continue
            if record.get("inl"):
                members.update(made[0])
            else:
                members[record["n"]] = made[0]
            if "pb" in record:
                wire += [(record["pb"], *one) for one in made[1]]
        self.stack.pop()
        wire.sort(key=lambda entry: entry[0])  # stable: items keep their order
        return members, BYTES, b"".join(field(*entry) for entry in wire)

    def object(self, reference, group, version, kind):
        self.count = 0
        members, _, wire = self.struct(reference)
        members.pop("kind"), members.pop("apiVersion")
        head = {"kind": kind, "apiVersion": f"{group}/{version}" if group else version}
        return head | members, wire


def main():
    facts = pathlib.Path(sys.argv[1])
    out = ROOT / "tests/golden/api"
    maker = Maker(facts)
    for path in sorted((ROOT / "src/api/schema").glob("*_*.json")):
        package = json.loads(path.read_text())
        if package["package"] == "meta/v1":
            continue  # no objects of its own
        lists = {record["list_of"] for record in package["types"].values() if "list_of" in record}
        for kind in sorted(lists):
            group, version = package["group"], package["version"]
            name = f"{group or 'core'}_{version}_{kind}"
            members, wire = maker.object(f"{package['package']}.{kind}", group, version, kind)
            text = json.dumps(members, separators=(",", ":"), ensure_ascii=False)
            digits = wire.hex()
            lines = [digits[i:i + 64] for i in range(0, len(digits), 64)]
            (out / f"{name}.json").write_text(text + "\n")
            (out / f"{name}.pb.hex").write_text("\n".join(lines) + "\n")


main()
