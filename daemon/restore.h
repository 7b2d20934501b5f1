/*
 * restore.h - a backup becomes a store that a heapd can start on: `heapd --restore FILE DIR`.
 *
 * Owns:      the directory while it is made: it is new, or empty, and becomes a store whole or not at all.
 * Knows not: where the backup comes from: GET /v1/backup, or a heap.db of a heapd that has ended.
 *
 *   FILE --copied--> DIR/restore.part/heap.db --looked through (verify.h), its instance forgotten--> DIR/heap.db
 *
 * What is put back is another life of the same ids: since the backup was made, the old one may have gone on. So it has no
 * instance, and the first heapd that starts on it gives it a new one.
 */
#pragma once

/* What goes wrong on stderr, and nothing but an empty lock is left of it then; how it stands on stdout. The exit status. */
int restore_store(const char *file, const char *dir);
