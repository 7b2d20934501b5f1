/*
 * documents.h - how the heap looks on the wire: values, documents, holders.
 *
 * Everything here writes one JSON value. An object must be alive (ERR_NO_OBJECT, ERR_COLLECTED).
 */
#pragma once
#include "api/api_impl.h"
#include "api/json_out.h"

/* null, true, 1, 1.5, "text", {"$ref":7}, {"$weak":7} */
void value_write(struct out *o, const struct value *v);

/* {"id","class","generation","refs","weak_refs","bytes",["frozen"],"fields"|"items"|"length"[,"more"]}.
 * Shows at most WIRE_DOCUMENT_PARTS_MAX parts. */
enum err document_write(const struct api *api, struct out *o, obj_id id, struct why *why);

/* The same; to depth `depth` a link shows {"$ref":8,"$doc":{..}}, each object once, at most
 * WIRE_DEPTH_OBJECTS_MAX of them, then "more":true. ERR_NOMEM. */
enum err document_write_deep(const struct api *api, struct out *o, obj_id id, unsigned depth,
                             struct why *why);

/* Holders: {"id","class","field"|"item"}, {"root":NAME}, {"session":ID,"label"}, {"batch":true},
 * {"garbage":true}. */
enum err holder_write_part(const struct api *api, struct out *o, obj_id holder, const struct part *part,
                           struct why *why);
void holder_write_root(struct out *o, struct slice name);
void holder_write_session(struct out *o, session_id id, struct slice label);
void holder_write_batch(struct out *o);
void holder_write_garbage(struct out *o);
