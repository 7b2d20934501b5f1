/*
 * verify.h - a store looked through while no heapd runs on it: `heapd --check DIR`.
 *
 * Owns:      a heap that what is kept is put back into, as at a start (recovery.h), only to be counted and thrown away.
 * Knows not: how to mend anything. Nothing on disk is changed.
 *
 * First the engine looks at its file, then everything is loaded, then heap and collector recount what came of it. Each thing
 * that is broken is a sentence; the first that cannot be loaded ends the loading, as it would end a start.
 */
#pragma once

/* Each broken thing on stderr, how it stands on stdout, both under the name by which it is called. The exit status: 0 if all is well, else 1. */
int verify_store(const char *dir, const char *called);
