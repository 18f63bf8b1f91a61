/* Other disks (LD_PRELOAD): reads of files below packs/ that need byte BAD_SECTOR fail with EIO, and so does every write to a file whose path holds BAD_TARGET;
   with SLOW_READS each read of file content takes 30 ms more: what needs a moment to be seen on a fast machine can be tested on any. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int path_has(int file, const char* part) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, part) != 0;
}

static int fail(void) {
    errno = EIO;
    return -1;
}

ssize_t pread(int file, void* into, size_t size, off_t offset) {
    const char* bad = getenv("BAD_SECTOR");
    const off_t at = bad == 0 ? -1 : atoll(bad);
    if (at >= offset && at < offset + (off_t)size && path_has(file, "/packs/")) return fail();
    const struct timespec moment = {0, 30 * 1000 * 1000};
    if (size >= 65536 && getenv("SLOW_READS") != 0) nanosleep(&moment, 0);
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

ssize_t pwrite(int file, const void* from, size_t size, off_t offset) {
    const char* bad = getenv("BAD_TARGET");
    if (bad != 0 && path_has(file, bad)) return fail();
    return syscall(SYS_pwrite64, file, from, size, offset);
}

ssize_t pwrite64(int file, const void* from, size_t size, off_t offset) { return pwrite(file, from, size, offset); }
