/* What the kernel tells of another process: its memory, and the datagrams that its UDP sockets dropped. From /proc; a process
 * that is gone tells nothing. */
#ifndef CAPLAY_CLIENTS_BENCH_SAMPLE_H
#define CAPLAY_CLIENTS_BENCH_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_memory { /* resident bytes */
    uint64_t now, peak;
};

bool bench_read_memory(pid_t pid, struct bench_memory *memory);

/* The most that was seen of a process. Zeroed: never looked at. */
struct bench_held {
    unsigned threads, files;
    uint64_t peak_bytes;
};

/* Raise *held to what the process holds now. */
void bench_read_held(pid_t pid, struct bench_held *held);

/* Drops by socket, so that those of a socket that was closed meanwhile still count. Zeroed: nothing read yet. */
#define BENCH_DROPS_SOCKETS 64
struct bench_drops {
    struct {
        unsigned long inode;
        uint64_t drops;
    } socket[BENCH_DROPS_SOCKETS];
    unsigned n;
    bool read; /* at least once: 0 sockets then means that it had none */
};

/* Bring *drops up to date with the process's sockets of now. */
void bench_read_drops(pid_t pid, struct bench_drops *drops);
uint64_t bench_total_drops(const struct bench_drops *drops);

/* One line of /proc/PID/net/udp; false: not a socket's line. */
bool bench_parse_udp_line(const char *line, unsigned long *inode, uint64_t *drops);

#endif
