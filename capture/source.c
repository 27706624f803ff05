#include "capture/source.h"

#include "base/clock.h"
#include "capture/input.h"
#include "capture/interrupt.h"
#include "capture/pcapng.h"
#include "capture/source_filter.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pcap/pcap.h>

/* From <linux/if_packet.h>, kernel 4.20; older C libraries lack it. */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* The kernel hands over a block of its ring when it is full, or after so long. */
enum { BLOCK_MS = 10, DRAIN_MS = 5 * BLOCK_MS };

enum { LINKTYPE_RAW = 101 };

/* Packets between two looks at the signals and the limits. */
enum { FILE_BATCH = 1000, LIVE_BATCH = 4096 };

struct source {
    pcap_t *pcap;          /* an interface or a pcap file, or */
    struct pcapng *pcapng; /* with */
    struct source_filter *filter;
    FILE *file;       /* of either kind of file; libpcap closes its own */
    const char *name; /* of interface or file, for messages */
    unsigned link;    /* of pcap: LINKTYPE_ number */
    bool live;
    bool nanoseconds;
    struct interrupt interrupt;
    /* only while source_run() is active */
    bool (*on_packet)(void *arg, const struct source_packet *packet);
    void *arg;
    bool refused; /* on_packet wants no more */
    uint64_t packets, last_realtime_ns;
};

