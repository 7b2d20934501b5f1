/*
 * stop.h - Ctrl-C, and being told to end, as a descriptor: for what goes on until somebody has had enough.
 */
#pragma once

/* Readable from the first SIGINT, SIGTERM or SIGHUP on, none of which ends the process any more. -1: errno says why not. */
int stop_open(void);
