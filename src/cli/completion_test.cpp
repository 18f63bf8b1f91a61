#include "cli/completion.h"

#include <gtest/gtest.h>

namespace dr::cli {
namespace {

DescribedCommand program() {
    const DescribedOption help{{"--help", "-h"}, "help", "", false};
    DescribedCommand restore{
        "restore",
        "bring it back",
        {help, {{"--target-path"}, "where [it's] to: here", "DIR", false}, {{"--exclude"}, "not these", "GLOB", true}},
        {},
        {}};
    DescribedCommand completion{"completion", "this", {help}, {"bash|zsh"}, {}};
    DescribedCommand slot{"slot", "slots", {help}, {}, {{"add", "one more", {help}, {}, {}}}};
    DescribedCommand keys{"keys", "keys", {help}, {}, {slot}};
    return {"qnwis_dr",
            "program",
            {help, {{"--config"}, "file", "FILE", false}, {{"--backend"}, "kind", "local|archive", false}},
            {},
            {restore, completion, keys}};
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(Completion, BashKnowsEveryPlace) {
    const std::string script = bash_completion(program());
    EXPECT_TRUE(has(script, "'') words='restore completion keys'; options='--help -h --config --backend' ;;"));
    EXPECT_TRUE(has(script, "'keys slot') words='add'"));
    EXPECT_TRUE(has(script, "'restore') words=''; options='--help -h --target-path --exclude --config --backend' ;;"));
    EXPECT_TRUE(has(script, "'completion') words='bash zsh'"));
    EXPECT_TRUE(has(script, "--backend) COMPREPLY=($(compgen -W 'local archive' -- \"$cur\")); return ;;"));
    EXPECT_TRUE(has(script, "complete -F _qnwis_dr qnwis_dr"));
}

TEST(Completion, ZshHasAFunctionForEachCommand) {
    const std::string script = zsh_completion(program());
    for (const char* name : {"_qnwis_dr() {", "_qnwis_dr__restore() {", "_qnwis_dr__keys__slot__add() {"})
        EXPECT_TRUE(has(script, name)) << name;
    EXPECT_TRUE(has(script, "'--target-path[where \\[it'\\''s\\] to\\: here]:directory:_files -/'"));
    EXPECT_TRUE(has(script, "'*--exclude[not these]:value: '"));
    EXPECT_TRUE(script.starts_with("#compdef qnwis_dr\n"));
}

TEST(Completion, FishAsksWhereItIs) {
    const std::string script = fish_completion(program());
    EXPECT_TRUE(has(script, "-n '__qnwis_dr_place \" keys slot\"' -a 'add' -d 'one more'"));
    EXPECT_TRUE(has(script, "-n '__qnwis_dr_place \" restore\"' -l target-path -x -a '(__fish_complete_directories)'"));
    EXPECT_TRUE(has(script, "-n '__qnwis_dr_place \"\"' -s h"));
}

}  // namespace
}  // namespace dr::cli
