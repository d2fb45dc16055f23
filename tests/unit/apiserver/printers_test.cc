// What kubectl get shows.
#include <catch2/catch.hpp>

#include "src/apiserver/registry/printers/cells.h"
#include "src/apiserver/registry/printers/printers.h"
#include "tests/unit/apiserver/kinds_testing.h"

namespace kist::apiserver::testing {
namespace {

constexpr int64_t kNow = 1'700'000'000;  // 2023-11-14T22:13:20Z

TEST_CASE("durations") {
  struct Row {
    int64_t seconds;
    const char* want;
  };
  const Row rows[] = {{-5, "<invalid>"},    {-1, "0s"},         {0, "0s"},       {119, "119s"},
                      {120, "2m"},          {125, "2m5s"},      {600, "10m"},    {10'799, "179m"},
                      {10'800, "3h"},       {12'600, "3h30m"},  {28'800, "8h"},  {172'799, "47h"},
                      {172'800, "2d"},      {180'000, "2d2h"},  {691'200, "8d"}, {63'072'000, "2y"},
                      {63'158'400, "2y1d"}, {252'288'000, "8y"}};
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.seconds) { CHECK(human_duration(row.seconds) == row.want); }
  }
  CHECK(parse_time("2023-11-14T22:13:20Z") == kNow);
  CHECK(parse_time("2023-11-14T22:13:20.123456Z") == kNow);
  CHECK(parse_time("yesterday") == -1);
}

std::string printed(const Printer& printer, std::string_view text) {
  api::Json object = json(text);
  api::Value cells(rapidjson::kArrayType);
  printer.print(object.root(), kNow, cells, object.allocator());
  CHECK(cells.Size() == printer.columns.size());
  std::string line;
  for (const api::Value& cell : cells.GetArray()) {
    line += (line.empty() ? "" : "|") +
            (cell.IsString() ? std::string(view(cell)) : api::to_text(cell));
  }
  return line;
}

TEST_CASE("pods") {
  struct Row {
    const char *name, *change, *want;  // want: Ready|Status|Restarts
  };
  const Row rows[] = {
      {"pending", "{}", "0/1|Pending|0"},
      {"running",
       "{'status':{'phase':'Running','containerStatuses':[{'name':'c','ready':true,'restartCount':"
       "2,"
       "'state':{'running':{}},'lastState':{'terminated':{'finishedAt':'2023-11-14T22:12:20Z'}}}]}"
       "}",
       "1/1|Running|2 (60s ago)"},
      {"waiting",
       "{'status':{'containerStatuses':[{'name':'c','restartCount':0,'state':{'waiting':{'reason':"
       "'ImagePullBackOff'}}}]}}",
       "0/1|ImagePullBackOff|0"},
      {"killed",
       "{'status':{'phase':'Failed','containerStatuses':[{'name':'c','restartCount':0,'state':{"
       "'terminated':{'signal':9,'exitCode':137}}}]}}",
       "0/1|Signal:9|0"},
      {"failed",
       "{'status':{'phase':'Failed','containerStatuses':[{'name':'c','restartCount':0,'state':{"
       "'terminated':{'exitCode':3}}}]}}",
       "0/1|ExitCode:3|0"},
      {"initializing",
       "{'spec':{'initContainers':[{'name':'i'},{'name':'j'}]},'status':{'initContainerStatuses':[{"
       "'name':'i','state':{'terminated':{'exitCode':0}}},{'name':'j','state':{'running':{}}}]}}",
       "0/1|Init:1/2|0"},
      {"init failed",
       "{'spec':{'initContainers':[{'name':'i'}]},'status':{'initContainerStatuses':[{'name':'i',"
       "'restartCount':4,'state':{'terminated':{'exitCode':7}}}]}}",
       "0/1|Init:ExitCode:7|4"},
      {"sidecar",
       "{'spec':{'initContainers':[{'name':'i','restartPolicy':'Always'}]},'status':{'phase':"
       "'Running','initContainerStatuses':[{'name':'i','started':true,'ready':true,'state':{"
       "'running':{}}}],'containerStatuses':[{'name':'c','ready':true,'state':{'running':{}}}]}}",
       "2/2|Running|0"},
      {"deleted", "{'metadata':{'deletionTimestamp':'2023-11-14T22:13:20Z'}}", "0/1|Terminating|0"},
      {"evicted", "{'status':{'phase':'Failed','reason':'Evicted'}}", "0/1|Evicted|0"},
      {"gated",
       "{'status':{'conditions':[{'type':'PodScheduled','status':'False','reason':"
       "'SchedulingGated'}]}}",
       "0/1|SchedulingGated|0"},
  };
  constexpr const char* kPod = R"({'metadata':{'name':'p','creationTimestamp':
    '2023-11-14T22:13:10Z'},'spec':{'containers':[{'name':'c'}]},'status':{'phase':'Pending'}})";
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      std::string line = printed(kPodPrinter, api::to_text(merged(kPod, row.change).root()));
      CHECK(line == "p|" + std::string(row.want) + "|10s|<none>|<none>|<none>|<none>");
    }
  }
}

