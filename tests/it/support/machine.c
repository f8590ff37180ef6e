/* A machine that is another one for a process that this is loaded into: its wall clock is so many seconds
 * ahead as CLOCK_AHEAD says, and what is written through to the disk fails once where the file SYNC_FAILS is
 * there, which it takes away, and hangs as long as the file SYNC_HANGS is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    int (*real)(clockid_t, struct timespec *) =
        (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(clock, at);
    const char *ahead = getenv("CLOCK_AHEAD");
    if (done == 0 && clock == CLOCK_REALTIME && ahead) {
        at->tv_sec += atol(ahead);
    }
    return done;
}

static int synced(const char *name, int file) {
    const char *hangs = getenv("SYNC_HANGS"), *fails = getenv("SYNC_FAILS");
    while (hangs && access(hangs, F_OK) == 0) {
        usleep(10000);
    }
    if (fails && unlink(fails) == 0) {
        errno = EIO;
        return -1;
    }
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return synced("fsync", file); }
int fdatasync(int file) { return synced("fdatasync", file); }
