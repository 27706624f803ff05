#include "capture/command.h"

#include "base/options.h"
#include "capture/compile.h"
#include "capture/digest.h"
#include "capture/file.h"
#include "capture/raw.h"
#include "capture/rights.h"
#include "capture/source.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { SNAPLEN_MAX = 262144, FILTER_BYTES = 4096 };

struct settings {
    const char *interface, *file, *output;
    const char *user;
    uint64_t packets, buffer_mib, snaplen, for_ns, megabytes, seconds, files;
    bool no_promiscuous, no_names, asks;
    struct option_list ports;
};

static const struct option options[] = {
    {"interface", 'i', OPTION_STRING, offsetof(struct settings, interface), "IF", NULL, 0, 0, "capture live from this interface"},
    {"read", 'r', OPTION_STRING, offsetof(struct settings, file), "FILE", NULL, 0, 0,
     "read a pcap or pcapng file, also a gzipped one; -: standard input"},
    {"write", 'w', OPTION_STRING, offsetof(struct settings, output), "FILE", NULL, 0, 0,
     "a trace; FILE.pcap or FILE.pcapng: the packets as they are"},
    {"count", 'c', OPTION_COUNT, offsetof(struct settings, packets), "N", NULL, 1, 0, "end after N packets"},
    {"for", 0, OPTION_DURATION, offsetof(struct settings, for_ns), "DURATION", NULL, 1, 0, "end after this time (10s, 5min)"},
    {"buffer-size", 'B', OPTION_COUNT, offsetof(struct settings, buffer_mib), "MiB", NULL, 1, 2047,
     "the kernel's ring for captured packets (64)"},
    {"snapshot-length", 's', OPTION_COUNT, offsetof(struct settings, snaplen), "BYTES", NULL, 0, SNAPLEN_MAX,
     "cut packets to so many bytes (262144; 0: the same)"},
    {"no-promiscuous-mode", 'p', OPTION_FLAG, offsetof(struct settings, no_promiscuous), NULL, NULL, 0, 0,
     "only packets of this host"},
    {"file-size", 'C', OPTION_COUNT, offsetof(struct settings, megabytes), "MB", NULL, 1, 0,
     "begin another file behind so many 10^6 bytes (FILE1, FILE2...)"},
    {"rotate-seconds", 'G', OPTION_COUNT, offsetof(struct settings, seconds), "SECONDS", NULL, 1, 0,
     "begin another file after so long; FILE is a format for strftime(3)"},
    {"file-count", 'W', OPTION_COUNT, offsetof(struct settings, files), "N", NULL, 1, UINT16_MAX,
     "with -C: so many files, over and over; with -G: end after so many"},
    {"relinquish-privileges", 'Z', OPTION_STRING, offsetof(struct settings, user), "USER", NULL, 0, 0,
     "once the source is open, go on as this user"},
    {"no-names", 'n', OPTION_FLAG, offsetof(struct settings, no_names), NULL, NULL, 0, 0,
     "as always here: addresses stay numbers"},
    {"ask", 0, OPTION_FLAG, offsetof(struct settings, asks), NULL, NULL, 0, 0,
     "at the end of -i, ask the PVs once for what nobody read (units, limits, labels, values)"},
    {"port", 0, OPTION_LIST, offsetof(struct settings, ports), "N", NULL, 0, 0,
     "TCP port of a CA server whose search was not captured (repeatable)"},
};