TEST_CASE("other kinds") {
  struct Row {
    const char* name;
    const Printer* printer;
    const char *object, *want;
  };
  const Row rows[] = {
      {"deployment", &kDeploymentPrinter,
       "{'metadata':{'name':'d'},'spec':{'replicas':3,'selector':{'matchLabels':{'a':'b'}},"
       "'template':{'spec':{'containers':[{'name':'c','image':'i'},{'name':'d','image':'j'}]}}},"
       "'status':{'readyReplicas':1,'updatedReplicas':2,'availableReplicas':1}}",
       "d|1/3|2|1|<unknown>|c,d|i,j|a=b"},
      {"replica set", &kReplicaSetPrinter,
       "{'metadata':{'name':'r'},'spec':{'replicas':3,'selector':{'matchExpressions':[{'key':'k',"
       "'operator':'In','values':['y','x']}]}},'status':{'replicas':2}}",
       "r|3|2|0|<unknown>|||k in (x,y)"},
      {"service", &kServicePrinter,
       "{'metadata':{'name':'s'},'spec':{'type':'NodePort','clusterIPs':['10.43.0.2'],'ports':[{"
       "'port':80,'nodePort':30080,'protocol':'TCP'},{'port':53,'protocol':'UDP'}]}}",
       "s|NodePort|10.43.0.2|<none>|80:30080/TCP,53/UDP|<unknown>|<none>"},
      {"balancer without address", &kServicePrinter,
       "{'metadata':{'name':'s'},'spec':{'type':'LoadBalancer','clusterIPs':['10.43.0.2']}}",
       "s|LoadBalancer|10.43.0.2|<pending>|<none>|<unknown>|<none>"},
      {"external name", &kServicePrinter,
       "{'metadata':{'name':'s'},'spec':{'type':'ExternalName','externalName':'a.b'}}",
       "s|ExternalName|<none>|a.b|<none>|<unknown>|<none>"},
      {"endpoints", &kEndpointsPrinter,
       "{'metadata':{'name':'e'},'subsets':[{'addresses':[{'ip':'1.1.1.1'},{'ip':'1.1.1.2'},{'ip':"
       "'1.1.1.3'},{'ip':'1.1.1.4'}],'ports':[{'port':80}]}]}",
       "e|1.1.1.1:80,1.1.1.2:80,1.1.1.3:80 + 1 more...|<unknown>"},
      {"slice", &kEndpointSlicePrinter,
       "{'metadata':{'name':'e'},'addressType':'IPv4','ports':[{'port':80}],'endpoints':[{"
       "'addresses':['1.1.1.1']}]}",
       "e|IPv4|80|1.1.1.1|<unknown>"},
      {"empty slice", &kEndpointSlicePrinter, "{'metadata':{'name':'e'},'addressType':'IPv4'}",
       "e|IPv4|<unset>|<unset>|<unknown>"},
      {"node", &kNodePrinter,
       "{'metadata':{'name':'n','labels':{'node-role.kubernetes.io/worker':'',"
       "'node-role.kubernetes.io/control-plane':'true'}},'spec':{'unschedulable':true},'status':{"
       "'conditions':[{'type':'Ready','status':'True'}],'nodeInfo':{'kubeletVersion':'v1'},"
       "'addresses':[{'type':'InternalIP','address':'1.2.3.4'}]}}",
       "n|Ready,SchedulingDisabled|control-plane,worker|<unknown>|v1|1.2.3.4|<none>|<unknown>|"
       "<unknown>|<unknown>"},
      {"event", &kEventPrinter,
       "{'metadata':{'name':'e'},'type':'Normal','reason':'R','involvedObject':{'kind':'Pod','name'"
       ":"
       "'p'},'message':' m\\n','lastTimestamp':'2023-11-14T22:13:10Z','count':2,'source':{"
       "'component':'c','host':'h'}}",
       "10s|Normal|R|pod/p||c, h|m|<unknown>|2|e"},
      {"namespace", &kNamespacePrinter, "{'metadata':{'name':'n'},'status':{'phase':'Active'}}",
       "n|Active|<unknown>"},
      {"secret", &kSecretPrinter,
       "{'metadata':{'name':'s'},'type':'Opaque','data':{'a':'','b':''}}", "s|Opaque|2|<unknown>"},
      {"config map", &kConfigMapPrinter,
       "{'metadata':{'name':'c'},'data':{'a':''},'binaryData':{'b':''}}", "c|2|<unknown>"},
      {"service account", &kServiceAccountPrinter, "{'metadata':{'name':'a'}}", "a|0|<unknown>"},
      {"lease", &kLeasePrinter, "{'metadata':{'name':'l'},'spec':{'holderIdentity':'x'}}",
       "l|x|<unknown>"},
      {"revision", &kControllerRevisionPrinter,
       "{'metadata':{'name':'r','ownerReferences':[{'controller':true,'apiVersion':'apps/v1','kind'"
       ":'StatefulSet','name':'s'}]},'revision':4}",
       "r|statefulset.apps/s|4|<unknown>"},
      {"pod template", &kPodTemplatePrinter,
       "{'metadata':{'name':'t'},'template':{'metadata':{'labels':{'a':'b'}},'spec':{'containers':["
       "{"
       "'name':'c','image':'i'}]}}}",
       "t|c|i|a=b"},
      {"default", &kDefaultPrinter,
       "{'metadata':{'name':'x','creationTimestamp':'2023-11-14T22:13:20Z'}}",
       "x|2023-11-14T22:13:20Z"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) { CHECK(printed(*row.printer, row.object) == row.want); }
  }
}

}  // namespace
}  // namespace kist::apiserver::testing
