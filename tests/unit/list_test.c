/* list: do items keep their order when lists are joined? */
#include "dataplane/base/list.h"
#include "tests/unit/test.h"

static struct list head, from, item[4];

/* True if head holds exactly these items, forwards and backwards. */
static bool holds(const struct list *a, const struct list *b, const struct list *c,
                  const struct list *d)
{
    return head.next == a && a->next == b && b->next == c && c->next == d && d->next == &head &&
           head.prev == d && d->prev == c && c->prev == b && b->prev == a && a->prev == &head;
}

TEST("a list that is joined goes in front, in its order, and is empty then")
{
    list_init(&head);
    list_init(&from);
    list_push(&head, &item[0]);
    list_push(&head, &item[1]);
    list_push(&from, &item[2]);
    list_push(&from, &item[3]);
    list_join(&head, &from);
    EXPECT(holds(&item[2], &item[3], &item[0], &item[1]));
    EXPECT(list_empty(&from));
}

TEST("joining an empty list changes nothing, and an empty head takes all")
{
    list_init(&head);
    list_init(&from);
    list_join(&head, &from);
    EXPECT(list_empty(&head) && list_empty(&from));
    for (unsigned i = 0; i < 4; i++)
        list_push(&from, &item[i]);
    list_join(&head, &from);
    EXPECT(holds(&item[0], &item[1], &item[2], &item[3]) && list_empty(&from));
}

int main(void)
{
    return test_run();
}