static const struct option_command command = {
    .name = "capture",
    .synopsis = "-i IF | -r FILE  -w FILE  [options] ['pcap filter']",
    .about =
        "Records Channel Access traffic: from packets of an interface or of a capture file to a trace, which `caplay info`,\n"
        "`dump` and `replay` read. TCP is put in order, every message is decoded, each reply is tied to its request. What the\n"
        "recording lacks (packets that the kernel dropped, gaps, cut packets, circuits joined midway) is printed at the end\n"
        "and kept in the trace.\n\n"
        "SIGINT (Ctrl-C), SIGTERM and SIGHUP end a capture cleanly, a second SIGINT at once. \"capturing on IF\" on standard "
        "error says that from\n"
        "now on no packet is missed. The letters are tcpdump's, but for -B, which counts in MiB. Servers are known by their "
        "SYN,\n"
        "by search replies and beacons that were captured, by port 5064, by --port, or by what they say.\n\n"
        "Exit codes: 0 good; 2 usage, or the file cannot be read; 3 the kernel dropped packets of a live capture, which is\n"
        "written and says so; 5 no such interface, no permission, disk full.",
    .examples = "caplay capture -i lo -w lo.catrace\n"
                "caplay capture -i eth0 --for 10min -w night.catrace 'host 10.0.0.7'\n"
                "caplay capture -i eth0 -G 3600 -w night-%H.catrace     # a trace each hour, each of which replays\n"
                "caplay capture -i eth0 --for 1h --ask -w whole.catrace  # units and limits, too, that no client asked for\n"
                "caplay capture -i eth0 -w evidence.pcapng 'tcp port 5064 or udp port 5064 or udp port 5065'\n"
                "caplay capture -r evidence.pcapng -w evidence.catrace",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .max_operands = OPTION_LIST_MAX,
};

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && strcmp(path + n - m, suffix) == 0;
}

/* Do the packets go as they are into a file for other programs? */
static bool is_raw(const struct settings *s)
{
    return has_suffix(s->output, ".pcap") || has_suffix(s->output, ".pcapng");
}

static bool rotates(const struct settings *s)
{
    return s->megabytes != 0 || s->seconds != 0;
}

static int check_rotation(const struct settings *s, struct diag *diag)
{
    if (s->files != 0 && !rotates(s))
        return diag_fail(diag, DIAG_USAGE, "capture: -W %" PRIu64 " is about the files of -C or -G: -C 100 -W 10", s->files);
    if (is_raw(s) || !rotates(s))
        return 0;
    if (s->seconds != 0 && strchr(s->output, '%') == NULL)
        return diag_fail(diag, DIAG_USAGE, "capture: -G: all parts would be called %s: -w night-%%H%%M%%S.catrace", s->output);
    return 0;
}

static int check_settings(const struct settings *s, struct diag *diag)
{
    if ((s->interface == NULL) == (s->file == NULL))
        return diag_fail(diag, DIAG_USAGE, "capture: one of -i IF and -r FILE says where packets come from");
    if (s->output == NULL || *s->output == '\0')
        return diag_fail(diag, DIAG_USAGE, "capture: -w FILE says where the recording goes");
    if (s->file != NULL && s->for_ns != 0)
        return diag_fail(diag, DIAG_USAGE, "capture: --for is about a live capture, not about -r");
    struct stat in, out;
    if (s->file != NULL && stat(s->file, &in) == 0 && stat(s->output, &out) == 0 && S_ISREG(in.st_mode) &&
        in.st_dev == out.st_dev && in.st_ino == out.st_ino)
        return diag_fail(diag, DIAG_USAGE, "capture: %s would be overwritten while it is read", s->file);
    if (s->asks && (s->interface == NULL || is_raw(s) || rotates(s)))
        return diag_fail(diag, DIAG_USAGE,
                         "capture: --ask fills in one trace of a live capture: -i IF -w NAME.catrace --ask; else "
                         "`caplay snapshot`, then `caplay merge`");
    return check_rotation(s, diag);
}

/* As tcpdump does: the operands, with blanks between them, are the filter. */
static int join_filter(const struct option_list *operands, char *filter, struct diag *diag)
{
    size_t used = 0;
    filter[0] = '\0';
    for (unsigned i = 0; i < operands->count; i++) {
        int n = snprintf(filter + used, FILTER_BYTES - used, "%s%s", i ? " " : "", operands->at[i]);
        used += (size_t)n;
        if (used >= FILTER_BYTES)
            return diag_fail(diag, DIAG_USAGE, "capture: the filter is longer than %d bytes", FILTER_BYTES - 1);
    }
    return 0;
}

static void announce(const struct settings *s)
{
    if (s->interface != NULL)
        fprintf(stderr, "capturing on %s\n", s->interface);
}

