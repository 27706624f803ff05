#include "capture/finishing.h"

#include <signal.h>

static void *finish(void *arg)
{
    struct finishing *f = arg;
    f->status = trace_writer_finish(f->writer, &f->meta, &f->diag);
    return NULL;
}

void finishing_begin(struct finishing *f, struct trace_writer *writer, const struct trace_meta *meta)
{
    sigset_t all, before; /* signals are for the thread that captures */
    *f = (struct finishing){.writer = writer, .meta = *meta};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool has_thread = pthread_create(&f->thread, NULL, finish, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (has_thread)
        return;
    finish(f);
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
