#pragma once
// The passes whose time is "the limit" of DESIGN 11: all the work a backup cannot avoid and none that it could, done
// plainly on all cores. What they leave out is said in README.md.

#include <cstdint>
#include <string>

namespace bench {

struct PassResult {
    std::uint64_t entries = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t bytes_allocated = 0;  // walk only
};

struct BackupPass {
    std::string source;
    std::string output;  // an existing directory that holds no pass yet
    unsigned threads = 1;
    bool cuts = true;  // false: chunks of exactly 1 MiB
    // Each small file is looked at again after it was read, and asked for its attributes and flags. Not part of "the
    // limit": it says how much of the distance to it is this (ADR 14).
    bool faithful = false;
    // An earlier pass over the same source: files not modified since then are only looked at, chunks it holds are not
    // stored again. Empty: everything is new.
    std::string known;
    std::int64_t newer_than_seconds = 0;
};

PassResult backup_pass(const BackupPass& request);
PassResult restore_pass(const std::string& input, const std::string& target, unsigned threads);
PassResult verify_pass(const std::string& input, unsigned threads);
PassResult walk_pass(const std::string& source);

}  // namespace bench
