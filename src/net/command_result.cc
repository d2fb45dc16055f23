#include "command_result.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace kist::net {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_member(Writer& writer, const char* name, const std::string& text) {
  writer.Key(name);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

std::string message_of(const CommandResult& result) {
  if (!result.error.empty()) {
    return "Internal error occurred: error executing command in container: " + result.error;
  }
  return "command terminated with non-zero exit code: exit status " +
         std::to_string(result.exit_code);
}

void write_failure(Writer& writer, const CommandResult& result) {
  const bool could_not_run = !result.error.empty();
  write_member(writer, "status", "Failure");
  write_member(writer, "message", message_of(result));
  write_member(writer, "reason", could_not_run ? "InternalError" : "NonZeroExitCode");
  writer.Key("details");
  writer.StartObject();
  writer.Key("causes");
  writer.StartArray();
  writer.StartObject();
  if (could_not_run) {
    write_member(writer, "message", "error executing command in container: " + result.error);
  } else {
    write_member(writer, "reason", "ExitCode");
    write_member(writer, "message", std::to_string(result.exit_code));
  }
  writer.EndObject();
  writer.EndArray();
  writer.EndObject();
  if (could_not_run) {
    writer.Key("code");
    writer.Int(500);
  }
}

std::optional<TerminalSize> size_of(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  const auto number = [&](const char* name) -> uint16_t {
    const auto found = document.FindMember(name);
    const bool fits = found != document.MemberEnd() && found->value.IsUint() &&
                      found->value.GetUint() <= UINT16_MAX;
    return fits ? static_cast<uint16_t>(found->value.GetUint()) : uint16_t{0};
  };
  const TerminalSize size{.columns = number("Width"), .rows = number("Height")};
  if (size.columns == 0 || size.rows == 0) return std::nullopt;
  return size;
}

}  // namespace

std::string command_result_text(const CommandResult& result, ResultForm form) {
  const bool succeeded = result.exit_code == 0 && result.error.empty();
  if (form == ResultForm::kText) return succeeded ? std::string() : message_of(result);
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("metadata");
  writer.StartObject();
  writer.EndObject();
  if (succeeded) {
    write_member(writer, "status", "Success");
  } else {
    write_failure(writer, result);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::optional<TerminalSize> TerminalSizeReader::feed(std::string_view bytes) {
  std::optional<TerminalSize> last;
  for (const char c : bytes) {
    if (held_.size() == kObjectBytesMax) held_.clear();
    held_ += c;
    if (c != '}') continue;
    if (const std::optional<TerminalSize> size = size_of(held_)) last = size;
    held_.clear();
  }
  return last;
}

}  // namespace kist::net
