#include "dataplane/dpdk/acks.h"

#include <lwip/priv/tcp_priv.h>
#include "dataplane/dpdk/demux.h"

/* Those who owe one: lwIP is one instance for a worker, and so is this beside it. */
static struct list owed;

void acks_init(void)
{
    list_init(&owed);
}

void acks_put_off(struct demux_entry *e)
{
    if (e->pcb->state != ESTABLISHED || !(e->pcb->flags & TF_ACK_NOW))
        return;
    tcp_clear_flags(e->pcb, TF_ACK_DELAY | TF_ACK_NOW);
    if (list_empty(&e->acks))
        list_push(&owed, &e->acks);
}

void acks_carried(struct demux_entry *e)
{
    list_remove(&e->acks);
}

void acks_send(void)
{
    while (!list_empty(&owed)) {
        struct demux_entry *e = list_entry(owed.next, struct demux_entry, acks);

        list_remove(&e->acks);
        tcp_send_empty_ack(e->pcb); /* without room or memory lwIP tries again by itself */
    }
}
