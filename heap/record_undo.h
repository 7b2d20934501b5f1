/*
 * record_undo.h - what an edit of a record leaves behind, so that it can be taken back (undo_impl.h).
 *
 * A record in slots has at most 32 fields: it is copied, and the cell that its values moved out of is kept. Of a dictionary
 * one entry is noted, and one that is removed stays as it was, with its neighbours in it, until the end: however large the
 * record is, taking an edit back costs what the edit did.
 */
#pragma once
#include "heap/undo_impl.h"

/* Room for the notes of `edits` edits. ERR_NOMEM. */
enum err record_reserve_notes(struct heap *h, size_t edits, struct why *why);

/* These do nothing if nothing is to be taken back. */

/* Its values are about to change: of those that are there the `kept` stay (bit i: value i), of those that will be there
 * the `fresh` are new. `moves`: and they leave their cell, which is not freed. */
void record_note_slots(struct heap *h, slot_t record, bool moves, uint32_t kept, uint32_t fresh);
/* Its values are about to move into a dictionary, and leave their cell. */
void record_note_dictionary(struct heap *h, slot_t record);

/* The entry has been added, or is about to be given another word, or to be taken out. */
void record_note_added(struct heap *h, slot_t record, slot_t entry);
void record_note_replaced(struct heap *h, slot_t record, slot_t entry);
void record_note_removed(struct heap *h, slot_t record, slot_t entry);
