/* verdict_text.c - see verdict_text.h. */
#include "api/verdict_text.h"
#include "api/dominated.h"
#include "api/frozen_write.h"
#include <stdarg.h>
#include <stdio.h>

#define SENTENCE_MAX 1700u /* five names of 255 bytes, and what is between them */

struct sentence {
    char text[SENTENCE_MAX];
    size_t len;
};

/* More of it; what does not fit is left out, in whole pieces, so that no letter is cut. */
__attribute__((format(printf, 2, 3))) static void say(struct sentence *s, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(s->text + s->len, sizeof s->text - s->len, format, args);
    va_end(args);
    if (len > 0 && s->len + (size_t)len < sizeof s->text)
        s->len += (size_t)len;
}

static void say_node(struct sentence *s, const struct frozen *f, uint32_t node)
{
    const struct frozen_label *l = frozen_label_of(f, node);
    struct slice name = frozen_string(f, l->class);

    if (frozen_is_object(f, node))
        say(s, "%.*s %llu", (int)name.len, name.data, (unsigned long long)f->id[node]);
    else if (l->kind == FROZEN_SESSION)
        say(s, name.len > 0 ? "session %llu (%.*s)" : "session %llu", (unsigned long long)f->id[node], (int)name.len, name.data);
    else if (l->kind == FROZEN_OUTSIDE)
        say(s, "nothing they have in common");
    else
        say(s, "the %.*s", (int)name.len, name.data);
}

static void say_amount(struct sentence *s, const struct frozen *f, const struct taken *then, const struct suspect *x)
{
    double all = (double)f->object_bytes;

    if (then != NULL)
        say(s, " gained %llu bytes since snapshot %u, and retain%s", (unsigned long long)x->gained, then->n, x->is_group ? "" : "s");
    else
        say(s, " retain%s", x->is_group ? "" : "s");
    say(s, " %llu bytes (%.0f %% of all) in %u objects", (unsigned long long)x->bytes, 100 * (double)x->bytes / all, x->objects);
}

static void say_point(struct sentence *s, const struct frozen *f, const struct suspect *x)
{
    struct slice most = frozen_string(f, x->at_class);

    if (x->is_group && !frozen_is_object(f, x->node)) {
        say(s, "; the largest, session %llu, alone keeps %u alive", (unsigned long long)f->id[x->node], x->at_point);
        if (x->at_class != 0)
            say(s, ", most of them %.*s", (int)most.len, most.data);
    } else if (x->is_group) {
        say(s, "; most of them are reached through ");
        say_node(s, f, x->point);
    } else if (x->at_point == 0) {
        say(s, x->point == x->node ? ", all by itself" : "; nearly all of it is ");
        if (x->point != x->node)
            say_node(s, f, x->point);
    } else {
        say(s, "; it has accumulated in ");
        if (x->point == x->node)
            say(s, "itself");
        else
            say_node(s, f, x->point);
        say(s, ", which alone keeps %u alive", x->at_point);
        if (x->at_class != 0)
            say(s, ", most of them %.*s", (int)most.len, most.data);
    }
    say(s, ".");
}

static struct sentence sentence_of(const struct frozen *f, const struct taken *then, const struct held *held, const struct suspect *x)
{
    struct sentence s = {.len = 0};
    struct slice root = held_root(held, x->node);
    struct slice class = frozen_string(f, frozen_label_of(f, x->node)->class);

    if (x->is_group && frozen_is_object(f, x->node))
        say(&s, "%u objects of class %.*s together", x->count, (int)class.len, class.data);
    else if (x->is_group)
        say(&s, class.len > 0 ? "%u sessions (%.*s) together" : "%u sessions without a label together", x->count, (int)class.len,
            class.data);
    else
        say_node(&s, f, x->node);
    if (!x->is_group && root.len > 0)
        say(&s, " (root \"%.*s\")", (int)root.len, root.data);
    if (then != NULL && !x->is_group)
        say(&s, " has");
    else if (then != NULL)
        say(&s, " have");
    say_amount(&s, f, then, x);
    say_point(&s, f, x);
    return s;
}

/* The class, and the site of one, of which most are that the point keeps. */
static void write_most(struct out *o, const struct taken *t, const struct suspect *x)
{
    uint32_t count;
    const uint32_t *child = dominators_children(dominated_tree(t), x->point, &count);
    const struct frozen *f = t->frozen;

    if (x->at_class == 0)
        return;
    out_member_string(o, "most", frozen_string(f, x->at_class));
    for (uint32_t i = 0; i < count && i < SUSPECT_SAMPLES; i++) {
        const struct frozen_label *l = frozen_label_of(f, child[i]);

        if (l->class != x->at_class || l->site == 0)
            continue;
        out_member_string(o, "most_site", frozen_string(f, l->site));
        return;
    }
}

static void write_point(struct out *o, const struct taken *t, const struct suspect *x)
{
    out_key(o, "point");
    out_open_object(o);
    write_frozen_node(o, t->frozen, x->point);
    out_member_u64(o, "depth", x->depth);
    out_member_u64(o, "children", x->at_point);
    write_most(o, t, x);
    out_close_object(o);
}

static void write_more(struct out *o, const struct taken *t, uint32_t node)
{
    char line[200], under[FROZEN_UNDER_MAX];
    int len;

    frozen_under(t->frozen, node, under);
    out_key(o, "more");
    out_open_array(o);
    len = snprintf(line, sizeof line, "curl \"${HEAPD_URL:-" WIRE_DEFAULT_URL "}/v1/snapshots/%u/dominators%s%s\"", t->n,
                   under[0] != '\0' ? "?under=" : "", under);
    out_string(o, (struct slice){line, (size_t)len});
    out_close_array(o);
}

void write_suspect(struct out *o, const struct taken *now, const struct taken *then, const struct held *held, const struct suspect *x)
{
    const struct frozen *f = now->frozen;
    struct sentence s = sentence_of(f, then, held, x);

    out_open_object(o);
    out_member_string(o, "sentence", (struct slice){s.text, s.len});
    if (x->is_group) {
        out_member_string(o, frozen_is_object(f, x->node) ? "class" : "label", frozen_string(f, frozen_label_of(f, x->node)->class));
        out_member_u64(o, "count", x->count);
    } else {
        write_frozen_node(o, f, x->node);
        held_write(held, x->node, o);
    }
    write_amount(o, "retained", x->objects, x->bytes);
    if (then != NULL)
        out_member_u64(o, "gained", x->gained);
    write_point(o, now, x);
    write_more(o, now, x->point);
    out_close_object(o);
}
