/*
 * notify: tells the service manager how we are (sd_notify(3)'s protocol, without its library).
 * Why: under systemd a Type=notify unit counts as started when READY=1 arrives.
 * Never: fails; without NOTIFY_SOCKET it does nothing.
 */
#ifndef PENSTOCK_LAUNCHER_NOTIFY_H
#define PENSTOCK_LAUNCHER_NOTIFY_H

enum notify_state { NOTIFY_READY, NOTIFY_RELOADING, NOTIFY_STOPPING };

/* socket_name: the value of NOTIFY_SOCKET ("/path" or "@abstract"), NULL for none. */
void notify_send(const char *socket_name, enum notify_state state);

#endif
