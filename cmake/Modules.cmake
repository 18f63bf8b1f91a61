# dr_module(NAME [NEEDS module…] [LIBS target…]) makes the library dr_NAME of every .cpp beside it, and the test program
# dr_NAME_test of every *_test.cpp. A new file needs no change here.
function(dr_module name)
    cmake_parse_arguments(arg "" "" "NEEDS;LIBS" ${ARGN})
    set(dir ${CMAKE_CURRENT_SOURCE_DIR}/dr/${name})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cpp)
    set(tests ${sources})
    list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
    list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
    if(NOT sources)
        add_library(dr_${name} INTERFACE)
        set(scope INTERFACE)
    else()
        add_library(dr_${name} STATIC ${sources})
        set(scope PUBLIC)
    endif()
    target_include_directories(dr_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
    list(TRANSFORM arg_NEEDS PREPEND dr_)
    target_link_libraries(dr_${name} ${scope} ${arg_NEEDS} ${arg_LIBS} Threads::Threads)
    if(DR_BUILD_TESTS AND tests)
        dr_test(dr_${name}_test SOURCES ${tests} NEEDS ${name})
    endif()
endfunction()

# dr_test(TARGET SOURCES file… [NEEDS module…] [LABELS label…]) makes one GoogleTest program and tells ctest of its tests.
function(dr_test target)
    cmake_parse_arguments(arg "" "" "SOURCES;NEEDS;LABELS" ${ARGN})
    find_package(GTest REQUIRED)
    include(GoogleTest)
    add_executable(${target} ${arg_SOURCES})
    list(TRANSFORM arg_NEEDS PREPEND dr_)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(${target} PRIVATE ${arg_NEEDS} GTest::gtest_main)
    gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600 LABELS "unit;${arg_LABELS}")
endfunction()

# FORMAT.md goes into the program: format_text.cpp is made of it. A raw string literal holds at most 64 KiB; checked here.
function(dr_embed_format target)
    set(source ${CMAKE_SOURCE_DIR}/docs/FORMAT.md)
    set(made ${CMAKE_CURRENT_BINARY_DIR}/format_text.cpp)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(READ ${source} text)
    string(LENGTH "${text}" length)
    if(length GREATER 60000)
        message(FATAL_ERROR "docs/FORMAT.md is too long for one string literal")
    endif()
    file(CONFIGURE OUTPUT ${made} @ONLY CONTENT [[#include "dr/repository/format_text.h"

namespace dr {

std::string_view format_text() {
    return R"FORMAT(@text@)FORMAT";
}

}  // namespace dr
]])
    target_sources(${target} PRIVATE ${made})
endfunction()
