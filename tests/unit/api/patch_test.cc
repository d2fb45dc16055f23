// The three patches, table by table: document, patch, what comes out or what is said.
#include <catch2/catch.hpp>

#include "kist/api/patch.h"

namespace kist::api {
namespace {

// Documents are written with ' for ".
Json json(std::string text) {
  for (char& c : text) c = c == '\'' ? '"' : c;
  Result<Json> parsed = parse_json(text);
  if (!parsed.ok()) FAIL(text + ": " + parsed.error().message);
  return std::move(parsed).value();
}

std::string shown(const Value& value) {
  std::string text = to_text(value);
  for (char& c : text) c = c == '"' ? '\'' : c;
  return text;
}

std::string outcome(const Result<>& result, const Json& document) {
  if (result.ok()) return shown(document.root());
  const char* code = result.error().code == Code::kInvalid      ? "invalid: "
                     : result.error().code == Code::kBadRequest ? "bad: "
                     : result.error().code == Code::kTooLarge   ? "large: "
                                                                : "other: ";
  std::string message = result.error().message;
  for (char& c : message) c = c == '"' ? '\'' : c;
  return code + message;
}

struct Row {
  const char* name;
  const char* document;
  const char* patch;
  const char* wanted;
};

const Row kJsonRows[] = {
    {"nothing to do", "{'a':1}", "[]", "{'a':1}"},
    {"add a member", "{'a':1}", "[{'op':'add','path':'/b','value':[2]}]", "{'a':1,'b':[2]}"},
    {"add replaces", "{'a':1}", "[{'op':'add','path':'/a','value':2}]", "{'a':2}"},
    {"add null", "{}", "[{'op':'add','path':'/a','value':null}]", "{'a':null}"},
    {"insert", "{'a':[1,2]}", "[{'op':'add','path':'/a/1','value':9}]", "{'a':[1,9,2]}"},
    {"insert first", "{'a':[1,2]}", "[{'op':'add','path':'/a/0','value':9}]", "{'a':[9,1,2]}"},
    {"insert behind", "{'a':[1,2]}", "[{'op':'add','path':'/a/2','value':9}]", "{'a':[1,2,9]}"},
    {"append", "{'a':[1]}", "[{'op':'add','path':'/a/-','value':2}]", "{'a':[1,2]}"},
    {"from the end", "{'a':[1,2]}", "[{'op':'replace','path':'/a/-1','value':3}]", "{'a':[1,3]}"},
    {"escapes", "{'m/n~':1}", "[{'op':'replace','path':'/m~1n~0','value':2}]", "{'m/n~':2}"},
    {"~01 is ~1", "{'~1':1}", "[{'op':'remove','path':'/~01'}]", "{}"},
    {"empty name", "{'':1}", "[{'op':'replace','path':'/','value':2}]", "{'':2}"},
    {"whole document", "{'a':1}", "[{'op':'replace','path':'','value':{'b':1}}]", "{'b':1}"},
    {"remove a member keeps order", "{'a':1,'b':2,'c':3}", "[{'op':'remove','path':'/a'}]",
     "{'b':2,'c':3}"},
    {"remove an element", "{'a':[1,2,3]}", "[{'op':'remove','path':'/a/0'}]", "{'a':[2,3]}"},
    {"move", "{'a':{'x':1},'b':{}}", "[{'op':'move','from':'/a/x','path':'/b/y'}]",
     "{'a':{},'b':{'y':1}}"},
    {"move in a list", "{'a':[1,2,3]}", "[{'op':'move','from':'/a/0','path':'/a/2'}]",
     "{'a':[2,3,1]}"},
    {"move onto itself", "{'a':1}", "[{'op':'move','from':'/a','path':'/a'}]", "{'a':1}"},
    {"copy", "{'a':{'x':1}}", "[{'op':'copy','from':'/a','path':'/b'}]",
     "{'a':{'x':1},'b':{'x':1}}"},
    {"copy into itself", "{'a':{}}", "[{'op':'copy','from':'','path':'/a/b'}]",
     "{'a':{'b':{'a':{}}}}"},
    {"test passes", "{'a':{'x':1,'y':2}}", "[{'op':'test','path':'/a','value':{'y':2,'x':1}}]",
     "{'a':{'x':1,'y':2}}"},
    {"test of what is missing", "{}", "[{'op':'test','path':'/a','value':null}]", "{}"},
    {"test fails", "{'a':1}", "[{'op':'test','path':'/a','value':2}]",
     "invalid: testing value /a failed: test failed"},
    {"later failure", "{'a':1}",
     "[{'op':'replace','path':'/a','value':2},{'op':'test','path':'/a','value':1}]",
     "invalid: testing value /a failed: test failed"},
    {"add below nothing", "{}", "[{'op':'add','path':'/a/b','value':1}]",
     "invalid: add operation does not apply: doc is missing path: '/a/b': missing value"},
    {"add below a text", "{'a':'x'}", "[{'op':'add','path':'/a/b','value':1}]",
     "invalid: add operation does not apply: doc is missing path: '/a/b': missing value"},
    {"index too high", "{'a':[1]}", "[{'op':'add','path':'/a/3','value':1}]",
     "invalid: error in add for path: '/a/3': Unable to access invalid index: 3: invalid index "
     "referenced"},
    {"index far too high", "{'a':[1]}", "[{'op':'add','path':'/a/99999999999999999999','value':1}]",
     "invalid: error in add for path: '/a/99999999999999999999': Unable to access invalid index: "
     "99999999999999999999: invalid index referenced"},
    {"replace a missing key", "{'a':{}}", "[{'op':'replace','path':'/a/b','value':1}]",
     "invalid: replace operation does not apply: doc is missing key: '/a/b': missing value"},
    {"remove a missing key", "{'a':{}}", "[{'op':'remove','path':'/a/b'}]",
     "invalid: error in remove for path: '/a/b': Unable to remove nonexistent key: b: missing "
     "value"},
    {"remove everything", "{'a':{}}", "[{'op':'remove','path':''}]",
     "invalid: remove operation does not apply to the whole document"},
    {"move from nowhere", "{}", "[{'op':'move','from':'/a','path':'/b'}]",
     "invalid: move operation does not apply: doc is missing from path: /a: missing value"},
    {"move into itself", "{'a':{'b':{}}}", "[{'op':'move','from':'/a','path':'/a/b/c'}]",
     "invalid: move operation does not apply: '/a/b/c' lies inside of what moves"},
    {"unknown operation", "{}", "[{'op':'frob','path':'/a'}]", "bad: Unexpected kind: frob"},
    {"no operation", "{}", "[{'path':'/a'}]", "bad: Unexpected kind: unknown"},
    {"no path", "{}", "[{'op':'add','value':1}]", "bad: JSON patch operation has no path"},
    {"path is a number", "{}", "[{'op':'add','path':1,'value':1}]",
     "bad: JSON patch operation has no path"},
    {"no value", "{}", "[{'op':'add','path':'/a'}]", "bad: add operation at '/a' has no value"},
    {"relative path", "{}", "[{'op':'add','path':'a','value':1}]",
     "bad: JSON pointer 'a' does not start with '/'"},
    {"bad escape", "{}", "[{'op':'add','path':'/~2','value':1}]",
     "bad: invalid escape in JSON pointer token '~2'"},
    {"an object", "{}", "{}", "bad: a JSON patch is an array of operations"},
    {"an array of texts", "{}", "['add']", "bad: a JSON patch operation is an object"},
};

TEST_CASE("JSON patch") {
  for (const Row& row : kJsonRows) {
    INFO(row.name);
    Json document = json(row.document), patch = json(row.patch);
    Result<> result = apply_json_patch(document.root(), patch.root(), document.allocator());
    CHECK(outcome(result, document) == row.wanted);
    CHECK(shown(patch.root()) == shown(json(row.patch).root()));
  }
}

TEST_CASE("JSON patch: copies that double are cut off") {
  std::string operations = "[{'op':'add','path':'/a','value':['0123456789']}";
  for (int i = 0; i < 40; ++i) operations += ",{'op':'copy','from':'/a','path':'/a/-'}";
  Json document = json("{}"), patch = json(operations + "]");
  Result<> result = apply_json_patch(document.root(), patch.root(), document.allocator());
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code != Code::kInternal);
}

TEST_CASE("JSON patch: no deeper than what can be parsed") {
  std::string path, operations = "[{'op':'test','path':'','value':{}}";
  for (int i = 0; i < 300; ++i) {
    path += "/x";
    operations += ",{'op':'add','path':'" + path + "','value':{}}";
  }
  Json document = json("{}"), patch = json(operations + "]");
  CHECK_FALSE(apply_json_patch(document.root(), patch.root(), document.allocator()).ok());
}

const Row kMergeRows[] = {
    {"members", "{'a':1,'b':2}", "{'b':3,'c':4}", "{'a':1,'b':3,'c':4}"},
    {"null removes", "{'a':1,'b':2}", "{'a':null,'x':null}", "{'b':2}"},
    {"inner", "{'a':{'x':1,'y':2}}", "{'a':{'x':null,'z':3}}", "{'a':{'y':2,'z':3}}"},
    {"nulls in what is new", "{}", "{'a':{'x':null,'y':{'z':null}}}", "{'a':{'y':{}}}"},
    {"lists are replaced", "{'a':[1,2]}", "{'a':[3,null]}", "{'a':[3,null]}"},
    {"object for a scalar", "{'a':1}", "{'a':{'b':null,'c':1}}", "{'a':{'c':1}}"},
    {"scalar for an object", "{'a':{'b':1}}", "{'a':2}", "{'a':2}"},
    {"not an object", "{'a':1}", "[1]", "[1]"},
};

TEST_CASE("merge patch") {
  for (const Row& row : kMergeRows) {
    INFO(row.name);
    Json document = json(row.document), patch = json(row.patch);
    apply_merge_patch(document.root(), patch.root(), document.allocator());
    CHECK(shown(document.root()) == row.wanted);
  }
}

// Of a PodSpec: containers merge by name, their env by name, ports by containerPort, args are
// atomic; tolerations are atomic; volumes retain keys. Finalizers (ObjectMeta) are a set.
const Row kPodSpecRows[] = {
    {"members", "{'nodeName':'a','hostname':'h'}", "{'nodeName':'b'}",
     "{'nodeName':'b','hostname':'h'}"},
    {"null removes", "{'nodeName':'a','hostname':'h'}", "{'nodeName':null,'subdomain':null}",
     "{'hostname':'h'}"},
    {"map merges", "{'nodeSelector':{'a':'1','b':'2'}}", "{'nodeSelector':{'b':null,'c':'3'}}",
     "{'nodeSelector':{'a':'1','c':'3'}}"},
    {"map replaced", "{'nodeSelector':{'a':'1'}}", "{'nodeSelector':{'$patch':'replace','c':'3'}}",
     "{'nodeSelector':{'c':'3'}}"},
    {"map deleted", "{'nodeSelector':{'a':'1'}}", "{'nodeSelector':{'$patch':'delete'}}",
     "{'nodeSelector':{}}"},
    {"by key", "{'containers':[{'name':'a','image':'1'},{'name':'b','image':'2'}]}",
     "{'containers':[{'name':'b','image':'3'}]}",
     "{'containers':[{'name':'a','image':'1'},{'name':'b','image':'3'}]}"},
    {"a new one goes in front, as upstream", "{'containers':[{'name':'a'}]}",
     "{'containers':[{'name':'b','image':null,'env':[]}]}",
     "{'containers':[{'name':'b','env':[]},{'name':'a'}]}"},
    {"deleted by key", "{'containers':[{'name':'a'},{'name':'b'}]}",
     "{'containers':[{'name':'a','$patch':'delete'}]}", "{'containers':[{'name':'b'}]}"},
    {"delete what is not there", "{'containers':[{'name':'a'}]}",
     "{'containers':[{'name':'z','$patch':'delete'}]}", "{'containers':[{'name':'a'}]}"},
    {"delete in a new list", "{}", "{'containers':[{'name':'z','$patch':'delete'},{'name':'a'}]}",
     "{'containers':[{'name':'a'}]}"},
    {"list replaced", "{'containers':[{'name':'a'},{'name':'b'}]}",
     "{'containers':[{'$patch':'replace'},{'name':'c'}]}", "{'containers':[{'name':'c'}]}"},
    {"list emptied", "{'containers':[{'name':'a'}]}", "{'containers':[{'$patch':'replace'}]}",
     "{'containers':[]}"},
    {"item replaced", "{'containers':[{'name':'a','image':'1'}]}",
     "{'containers':[{'name':'a','args':['x']}]}",
     "{'containers':[{'name':'a','image':'1','args':['x']}]}"},
    {"inner keys", "{'containers':[{'name':'a','env':[{'name':'X','value':'1'},{'name':'Y'}]}]}",
     "{'containers':[{'name':'a','env':[{'name':'X','value':'2'}]}]}",
     "{'containers':[{'name':'a','env':[{'name':'X','value':'2'},{'name':'Y'}]}]}"},
    {"keys that are numbers", "{'containers':[{'name':'a','ports':[{'containerPort':80}]}]}",
     "{'containers':[{'name':'a','ports':[{'containerPort':80,'name':'web'}]}]}",
     "{'containers':[{'name':'a','ports':[{'containerPort':80,'name':'web'}]}]}"},
    {"atomic list", "{'tolerations':[{'key':'a'},{'key':'b'}]}", "{'tolerations':[{'key':'c'}]}",
     "{'tolerations':[{'key':'c'}]}"},
    {"order", "{'containers':[{'name':'a'},{'name':'b'},{'name':'c'}]}",
     "{'$setElementOrder/containers':[{'name':'c'},{'name':'a'},{'name':'b'}]}",
     "{'containers':[{'name':'c'},{'name':'a'},{'name':'b'}]}"},
    {"order and a new one", "{'containers':[{'name':'a'},{'name':'b'}]}",
     "{'$setElementOrder/containers':[{'name':'n'},{'name':'b'},{'name':'a'}],"
     "'containers':[{'name':'n','image':'i'}]}",
     "{'containers':[{'name':'n','image':'i'},{'name':'b'},{'name':'a'}]}"},
    {"order leaves what the server added",
     "{'containers':[{'name':'s'},{'name':'a'},{'name':'b'}]}",
     "{'$setElementOrder/containers':[{'name':'b'},{'name':'a'}]}",
     "{'containers':[{'name':'s'},{'name':'b'},{'name':'a'}]}"},
    {"order with a delete", "{'containers':[{'name':'a'},{'name':'b'}]}",
     "{'$setElementOrder/containers':[{'name':'b'}],'containers':[{'name':'a','$patch':'delete'}]}",
     "{'containers':[{'name':'b'}]}"},
    {"order of nothing", "{}", "{'$setElementOrder/containers':[{'name':'b'}]}", "{}"},
    {"retain keys", "{'volumes':[{'name':'v','emptyDir':{}},{'name':'w','hostPath':{'path':'/'}}]}",
     "{'volumes':[{'name':'v','$retainKeys':['name','hostPath'],'hostPath':{'path':'/x'}}]}",
     "{'volumes':[{'name':'v','hostPath':{'path':'/x'}},{'name':'w','hostPath':{'path':'/'}}]}"},
    {"retain keys leaves out what is set", "{'volumes':[{'name':'v'}]}",
     "{'volumes':[{'name':'v','$retainKeys':['name'],'hostPath':{'path':'/x'}}]}",
     "bad: invalid patch format of retainKeys"},
    {"retain keys of a text", "{}", "{'$retainKeys':'x'}",
     "bad: invalid patch format of retainKeys"},
    {"no key", "{'containers':[{'name':'a'}]}", "{'containers':[{'image':'x'}]}",
     "bad: map: {'image':'x'} does not contain declared merge key: name"},
    {"delete without key", "{'containers':[{'name':'a'}]}", "{'containers':[{'$patch':'delete'}]}",
     "bad: map: {'$patch':'delete'} does not contain declared merge key: name"},
    {"unknown directive", "{}", "{'$patch':'frob'}",
     "bad: unknown patch type: frob in map: {'$patch':'frob'}"},
    {"unknown directive in a list", "{'containers':[{'name':'a'}]}",
     "{'containers':[{'$patch':'frob'}]}",
     "bad: unknown patch type: frob in map: {'$patch':'frob'}"},
    {"a text among objects", "{'containers':[{'name':'a'}]}", "{'containers':['b']}",
     "bad: expected an object in a list merged by name, but found 'b'"},
    {"order contradicts", "{'containers':[{'name':'a'},{'name':'b'}]}",
     "{'$setElementOrder/containers':[{'name':'a'},{'name':'b'}],"
     "'containers':[{'name':'b'},{'name':'a'}]}",
     "bad: The order in patch list:\n[{'name':'b'},{'name':'a'}]\n doesn't match $setElementOrder "
     "list:\n[{'name':'a'},{'name':'b'}]\n"},
    {"order is a text", "{}", "{'$setElementOrder/containers':'a'}",
     "bad: invalid patch format of setElementOrder list"},
    {"unknown member", "{}", "{'what':{'ever':[1]}}", "{'what':{'ever':[1]}}"},
    {"another type", "{'containers':'x'}", "{'containers':[{'name':'a','$patch':'merge'}]}",
     "{'containers':[{'name':'a'}]}"},
    {"a list as patch", "{}", "[]", "bad: a strategic merge patch is an object"},
};

const Row kMetadataRows[] = {
    {"sets", "{'finalizers':['a','b']}", "{'finalizers':['c','a']}",
     "{'finalizers':['c','a','b']}"},
    {"delete from a set", "{'finalizers':['a','b']}",
     "{'$deleteFromPrimitiveList/finalizers':['a','x']}", "{'finalizers':['b']}"},
    {"delete, add and order", "{'finalizers':['a','b','s']}",
     "{'$deleteFromPrimitiveList/finalizers':['a'],'$setElementOrder/finalizers':['c','b'],"
     "'finalizers':['c']}",
     "{'finalizers':['c','b','s']}"},
    {"delete from nothing", "{}", "{'$deleteFromPrimitiveList/finalizers':['a']}", "{}"},
    {"delete is a text", "{}", "{'$deleteFromPrimitiveList/finalizers':'a'}",
     "bad: invalid patch format of primitive list"},
    {"labels", "{'labels':{'a':'1'}}", "{'labels':{'b':'2','a':null}}", "{'labels':{'b':'2'}}"},
    {"labels that were not there", "{}", "{'labels':{'b':'2','a':null}}", "{'labels':{'b':'2'}}"},
    {"owners by uid", "{'ownerReferences':[{'uid':'1','name':'a'}]}",
     "{'ownerReferences':[{'uid':'1','controller':true}]}",
     "{'ownerReferences':[{'uid':'1','name':'a','controller':true}]}"},
};

void check_strategic(const char* type_name, std::span<const Row> rows) {
  const Type* type = find_type(type_name);
  REQUIRE(type != nullptr);
  for (const Row& row : rows) {
    INFO(row.name);
    Json document = json(row.document), patch = json(row.patch);
    Result<> result =
        apply_strategic_patch(*type, document.root(), patch.root(), document.allocator());
    CHECK(outcome(result, document) == row.wanted);
    CHECK(shown(patch.root()) == shown(json(row.patch).root()));
  }
}

TEST_CASE("strategic merge patch") {
  check_strategic("io.k8s.api.core.v1.PodSpec", kPodSpecRows);
  check_strategic("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", kMetadataRows);
}

}  // namespace
}  // namespace kist::api
