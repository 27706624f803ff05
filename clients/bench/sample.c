#include "clients/bench/sample.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static FILE *open_proc(pid_t pid, const char *what)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    return fopen(path, "re");
}

bool bench_read_memory(pid_t pid, struct bench_memory *memory)
{
    FILE *f = open_proc(pid, "status");
    if (f == NULL)
        return false;
    char line[256];
    uint64_t now = 0, peak = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        sscanf(line, "VmHWM: %" SCNu64 " kB", &peak);
        sscanf(line, "VmRSS: %" SCNu64 " kB", &now);
    }
    fclose(f);
    if (now == 0) /* a process that is ending has no memory any more */
        return false;
    *memory = (struct bench_memory){now * 1024, peak * 1024};
    return true;
}

static unsigned count_files(pid_t pid)
{
    char path[64];
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        n += entry->d_name[0] != '.';
    if (dir != NULL)
        closedir(dir);
    return n;
}

/* A process that is ending has no memory, and fewer files and threads: what was seen before stays. */
void bench_read_held(pid_t pid, struct bench_held *held)
{
    FILE *f = open_proc(pid, "status");
    char line[256];
    uint64_t peak = 0;
    unsigned threads = 0, files = count_files(pid);
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        sscanf(line, "VmHWM: %" SCNu64 " kB", &peak);
        sscanf(line, "Threads: %u", &threads);
    }
    if (f != NULL)
        fclose(f);
    if (peak == 0)
        return;
    held->threads = threads > held->threads ? threads : held->threads;
    held->files = files > held->files ? files : held->files;
    held->peak_bytes = peak * 1024 > held->peak_bytes ? peak * 1024 : held->peak_bytes;
}

bool bench_parse_udp_line(const char *line, unsigned long *inode, uint64_t *drops)
{
    return sscanf(line, " %*u: %*s %*s %*s %*s %*s %*s %*s %*s %lu %*s %*s %" SCNu64, inode, drops) == 2;
}

/* The inodes of all sockets that a process has open. */
static unsigned read_inodes(pid_t pid, unsigned long *inodes, unsigned room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    unsigned n = 0;
    for (struct dirent *entry; dir != NULL && n < room && (entry = readdir(dir)) != NULL;) {
        char target[64];
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (length < 0)
            continue;
        target[length] = '\0';
        if (sscanf(target, "socket:[%lu]", &inodes[n]) == 1)
            n++;
    }
    if (dir != NULL)
        closedir(dir);
    return n;
}

static void keep(struct bench_drops *d, unsigned long inode, uint64_t drops)
{
    unsigned i = 0;
    while (i < d->n && d->socket[i].inode != inode)
        i++;
    if (i == BENCH_DROPS_SOCKETS)
        return;
    if (i == d->n)
        d->n++;
    d->socket[i].inode = inode;
    d->socket[i].drops = drops;
}

void bench_read_drops(pid_t pid, struct bench_drops *d)
{
    unsigned long inodes[1024]; /* as many as nofile allows */
    FILE *f = open_proc(pid, "net/udp");
    if (f == NULL)
        return;
    unsigned n = read_inodes(pid, inodes, 1024);
    char line[256];
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned long inode;
        uint64_t drops;
        if (!bench_parse_udp_line(line, &inode, &drops))
            continue;
        for (unsigned i = 0; i < n; i++)
            if (inodes[i] == inode)
                keep(d, inode, drops);
    }
    d->read = d->read || n > 0;
    fclose(f);
}

uint64_t bench_total_drops(const struct bench_drops *d)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < d->n; i++)
        total += d->socket[i].drops;
    return total;
}
