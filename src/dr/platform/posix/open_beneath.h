#pragma once
// Opening what lies below a directory, so that nobody can lead us out of it.

#include <sys/types.h>

#include <string>

#include "dr/platform/posix/file_descriptor.h"

namespace dr {

// As openat(2), close-on-exec, with these differences: no component is followed as a symbolic link (ELOOP, or ENOTDIR
// in the middle), and nothing above the directory is reached (EXDEV), whoever renames and links below it meanwhile. ""
// is the directory itself. Not open, and errno, where it fails; `mode` goes with O_CREAT alone. O_PATH with O_NOFOLLOW
// opens a symbolic link at the end itself.
FileDescriptor open_beneath(int directory, const std::string& path, int flags, mode_t mode = 0);

// The same, component by component: for kernels before Linux 5.6, and containers and tools that do not let openat2(2)
// through. open_beneath() uses it where it must; no ".." at all may be in the path.
FileDescriptor open_by_component(int directory, const std::string& path, int flags, mode_t mode = 0);

}  // namespace dr
