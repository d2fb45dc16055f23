// What a pod asks for: sums, the most of its phases, guesses.
#include "src/scheduler/amounts.h"

#include "scheduler_objects.h"

using namespace kist;
using namespace kist::scheduler;

TEST_CASE("amounts: what a pod requests") {
  struct Case {
    const char* name;
    const char* spec;
    int64_t cpu_milli, memory, gpus, guessed_cpu_milli;
  };
  const Case cases[] = {
      {"no containers", "{}", 0, 0, 0, 0},
      {"nothing asked is guessed", "{'containers':[{},{}]}", 0, 0, 0, 200},
      {"containers add up",
       "{'containers':[{'resources':{'requests':{'cpu':'100m','memory':'1Ki'}}},"
       "{'resources':{'requests':{'cpu':'1','x.io/gpu':'2'}}}]}",
       1100, 1024, 2, 1100},
      {"the largest init container counts if it is more",
       "{'initContainers':[{'resources':{'requests':{'cpu':'2'}}},"
       "{'resources':{'requests':{'cpu':'3'}}}],"
       "'containers':[{'resources':{'requests':{'cpu':'1'}}}]}",
       3000, 0, 0, 3000},
      {"a smaller init container does not",
       "{'initContainers':[{'resources':{'requests':{'cpu':'1'}}}],"
       "'containers':[{'resources':{'requests':{'cpu':'2'}}}]}",
       2000, 0, 0, 2000},
      {"a sidecar runs beside the containers",
       "{'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':'1'}}}],"
       "'containers':[{'resources':{'requests':{'cpu':'2'}}}]}",
       3000, 0, 0, 3000},
      {"an init container runs beside the sidecars before it, not those behind",
       "{'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':'1'}}},"
       "{'resources':{'requests':{'cpu':'5'}}},"
       "{'restartPolicy':'Always','resources':{'requests':{'cpu':'1'}}}],"
       "'containers':[{'resources':{'requests':{'cpu':'2'}}}]}",
       6000, 0, 0, 6000},
      {"overhead is added to all",
       "{'overhead':{'cpu':'250m'},'containers':[{'resources':{'requests':{'cpu':'1'}}}]}", 1250, 0,
       0, 1250},
      {"sums do not wrap around",
       "{'containers':[{'resources':{'requests':{'memory':'9223372036854775807'}}},"
       "{'resources':{'requests':{'memory':'1'}}}]}",
       0, INT64_MAX, 0, 200},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const api::Json pod = testing::json_of(std::string("{'spec':") + c.spec + "}");
    const Amounts amounts = pod_requests(pod.root(), Missing::kZero);
    CHECK(amounts.cpu_milli == c.cpu_milli);
    CHECK(amounts.memory == c.memory);
    CHECK(amounts.of("x.io/gpu") == c.gpus);
    CHECK(pod_requests(pod.root(), Missing::kGuessed).cpu_milli == c.guessed_cpu_milli);
  }
}
