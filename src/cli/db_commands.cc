// kist db check|stat|compact|backup|restore: care of the database file, on the command line.
#include <cstdio>

#include "cli/command.h"
#include "cli/paths.h"
#include "kist/datastore/admin.h"

namespace kist::cli {
namespace {

struct DbOptions {
  std::string data_dir = default_paths().data_dir;
  std::string config;
};

constexpr Flag<DbOptions> kDbFlags[] = {
    {"data-dir", &DbOptions::data_dir, "DIR", "where the server keeps its state"},
    {"config", &DbOptions::config, "FILE", "configuration file, for its data-dir"},
};

void print(const char* name, const std::string& value) {
  std::printf("%-12s %s\n", name, value.c_str());
}
void print(const char* name, int64_t value) { print(name, std::to_string(value)); }

void print(const datastore::Stat& stat) {
  print("entries", stat.entries);
  print("value bytes", stat.value_bytes);
  print("file bytes", stat.file_bytes);
  print("wal bytes", stat.wal_bytes);
  print("revision", stat.current.number);
  print("compacted", stat.compacted.number);
}

class DbCommand : public Command {
 public:
  std::vector<BoundFlag> flags() override { return bind(kDbFlags, options_); }
  bool reads_config() const override { return true; }

 protected:
  std::string path() const { return datastore::database_path(options_.data_dir); }

 private:
  DbOptions options_;
};

class DbCheck : public DbCommand {
 public:
  std::string_view name() const override { return "db check"; }
  std::string_view summary() const override {
    return "read the whole database, tell what is wrong";
  }
  Result<> run(const std::vector<std::string>&) override {
    const datastore::CheckReport report = TRY(datastore::check_database(path()));
    print("database", path());
    print(report.stat);
    for (const std::string& backup : report.backups) print("backup", backup);
    for (const std::string& problem : report.problems) print("problem", problem);
    if (report.problems.empty()) return print("state", "sound"), Result<>();
    return Error{Code::kInternal, path() + " is damaged: stop the server and run kist db restore"};
  }
};

class DbStat : public DbCommand {
 public:
  std::string_view name() const override { return "db stat"; }
  std::string_view summary() const override {
    return "sizes and revisions, also of a running server";
  }
  Result<> run(const std::vector<std::string>&) override {
    const datastore::Stat stat = TRY(datastore::stat_database(path()));
    print("database", path());
    print(stat);
    return {};
  }
};

class DbCompact : public DbCommand {
 public:
  std::string_view name() const override { return "db compact"; }
  std::string_view summary() const override { return "forget history and give free space back"; }
  Result<> run(const std::vector<std::string>&) override {
    const datastore::CompactReport report = TRY(datastore::compact_database(path()));
    print("bytes before", report.bytes_before);
    print("bytes after", report.bytes_after);
    return {};
  }
};

class DbBackup : public DbCommand {
 public:
  std::string_view name() const override { return "db backup"; }
  std::string_view arguments() const override { return "[FILE]"; }
  size_t arguments_max() const override { return 1; }
  std::string_view summary() const override {
    return "copy the database, also of a running server";
  }
  std::string_view description() const override {
    return "Without FILE the copy joins the rotating backups beside the database.\n";
  }
  Result<> run(const std::vector<std::string>& arguments) override {
    const std::string target = arguments.empty() ? "" : arguments[0];
    const datastore::BackupReport report = TRY(datastore::backup_database(path(), target));
    print("backup", report.path);
    print("bytes", report.bytes);
    print("revision", report.revision.number);
    return {};
  }
};

class DbRestore : public DbCommand {
 public:
  std::string_view name() const override { return "db restore"; }
  std::string_view arguments() const override { return "[FILE]"; }
  size_t arguments_max() const override { return 1; }
  std::string_view summary() const override { return "put a backup in the place of the database"; }
  std::string_view description() const override {
    return "Without FILE the newest sound backup beside the database is taken. The previous file "
           "is\n"
           "kept aside. The server must not run.\n";
  }
  Result<> run(const std::vector<std::string>& arguments) override {
    const std::string backup = arguments.empty() ? "" : arguments[0];
    const datastore::RestoreReport report = TRY(datastore::restore_database(path(), backup));
    print("restored", report.backup);
    if (!report.kept_aside.empty()) print("kept aside", report.kept_aside);
    print("revision", report.revision.number);
    return {};
  }
};

}  // namespace

void add_db_commands(Commands& commands) {
  commands.push_back(std::make_unique<DbCheck>());
  commands.push_back(std::make_unique<DbStat>());
  commands.push_back(std::make_unique<DbCompact>());
  commands.push_back(std::make_unique<DbBackup>());
  commands.push_back(std::make_unique<DbRestore>());
}

}  // namespace kist::cli
