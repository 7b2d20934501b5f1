/*
 * handlers.h - every handler that the table in route.c names, in URL order.
 */
#pragma once
#include "api/route.h"

/* objects.c */
handler post_objects, get_objects, get_object, patch_object, delete_hold, put_hold;
/* parts.c */
handler get_fields, get_field, put_field, delete_field;
handler get_items, post_items, get_item, put_item, delete_item;
/* bytes.c */
handler get_bytes, put_bytes;
/* referrers.c */
handler get_referrers, get_referents;
/* why.c, retained.c */
handler get_why, get_retained;
/* roots.c */
handler get_roots, get_root, put_root, delete_root;
handler get_weak_names, get_weak_name, put_weak_name, delete_weak_name;
/* sessions.c */
handler get_sessions, post_sessions, get_session, put_session, delete_session, get_session_holds;
/* batch.c */
handler post_batch;
/* gc.c */
handler get_gc, patch_gc, post_collect, put_freeze, delete_freeze, get_garbage, delete_garbage, get_gc_log;
/* heap.c */
handler get_heap, get_pools, post_purge;
/* suspects.c */
handler get_suspects;
/* tallies.c */
handler get_classes, get_sites, post_reset_peak;
/* validate.c */
handler post_validate;
/* snapshots.c */
handler post_snapshot, get_snapshots, get_snapshot, delete_snapshot;
/* snapshot_diff.c */
handler get_snapshot_diff;
/* dominators.c */
handler get_dominators;
/* verdicts.c */
handler get_snapshot_suspects;
/* config.c */
handler get_config, patch_config;
/* backup.c */
handler get_backup;
/* listen.c */
handler get_events;
/* ops.c, openapi.c */
handler get_livez, get_readyz, get_metrics, get_openapi, get_problem;
/* dashboard.c */
handler get_dashboard, get_asset;
