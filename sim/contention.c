#include "sim/contention.h"

#include "base/clock.h"
#include "base/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES 8u  /* a shell, what it runs, and their helpers */
#define THREADS   16u /* of all of them, to look at: some 10 us each */

struct family {
    pid_t pid[PROCESSES];
    unsigned count, threads;
};

static void add_children(struct family *f, pid_t parent)
{
    char path[64], text[256], *at = text, *end;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    machine_read_file(path, text, sizeof text);
    for (long pid; f->count < PROCESSES && (pid = strtol(at, &end, 10)) > 0; at = end)
        f->pid[f->count++] = (pid_t)pid;
}

static void find_family(struct family *f, pid_t command)
{
    *f = (struct family){.pid = {command}, .count = 1};
    for (unsigned i = 0; i < f->count; i++)
        add_children(f, f->pid[i]);
}

/* Field 39 of a thread's stat, counted from behind its name, which may hold anything. */
static int last_core(const char *path)
{
    char line[1024];
    machine_read_file(path, line, sizeof line);
    const char *at = strrchr(line, ')');
    for (unsigned field = 2; at != NULL && field < 39; field++)
        if ((at = strchr(at + 1, ' ')) == NULL)
            return -1;
    return at != NULL ? atoi(at + 1) : -1;
}

/* Some threads of many are enough: they are those that have been there longest. */
static bool has_thread_on(struct family *f, pid_t pid, int core)
{
    char path[sizeof "/proc/" + 16 + sizeof "/task//stat" + NAME_MAX];
    _Alignas(struct dirent64) char entries[4096];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t n = folder >= 0 ? getdents64(folder, entries, sizeof entries) : 0;
    if (folder >= 0)
        close(folder);
    for (ssize_t i = 0; i < n && f->threads < THREADS; f->threads++) {
        const struct dirent64 *task = (const void *)(entries + i);
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, task->d_name);
        if (task->d_name[0] != '.' && last_core(path) == core)
            return true;
        i += task->d_reclen;
    }
    return false;
}

uint64_t contention_since(struct contention *c)
{
    if (c->command == 0)
        return 0;
    struct family f;
    uint64_t waited_ns = machine_run_queue_ns(), used_ns = 0, one_ns;
    bool shares = false;
    find_family(&f, c->command);
    for (unsigned i = 0; i < f.count; i++) {
        used_ns += clock_process_cpu_ns(f.pid[i], &one_ns) ? one_ns : 0;
        shares = shares || has_thread_on(&f, f.pid[i], sched_getcpu());
    }
    uint64_t waited = waited_ns - c->waited_ns, used = used_ns > c->used_ns ? used_ns - c->used_ns : 0;
    c->waited_ns = waited_ns;
    c->used_ns = used_ns;
    return !shares ? 0 : waited < used ? waited : used;
}

void contention_begin(struct contention *c, pid_t command)
{
    *c = (struct contention){.command = command};
    contention_since(c);
}
