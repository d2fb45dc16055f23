// How every function in this program fails.
//
// Whatever can fail returns Result<T>; nothing throws across a function boundary. Codes are the
// Kubernetes status reasons (apimachinery meta/v1 StatusReason): the API server maps them to HTTP
// in one table, everything else decides by them.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kist {

enum class Code : uint8_t {
  // the caller decides
  kNotFound,
  kAlreadyExists,
  kConflict,
  kInvalid,
  kExpired,
  kGone,
  // the client must act
  kBadRequest,
  kMethodNotAllowed,
  kNotAcceptable,
  kUnsupportedMediaType,
  kTooLarge,
  kUnauthorized,
  kForbidden,
  kTooManyRequests,
  // trying again may help
  kTimeout,
  kCanceled,
  kUnavailable,
  kInternal,  // our bug
};

// One violated rule of an object; becomes an entry of Status.details.causes.
struct Cause {
  std::string reason;   // "FieldValueRequired", "FieldValueInvalid", ... (meta/v1 CauseType)
  std::string message;  // "Required value", without the field's path in front
  std::string field;    // "spec.containers[0].name"
};

struct [[nodiscard]] Error {
  Code code = Code::kInternal;
  std::string message;  // outermost context first, no full stop
  std::vector<Cause> causes = {};
};

// The current errno as an Error: "open /run/x: No such file or directory", with the nearest code.
Error errno_error(std::string_view context);
Error errno_error(std::string_view context, int error_number);

// A T or an Error; Result<> carries no value. Reading the side that is not there is a bug and
// terminates: noexcept makes that of std::get.
template <typename T = std::monostate>
class [[nodiscard]] Result {
 public:
  using Type = T;

  Result() requires std::same_as<T, std::monostate> {}
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const noexcept { return state_.index() == 0; }
  T& value() & noexcept { return std::get<0>(state_); }
  const T& value() const& noexcept { return std::get<0>(state_); }
  T value() && noexcept { return std::get<0>(std::move(state_)); }
  const Error& error() const& noexcept { return std::get<1>(state_); }
  Error error() && noexcept { return std::get<1>(std::move(state_)); }

  // An error becomes "what: its message"; a value passes unchanged.
  Result context(std::string_view what) && {
    if (!ok()) std::get<1>(state_).message.insert(0, std::string(what) + ": ");
    return std::move(*this);
  }

 private:
  std::variant<T, Error> state_;
};

// Ends the program with file, line and text on stderr. For our own bugs only, also in release.
[[noreturn]] void ensure_failed(const char* file, int line, const char* condition);

}  // namespace kist

// TRY(expr): the value of `expr`, or its error returned to our caller. gcc and clang.
#define TRY(expr)                                               \
  __extension__({                                               \
    auto try_result = (expr);                                   \
    if (!try_result.ok()) return std::move(try_result).error(); \
    std::move(try_result).value();                              \
  })

#define ENSURE(condition) \
  ((condition) ? static_cast<void>(0) : ::kist::ensure_failed(__FILE__, __LINE__, #condition))
