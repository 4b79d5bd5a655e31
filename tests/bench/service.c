/* The smallest services, linked statically, so that the daemon is measured and not the loader.
 *
 *   service stamp SOCKET   sends "PID NANOSECONDS" (CLOCK_MONOTONIC) to a datagram socket, then waits
 *   service byte           writes one byte to standard output and ends
 *   service lines BYTES    writes so many bytes of 100-byte lines to standard output
 *   service true           ends
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int stamp(const char *path) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    char text[64];
    int length = snprintf(text, sizeof text, "%d %lld", (int)getpid(), t.tv_sec * 1000000000LL + t.tv_nsec);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    int s = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (sendto(s, text, length, 0, (struct sockaddr *)&name, sizeof name) < 0) return 1;
    for (;;) pause();
}

static int lines(long long total) {
    static char chunk[65500];
    for (size_t i = 0; i < sizeof chunk; i++) chunk[i] = i % 100 == 99 ? '\n' : 'a' + i % 26;
    while (total > 0) {
        ssize_t done = write(1, chunk, total < (long long)sizeof chunk ? (size_t)total : sizeof chunk);
        if (done < 0) return 1;
        total -= done;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "stamp") == 0) return stamp(argv[2]);
    if (argc > 2 && strcmp(argv[1], "lines") == 0) return lines(atoll(argv[2]));
    if (argc > 1 && strcmp(argv[1], "byte") == 0) return write(1, "x", 1) != 1;
    if (argc > 1 && strcmp(argv[1], "true") == 0) return 0;
    return 2;
}
