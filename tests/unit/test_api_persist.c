/* test_api_persist.c - what ?persist=true hands to whoever keeps it, and that a change that cannot be kept does not happen. */
#include "api/api_impl.h"
#include "api/persist.h"
#include "tests/unit/api_world.h"

/* What was kept, a line each. */
struct keeping {
    char text[1024];
    bool refuses;
};

static enum err fake_keep(void *ctx, const struct api_kept *kept, size_t count, struct why *why)
{
    struct keeping *k = ((struct world *)ctx)->own;
    size_t len = strlen(k->text);

    if (k->refuses)
        return why_set(why, ERR_NOMEM, "no memory");
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(k->text + len, sizeof k->text - len, "%.*s=%.*s\n", (int)kept[i].name.len, kept[i].name.data,
                                (int)kept[i].json.len, kept[i].json.data);
    return ERR_OK;
}

static struct world *keeping_world(struct keeping *k)
{
    struct world *w = world_new();

    *k = (struct keeping){.refuses = false};
    w->own = k;
    w->api->world.keep = fake_keep;
    return w;
}

START_TEST(only_what_was_asked_for_is_kept)
{
    struct keeping k;
    struct world *w = keeping_world(&k);

    must_say(w, "PATCH /v1/config", "{\"pipeline_max\":5}", 200, NULL);
    must_say(w, "PATCH /v1/gc?persist=false", "{\"enabled\":false}", 200, NULL);
    ck_assert_str_eq(k.text, "");
    must_say(w, "PATCH /v1/config?persist=true", "{\"pipeline_max\":6,\"durability\":\"interval:5\",\"idle_timeout_ms\":null}", 200,
             NULL);
    ck_assert_str_eq(k.text, "pipeline_max=6\ndurability=\"interval:5\"\nidle_timeout_ms=null\n");
    world_free(w);
}
END_TEST

START_TEST(members_of_gc_have_names_of_their_own_and_thresholds_are_whole)
{
    struct keeping k;
    struct world *w = keeping_world(&k);

    must_say(w, "PATCH /v1/gc?persist=true", "{\"thresholds\":[700],\"debug\":[\"stats\"],\"pause_budget_us\":9}", 200, NULL);
    ck_assert_str_eq(k.text, "gc.thresholds=[700,10,10]\ngc.debug=[\"stats\"]\npause_budget_us=9\n");
    world_free(w);
}
END_TEST

START_TEST(what_cannot_be_kept_does_not_happen)
{
    struct keeping k;
    struct world *w = keeping_world(&k);
    struct gc_state s;

    k.refuses = true;
    must_refuse(w, "PATCH /v1/config?persist=true", "{\"pipeline_max\":6}", 507, "heap-full");
    ck_assert_uint_eq(w->settings.pipeline_max, 64);
    must_refuse(w, "PATCH /v1/gc?persist=true", "{\"thresholds\":[7],\"pause_budget_us\":9}", 507, "heap-full");
    gc_get_state(w->gc, &s);
    ck_assert_uint_eq(s.tuning.thresholds[0], 2000);
    ck_assert_uint_eq(w->settings.pause_budget_us, 500);
    world_free(w);
}
END_TEST

START_TEST(where_nothing_is_kept_it_is_refused)
{
    struct world *w = world_new();

    must_refuse(w, "PATCH /v1/config?persist=true", "{\"pipeline_max\":6}", 501, "not-implemented");
    must_refuse(w, "PATCH /v1/gc?persist=true", "{\"enabled\":false}", 501, "not-implemented");
    ck_assert_uint_eq(w->settings.pipeline_max, 64);
    world_free(w);
}
END_TEST

static void count_one(void *ctx, const char *sentence)
{
    ck_assert_uint_gt(strlen(sentence), 0);
    ++*(size_t *)ctx;
}

START_TEST(what_was_kept_comes_back_and_what_cannot_be_is_told)
{
    struct world *w = world_new();
    json_t *kept = json_pack("{s:i,s:s,s:[i],s:b,s:i,s:i}", "pipeline_max", 6, "durability", "never", "gc.thresholds", 70,
                             "gc.enabled", 0, "gc.pipeline_max", 6, "unheard_of", 1);
    struct gc_state s;
    size_t told = 0;

    ck_assert_uint_eq(persist_put_back(&w->settings, w->gc, kept, count_one, &told), 3);
    ck_assert_uint_eq(told, 3);
    ck_assert_uint_eq(w->settings.pipeline_max, 6);
    ck_assert_uint_eq(w->settings.durability, DURABILITY_COMMIT);
    gc_get_state(w->gc, &s);
    ck_assert_uint_eq(s.tuning.thresholds[0], 70);
    ck_assert(!s.tuning.enabled);
    json_decref(kept);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(only_what_was_asked_for_is_kept),
        TEST(members_of_gc_have_names_of_their_own_and_thresholds_are_whole),
        TEST(what_cannot_be_kept_does_not_happen),
        TEST(where_nothing_is_kept_it_is_refused),
        TEST(what_was_kept_comes_back_and_what_cannot_be_is_told),
    };
    return unit_main(argc, argv, "api_persist", tests, ARRAY_LEN(tests));
}
