#pragma once
// Result<T>: the outcome of something that can fail: a value, or an Error. A thin layer on std::expected that cannot be
// dropped unread and takes an Error as it is. value() where there is none is a bug and stops the program.

#include <expected>
#include <utility>

#include "dr/base/check.h"
#include "dr/base/error.h"

namespace dr {

template <typename T>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(T value) : state_(std::move(value)) {}
    Result(Error error) : state_(std::unexpect, std::move(error)) {}

    bool ok() const { return state_.has_value(); }
    const T& value() const& {
        DR_CHECK(ok());
        return *state_;
    }
    T& value() & {
        DR_CHECK(ok());
        return *state_;
    }
    T value() && {
        DR_CHECK(ok());
        return std::move(*state_);
    }
    const Error& error() const& {
        DR_CHECK(!ok());
        return state_.error();
    }
    Error error() && {
        DR_CHECK(!ok());
        return std::move(state_.error());
    }

private:
    std::expected<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : state_(std::unexpect, std::move(error)) {}

    bool ok() const { return state_.has_value(); }
    void value() const { DR_CHECK(ok()); }
    const Error& error() const& {
        DR_CHECK(!ok());
        return state_.error();
    }
    Error error() && {
        DR_CHECK(!ok());
        return std::move(state_.error());
    }

private:
    std::expected<void, Error> state_;
};

}  // namespace dr

// The value of an expression, or an early return of its error from the enclosing function (in a lambda: from the
// lambda).
#define DR_TRY(...)                                                 \
    __extension__({                                                 \
        auto dr_result_ = (__VA_ARGS__);                            \
        if (!dr_result_.ok()) return std::move(dr_result_).error(); \
        std::move(dr_result_).value();                              \
    })
