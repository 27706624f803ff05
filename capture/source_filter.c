#include "capture/source_filter.h"

#include <stdbool.h>
#include <stdlib.h>

#include <pcap/pcap.h>

enum { LINKS_MAX = 8, SNAPLEN = 262144, LINKTYPE_ETHERNET = 1, LINKTYPE_RAW = 101 };

struct source_filter {
    const char *text;
    struct {
        unsigned link;
        struct bpf_program program;
    } at[LINKS_MAX];
    unsigned n;
};

static int compile(struct source_filter *f, unsigned link, struct diag *diag)
{
    if (f->n == LINKS_MAX)
        return diag_fail(diag, DIAG_USAGE, "filter '%s': more than %d link layers in one file", f->text, LINKS_MAX);
    pcap_t *dead = pcap_open_dead(link == LINKTYPE_RAW ? DLT_RAW : (int)link, SNAPLEN);
    if (dead == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "filter '%s'", f->text);
    int status = pcap_compile(dead, &f->at[f->n].program, f->text, 1, PCAP_NETMASK_UNKNOWN);
    if (status < 0)
        diag_fail(diag, DIAG_USAGE, "filter '%s': link layer %u: %s", f->text, link, pcap_geterr(dead));
    else
        f->at[f->n++].link = link;
    pcap_close(dead);
    return status < 0 ? -1 : 0;
}

struct source_filter *source_filter_new(const char *text, struct diag *diag)
{
    struct source_filter *f = calloc(1, sizeof *f);
    if (f == NULL) {
        diag_errno(diag, DIAG_ENVIRONMENT, "filter '%s'", text);
        return NULL;
    }
    f->text = text;
    if (compile(f, LINKTYPE_ETHERNET, diag) == 0) /* faults of the text are told before the first packet */
        return f;
    free(f);
    return NULL;
}

void source_filter_free(struct source_filter *f)
{
    for (unsigned i = 0; f != NULL && i < f->n; i++)
        pcap_freecode(&f->at[i].program);
    free(f);
}

int source_filter_match(struct source_filter *f, unsigned link, uint32_t captured, uint32_t length, const uint8_t *bytes,
                        struct diag *diag)
{
    const struct pcap_pkthdr head = {.caplen = captured, .len = length};
    unsigned i = 0;
    if (*f->text == '\0')
        return 1;
    while (i < f->n && f->at[i].link != link)
        i++;
    if (i == f->n && compile(f, link, diag) < 0)
        return -1;
    return pcap_offline_filter(&f->at[i].program, &head, bytes) != 0;
}
