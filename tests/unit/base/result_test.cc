#include "kist/base/result.h"

#include <cerrno>

#include <catch2/catch.hpp>

namespace kist {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{Code::kInvalid, "odd"};
  return number / 2;
}

Result<int> quarter(int number) {
  const int first = TRY(half(number).context("first"));
  return TRY(half(first).context("second"));
}

TEST_CASE("result: TRY passes values and errors with their context") {
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(3).error().message == "first: odd");
  CHECK(quarter(6).error().message == "second: odd");
  CHECK(quarter(6).error().code == Code::kInvalid);
}

TEST_CASE("result: errno becomes the nearest code") {
  CHECK(errno_error("open /x", ENOENT).code == Code::kNotFound);
  CHECK(errno_error("open /x", ENOENT).message == "open /x: No such file or directory");
  CHECK(errno_error("write", ENOSPC).code == Code::kUnavailable);
}

}  // namespace
}  // namespace kist
