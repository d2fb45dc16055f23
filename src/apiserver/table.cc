// Columns and cells come from the resource's printer; the frame around them is made here.
#include "src/apiserver/table.h"

#include "src/apiserver/registry/printers/printers.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

const Printer& printer_of(const View& view) {
  const Printer* printer = view.served->storage->printer;
  return printer != nullptr && printer->print != nullptr ? *printer : kDefaultPrinter;
}

std::string head(const View& view) {
  return "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/" +
         std::string(view.format.shape_version) + "\",\"metadata\":";
}

void append_columns(std::string& out, const Printer& printer) {
  out += ",\"columnDefinitions\":[";
  bool first = true;
  for (const Column& column : printer.columns) {
    if (!std::exchange(first, false)) out += ',';
    out += "{\"name\":" + json_string(column.name) + ",\"type\":" + json_string(column.type) +
           ",\"format\":" + json_string(column.format) +
           ",\"description\":" + json_string(column.doc) +
           ",\"priority\":" + std::to_string(column.priority) + "}";
  }
  out += ']';
}

void append_row_object(std::string& out, const View& view, const Slice& stored) {
  if (view.include == IncludeObject::kNone) {
    out += "null";
  } else if (view.include == IncludeObject::kObject) {
    out += served_json(*view.served, stored).view();
  } else {
    std::string_view metadata = raw_member(stored.view(), "metadata");
    out += R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/)";
    out.append(view.format.shape_version) += "\",\"metadata\":";
    out.append(metadata.empty() ? "{}" : metadata) += '}';
  }
}

void append_row(std::string& out, const View& view, const Printer& printer, const Slice& stored) {
  Result<api::Json> parsed = api::parse_json(stored.view());
  if (!parsed.ok()) return;  // our own text: cannot be
  api::Json& json = parsed.value();
  api::Value cells(rapidjson::kArrayType);
  printer.print(json.root(), view.now, cells, json.allocator());
  out += "{\"cells\":" + api::to_text(cells);
  if (printer.conditions != nullptr) {
    api::Value conditions(rapidjson::kArrayType);
    printer.conditions(json.root(), conditions, json.allocator());
    if (!conditions.Empty()) out += ",\"conditions\":" + api::to_text(conditions);
  }
  out += ",\"object\":";
  append_row_object(out, view, stored);
  out += '}';
}

std::string table(const View& view, const Printer& printer, std::string_view metadata,
                  const std::vector<Slice>& rows) {
  std::string out = head(view).append(metadata);
  append_columns(out, printer);
  out += ",\"rows\":[";
  bool first = true;
  for (const Slice& row : rows) {
    if (!std::exchange(first, false)) out += ',';
    append_row(out, view, printer, row);
  }
  return out += "]}";
}

}  // namespace

std::string table_of_object(const View& view, const Slice& stored) {
  Object object(view.served->cache->index(), stored, 0);
  std::string metadata =
      "{\"resourceVersion\":" + json_string(object.slot(FieldIndex::kVersion)) + "}";
  return table(view, printer_of(view), metadata, {stored});
}

std::string table_of_scale(const View& view, std::string_view revision, Slice scale) {
  std::string metadata = "{\"resourceVersion\":" + json_string(revision) + "}";
  return table(view, kScalePrinter, metadata, {std::move(scale)});
}

std::string table_of_list(const View& view, const std::vector<ObjectPtr>& objects,
                          const ListMeta& meta) {
  std::string metadata = R"({"resourceVersion":")" + std::to_string(meta.revision) + "\"";
  if (!meta.continue_token.empty()) metadata += ",\"continue\":" + json_string(meta.continue_token);
  if (meta.remaining >= 0) metadata += ",\"remainingItemCount\":" + std::to_string(meta.remaining);
  std::vector<Slice> rows;
  rows.reserve(objects.size());
  for (const ObjectPtr& object : objects) rows.push_back(object->bytes());
  return table(view, printer_of(view), metadata + "}", rows);
}

std::string table_of_bookmark(const View& view, int64_t revision, std::string_view metadata) {
  // kubectl reads the revision from the row's object, informers from the table's own metadata.
  std::string out = head(view) + R"({"resourceVersion":")" + std::to_string(revision) + "\"}";
  const Printer& printer = printer_of(view);
  append_columns(out, printer);
  out += ",\"rows\":[{\"cells\":[";
  for (size_t i = 0; i < printer.columns.size(); ++i) {
    out += i == 0 ? "\"\"" : ",\"\"";
  }
  out += R"(],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/)";
  out.append(view.format.shape_version) += "\",\"metadata\":";
  return out.append(metadata) += "}}]}";
}

}  // namespace kist::apiserver
