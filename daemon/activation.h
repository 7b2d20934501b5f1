/*
 * activation.h - sockets that whoever started us has opened already (systemd's socket activation, sd_listen_fds(3)).
 *
 * LISTEN_PID names the process that they are for, LISTEN_FDS how many there are, from descriptor 3 on.
 */
#pragma once

#define ACTIVATION_FD_FIRST 3
#define ACTIVATION_FDS_MAX  1000 /* as many as nobody hands over; more is a mistake */

/* How many sockets are handed to this process; 0 if the variables are not there, for another process, or make no
 * sense. Takes the variables out of the environment and keeps the sockets from being passed on: to be asked once. */
int activation_take(void);