static struct source_limits limits(const struct settings *s)
{
    return (struct source_limits){.packets = s->packets, .for_ns = s->for_ns};
}

/* Exit code, or -1 with diag: a file that ends in the middle of a packet still gives a good recording of what it holds. */
static int conclude(const struct settings *s, enum source_end end, struct source *source, struct diag *diag)
{
    const uint64_t drops = s->interface != NULL ? source_drops(source) : 0;
    if (end == SOURCE_CUT)
        fprintf(stderr, "caplay: warning: %s: what came before it is recorded\n", diag->text);
    if (end == SOURCE_DONE && drops > 0)
        return diag_fail(diag, DIAG_INVALID,
                         "the kernel dropped %" PRIu64 " packets, which %s lacks: -B more than %" PRIu64
                         " (MiB) or a filter helps",
                         drops, s->output, s->buffer_mib);
    return end == SOURCE_LOST ? -1 : DIAG_GOOD;
}

/* ---- packets as they are ---- */

static bool on_raw(void *arg, const struct source_packet *p)
{
    return raw_packet(arg, p);
}

static void on_raw_wait(void *arg)
{
    raw_tick(arg, clock_monotonic_ns());
}

static struct rotation_rules rotation(const struct settings *s)
{
    return (struct rotation_rules){
        .path = s->output, .by_bytes = s->megabytes * 1000000, .by_seconds = s->seconds, .files = (unsigned)s->files};
}

static uint64_t start_ns(const struct settings *s)
{
    return s->interface != NULL ? clock_realtime_ns() : 0;
}

static int run_raw(const struct settings *s, struct source *source, struct diag *diag)
{
    struct raw_config config = {.rotation = rotation(s),
                                .pcapng = has_suffix(s->output, ".pcapng"),
                                .snaplen = (unsigned)s->snaplen,
                                .interface = s->interface != NULL ? s->interface : s->file,
                                .source = source,
                                .start_ns = start_ns(s)};
    struct raw *raw = raw_open(&config, diag);
    if (raw == NULL)
        return -1;
    announce(s);
    struct source_limits most = limits(s);
    most.on_wait = on_raw_wait;
    enum source_end end = source_run(source, &most, on_raw, raw, diag);
    struct diag failure = {0};
    if (raw_close(raw, &failure) < 0) {
        *diag = failure;
        return -1;
    }
    fprintf(stderr, "%s: %" PRIu64 " packets; the kernel dropped %" PRIu64 "\n", s->output, source_packets(source),
            source_drops(source));
    return conclude(s, end, source, diag);
}

/* ---- packets to a trace ---- */

static bool on_packet(void *arg, const struct source_packet *p)
{
    return compile_packet(arg, p);
}

static void on_wait(void *arg)
{
    compile_tick(arg, clock_monotonic_ns(), clock_realtime_ns());
}

static int read_ports(const struct option_list *list, uint16_t *ports, struct diag *diag)
{
    for (unsigned i = 0; i < list->count; i++) {
        char *end;
        unsigned long port = strtoul(list->at[i], &end, 10);
        if (*list->at[i] < '0' || *list->at[i] > '9' || *end != '\0' || port < 1 || port > 65535)
            return diag_fail(diag, DIAG_USAGE, "--port: '%s' is not a port from 1 to 65535", list->at[i]);
        ports[i] = (uint16_t)port;
    }
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void print_summary(const struct settings *s, const struct compile_summary *sum)
{
    const struct trace_missing *m = &sum->missing;
    fprintf(stderr, "%s: %" PRIu64 " packets, %" PRIu64 " messages", s->output, m->packets, sum->messages);
    if (rotates(s))
        fprintf(stderr, " in %u parts\n", sum->parts);
    else
        fprintf(stderr, ", %u circuits, %u PVs\n", sum->counts.circuits, sum->counts.pvs);
    fprintf(stderr,
            "missing: %" PRIu64 " packets dropped by the kernel, %" PRIu64 " gaps (%" PRIu64 " bytes), %" PRIu64
            " cut packets, %" PRIu64 " circuits joined midway, %" PRIu64 " malformed messages\n",
            m->kernel_drops, m->gaps, m->gap_bytes, m->cut_packets, m->midway, m->malformed);
    char others[FLOWS_OTHERS_BYTES];
    if (m->other_packets > 0)
        fprintf(stderr, "packets without Channel Access: %s\n", flows_others_text(&sum->others, others));
}

/* The recording is good without it. */
static void ask(const struct settings *s, struct compile *compile)
{
    struct diag diag = {0};
    if (s->asks && compile_ask(compile, &diag) < 0)
        fprintf(stderr, "caplay: warning: %s\n", diag.text);
}

/* Will it be there again? Not what comes through a pipe. */
static bool is_file(const char *path)
{
    struct stat status;
    const int failed = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &status) : stat(path, &status);
    return failed == 0 && S_ISREG(status.st_mode);
}

