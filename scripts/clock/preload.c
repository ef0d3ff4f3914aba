// Moves the wall clock of a program by GATESOCK_CLOCK_OFFSET seconds. scripts/dynamodb-local loads it
// before the C library of the Java virtual machine (LD_PRELOAD). Monotonic clocks are not moved.
// Debian's libfaketime does the same, but makes the start of DynamoDB Local ten times as slow.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*system_clock)(clockid_t, struct timespec *);
static time_t offset;

__attribute__((constructor)) static void begin(void) {
	const char *text = getenv("GATESOCK_CLOCK_OFFSET");

	offset = text ? atoll(text) : 0;
	*(void **)&system_clock = dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t id, struct timespec *now) {
	// Other libraries may ask before this one is initialized.
	int failed = system_clock ? system_clock(id, now) : (int)syscall(SYS_clock_gettime, id, now);

	if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		now->tv_sec += offset;
	return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
	struct timespec t;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &t))
		return -1;
	now->tv_sec = t.tv_sec;
	now->tv_usec = t.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *result) {
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t))
		return -1;
	if (result)
		*result = t.tv_sec;
	return t.tv_sec;
}
