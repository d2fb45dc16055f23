// The table of codes, and the words of meta/v1 Status.
#include "src/apiserver/status.h"

#include <vector>

#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

struct Row {
  Code code;
  int http;
  std::string_view reason;
};

constexpr Row kRows[] = {
    {Code::kNotFound, 404, "NotFound"},
    {Code::kAlreadyExists, 409, "AlreadyExists"},
    {Code::kConflict, 409, "Conflict"},
    {Code::kInvalid, 422, "Invalid"},
    {Code::kExpired, 410, "Expired"},
    {Code::kGone, 410, "Gone"},
    {Code::kBadRequest, 400, "BadRequest"},
    {Code::kMethodNotAllowed, 405, "MethodNotAllowed"},
    {Code::kNotAcceptable, 406, "NotAcceptable"},
    {Code::kUnsupportedMediaType, 415, "UnsupportedMediaType"},
    {Code::kTooLarge, 413, "RequestEntityTooLarge"},
    {Code::kUnauthorized, 401, "Unauthorized"},
    {Code::kForbidden, 403, "Forbidden"},
    {Code::kTooManyRequests, 429, "TooManyRequests"},
    {Code::kTimeout, 504, "Timeout"},
    {Code::kCanceled, 499, ""},
    {Code::kUnavailable, 503, "ServiceUnavailable"},
    {Code::kInternal, 500, "InternalError"},
};

const Row& row_of(Code code) {
  for (const Row& row : kRows) {
    if (row.code == code) return row;
  }
  return kRows[std::size(kRows) - 1];
}

void member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.back() != '{') out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

// `x.group "name" ...`, or `Operation cannot be fulfilled on x.group "name": ...`.
bool details_of_message(std::string_view message, StatusDetails& details) {
  constexpr std::string_view kConflict = "Operation cannot be fulfilled on ";
  if (message.starts_with(kConflict)) message.remove_prefix(kConflict.size());
  size_t space = message.find(' ');
  if (space == 0 || space == std::string_view::npos || space + 1 >= message.size()) return false;
  std::string_view subject = message.substr(0, space);
  if (message[space + 1] != '"') return false;
  size_t end = message.find('"', space + 2);
  if (end == std::string_view::npos) return false;
  for (char c : subject) {
    bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '.' || c == '-' || c == '/';
    if (!word) return false;
  }
  size_t dot = subject.find('.');
  details.kind = subject.substr(0, dot);
  details.group = dot == std::string_view::npos ? std::string_view() : subject.substr(dot + 1);
  details.name = message.substr(space + 2, end - space - 2);
  return true;
}

bool names_an_object(Code code) {
  return code == Code::kNotFound || code == Code::kAlreadyExists || code == Code::kConflict ||
         code == Code::kInvalid || code == Code::kForbidden;
}

void append_details(std::string& out, const Error& error, StatusDetails details) {
  if (names_an_object(error.code)) details_of_message(error.message, details);
  std::string text = "{";
  if (names_an_object(error.code)) {
    member(text, "name", details.name);
    member(text, "group", details.group);
    member(text, "kind", details.kind);
    member(text, "uid", details.uid);
  }
  if (!error.causes.empty()) {
    if (text.back() != '{') text += ',';
    text += "\"causes\":[";
    for (const Cause& cause : error.causes) {
      if (text.back() != '[') text += ',';
      text += '{';
      member(text, "reason", cause.reason);
      member(text, "message", cause.message);
      member(text, "field", cause.field);
      text += '}';
    }
    text += ']';
  }
  if (details.retry_after_seconds > 0) {
    if (text.back() != '{') text += ',';
    text += "\"retryAfterSeconds\":" + std::to_string(details.retry_after_seconds);
  }
  text += '}';
  if (text == "{}" && !names_an_object(error.code)) return;
  out += ",\"details\":" + text;
}

}  // namespace

int http_status(Code code) { return row_of(code).http; }

std::string_view status_reason(Code code) { return row_of(code).reason; }

std::string failure_text(const Error& error, const StatusDetails& details) {
  const Row& row = row_of(error.code);
  std::string out = R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure")";
  member(out, "message", error.message);
  member(out, "reason", row.reason);
  append_details(out, error, details);
  out += ",\"code\":" + std::to_string(row.http) + "}";
  return out;
}

std::string success_text(const StatusDetails& details, int code) {
  std::string out = R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success")";
  std::string text = "{";
  member(text, "name", details.name);
  member(text, "group", details.group);
  member(text, "kind", details.kind);
  member(text, "uid", details.uid);
  if (text != "{") out += ",\"details\":" + text + "}";
  if (code != 0) out += ",\"code\":" + std::to_string(code);
  return out + "}";
}

Error not_found(std::string_view resource, std::string_view group, std::string_view name) {
  return {Code::kNotFound, qualified(resource, group) + " " + quoted(name) + " not found"};
}

Error already_exists(std::string_view resource, std::string_view group, std::string_view name) {
  return {Code::kAlreadyExists,
          qualified(resource, group) + " " + quoted(name) + " already exists"};
}

Error conflict(std::string_view resource, std::string_view group, std::string_view name,
               std::string_view why) {
  return {Code::kConflict, "Operation cannot be fulfilled on " + qualified(resource, group) + " " +
                               quoted(name) + ": " + std::string(why)};
}

Error modified(std::string_view resource, std::string_view group, std::string_view name) {
  return conflict(resource, group, name,
                  "the object has been modified; please apply your changes to the latest version "
                  "and try again");
}

Error invalid(std::string_view kind, std::string_view group, std::string_view name,
              std::string_view message, std::vector<Cause> causes) {
  return {Code::kInvalid,
          qualified(kind, group) + " " + quoted(name) + " is invalid: " + std::string(message),
          std::move(causes)};
}

Error bad_request(std::string message) { return {Code::kBadRequest, std::move(message)}; }

Error method_not_allowed() {
  return {Code::kMethodNotAllowed,
          "the server does not allow this method on the requested resource"};
}

Error no_such_resource() {
  return {Code::kNotFound, "the server could not find the requested resource"};
}

}  // namespace kist::apiserver
