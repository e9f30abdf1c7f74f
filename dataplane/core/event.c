#include "dataplane/core/event.h"

#include "dataplane/core/pump.h"
#include "dataplane/core/shake.h"
#include "dataplane/core/wind.h"

void event_readable(struct worker *w, struct session *s, struct leg *leg)
{
    switch (s->state) {
    case SESSION_ADMITTED:
    case SESSION_SHAKING:
    case SESSION_SHAKING_INNER:
        shake_read(w, s, leg);
        break;
    case SESSION_PUMPING:
        pump_from(w, s, leg);
        break;
    case SESSION_CLOSING:
        wind_discard(w, s, leg);
        break;
    default:
        break;
    }
}

void event_writable(struct worker *w, struct session *s, struct leg *leg)
{
    switch (s->state) {
    case SESSION_DIALLING:
        if (leg->side == LEG_INNER)
            w->net->dial_writable(w, s);
        else
            shake_writable(w, s, leg);
        break;
    case SESSION_SHAKING:
    case SESSION_SHAKING_INNER:
        shake_writable(w, s, leg);
        break;
    case SESSION_PUMPING:
        pump_writable(w, s, leg);
        break;
    default:
        break;
    }
}
