#include "corpus/source_text.h"

#include <array>

namespace bench {
namespace {

constexpr std::size_t kWordCount = 3000;
constexpr std::size_t kGlobalCount = 6000;
constexpr std::size_t kHeaderCount = 60;

std::string make_word(Random& random) {
    static constexpr std::array<const char*, 40> kSyllables{
        "re", "con", "de",  "in",  "dis", "pro", "ad",  "ex",  "sub", "ob",  "st",   "tr",  "pl",  "gr",
        "fl", "ch",  "sh",  "th",  "qu",  "map", "buf", "len", "cap", "reg", "clk",  "irq", "dev", "ctl",
        "io", "mem", "net", "blk", "msg", "cfg", "ops", "set", "get", "key", "lock", "page"};
    std::string word;
    const std::uint64_t parts = 1 + random.below(3);
    for (std::uint64_t i = 0; i < parts; ++i) word += kSyllables[random.below(kSyllables.size())];
    return word;
}

const std::string& pick(const std::vector<std::string>& from, Random& random) {
    return from[random.skewed_below(from.size())];
}

std::string hexadecimal(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%02llx", static_cast<unsigned long long>(value));
    return text;
}

// A comment's sentence: most of the entropy of a source tree is in names, numbers and prose.
void add_sentence(std::string& text, const std::vector<std::string>& words, std::uint64_t count, Random& random) {
    static constexpr std::array<const char*, 24> kGlue{
        "the ", "of ", "a ",    "to ", "is ",   "and ",  "for ",  "in ",  "if ",   "this ", "not ", "be ",
        "we ",  "it ", "that ", "on ", "with ", "must ", "from ", "can ", "when ", "by ",   "so ",  "as "};
    for (std::uint64_t i = 0; i < count; ++i) {
        text += random.below(100) < 45 ? kGlue[random.skewed_below(kGlue.size())] : pick(words, random) + " ";
    }
}

}  // namespace

struct SourceText::Voice {
    std::string prefix;               // "drv_foo_": stands before most names of the file
    std::vector<std::string> locals;  // variables and members
    std::vector<std::string> calls;   // functions of this file and of the project
    std::vector<std::string> types;
};

SourceText::SourceText(std::uint64_t seed) {
    Random random{seed};
    for (std::size_t i = 0; i < kWordCount; ++i) words_.push_back(make_word(random));
    for (std::size_t i = 0; i < kGlobalCount; ++i) {
        globals_.push_back(words_[random.below(kWordCount)] + "_" + words_[random.below(kWordCount)]);
    }
    for (std::size_t i = 0; i < kHeaderCount; ++i) {
        std::string header = "/* SPDX-License-Identifier: GPL-2.0-only */\n/*\n";
        const std::uint64_t lines = 2 + random.below(14);
        for (std::uint64_t line = 0; line < lines; ++line) {
            header += " * ";
            add_sentence(header, words_, 9, random);
            header += "\n";
        }
        header += " */\n\n";
        const std::uint64_t includes = 3 + random.below(9);
        for (std::uint64_t line = 0; line < includes; ++line)
            header += "#include <linux/" + pick(words_, random) + ".h>\n";
        headers_.push_back(header + "\n");
    }
}

SourceText::Voice SourceText::make_voice(std::uint64_t subsystem, Random& random) const {
    Random shared = Random::for_part(0x5eed, subsystem);
    Voice voice;
    voice.prefix = words_[shared.below(kWordCount)] + "_";
    if (random.below(2) == 0) voice.prefix += words_[random.below(kWordCount)] + "_";
    const auto own = [&](Random& from) { return voice.prefix + words_[from.below(kWordCount)]; };
    for (int i = 0; i < 40; ++i) voice.locals.push_back(words_[(i % 2 == 0 ? shared : random).below(kWordCount)]);
    for (int i = 0; i < 30; ++i) voice.calls.push_back(i % 3 != 0 ? pick(globals_, random) : own(random));
    for (int i = 0; i < 6; ++i) voice.types.push_back("struct " + own(i % 2 == 0 ? shared : random));
    return voice;
}

void SourceText::add_statement(std::string& text, const Voice& voice, Random& random) const {
    const std::string& a = pick(voice.locals, random);
    const std::string& b = pick(voice.locals, random);
    const std::string& call = pick(voice.calls, random);
    switch (random.below(12)) {
        case 0: text += "\tif (!" + a + ")\n\t\treturn -EINVAL;\n"; break;
        case 1: text += "\tret = " + call + "(" + a + ", " + b + ");\n\tif (ret < 0)\n\t\tgoto err_" + a + ";\n"; break;
        case 2: text += "\t" + a + "->" + b + " = " + pick(words_, random) + ";\n"; break;
        case 3: text += "\t" + call + "(&" + a + "->" + b + ");\n"; break;
        case 4:
            text += "\tfor (i = 0; i < " + a + "->num_" + b + "; i++) {\n\t\t" + call + "(" + a + "[i]);\n\t}\n";
            break;
        case 5:
            text += "\twritel(" + hexadecimal(random.below(1ULL << 32)) + ", " + a + "->base + " +
                    hexadecimal(random.below(1024) * 4) + ");\n";
            break;
        case 6:
            text += "\tdev_err(" + a + "->dev, \"failed to ";
            add_sentence(text, words_, 3, random);
            text += "(%d)\\n\", ret);\n";
            break;
        case 7:
            text += "\n\t/* ";
            add_sentence(text, words_, 6 + random.below(14), random);
            text += "*/\n";
            break;
        case 8:
            text += "\tswitch (" + a + "->" + b + ") {\n\tcase " + voice.prefix + pick(words_, random) + ":\n\t\t" +
                    call + "(" + a + ");\n\t\tbreak;\n\t}\n";
            break;
        case 9: text += "\t" + a + " = " + call + "(" + b + ", sizeof(*" + b + "), GFP_KERNEL);\n"; break;
        case 10:
            text += "\tmutex_lock(&" + a + "->lock);\n\t" + call + "(" + b + ");\n\tmutex_unlock(&" + a + "->lock);\n";
            break;
        default:
            text += "\tif (" + a + " & " + voice.prefix + "MASK)\n\t\t" + b + " |= BIT(" +
                    std::to_string(random.below(32)) + ");\n";
            break;
    }
}

void SourceText::add_function(std::string& text, const Voice& voice, Random& random) const {
    const std::string& type = pick(voice.types, random);
    text += "static int " + voice.prefix + pick(words_, random) + "(" + type + " *" + pick(voice.locals, random) +
            ", u32 " + pick(voice.locals, random) + ")\n{\n";
    text += "\t" + type + " *" + pick(voice.locals, random) + " = to_" + voice.prefix + "priv(dev);\n\tint i, ret;\n\n";
    const std::uint64_t statements = 3 + random.skewed_below(24);
    for (std::uint64_t i = 0; i < statements; ++i) add_statement(text, voice, random);
    text += "\n\treturn 0;\n}\n\n";
}

// A register table: the long generated-looking headers of a driver.
void SourceText::add_definition(std::string& text, const Voice& voice, Random& random) const {
    const std::uint64_t rows = 4 + random.below(24);
    const std::string& block = pick(words_, random);
    for (std::uint64_t i = 0; i < rows; ++i) {
        text += "#define " + voice.prefix + block + "_" + pick(words_, random) + "__SHIFT\t\t" +
                hexadecimal(random.below(1U << 16)) + "\n";
    }
    text += "\n";
}

std::string SourceText::file(std::size_t size, std::uint64_t subsystem, Random& random) const {
    const Voice voice = make_voice(subsystem, random);
    std::string text;
    text.reserve(size + 4096);
    text += headers_[(subsystem + random.below(3)) % kHeaderCount];
    while (text.size() < size) {
        if (random.below(5) == 0) {
            add_definition(text, voice, random);
        } else {
            add_function(text, voice, random);
        }
    }
    text.resize(size);
    return text;
}

}  // namespace bench
