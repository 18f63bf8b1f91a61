#pragma once
// Advice: what an error means and what to type next, where the floor that made it could not know.

#include <string>

#include "dr/base/error.h"

namespace dr::cli {

// `again`: the line that failed, as it was typed. What the error says itself stays.
Error with_advice(Error error, const std::string& again);

}  // namespace dr::cli
