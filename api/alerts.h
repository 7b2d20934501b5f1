/*
 * alerts.h - suspects told as events: when something begins to look like a leak, and when it does so no more.
 *
 * Owns:      what each suspect that was told is called, so that the end of it can be told when the heap has forgotten it.
 * Knows not: what grows (growth.h), how an event is kept and sent (events.h).
 */
#pragma once
#include "api/growth.h"

struct api;

struct growth_watch alerts_watch(struct api *api);
