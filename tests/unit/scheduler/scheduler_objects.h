// Nodes and pods as the scheduler's caches show them, for table tests.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "src/scheduler/node_info.h"
#include "src/scheduler/pod_info.h"
#include "src/scheduler/snapshot.h"

namespace kist::scheduler::testing {

// Test data is written with ' for ".
inline api::Json json_of(std::string text) {
  for (char& c : text)
    if (c == '\'') c = '"';
  Result<api::Json> json = api::parse_json(text);
  INFO(text);
  REQUIRE(json.ok());
  return std::move(json).value();
}

// `spec` and `status` are JSON objects.
inline PodPtr pod_of(const std::string& name, const std::string& spec = "{}",
                     const std::string& status = "{}", const std::string& uid = {}) {
  const api::Json json =
      json_of("{'metadata':{'namespace':'n','name':'" + name + "','uid':'" +
              (uid.empty() ? name : uid) + "'},'spec':" + spec + ",'status':" + status + "}");
  return read_pod(json.root());
}

// A pod with one container that requests this: "'cpu':'1'".
inline PodPtr pod_requesting(const std::string& name, const std::string& requests,
                             const std::string& more = {}) {
  return pod_of(name, "{'containers':[{'image':'i','resources':{'requests':{" + requests + "}}}]" +
                          more + "}");
}

struct NodeText {
  std::string allocatable = "'cpu':'4','memory':'8Gi','pods':'110'";
  std::string spec = "{}", labels = "{}", images = "[]";
};

inline NodePtr node_of(const std::string& name, const NodeText& text = {}) {
  const api::Json json = json_of("{'metadata':{'name':'" + name + "','labels':" + text.labels +
                                 "},'spec':" + text.spec + ",'status':{'allocatable':{" +
                                 text.allocatable + "},'images':" + text.images + "}}");
  return read_node(json.root());
}

}  // namespace kist::scheduler::testing
