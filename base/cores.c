#include "base/cores.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One number of the list; *text moves behind it. */
static bool take_core(const char **text, unsigned long *core)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *core = strtoul(*text, &end, 10);
    *text = end;
    return errno == 0 && *core < CPU_SETSIZE;
}

static bool take_range(const char **text, cpu_set_t *set)
{
    unsigned long first, last;
    if (!take_core(text, &first))
        return false;
    last = first;
    if (**text == '-') {
        ++*text;
        if (!take_core(text, &last) || last < first)
            return false;
    }
    for (unsigned long i = first; i <= last; i++)
        CPU_SET(i, set);
    return true;
}

int cores_parse(const char *text, cpu_set_t *set)
{
    cpu_set_t found;
    CPU_ZERO(&found);
    bool is_good = true;
    for (bool first = true; is_good && *text != '\0' && *text != '\n'; first = false) {
        is_good = first || *text++ == ',';
        is_good = is_good && take_range(&text, &found);
    }
    if (!is_good || (*text == '\n' && text[1] != '\0'))
        return -1;
    *set = found;
    return 0;
}

/* The end of the run of cores that begins at `first`. */
static unsigned run_end(const cpu_set_t *set, unsigned first)
{
    while (first + 1 < CPU_SETSIZE && CPU_ISSET(first + 1, set))
        first++;
    return first;
}

void cores_show(const cpu_set_t *set, char text[CORES_TEXT])
{
    size_t n = 0;
    snprintf(text, CORES_TEXT, "none");
    for (unsigned i = 0; i < CPU_SETSIZE && n + 1 < CORES_TEXT; i++) {
        if (!CPU_ISSET(i, set))
            continue;
        unsigned last = run_end(set, i);
        const char *comma = n > 0 ? "," : "";
        int more = last > i ? snprintf(text + n, CORES_TEXT - n, "%s%u-%u", comma, i, last)
                            : snprintf(text + n, CORES_TEXT - n, "%s%u", comma, i);
        n += (size_t)more;
        i = last;
    }
}

void cores_online(cpu_set_t *set)
{
    char line[4096] = "";
    FILE *f = fopen("/sys/devices/system/cpu/online", "re");
    bool known = f != NULL && fgets(line, sizeof line, f) != NULL && cores_parse(line, set) == 0;
    if (f != NULL)
        fclose(f);
    if (known)
        return;
    CPU_ZERO(set);
    for (long i = 0, n = sysconf(_SC_NPROCESSORS_ONLN); i < n && i < CPU_SETSIZE; i++)
        CPU_SET((size_t)i, set);
}
