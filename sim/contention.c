#include "sim/contention.h"

#include "base/clock.h"
#include "base/machine.h"

#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 16u /* a shell, what it runs, and their helpers */

struct family {
    pid_t pid[PROCESSES];
    unsigned count;
};

static void add_children(struct family *f, pid_t parent)
{
    char path[64];
    int child;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (f->count < PROCESSES && fscanf(file, "%d", &child) == 1)
        f->pid[f->count++] = child;
    fclose(file);
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
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    size_t n = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[n] = '\0';
    const char *at = strrchr(line, ')');
    for (unsigned field = 2; at != NULL && field < 39; field++)
        if ((at = strchr(at + 1, ' ')) == NULL)
            return -1;
    return at != NULL ? atoi(at + 1) : -1;
}

static bool has_thread_on(pid_t pid, int core)
{
    char path[64 + sizeof((struct dirent *)0)->d_name];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return false;
    for (const struct dirent *task; !found && (task = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, task->d_name);
        found = task->d_name[0] != '.' && last_core(path) == core;
    }
    closedir(tasks);
    return found;
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
        shares = shares || has_thread_on(f.pid[i], sched_getcpu());
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
