/* Makes each read of file content take 30 ms more (LD_PRELOAD): what needs a moment to be seen on a fast machine can be tested on any. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

ssize_t pread(int file, void* into, size_t size, off_t offset) {
    const struct timespec moment = {0, 30 * 1000 * 1000};
    if (size >= 65536) nanosleep(&moment, 0);
    return syscall(SYS_pread64, file, into, size, offset);
}

ssize_t pread64(int file, void* into, size_t size, off_t offset) { return pread(file, into, size, offset); }

ssize_t __pread_chk(int file, void* into, size_t size, off_t offset, size_t room) {
    (void)room;
    return pread(file, into, size, offset);
}

ssize_t __pread64_chk(int file, void* into, size_t size, off_t offset, size_t room) {
    (void)room;
    return pread(file, into, size, offset);
}
