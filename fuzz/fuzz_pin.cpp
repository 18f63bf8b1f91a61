// A pin is a file of the user's own, but files get damaged.
#include "dr/base/check.h"
#include "dr/repository/pins.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const dr::Result<dr::Pin> pin = dr::parse_pin(dr::as_text({data, size}));
    if (pin.ok()) {
        DR_CHECK(dr::parse_pin(dr::print_pin(pin.value())).value() == pin.value());
    }
    return 0;
}
