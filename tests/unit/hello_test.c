#include "handshake/hello.h"
#include "tests/unit/test.h"

/* Three links on one listener: exact names, a wildcard, and (in the second listener) one that takes
 * any. */
static const char *a_names[] = {"gw.test", "api.gw.test"}, *w_names[] = {"*.gw.test"};
static struct policy_link links[3] = {
    {.name = "a", .n_server_names = 2, .server_names = a_names},
    {.name = "w", .n_server_names = 1, .server_names = w_names},
    {.name = "any"},
};
static uint16_t named[] = {0, 1}, all[] = {2, 1, 0};
static struct policy_listener listeners[2] = {{.n_links = 2, .links = named},
                                              {.n_links = 3, .links = all}};
static const struct policy policy = {
    .n_links = 3, .links = links, .n_listeners = 2, .listeners = listeners};

TEST("an exact name wins over a wildcard, a wildcard over a link that takes any")
{
    EXPECT(hello_choose(&policy, 0, "gw.test") == 0);
    EXPECT(hello_choose(&policy, 0, "api.gw.test") == 0);
    EXPECT(hello_choose(&policy, 0, "x.gw.test") == 1);
    EXPECT(hello_choose(&policy, 1, "api.gw.test") == 0);
    EXPECT(hello_choose(&policy, 1, "x.gw.test") == 1);
    EXPECT(hello_choose(&policy, 1, "other.test") == 2);
}

TEST("a name that no link has, or none, never falls to another link")
{
    EXPECT(hello_choose(&policy, 0, "other.test") == -1);
    EXPECT(hello_choose(&policy, 0, "a.b.gw.test") == -1);
    EXPECT(hello_choose(&policy, 0, "") == -1);
    EXPECT(hello_choose(&policy, 0, "*.gw.test.evil") == -1);
}

TEST("without a name only a link that takes any is chosen")
{
    EXPECT(hello_choose(&policy, 1, "") == 2);
    EXPECT(!hello_link_takes(&links[0], "") && !hello_link_takes(&links[1], ""));
    EXPECT(hello_link_takes(&links[2], "") && hello_link_takes(&links[2], "x.test"));
}

TEST("a wildcard is one whole label")
{
    EXPECT(hello_link_takes(&links[1], "x.gw.test"));
    EXPECT(!hello_link_takes(&links[1], "gw.test"));
    EXPECT(!hello_link_takes(&links[1], ".gw.test"));
    EXPECT(!hello_link_takes(&links[1], "x.y.gw.test"));
    EXPECT(!hello_link_takes(&links[1], "xgw.test"));
}

int main(void)
{
    return test_run();
}
