/* retained.c - see retained.h. */
#include "heap/graph/retained.h"
#include "heap/graph/reach_impl.h"
#include "heap/heap_impl.h"
#include "heap/object.h"

static void begin(struct reach *r)
{
    CHECK(r->phase == REACH_OVER && r->holders_max == 0 && r->noted.count == 0);
    r->phase = REACH_RETAINED;
    r->objects = 1;
    r->bytes = object_bytes(r->heap, r->target);
    r->now = 0;
    reach_push(r, r->target);
}

size_t retained_step(struct reach *r, size_t units, struct retained *ret)
{
    CHECK_IS(r, REACH_MAGIC);
    CHECK(!r->ended);
    if (units > 0 && r->phase == REACH_OVER)
        begin(r);
    if ((units = reach_links(r, units)) > 0)
        *ret = (struct retained){.objects = r->objects, .bytes = r->bytes, .is_exact = !r->passed && !r->changed && !r->passed_late};
    return units;
}
