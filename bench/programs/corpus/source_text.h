#pragma once
// SourceText: text that looks and compresses like the C of a large old project. Files share licence headers, a
// vocabulary of identifiers and the habits of their authors; each subsystem has names of its own on top.

#include <string>
#include <vector>

#include "support.h"

namespace bench {

class SourceText {
public:
    explicit SourceText(std::uint64_t seed);

    // A file of `size` bytes of subsystem `subsystem`. Thread-safe.
    std::string file(std::size_t size, std::uint64_t subsystem, Random& random) const;

private:
    struct Voice;  // the names one file draws from

    Voice make_voice(std::uint64_t subsystem, Random& random) const;
    void add_statement(std::string& text, const Voice& voice, Random& random) const;
    void add_function(std::string& text, const Voice& voice, Random& random) const;
    void add_definition(std::string& text, const Voice& voice, Random& random) const;

    std::vector<std::string> words_;    // parts of identifiers
    std::vector<std::string> globals_;  // identifiers every file may call
    std::vector<std::string> headers_;  // licences and includes
};

}  // namespace bench
