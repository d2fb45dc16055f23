// Certificates on disk: written whole, kept while they serve, replaced when they do not.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "kist/base/fd.h"
#include "kist/net/pki.h"

namespace kist::net {
namespace {

constexpr size_t kPemBytesMax = 1024 * 1024;

Result<> sync_directory(const std::string& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_error("sync " + directory);
  return {};
}

Result<> write_all(const Fd& fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("write " + path);
    text.remove_prefix(static_cast<size_t>(count));
  }
  if (::fsync(fd.get()) != 0) return errno_error("sync " + path);
  return {};
}

// Under a name of its own first: a reader sees the old text or the new, never a part.
Result<> write_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());  // of a run that died here
  const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return errno_error("create " + temporary);
  Result<> written = write_all(fd, text, temporary);
  if (written.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = errno_error("rename " + temporary);
  }
  if (!written.ok()) ::unlink(temporary.c_str());
  return written;
}

Result<std::string> read_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error("open " + path);
  std::string text;
  char bytes[8192];
  while (text.size() <= kPemBytesMax) {
    const ssize_t count = ::read(fd.get(), bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("read " + path);
    if (count == 0) return text;
    text.append(bytes, static_cast<size_t>(count));
  }
  return Error{Code::kInvalid, path + " is too large for a certificate or key"};
}

Result<> make_directory(const std::string& directory) {
  std::error_code failure;
  std::filesystem::path parent = std::filesystem::path(directory).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, failure);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("make directory " + directory);
  }
  return {};
}

template <typename Fits, typename Issue>
Result<CertificatePair> ensure_leaf(const std::string& directory, const std::string& name,
                                    const CertificatePair& ca, const Clock& clock, Fits fits,
                                    Issue issue) {
  Result<CertificatePair> stored = load_pair(directory, name);
  if (stored.ok() && pair_belongs_to(stored.value(), ca.certificate_pem)) {
    const Result<CertificateInfo> info = inspect_certificate(stored.value().certificate_pem);
    if (info.ok() && fits(info.value()) && !renewal_due(info.value(), clock)) return stored;
  }
  CertificatePair pair = TRY(issue());
  TRY(save_pair(directory, name, pair));
  return pair;
}

}  // namespace

Result<> save_pair(const std::string& directory, const std::string& name,
                   const CertificatePair& pair) {
  TRY(make_directory(directory));
  const std::string base = directory + "/" + name;
  // The key first: whoever finds the certificate finds its key. A crash between the two leaves a
  // pair that does not match, which ensure_*() replaces; a CA is written once only, so it cannot
  // have one.
  TRY(write_file(base + ".key", pair.key_pem));
  TRY(write_file(base + ".crt", pair.certificate_pem));
  return sync_directory(directory);
}

Result<CertificatePair> load_pair(const std::string& directory, const std::string& name) {
  const std::string base = directory + "/" + name;
  return CertificatePair{TRY(read_file(base + ".crt")), TRY(read_file(base + ".key"))};
}

Result<CertificatePair> ensure_ca(const std::string& directory, const std::string& name,
                                  const std::string& common_name, const Clock& clock) {
  const std::string certificate_path = directory + "/" + name + ".crt";
  if (::access(certificate_path.c_str(), F_OK) != 0 && errno == ENOENT) {
    CertificatePair made = TRY(make_ca(common_name, clock));
    TRY(save_pair(directory, name, made));
    return made;
  }
  // Every kubeconfig and every node trusts this one: it is never replaced behind their backs.
  CertificatePair ca = TRY(load_pair(directory, name).context("CA"));
  const CertificateInfo info =
      TRY(inspect_certificate(ca.certificate_pem).context("CA " + certificate_path));
  if (!info.is_ca) return Error{Code::kInvalid, certificate_path + " is not a CA certificate"};
  if (!pair_belongs_to(ca, ca.certificate_pem)) {
    return Error{Code::kInvalid,
                 certificate_path + " and its .key do not match; restore both from one backup"};
  }
  return ca;
}

Result<CertificatePair> ensure_server_certificate(const std::string& directory,
                                                  const std::string& name,
                                                  const CertificatePair& ca,
                                                  const ServerSubject& subject,
                                                  const Clock& clock) {
  const auto fits = [&](const CertificateInfo& info) {
    return info.subject.common_name == subject.common_name &&
           std::ranges::is_permutation(info.names, subject.names);
  };
  const auto issue = [&] { return issue_server_certificate(ca, subject, clock); };
  return ensure_leaf(directory, name, ca, clock, fits, issue);
}

Result<CertificatePair> ensure_client_certificate(const std::string& directory,
                                                  const std::string& name,
                                                  const CertificatePair& ca,
                                                  const PeerIdentity& subject, const Clock& clock) {
  const auto fits = [&](const CertificateInfo& info) {
    return info.subject.common_name == subject.common_name &&
           info.subject.organizations == subject.organizations;
  };
  const auto issue = [&] { return issue_client_certificate(ca, subject, clock); };
  return ensure_leaf(directory, name, ca, clock, fits, issue);
}

}  // namespace kist::net
