#include "capture/finishing.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

int finishing_now(struct trace_writer *writer, const struct trace_meta *meta, const struct finishing_names *names,
                  struct diag *diag)
{
    if (trace_writer_finish(writer, meta, diag) < 0)
        return -1;
    if (names->written == NULL || rename(names->written, names->final) == 0)
        return 0;
    return diag_errno(diag, DIAG_ENVIRONMENT, "cannot give %s the name %s", names->written, names->final);
}

static void work(struct finishing *f)
{
    f->status = finishing_now(f->writer, &f->meta, &f->names, &f->diag);
}

/* It does not go before others, as the thread that captures may. */
static void *finish(void *arg)
{
    if (getpriority(PRIO_PROCESS, 0) < 0)
        (void)setpriority(PRIO_PROCESS, 0, 0);
    work(arg);
    return NULL;
}

void finishing_begin(struct finishing *f, struct trace_writer *writer, const struct trace_meta *meta,
                     const struct finishing_names *names)
{
    sigset_t all, before; /* signals are for the thread that captures */
    *f = (struct finishing){.writer = writer, .meta = *meta, .names = *names};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool has_thread = pthread_create(&f->thread, NULL, finish, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (has_thread)
        return;
    work(f);
    f->writer = NULL;
}

int finishing_wait(struct finishing *f, struct diag *diag)
{
    if (f->writer != NULL)
        pthread_join(f->thread, NULL);
    f->writer = NULL;
    const int status = f->status;
    f->status = 0;
    if (status < 0)
        *diag = f->diag;
    return status;
}
