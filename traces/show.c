#include "traces/show.h"

#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool is_plain(unsigned char c, bool blank)
{
    return c < 0x80 && c != '\\' && c != '"' && (isgraph(c) || (blank && c == ' '));
}

static const char *escape(unsigned char c, bool blank, char out[8])
{
    snprintf(out, 8, is_plain(c, blank) ? "%c" : "\\x%02x", c);
    return out;
}

void show_name(FILE *out, const char *name)
{
    char one[8];
    for (; *name != '\0'; name++)
        fputs(escape((unsigned char)*name, false, one), out);
}

void show_name_into(const char *name, char *out, size_t room)
{
    char one[8];
    size_t used = 0;
    for (; *name != '\0'; name++) {
        const char *shown = escape((unsigned char)*name, false, one);
        if (used + strlen(shown) >= room)
            break;
        memcpy(out + used, shown, strlen(shown));
        used += strlen(shown);
    }
    out[used] = '\0';
}

void show_quoted(FILE *out, const char *text)
{
    char one[8];
    fputc('"', out);
    for (; *text != '\0'; text++)
        fputs(escape((unsigned char)*text, true, one), out);
    fputc('"', out);
}

const char *show_duration(uint64_t ns, char out[SHOW_BYTES])
{
    if (ns < 1000)
        snprintf(out, SHOW_BYTES, "%" PRIu64 "ns", ns);
    else if (ns < 1000000)
        snprintf(out, SHOW_BYTES, "%.1fus", (double)ns / 1e3);
    else if (ns < CLOCK_NS)
        snprintf(out, SHOW_BYTES, "%.2fms", (double)ns / 1e6);
    else
        snprintf(out, SHOW_BYTES, "%.2fs", (double)ns / 1e9);
    return out;
}

const char *show_address(uint32_t address, char out[SHOW_BYTES])
{
    snprintf(out, SHOW_BYTES, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
    return out;
}

const char *show_endpoint(uint32_t address, uint16_t port, char out[SHOW_BYTES])
{
    if (address == 0)
        return "-";
    show_address(address, out);
    size_t used = strlen(out);
    snprintf(out + used, SHOW_BYTES - used, ":%u", port);
    return out;
}

const char *show_time(uint64_t seconds, uint32_t nanoseconds, char out[SHOW_BYTES])
{
    struct tm tm;
    const time_t t = (time_t)seconds;
    size_t used = gmtime_r(&t, &tm) != NULL ? strftime(out, SHOW_BYTES, "%Y-%m-%dT%H:%M:%S", &tm) : 0;
    snprintf(out + used, SHOW_BYTES - used, ".%09uZ", nanoseconds);
    return out;
}

const char *show_severity(unsigned severity)
{
    static const char *const names[] = {"NO_ALARM", "MINOR", "MAJOR", "INVALID"};
    return severity < sizeof names / sizeof *names ? names[severity] : "?";
}

const char *show_alarm(unsigned status)
{
    static const char *const names[] = {
        "NO_ALARM", "READ", "WRITE", "HIHI", "HIGH", "LOLO",    "LOW", "STATE",   "COS",  "COMM",        "TIMEOUT",
        "HWLIMIT",  "CALC", "SCAN",  "LINK", "SOFT", "BAD_SUB", "UDF", "DISABLE", "SIMM", "READ_ACCESS", "WRITE_ACCESS",
    };
    return status < sizeof names / sizeof *names ? names[status] : "?";
}

void show_begin(void)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe then shows as a failed write */
}

bool show_is_closed(void)
{
    return ferror(stdout) != 0;
}

static bool has_reader(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) != 1 || !(out.revents & POLLERR);
}

int show_end(struct diag *diag)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || !has_reader())
        return DIAG_GOOD;
    return diag_fail(diag, DIAG_ENVIRONMENT, "cannot write all of the output to stdout: is its disk full?");
}
