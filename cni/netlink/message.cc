// The framing of linux/netlink.h: lengths that include their header, everything padded to four.
#include "cni/netlink/message.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace kist::cni {
namespace {

static_assert(NLMSG_HDRLEN == sizeof(nlmsghdr) && NLA_HDRLEN == sizeof(nlattr));

size_t aligned(size_t length) { return (length + 3) & ~size_t{3}; }

Error malformed(std::string_view what, size_t length, size_t there) {
  return {Code::kInvalid, "netlink " + std::string(what) + " of length " + std::to_string(length) +
                              " in " + std::to_string(there) + " bytes"};
}

// The padding behind the last message or attribute may be missing.
std::string_view behind(std::string_view bytes, size_t length) {
  return bytes.substr(std::min(aligned(length), bytes.size()));
}

}  // namespace

void MessageWriter::begin(uint16_t type, uint16_t flags, uint32_t sequence,
                          std::string_view family_header) {
  message_ = bytes_.size();
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = sequence;
  append({reinterpret_cast<const char*>(&header), sizeof header});
  append(family_header);
  set_lengths();
}

void MessageWriter::ask_for_acknowledgement() {
  ENSURE(!bytes_.empty());
  uint16_t flags;
  char* const place = bytes_.data() + message_ + offsetof(nlmsghdr, nlmsg_flags);
  std::memcpy(&flags, place, sizeof flags);
  flags |= NLM_F_ACK;
  std::memcpy(place, &flags, sizeof flags);
}

void MessageWriter::put(uint16_t type, std::string_view payload) {
  ENSURE(!bytes_.empty() && payload.size() <= kAttributeMax);
  nlattr header{};
  header.nla_type = type;
  header.nla_len = static_cast<uint16_t>(sizeof header + payload.size());
  append({reinterpret_cast<const char*>(&header), sizeof header});
  append(payload);
  set_lengths();
}

void MessageWriter::put_text(uint16_t type, std::string_view text) {
  put(type, std::string_view(std::string(text).c_str(), text.size() + 1));
}

void MessageWriter::append(std::string_view bytes) {
  bytes_.append(bytes);
  bytes_.resize(aligned(bytes_.size()), '\0');
}

void MessageWriter::set_lengths() {
  const auto length = static_cast<uint32_t>(bytes_.size() - message_);
  std::memcpy(bytes_.data() + message_ + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

Nest::Nest(MessageWriter& writer, uint16_t type) : writer_(writer), start_(writer.bytes_.size()) {
  writer_.put(type | NLA_F_NESTED, {});
}

Nest::~Nest() {
  const size_t length = writer_.bytes_.size() - start_;
  ENSURE(length <= kAttributeMax + sizeof(nlattr));
  const auto stored = static_cast<uint16_t>(length);
  std::memcpy(writer_.bytes_.data() + start_ + offsetof(nlattr, nla_len), &stored, sizeof stored);
}

Result<Attribute> AttributeReader::next() {
  nlattr header;
  if (rest_.size() < sizeof header) return malformed("attribute", sizeof header, rest_.size());
  std::memcpy(&header, rest_.data(), sizeof header);
  if (header.nla_len < sizeof header || header.nla_len > rest_.size())
    return malformed("attribute", header.nla_len, rest_.size());
  Attribute attribute{static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK),
                      rest_.substr(sizeof header, header.nla_len - sizeof header)};
  rest_ = behind(rest_, header.nla_len);
  return attribute;
}

Result<Message> MessageReader::next() {
  nlmsghdr header;
  if (rest_.size() < sizeof header) return malformed("message", sizeof header, rest_.size());
  std::memcpy(&header, rest_.data(), sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest_.size())
    return malformed("message", header.nlmsg_len, rest_.size());
  Message message{header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq,
                  rest_.substr(sizeof header, header.nlmsg_len - sizeof header)};
  rest_ = behind(rest_, header.nlmsg_len);
  return message;
}

std::string_view text_of(const Attribute& attribute) {
  return attribute.payload.substr(0, attribute.payload.find('\0'));
}

Result<int> acknowledged_error(const Message& message) {
  int32_t error = 0;
  if (message.type != NLMSG_ERROR || message.payload.size() < sizeof(nlmsgerr))
    return malformed("acknowledgement", message.payload.size(), sizeof(nlmsgerr));
  std::memcpy(&error, message.payload.data(), sizeof error);
  if (error > 0 || error < -4095) return malformed("error number", 0, sizeof error);
  return -error;
}

}  // namespace kist::cni