static int run_trace(const struct settings *s, struct source *source, struct diag *diag)
{
    uint16_t ports[OPTION_LIST_MAX];
    struct digest digest;
    if (read_ports(&s->ports, ports, diag) < 0)
        return -1;
    struct compile_config config = {.rotation = rotation(s),
                                    .packets = source,
                                    .start_ns = start_ns(s),
                                    .source = s->interface != NULL ? s->interface : base_name(s->file),
                                    .sha256 = digest.hex,
                                    .ports = ports,
                                    .nports = s->ports.count,
                                    .source_stays = s->file != NULL && is_file(s->file)};
    struct compile *compile = compile_open(&config, diag);
    if (compile == NULL)
        return -1;
    announce(s);
    digest_start(&digest, s->file);
    if (rotates(s)) /* each part tells it */
        digest_finish(&digest);
    struct source_limits most = limits(s);
    most.on_wait = on_wait;
    struct compile_summary summary;
    struct diag failure = {0};
    enum source_end end = source_run(source, &most, on_packet, compile, diag);
    digest_finish(&digest);
    ask(s, compile);
    if (compile_finish(compile, source_drops(source), end == SOURCE_CUT, &summary, &failure) < 0) {
        if (end == SOURCE_DONE || failure.code != DIAG_USAGE) /* else the source's end explains why there is nothing */
            *diag = failure;
        return -1;
    }
    print_summary(s, &summary);
    return conclude(s, end, source, diag);
}

static int run(const struct settings *s, const char *filter, struct diag *diag)
{
    struct source_config config = {.interface = s->interface,
                                   .file = s->file,
                                   .filter = filter,
                                   .buffer_mib = (unsigned)s->buffer_mib,
                                   .snaplen = (unsigned)s->snaplen,
                                   .no_promiscuous = s->no_promiscuous};
    struct source *source = source_open(&config, diag);
    if (source == NULL)
        return -1;
    int code = s->user != NULL ? rights_drop(s->user, diag) : 0;
    if (code == 0)
        code = is_raw(s) ? run_raw(s, source, diag) : run_trace(s, source, diag);
    source_close(source);
    return code;
}

int capture_file(const char *file, const char *output, const struct option_list *ports, struct diag *diag)
{
    const struct settings s = {.file = file, .output = output, .buffer_mib = 64, .snaplen = SNAPLEN_MAX, .ports = *ports};
    if (is_raw(&s))
        return diag_fail(diag, DIAG_USAGE, "compile: -o %s is the name of a capture: a trace is made, take NAME.catrace", output);
    return run(&s, NULL, diag);
}

int capture_command(int argc, char **argv, struct diag *diag)
{
    struct settings s = {.buffer_mib = 64, .snaplen = SNAPLEN_MAX};
    struct option_result result;
    char filter[FILTER_BYTES];
    if (options_parse(&command, argc, argv, &s, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (check_settings(&s, diag) < 0 || join_filter(&result.operands, filter, diag) < 0)
        return -1;
    s.snaplen = s.snaplen != 0 ? s.snaplen : SNAPLEN_MAX;
    signal(SIGXFSZ, SIG_IGN); /* a limit of the shell's is told as a full disk is */
    return run(&s, result.operands.count > 0 ? filter : NULL, diag);
}
