#include "clients/bench/machine.h"

#include "clients/bench/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The value of the first line "KEY<separator> VALUE" of a file, without quotes. */
static void read_value(const char *file, const char *key, char separator, char *into, size_t room)
{
    char line[256];
    FILE *f = fopen(file, "re");
    snprintf(into, room, "?");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *value = strchr(line, separator);
        if (strncmp(line, key, strlen(key)) != 0 || value == NULL)
            continue;
        value += 1 + strspn(value + 1, " \t\"");
        value[strcspn(value, "\"\n")] = '\0';
        snprintf(into, room, "%s", value);
        break;
    }
    if (f != NULL)
        fclose(f);
}

void bench_read_machine(struct bench_machine *m)
{
    struct utsname u;
    bool known = uname(&u) == 0;
    snprintf(m->host, sizeof m->host, "%.70s", known ? u.nodename : "?");
    snprintf(m->kernel, sizeof m->kernel, "%.10s %.60s", known ? u.sysname : "?", known ? u.release : "?");
    read_value("/etc/os-release", "PRETTY_NAME", '=', m->system, sizeof m->system);
    read_value("/proc/cpuinfo", "model name", ':', m->processor, sizeof m->processor);
    text_bytes((double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), m->memory);
    double load = 0;
    snprintf(m->load, sizeof m->load, "%.2f", getloadavg(&load, 1) == 1 ? load : 0);
    m->cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}