static void interface_names(char *out, size_t room)
{
    struct if_nameindex *all = if_nameindex();
    size_t used = 0;
    for (struct if_nameindex *i = all; i != NULL && i->if_index != 0 && used < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s, ", i->if_name);
    if (used < room)
        snprintf(out + used, room - used, "any");
    if (all != NULL)
        if_freenameindex(all);
}

static int fail_activate(struct source *s, int status, struct diag *diag)
{
    char text[300] = "the program";
    if (status == PCAP_ERROR_NO_SUCH_DEVICE) {
        interface_names(text, sizeof text);
        return diag_fail(diag, DIAG_ENVIRONMENT, "%s: no such interface; there are: %s", s->name, text);
    }
    if (status == PCAP_ERROR_PERM_DENIED || status == PCAP_ERROR_PROMISC_PERM_DENIED) {
        ssize_t n = readlink("/proc/self/exe", text, sizeof text - 1);
        if (n > 0)
            text[n] = '\0';
        return diag_fail(diag, DIAG_ENVIRONMENT, "%s: no permission to capture: run as root, or: setcap cap_net_raw+ep %s",
                         s->name, text);
    }
    const char *detail = pcap_geterr(s->pcap);
    return diag_fail(diag, DIAG_ENVIRONMENT, "%s: cannot capture: %s", s->name,
                     *detail != '\0' ? detail : pcap_statustostr(status));
}

/* The kernel shows a loopback packet twice, going out and coming in. libpcap drops the first, but only after it has taken its
 * place in the ring. Where the kernel cannot leave it out, nothing is lost but room. */
static void ignore_outgoing_on_loopback(const struct source *s)
{
    static const int on = 1;
    pcap_if_t *all;
    char text[PCAP_ERRBUF_SIZE];
    if (pcap_findalldevs(&all, text) < 0)
        return;
    for (pcap_if_t *i = all; i != NULL; i = i->next)
        if (strcmp(i->name, s->name) == 0 && (i->flags & PCAP_IF_LOOPBACK))
            (void)setsockopt(pcap_fileno(s->pcap), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    pcap_freealldevs(all);
}

/* While others compute by the dozen, or in real time, a ring that waits for its turn overflows. A niceness that this program was
 * started with stays, and without the right to it (CAP_SYS_NICE) all is as it was. */
static void go_first(void)
{
    enum { NICENESS = -10 };
    if (getpriority(PRIO_PROCESS, 0) == 0)
        (void)setpriority(PRIO_PROCESS, 0, NICENESS);
}

static int open_live(struct source *s, const struct source_config *config, struct diag *diag)
{
    char text[PCAP_ERRBUF_SIZE];
    s->name = config->interface;
    s->live = true;
    s->pcap = pcap_create(config->interface, text);
    if (s->pcap == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "%s: cannot capture: %s", s->name, text);
    pcap_set_snaplen(s->pcap, (int)config->snaplen);
    pcap_set_promisc(s->pcap, !config->no_promiscuous);
    pcap_set_timeout(s->pcap, BLOCK_MS);
    pcap_set_buffer_size(s->pcap, (int)(config->buffer_mib << 20));
    (void)pcap_set_tstamp_precision(s->pcap, PCAP_TSTAMP_PRECISION_NANO); /* asked for again below */
    int status = pcap_activate(s->pcap);
    if (status < 0)
        return fail_activate(s, status, diag);
    ignore_outgoing_on_loopback(s);
    if (pcap_setnonblock(s->pcap, 1, text) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "%s: cannot capture: %s", s->name, text);
    go_first();
    return 0;
}

/* Either byte order, micro- or nanoseconds. */
static bool is_pcap_magic(uint32_t magic)
{
    return magic == 0xa1b2c3d4 || magic == 0xa1b23c4d || magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1;
}

/* magic: what the file begins with, 0 where it is shorter. libpcap tells what it expected behind it. */
static int fail_pcap(const struct source *s, uint32_t magic, const char *text, struct diag *diag)
{
    if (is_pcap_magic(magic) || magic == 0)
        return diag_fail(diag, DIAG_USAGE, "%s: cannot be read as pcap or pcapng: the 24 bytes from byte 0 on: %s", s->name,
                         text);
    return diag_fail(diag, DIAG_USAGE,
                     "%s: cannot be read as pcap or pcapng: byte 0: expected a1b2c3d4 or a1b23c4d in either byte order, "
                     "0a0d0d0a, or gzip's 1f8b, found %08" PRIx32,
                     s->name, magic);
}

static int open_pcap(struct source *s, uint32_t magic, struct diag *diag)
{
    char text[PCAP_ERRBUF_SIZE];
    s->pcap = pcap_fopen_offline_with_tstamp_precision(s->file, PCAP_TSTAMP_PRECISION_NANO, text);
    if (s->pcap == NULL)
        return fail_pcap(s, magic, text, diag);
    s->file = NULL;
    return 0;
}

static int open_file(struct source *s, const struct source_config *config, struct diag *diag)
{
    uint32_t magic;
    s->name = strcmp(config->file, "-") == 0 ? "standard input" : config->file;
    s->file = input_open(config->file, &magic, &s->interrupt, diag);
    if (s->file == NULL)
        return -1;
    if (magic != PCAPNG_MAGIC)
        return open_pcap(s, magic, diag);
    s->pcapng = pcapng_new(s->file, s->name, diag);
    return s->pcapng != NULL ? 0 : -1;
}

static const char *default_filter(const struct source *s)
{
    if (!s->live)
        return "";
    if (pcap_datalink(s->pcap) != DLT_EN10MB)
        return "tcp or udp";
    /* A tag shifts all that follows, so an untagged filter sees no tagged packet. */
    return "tcp or udp or (vlan and (tcp or udp or (vlan and (tcp or udp))))";
}

static int set_filter(struct source *s, const char *filter, struct diag *diag)
{
    struct bpf_program program;
    if (s->pcapng != NULL)
        return (s->filter = source_filter_new(filter, diag)) != NULL ? 0 : -1;
    if (pcap_compile(s->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return diag_fail(diag, DIAG_USAGE, "filter '%s': %s", filter, pcap_geterr(s->pcap));
    int status = pcap_setfilter(s->pcap, &program);
    pcap_freecode(&program);
    return status < 0 ? diag_fail(diag, DIAG_ENVIRONMENT, "%s: %s", s->name, pcap_geterr(s->pcap)) : 0;
}

static int open_any(struct source *s, const struct source_config *config, struct diag *diag)
{
    if ((config->interface != NULL ? open_live(s, config, diag) : open_file(s, config, diag)) < 0)
        return -1;
    if (s->pcap != NULL) {
        int link = pcap_datalink(s->pcap);
        s->link = link == DLT_RAW ? LINKTYPE_RAW : (unsigned)link;
        s->nanoseconds = pcap_get_tstamp_precision(s->pcap) == PCAP_TSTAMP_PRECISION_NANO;
    }
    if (set_filter(s, config->filter != NULL ? config->filter : default_filter(s), diag) < 0)
        return -1;
    return interrupt_is_open(&s->interrupt) ? 0 : interrupt_open(&s->interrupt, -1, diag);
}

struct source *source_open(const struct source_config *config, struct diag *diag)
{
    struct source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        diag_errno(diag, DIAG_ENVIRONMENT, "capture");
        return NULL;
    }
    s->interrupt = (struct interrupt){.fd = -1, .nothing = -1};
    if (open_any(s, config, diag) == 0)
        return s;
    source_close(s);
    return NULL;
}

void source_close(struct source *s)
{
    if (s == NULL)
        return;
    interrupt_close(&s->interrupt);
    if (s->pcap != NULL)
        pcap_close(s->pcap);
    pcapng_free(s->pcapng);
    source_filter_free(s->filter);
    if (s->file != NULL)
        fclose(s->file);
    free(s);
}

static void hand_on(struct source *s, const struct source_packet *packet)
{
    s->packets++;
    s->last_realtime_ns = packet->realtime_ns;
    s->refused |= !s->on_packet(s->arg, packet);
}

static void on_pcap(u_char *arg, const struct pcap_pkthdr *h, const u_char *bytes)
{
    struct source *s = (struct source *)arg;
    uint64_t fraction = (uint64_t)h->ts.tv_usec * (s->nanoseconds ? 1 : 1000); /* tv_usec holds nanoseconds, if asked for */
    struct source_packet packet = {bytes, h->caplen, h->len, (uint64_t)h->ts.tv_sec * CLOCK_NS + fraction, s->link};
    hand_on(s, &packet);
    if (s->refused)
        pcap_breakloop(s->pcap);
}

/* Hand on up to `most` packets of a pcapng file that pass the filter. As pcap_dispatch(): their number, 0 at the end; -1: diag.
 */
static int dispatch_pcapng(struct source *s, uint64_t most, struct diag *diag)
{
    struct pcapng_packet p;
    int n = 0, status = 1;
    while ((uint64_t)n < most && !s->refused && (status = pcapng_next(s->pcapng, &p, diag)) > 0) {
        status = source_filter_match(s->filter, p.link, p.captured, p.length, p.bytes, diag);
        if (status < 0)
            break;
        if (status > 0)
            hand_on(s, &(struct source_packet){p.bytes, p.captured, p.length, p.realtime_ns, p.link});
        n++;
    }
    return status < 0 ? -1 : n;
}

static bool is_full(const struct source *s, const struct source_limits *limits)
{
    return s->refused || (limits->packets != 0 && s->packets >= limits->packets);
}

/* Hand on what is there, up to the limits. Packets handed on, or -1 with diag. */
static int dispatch(struct source *s, const struct source_limits *limits, struct diag *diag)
{
    uint64_t most = s->live ? LIVE_BATCH : FILE_BATCH;
    if (limits->packets != 0 && limits->packets - s->packets < most)
        most = limits->packets - s->packets;
    if (s->pcapng != NULL)
        return dispatch_pcapng(s, most, diag);
    int n = pcap_dispatch(s->pcap, (int)most, on_pcap, (u_char *)s);
    if (n >= 0 || n == PCAP_ERROR_BREAK)
        return n >= 0 ? n : 0;
    return diag_fail(diag, s->live ? DIAG_ENVIRONMENT : DIAG_USAGE, "%s: %s", s->name, pcap_geterr(s->pcap));
}

static enum source_end run_file(struct source *s, const struct source_limits *limits, struct diag *diag)
{
    int n = 1;
    const bool ends = s->interrupt.fd < 0; /* a pipe: what came before the signal is read, then its end */
    while (n > 0 && !is_full(s, limits) && (ends || !interrupt_came(&s->interrupt)))
        n = dispatch(s, limits, diag);
    if (n >= 0 || interrupt_came(&s->interrupt))
        return SOURCE_DONE;
    if (s->pcapng != NULL) /* has told where */
        return SOURCE_CUT;
    char text[300];
    snprintf(text, sizeof text, "%.299s", diag->text);
    diag_fail(diag, DIAG_USAGE, "%s; packet %" PRIu64 ", byte %ld", text, s->packets + 1, ftell(pcap_file(s->pcap)));
    return SOURCE_CUT;
}

/* The ring may still hold packets that were captured before the end: take them, up to the first that is younger. */
static enum source_end drain(struct source *s, const struct source_limits *limits, struct diag *diag)
{
    struct pollfd fd = {.fd = pcap_get_selectable_fd(s->pcap), .events = POLLIN};
    uint64_t end_ns = clock_realtime_ns();
    int n = 1;
    while (n > 0 && s->last_realtime_ns < end_ns && !is_full(s, limits)) {
        n = dispatch(s, limits, diag);
        if (n == 0 && !is_full(s, limits) && poll(&fd, 1, DRAIN_MS) > 0)
            n = dispatch(s, limits, diag);
    }
    return n < 0 ? SOURCE_LOST : SOURCE_DONE;
}

/* Of an interface that is gone. The kernel hands over its last block within BLOCK_MS; until then each look may tell of the loss
 * again (it goes down, then it is removed), which ends a drain too early. */
static void drain_lost(struct source *s, const struct source_limits *limits)
{
    struct diag again;
    for (int waited_ms = 0; waited_ms < DRAIN_MS; waited_ms += BLOCK_MS) {
        poll(NULL, 0, BLOCK_MS);
        (void)drain(s, limits, &again);
    }
}

enum { WAIT_MS = 1000 };

/* Milliseconds for poll(), rounded up; -1: for ever. */
static int wait_ms(const struct source_limits *limits, uint64_t begin_ns, uint64_t now_ns)
{
    const int most = limits->on_wait != NULL ? WAIT_MS : INT32_MAX;
    if (limits->for_ns == 0)
        return limits->on_wait != NULL ? most : -1;
    uint64_t end_ns = begin_ns + limits->for_ns, left = end_ns > now_ns ? end_ns - now_ns : 0;
    return left > (uint64_t)most * 1000000 ? most : (int)((left + 999999) / 1000000);
}

static enum source_end run_live(struct source *s, const struct source_limits *limits, struct diag *diag)
{
    struct pollfd fds[2] = {{.fd = s->interrupt.fd, .events = POLLIN}, {.fd = pcap_get_selectable_fd(s->pcap), .events = POLLIN}};
    uint64_t begin_ns = clock_monotonic_ns();
    for (;;) {
        int ms = wait_ms(limits, begin_ns, clock_monotonic_ns());
        if (ms == 0)
            return drain(s, limits, diag);
        if (poll(fds, 2, ms) < 0 && errno != EINTR) {
            diag_errno(diag, DIAG_ENVIRONMENT, "%s: poll", s->name);
            return SOURCE_LOST;
        }
        if (interrupt_came(&s->interrupt))
            return drain(s, limits, diag);
        if (fds[1].revents != 0 && dispatch(s, limits, diag) < 0) {
            drain_lost(s, limits);
            return SOURCE_LOST;
        }
        if (is_full(s, limits))
            return SOURCE_DONE;
        if (limits->on_wait != NULL)
            limits->on_wait(s->arg);
    }
}

enum source_end source_run(struct source *s, const struct source_limits *limits,
                           bool (*on_packet)(void *arg, const struct source_packet *packet), void *arg, struct diag *diag)
{
    s->on_packet = on_packet;
    s->arg = arg;
    return s->live ? run_live(s, limits, diag) : run_file(s, limits, diag);
}

uint64_t source_packets(const struct source *s)
{
    return s->packets;
}

uint64_t source_drops(const struct source *s)
{
    struct pcap_stat stat;
    if (s->pcapng != NULL)
        return pcapng_drops(s->pcapng);
    if (!s->live || pcap_stats(s->pcap, &stat) < 0)
        return 0;
    return (uint64_t)stat.ps_drop + stat.ps_ifdrop;
}
