// Pods as a cache shows them, for table tests of what decides on pods.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "src/controllers/pod_view.h"

namespace kist::controllers::testing {

// Test data is written with ' for ".
inline Json json_of(std::string text) {
  for (char& c : text)
    if (c == '\'') c = '"';
  Result<Json> json = api::parse_json(text);
  INFO(text);
  REQUIRE(json.ok());
  return std::move(json).value();
}

struct PodSpec {
  std::string name;
  std::string spec = "{}", status = "{}", metadata = "{}";
};

inline client::ObjectPtr pod_of(const PodSpec& pod, bool deleting = false, int64_t created = 1000) {
  auto object = std::make_shared<client::Object>();
  object->space = "n";
  object->name = object->uid = object->texts.keep(pod.name);
  object->created_seconds = created;
  object->deleting = deleting;
  object->labels = {{"app", "web"}};
  const Json json = json_of("{'metadata':" + pod.metadata + ",'spec':" + pod.spec +
                            ",'status':" + pod.status + "}");
  object->view = project_pod(json.root(), object->texts);
  return object;
}

}  // namespace kist::controllers::testing
