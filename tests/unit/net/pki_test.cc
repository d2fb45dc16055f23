// Our CA: what it issues, and that clocks which are wrong stop nothing.
#include "kist/net/pki.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace kist::net {
namespace {

struct FixedClock : Clock {
  explicit FixedClock(int64_t seconds) : wall(std::chrono::seconds(seconds)) {}
  WallTime now() const override { return wall; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  WallTime wall;
};

constexpr int64_t kIn2027 = 1'800'000'000;
constexpr int64_t kYear = 365 * 86'400;

struct TemporaryDirectory {
  TemporaryDirectory() {
    char name[] = "/tmp/kist-pki-XXXXXX";
    REQUIRE(mkdtemp(name));
    path = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

std::string slurp(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("pki: a CA and its leaves") {
  const FixedClock clock(kIn2027);
  const CertificatePair ca = make_ca("kist-ca", clock).value();
  const CertificateInfo ca_info = inspect_certificate(ca.certificate_pem).value();
  CHECK(ca_info.is_ca);
  CHECK(ca_info.subject.common_name == "kist-ca");
  CHECK(ca_info.sha256.size() == 64);
  CHECK(ca_info.not_after > clock.now() + std::chrono::hours(24 * 365 * 100));
  CHECK_FALSE(renewal_due(ca_info, clock));
  CHECK(pair_belongs_to(ca, ca.certificate_pem));

  const CertificatePair server =
      issue_server_certificate(ca, {"kist", {"127.0.0.1", "::1", "kubernetes.default.svc"}}, clock)
          .value();
  const CertificateInfo info = inspect_certificate(server.certificate_pem).value();
  CHECK_FALSE(info.is_ca);
  CHECK(info.names == std::vector<std::string>{"127.0.0.1", "::1", "kubernetes.default.svc"});
  CHECK(info.not_before < WallTime(std::chrono::seconds(1'000'000'000)));
  CHECK(pair_belongs_to(server, ca.certificate_pem));

  const CertificatePair client =
      issue_client_certificate(ca, {"admin", {"system:masters", "ops"}}, clock).value();
  const CertificateInfo who = inspect_certificate(client.certificate_pem).value();
  CHECK(who.subject.common_name == "admin");
  CHECK(who.subject.organizations == std::vector<std::string>{"system:masters", "ops"});

  const CertificatePair other = make_ca("kist-ca", clock).value();
  CHECK_FALSE(pair_belongs_to(client, other.certificate_pem));
  CHECK_FALSE(pair_belongs_to({client.certificate_pem, server.key_pem}, ca.certificate_pem));
  CHECK(inspect_certificate(other.certificate_pem).value().sha256 != ca_info.sha256);
}

TEST_CASE("pki: what does not parse is refused") {
  const FixedClock clock(kIn2027);
  const CertificatePair ca = make_ca("kist-ca", clock).value();
  CHECK(inspect_certificate("").error().code == Code::kInvalid);
  CHECK(inspect_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n").error().code == Code::kInvalid);
  CHECK(issue_client_certificate({ca.certificate_pem, "junk"}, {"x", {}}, clock).error().code ==
        Code::kInvalid);
  const char* names[] = {"", "a b", "x,DNS:evil", "a\nb", "IP:1.2.3.4"};
  for (const char* name : names) {
    INFO(name);
    CHECK(issue_server_certificate(ca, {"kist", {name}}, clock).error().code == Code::kInvalid);
  }
  CHECK_FALSE(issue_server_certificate(ca, {"kist", {}}, clock).ok());
}

TEST_CASE("pki: renewal by clock") {
  struct Case {
    const char* name;
    int64_t made_at;
    int64_t asked_at;
    bool due;
  };
  const Case cases[] = {
      {"fresh", kIn2027, kIn2027, false},
      {"a day later", kIn2027, kIn2027 + 86'400, false},
      {"a day back", kIn2027, kIn2027 - 86'400, false},
      {"two thirds over", kIn2027, kIn2027 + kYear * 3 / 4, true},
      {"expired", kIn2027, kIn2027 + 2 * kYear, true},
      {"made right, now in 1970", kIn2027, 5, false},
      {"made in 1970, still there", 5, 60, false},
      {"made in 1970, now right", 5, kIn2027, true},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const CertificatePair ca = make_ca("ca", FixedClock(c.made_at)).value();
    const CertificatePair leaf =
        issue_client_certificate(ca, {"x", {}}, FixedClock(c.made_at)).value();
    const CertificateInfo info = inspect_certificate(leaf.certificate_pem).value();
    CHECK(renewal_due(info, FixedClock(c.asked_at)) == c.due);
    // A client with a right clock accepts it, whatever the clock of the maker was.
    CHECK(info.not_before < WallTime(std::chrono::seconds(kIn2027)));
    CHECK(info.not_after > WallTime(std::chrono::seconds(kIn2027)));
  }
}

TEST_CASE("pki: pairs on disk") {
  const TemporaryDirectory directory;
  const std::string tls = directory.path + "/deep/tls";
  const FixedClock clock(kIn2027);
  const CertificatePair ca = ensure_ca(tls, "ca", "kist-ca", clock).value();
  CHECK(ensure_ca(tls, "ca", "kist-ca", clock).value().certificate_pem == ca.certificate_pem);

  for (const char* file : {"/ca.crt", "/ca.key"}) {
    struct stat status {};
    REQUIRE(::stat((tls + file).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK_FALSE(std::filesystem::exists(tls + file + ".new"));
  }

  const ServerSubject subject{"kist", {"127.0.0.1", "localhost"}};
  const auto server = [&](const ServerSubject& wanted, const Clock& now) {
    return ensure_server_certificate(tls, "server", ca, wanted, now).value().certificate_pem;
  };
  const std::string first = server(subject, clock);
  CHECK(server({"kist", {"localhost", "127.0.0.1"}}, clock) == first);
  const std::string renamed = server({"kist", {"localhost"}}, clock);
  CHECK(renamed != first);
  const std::string renewed = server({"kist", {"localhost"}}, FixedClock(kIn2027 + kYear));
  CHECK(renewed != renamed);
  // A crash between the two files: the key is new, the certificate old.
  const CertificatePair torn = issue_client_certificate(ca, {"x", {}}, clock).value();
  std::ofstream(tls + "/server.key") << torn.key_pem;
  const std::string healed = server({"kist", {"localhost"}}, clock);
  CHECK(healed != renewed);
  CHECK(slurp(tls + "/server.crt") == healed);

  const CertificatePair admin =
      ensure_client_certificate(tls, "admin", ca, {"admin", {"system:masters"}}, clock).value();
  CHECK(ensure_client_certificate(tls, "admin", ca, {"admin", {"system:masters"}}, clock)
            .value()
            .certificate_pem == admin.certificate_pem);
}

TEST_CASE("pki: a CA that is there is never replaced") {
  const TemporaryDirectory directory;
  const FixedClock clock(kIn2027);
  const CertificatePair ca = ensure_ca(directory.path, "ca", "kist-ca", clock).value();
  const std::string path = directory.path + "/ca";
  struct Case {
    const char* name;
    std::string certificate, key;
  };
  const CertificatePair other = make_ca("other", clock).value();
  const CertificatePair leaf = issue_client_certificate(ca, {"x", {}}, clock).value();
  const Case cases[] = {
      {"garbage", "garbage", ca.key_pem},
      {"truncated", ca.certificate_pem.substr(0, 100), ca.key_pem},
      {"empty", "", ""},
      {"another key", ca.certificate_pem, other.key_pem},
      {"a leaf", leaf.certificate_pem, leaf.key_pem},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    std::ofstream(path + ".crt") << c.certificate;
    std::ofstream(path + ".key") << c.key;
    const Result<CertificatePair> got = ensure_ca(directory.path, "ca", "kist-ca", clock);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code == Code::kInvalid);
    CHECK(got.error().message.find(path) != std::string::npos);
    CHECK(slurp(path + ".crt") == c.certificate);
  }
  // A key without a certificate is a first start that died: nobody has seen its CA.
  std::filesystem::remove(path + ".crt");
  CHECK(ensure_ca(directory.path, "ca", "kist-ca", clock).ok());
}

}  // namespace
}  // namespace kist::net
