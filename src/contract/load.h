// The reader of contracts, apart from the disk. In: the text of a contract, and a way to read the files it
// names. Out: a Contract, or bad_input with file, line and column.
#pragma once
#include <functional>
#include <string>

#include "contract/contract.h"

namespace bw::contract {

struct Files {
  std::function<Result<std::string>(const std::string& path)> read;
  std::function<bool(const std::string& path)> exists;
};
// `path` is what errors call it; files it names are relative to its folder.
Result<Contract> parse(const std::string& text, const std::string& path, const Files& files);

// What one key says of another. `wrong_at` makes the Error at the place of a key ("classes.x.chain[1]").
using WrongAt = std::function<Error(const std::string& key, const std::string& message, std::string next)>;
Status check_names(const Contract& contract, const WrongAt& wrong_at);

// Every schema of it can be checked and, where answers are to be decoded under it, enforced; else the Error
// that names the keyword.
Status check_schemas(const Contract& contract);

}  // namespace bw::contract
