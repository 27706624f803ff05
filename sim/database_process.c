#include "sim/database_parts.h"

void db_process_prepare(struct db_record *r)
{
    (void)r;
}

void db_process(struct db_record *r, uint64_t now_ns)
{
    (void)r;
    (void)now_ns;
}
