/* What we are measured against, as bare as it gets.
 *
 *   peers spawn N PROGRAM...       posix_spawn and waitpid, N times; prints the microseconds taken
 *   peers accept ADDRESS PORT PROGRAM...   accept, posix_spawn with the connection as 0 and 1, for ever
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int spawn_loop(int times, char **program) {
    double start = now();
    for (int i = 0; i < times; i++) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, program[0], NULL, NULL, program, environ) != 0) fail(program[0]);
        if (waitpid(pid, &status, 0) < 0) fail("waitpid");
    }
    printf("%.0f\n", now() - start);
    return 0;
}

static _Noreturn void accept_loop(const char *address, int port, char **program) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &name.sin_addr);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&name, sizeof name) < 0) fail("bind");
    if (listen(listener, 128) < 0) fail("listen");
    signal(SIGCHLD, SIG_IGN);
    puts("listening");
    fflush(stdout);
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0) fail("accept");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, connection, 0);
        posix_spawn_file_actions_adddup2(&actions, connection, 1);
        pid_t pid;
        if (posix_spawn(&pid, program[0], &actions, NULL, program, environ) != 0) fail(program[0]);
        posix_spawn_file_actions_destroy(&actions);
        close(connection);
    }
}

int main(int argc, char **argv) {
    if (argc > 3 && strcmp(argv[1], "spawn") == 0) return spawn_loop(atoi(argv[2]), argv + 3);
    if (argc > 4 && strcmp(argv[1], "accept") == 0) accept_loop(argv[2], atoi(argv[3]), argv + 4);
    fprintf(stderr, "usage: peers spawn N PROGRAM... | accept ADDRESS PORT PROGRAM...\n");
    return 2;
}
