// nfnetlink batches: linux/netfilter/nfnetlink.h and nf_tables.h.
#include "cni/nft/table.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <numeric>

namespace kist::cni {
namespace {

constexpr size_t kElementsPerMessage = 300;  // below the 64 KiB of one attribute with room to spare

std::string header_of(uint8_t family, uint16_t resource) {
  nfgenmsg header{};
  header.nfgen_family = family;
  header.version = NFNETLINK_V0;
  header.res_id = htons(resource);
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

uint16_t type_of(uint16_t message) { return NFNL_SUBSYS_NFTABLES << 8 | message; }

// nft(8) keeps six bits for each field of a concatenation.
uint32_t type_number(const std::vector<NftType>& fields) {
  return std::accumulate(fields.begin(), fields.end(), 0u, [](uint32_t sum, NftType field) {
    return sum << 6 | static_cast<uint32_t>(field);
  });
}

uint32_t length_of(const std::vector<NftType>& fields) {
  return std::accumulate(fields.begin(), fields.end(), 0u, [](uint32_t sum, NftType field) {
    return sum + (field == NftType::kIpv6 ? 16 : 4);
  });
}

void put_number(MessageWriter& writer, uint16_t type, uint32_t value) {
  writer.put_number(type, htonl(value));
}

void put_element(MessageWriter& writer, const NftElement& element) {
  const Nest list(writer, NFTA_LIST_ELEM);
  {
    const Nest key(writer, NFTA_SET_ELEM_KEY);
    writer.put(NFTA_DATA_VALUE, element.key);
  }
  if (element.value.empty() && element.chain.empty()) return;
  const Nest data(writer, NFTA_SET_ELEM_DATA);
  if (element.chain.empty()) return writer.put(NFTA_DATA_VALUE, element.value);
  const Nest verdict(writer, NFTA_DATA_VERDICT);
  put_number(writer, NFTA_VERDICT_CODE, static_cast<uint32_t>(NFT_GOTO));
  writer.put_text(NFTA_VERDICT_CHAIN, element.chain);
}

// --- reading ---

// The attribute of this type inside a payload; empty where there is none.
Result<std::string_view> inside(std::string_view payload, uint16_t type) {
  for (AttributeReader attributes(payload); !attributes.done();) {
    const Attribute attribute = TRY(attributes.next());
    if (attribute.type == type) return attribute.payload;
  }
  return std::string_view();
}

Result<NftElement> read_element(std::string_view payload) {
  NftElement element;
  const std::string_view key = TRY(inside(payload, NFTA_SET_ELEM_KEY));
  const std::string_view data = TRY(inside(payload, NFTA_SET_ELEM_DATA));
  element.key = TRY(inside(key, NFTA_DATA_VALUE));
  element.value = TRY(inside(data, NFTA_DATA_VALUE));
  const std::string_view verdict = TRY(inside(data, NFTA_DATA_VERDICT));
  element.chain = text_of({0, TRY(inside(verdict, NFTA_VERDICT_CHAIN))});
  return element;
}

Result<> read_list(std::string_view payload, std::vector<NftElement>& elements) {
  if (payload.size() < sizeof(nfgenmsg))
    return Error{Code::kInvalid, "elements of " + std::to_string(payload.size()) + " bytes"};
  const std::string_view list =
      TRY(inside(payload.substr(sizeof(nfgenmsg)), NFTA_SET_ELEM_LIST_ELEMENTS));
  for (AttributeReader attributes(list); !attributes.done();) {
    const Attribute attribute = TRY(attributes.next());
    elements.push_back(TRY(read_element(attribute.payload)));
  }
  return {};
}

}  // namespace

NftBatch::NftBatch(Netlink& netlink, int family, std::string table)
    : netlink_(netlink), family_(family), table_(std::move(table)) {
  writer_.begin(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, netlink_.next_sequence(),
                header_of(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void NftBatch::begin(uint16_t type, uint16_t flags) {
  ++messages_;
  writer_.begin(type_of(type), NLM_F_REQUEST | flags, netlink_.next_sequence(),
                header_of(static_cast<uint8_t>(family_), 0));
}

void NftBatch::add_table() {
  begin(NFT_MSG_NEWTABLE, NLM_F_CREATE);
  writer_.put_text(NFTA_TABLE_NAME, table_);
}

void NftBatch::delete_table() {
  begin(NFT_MSG_DELTABLE, 0);
  writer_.put_text(NFTA_TABLE_NAME, table_);
}

void NftBatch::add_set(const NftSet& set) {
  begin(NFT_MSG_NEWSET, NLM_F_CREATE);
  uint32_t flags = set.holds == NftSet::Holds::kKeys ? 0 : NFT_SET_MAP;
  if (set.timed_size_max > 0) flags |= NFT_SET_TIMEOUT | NFT_SET_EVAL;
  writer_.put_text(NFTA_SET_TABLE, table_);
  writer_.put_text(NFTA_SET_NAME, set.name);
  put_number(writer_, NFTA_SET_FLAGS, flags);
  put_number(writer_, NFTA_SET_KEY_TYPE, type_number(set.key));
  put_number(writer_, NFTA_SET_KEY_LEN, length_of(set.key));
  put_number(writer_, NFTA_SET_ID, ++set_id_);
  if (set.holds == NftSet::Holds::kVerdicts)
    put_number(writer_, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
  if (set.holds == NftSet::Holds::kValues) {
    put_number(writer_, NFTA_SET_DATA_TYPE, type_number(set.value));
    put_number(writer_, NFTA_SET_DATA_LEN, length_of(set.value));
  }
  if (set.timed_size_max == 0) return;
  const Nest description(writer_, NFTA_SET_DESC);
  put_number(writer_, NFTA_SET_DESC_SIZE, set.timed_size_max);
}

void NftBatch::add_chain(std::string_view name) {
  begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  writer_.put_text(NFTA_CHAIN_TABLE, table_);
  writer_.put_text(NFTA_CHAIN_NAME, name);
}

void NftBatch::add_base_chain(std::string_view name, const NftHook& hook) {
  add_chain(name);
  writer_.put_text(NFTA_CHAIN_TYPE, hook.type);
  const Nest where(writer_, NFTA_CHAIN_HOOK);
  put_number(writer_, NFTA_HOOK_HOOKNUM, hook.hook);
  put_number(writer_, NFTA_HOOK_PRIORITY, static_cast<uint32_t>(hook.priority));
}

void NftBatch::flush_chain(std::string_view name) {
  begin(NFT_MSG_DELRULE, 0);
  writer_.put_text(NFTA_RULE_TABLE, table_);
  writer_.put_text(NFTA_RULE_CHAIN, name);
}

void NftBatch::add_rule(std::string_view chain, const Rule& rule) {
  begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  writer_.put_text(NFTA_RULE_TABLE, table_);
  writer_.put_text(NFTA_RULE_CHAIN, chain);
  writer_.put(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, rule.expressions());
}

void NftBatch::put_elements(uint16_t type, uint16_t flags, std::string_view set,
                            const std::vector<NftElement>& elements) {
  for (size_t from = 0; from < elements.size(); from += kElementsPerMessage) {
    begin(type, flags);
    writer_.put_text(NFTA_SET_ELEM_LIST_TABLE, table_);
    writer_.put_text(NFTA_SET_ELEM_LIST_SET, set);
    const Nest list(writer_, NFTA_SET_ELEM_LIST_ELEMENTS);
    const size_t to = std::min(from + kElementsPerMessage, elements.size());
    for (size_t i = from; i < to; ++i) put_element(writer_, elements[i]);
  }
}

void NftBatch::add_elements(std::string_view set, const std::vector<NftElement>& elements) {
  put_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, elements);
}

void NftBatch::delete_elements(std::string_view set, const std::vector<NftElement>& elements) {
  put_elements(NFT_MSG_DELSETELEM, 0, set, elements);
}

Result<> NftBatch::commit() {
  if (messages_ == 0) return {};
  writer_.ask_for_acknowledgement();
  writer_.begin(NFNL_MSG_BATCH_END, NLM_F_REQUEST, netlink_.next_sequence(),
                header_of(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  TRY(netlink_.exchange(writer_).context("change nftables table " + table_));
  return {};
}

Result<std::vector<NftElement>> read_elements(Netlink& netlink, int family, std::string_view table,
                                              std::string_view set) {
  const std::string context = "read nftables set " + std::string(table) + " " + std::string(set);
  MessageWriter request;
  request.begin(type_of(NFT_MSG_GETSETELEM), NLM_F_REQUEST | NLM_F_DUMP, netlink.next_sequence(),
                header_of(static_cast<uint8_t>(family), 0));
  request.put_text(NFTA_SET_ELEM_LIST_TABLE, table);
  request.put_text(NFTA_SET_ELEM_LIST_SET, set);
  std::vector<NftElement> elements;
  for (const Reply& reply : TRY(netlink.exchange(request).context(context)))
    if (reply.type == type_of(NFT_MSG_NEWSETELEM))
      TRY(read_list(reply.payload, elements).context(context));
  return elements;
}

Result<> remove_table(Netlink& netlink, int family, const std::string& table) {
  NftBatch batch(netlink, family, table);
  batch.add_table();  // so that one that is not there is no error
  batch.delete_table();
  return batch.commit();
}

std::string nft_field(std::string_view bytes) {
  std::string field(bytes);
  field.resize((bytes.size() + 3) & ~size_t{3}, '\0');
  return field;
}

std::string nft_port(uint16_t port) {
  const uint16_t wire = htons(port);
  return nft_field({reinterpret_cast<const char*>(&wire), sizeof wire});
}

std::string nft_protocol(uint8_t protocol) {
  return nft_field({reinterpret_cast<const char*>(&protocol), sizeof protocol});
}

std::string nft_number(uint32_t number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

}  // namespace kist::cni
