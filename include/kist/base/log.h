// Structured log lines on stderr: a constant message and key-values.
//
//   log_info("pod started", {{"pod", key}, {"ms", std::to_string(ms)}});
//
// Threads: any; one line is one write(2). Formats: logfmt-like text (default) or JSON.
#pragma once

#include <initializer_list>
#include <string_view>

namespace kist {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kText, kJson };

struct LogField {
  std::string_view key;
  std::string_view value;
};
using LogFields = std::initializer_list<LogField>;

void log_configure(LogFormat format, LogLevel lowest);  // before threads start
void log_write(LogLevel level, std::string_view message, LogFields fields);

inline void log_debug(std::string_view m, LogFields f = {}) { log_write(LogLevel::kDebug, m, f); }
inline void log_info(std::string_view m, LogFields f = {}) { log_write(LogLevel::kInfo, m, f); }
inline void log_warn(std::string_view m, LogFields f = {}) { log_write(LogLevel::kWarn, m, f); }
inline void log_error(std::string_view m, LogFields f = {}) { log_write(LogLevel::kError, m, f); }

}  // namespace kist
